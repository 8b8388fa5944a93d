package strictjson

import (
	"bytes"
	"strconv"
)

// scanner walks a document once, from left to right. Open objects and arrays are frames in a stack of
// its own rather than calls, so the call stack does not grow with nesting.
type scanner struct {
	b      []byte
	i      int // the next byte
	lim    Limits
	frames stack[frame] // the open objects and arrays
	keys   stack[key]   // the keys of all open objects, and at the end those of the top-level object
}

// frame is an open object or array.
type frame struct {
	object bool
	count  int                 // keys or items so far
	base   int                 // where the keys of this object start among all keys
	seen   map[string]struct{} // the folded keys, once there are more than linearKeys
}

// fail makes the error for a problem at offset.
func fail(offset int, problem string) error {
	return &SyntaxError{Offset: offset, Problem: problem}
}

// unexpected is the error for a next byte that the grammar does not allow, or for its absence.
func (s *scanner) unexpected() error {
	if s.i >= len(s.b) {
		return fail(len(s.b), problemEnd)
	}
	return fail(s.i, problemUnexpected)
}

// peek returns the next byte, or 0 at the end. The grammar allows 0 nowhere, so callers need not tell
// the two apart.
func (s *scanner) peek() byte {
	if s.i < len(s.b) {
		return s.b[s.i]
	}
	return 0
}

// space skips JSON whitespace.
func (s *scanner) space() {
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ' ', '\t', '\n', '\r':
			s.i++
		default:
			return
		}
	}
}

// document checks all of b: one value, or one object if onlyObject is set.
func (s *scanner) document(onlyObject bool) error {
	if bytes.HasPrefix(s.b, []byte("\xef\xbb\xbf")) {
		return fail(0, problemBOM)
	}
	s.space()
	if onlyObject && s.i < len(s.b) && s.b[s.i] != '{' {
		return fail(s.i, problemNotObject)
	}
	for {
		done, err := s.begin()
		if err != nil {
			return err
		}
		for done { // a value has ended; so do the containers that close right behind it
			if s.frames.n == 0 {
				s.space()
				if s.i < len(s.b) {
					return fail(s.i, problemTrailing)
				}
				return nil
			}
			if s.frames.n == 1 && s.frames.top().object {
				s.keys.top().valueEnd = s.i
			}
			if done, err = s.next(); err != nil {
				return err
			}
		}
	}
}

// begin reads a scalar, an empty object or an empty array, and reports that the value is done; or it
// opens a container and stops where its first value starts.
func (s *scanner) begin() (done bool, err error) {
	switch c := s.peek(); c {
	case '{', '[':
		if s.frames.n >= s.lim.Depth {
			return false, fail(s.i, problemDepth)
		}
		s.i++
		s.frames.push(frame{object: c == '{', base: s.keys.n})
		s.space()
		if s.peek() == c+2 { // } is { + 2, and ] is [ + 2
			s.close()
			return true, nil
		}
		return false, s.element()
	case '"':
		_, err = s.str(false)
		return true, err
	case 't':
		return true, s.literal("true")
	case 'f':
		return true, s.literal("false")
	case 'n':
		return true, s.literal("null")
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return true, s.number()
	}
	return false, s.unexpected()
}

// next reads what follows a value in a container: a comma, after which it stops where the next value
// starts, or the closing bracket, which it reports as done.
func (s *scanner) next() (done bool, err error) {
	s.space()
	closing := byte(']')
	if s.frames.top().object {
		closing = '}'
	}
	switch s.peek() {
	case closing:
		s.close()
		return true, nil
	case ',':
		s.i++
		s.space()
		return false, s.element()
	}
	return false, s.unexpected()
}

// close leaves the innermost container at its bracket. The keys of the top-level object stay.
func (s *scanner) close() {
	s.i++
	if s.frames.n > 1 {
		s.keys.cut(s.frames.top().base)
	}
	s.frames.cut(s.frames.n - 1)
}

// element starts an element of the innermost container: it counts it and, in an object, reads its key
// and the colon.
func (s *scanner) element() error {
	f := s.frames.top()
	if !f.object {
		if f.count++; f.count > s.lim.Items {
			return fail(s.i, problemItems)
		}
		return nil
	}
	if s.peek() != '"' {
		return s.unexpected()
	}
	if f.count++; f.count > s.lim.Keys {
		return fail(s.i, problemKeys)
	}
	at := s.i
	k, err := s.str(true)
	if err != nil {
		return err
	}
	if s.repeated(f, k) {
		return fail(at, problemRepeated)
	}
	s.space()
	if s.peek() != ':' {
		return s.unexpected()
	}
	s.i++
	s.space()
	k.value = s.i
	s.keys.push(k)
	return nil
}

// literal reads word. What follows it is for the caller to judge.
func (s *scanner) literal(word string) error {
	if rest := s.b[s.i:]; len(rest) < len(word) || string(rest[:len(word)]) != word {
		return s.unexpected()
	}
	s.i += len(word)
	return nil
}

// number reads a number and checks its length and range.
func (s *scanner) number() error {
	start := s.i
	if s.peek() == '-' {
		s.i++
	}
	if s.peek() == '0' {
		s.i++
	} else if s.digits() == 0 {
		return fail(s.i, problemNumber)
	}
	if s.peek() == '.' {
		s.i++
		if s.digits() == 0 {
			return fail(s.i, problemNumber)
		}
	}
	exponent := 0 // its digits
	if c := s.peek(); c == 'e' || c == 'E' {
		s.i++
		if c := s.peek(); c == '+' || c == '-' {
			s.i++
		}
		if exponent = s.digits(); exponent == 0 {
			return fail(s.i, problemNumber)
		}
	}
	if s.i-start > maxNumber {
		return fail(start, problemLongNumber)
	}
	// 64 digits and an exponent of up to 99 stay below 1e308; only larger exponents need a look.
	if exponent > 2 {
		if _, err := strconv.ParseFloat(string(s.b[start:s.i]), 64); err != nil {
			return fail(start, problemRange)
		}
	}
	return nil
}

// digits skips digits and returns how many there were.
func (s *scanner) digits() int {
	start := s.i
	for s.i < len(s.b) && '0' <= s.b[s.i] && s.b[s.i] <= '9' {
		s.i++
	}
	return s.i - start
}
