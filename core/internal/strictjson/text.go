package strictjson

import (
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// linearKeys is the number of keys up to which an object is searched key by key for a repetition.
// Objects with more use a map, which allocates but keeps the check linear.
const linearKeys = 32

// key is a key in the input and the place of its value.
type key struct {
	start, end      int    // between the quotes
	escaped         bool   // contains a backslash
	hash            uint64 // of the folded characters: keys that are equal have equal ones
	value, valueEnd int
}

// str reads a string from quote to quote. The key it returns has no value yet; its hash is set only if
// isKey is.
func (s *scanner) str(isKey bool) (key, error) {
	s.i++
	k := key{start: s.i, hash: 14695981039346656037} // FNV-1a
	for n := 0; s.i < len(s.b); n++ {
		c := s.b[s.i]
		if c == '"' {
			k.end = s.i
			s.i++
			return k, nil
		}
		if n == s.lim.String {
			return k, fail(s.i, problemString)
		}
		if c < ' ' {
			return k, fail(s.i, problemControl)
		}
		r, size := rune(c), 1
		switch {
		case c == '\\':
			k.escaped = true
			var problem string
			if r, size, problem = escape(s.b[s.i:]); problem != "" {
				return k, fail(s.i, problem)
			}
			if r == 0 {
				return k, fail(s.i, problemNUL)
			}
		case c >= utf8.RuneSelf:
			if r, size = utf8.DecodeRune(s.b[s.i:]); size == 1 {
				return k, fail(s.i, problemUTF8)
			}
		}
		if isKey {
			if unicode.IsControl(r) {
				return k, fail(s.i, problemKeyControl)
			}
			k.hash = (k.hash ^ uint64(fold(r))) * 1099511628211
		}
		s.i += size
	}
	return k, fail(len(s.b), problemEnd)
}

// escape reads the escape sequence, or pair of surrogate escapes, that b starts with.
func escape(b []byte) (r rune, size int, problem string) {
	if len(b) < 2 {
		return 0, 0, problemEscape
	}
	switch c := b[1]; c {
	case '"', '\\', '/':
		return rune(c), 2, ""
	case 'b':
		return '\b', 2, ""
	case 'f':
		return '\f', 2, ""
	case 'n':
		return '\n', 2, ""
	case 'r':
		return '\r', 2, ""
	case 't':
		return '\t', 2, ""
	}
	r = hex4(b)
	if r < 0 {
		return 0, 0, problemEscape
	}
	if !utf16.IsSurrogate(r) {
		return r, 6, ""
	}
	// DecodeRune also refuses the -1 of a second half that is no escape.
	if r = utf16.DecodeRune(r, hex4(b[6:])); r == utf8.RuneError {
		return 0, 0, problemSurrogate
	}
	return r, 12, ""
}

// hex4 returns the number in \uXXXX at the start of b, or -1 if b starts otherwise.
func hex4(b []byte) rune {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return -1
	}
	var r rune
	for _, c := range b[2:6] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}

// char returns the character that the checked text b starts with, and its size there.
func char(b []byte) (rune, int) {
	if b[0] == '\\' {
		r, size, _ := escape(b)
		return r, size
	}
	return utf8.DecodeRune(b)
}

// fold returns the smallest of the characters that r equals under simple case folding. Texts are equal
// for strings.EqualFold exactly when their folded characters are.
func fold(r rune) rune {
	if r < utf8.RuneSelf {
		if 'a' <= r && r <= 'z' {
			r -= 'a' - 'A'
		}
		return r
	}
	for {
		next := unicode.SimpleFold(r)
		if next <= r {
			return next
		}
		r = next
	}
}

// repeated reports whether the object f has a key that equals k already. f counts k, but k is not yet
// among the keys.
func (s *scanner) repeated(f *frame, k key) bool {
	others := s.keys.all()[f.base:]
	if len(others) < linearKeys {
		for _, o := range others {
			if o.hash == k.hash && s.equalFold(o, k) {
				return true
			}
		}
		return false
	}
	if f.seen == nil {
		f.seen = make(map[string]struct{}, 2*linearKeys)
		for _, o := range others {
			f.seen[o.folded(s.b)] = struct{}{}
		}
	}
	name := k.folded(s.b)
	if _, found := f.seen[name]; found {
		return true
	}
	f.seen[name] = struct{}{}
	return false
}

// equalFold reports whether two keys are equal after unescaping and folding.
func (s *scanner) equalFold(x, y key) bool {
	a, b := s.b[x.start:x.end], s.b[y.start:y.end]
	for len(a) > 0 && len(b) > 0 {
		q, n := char(a)
		r, m := char(b)
		if fold(q) != fold(r) {
			return false
		}
		a, b = a[n:], b[m:]
	}
	return len(a) == len(b)
}

// folded returns the key after unescaping and folding.
func (k key) folded(b []byte) string {
	out := make([]byte, 0, k.end-k.start)
	for t := b[k.start:k.end]; len(t) > 0; {
		r, size := char(t)
		out = utf8.AppendRune(out, fold(r))
		t = t[size:]
	}
	return string(out)
}

// unescape returns the key as text.
func (k key) unescape(b []byte) string {
	t := b[k.start:k.end]
	if !k.escaped {
		return string(t)
	}
	out := make([]byte, 0, len(t))
	for len(t) > 0 {
		r, size := char(t)
		out = utf8.AppendRune(out, r)
		t = t[size:]
	}
	return string(out)
}
