package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// FuzzObject compares Object with encoding/json in both directions: what Object accepts, encoding/json
// reads with the same members and values; what Object refuses, a slow reference check refuses too.
func FuzzObject(f *testing.F) {
	for _, in := range []string{
		``, `{}`, ` { } `, `null`, `[]`, `"x"`, `1`, "\xef\xbb\xbf{}", `{}{}`, update,
		`{"a":1,"a":2}`, `{"role":1,"ROLE":2}`, `{"s":1,"ſ":2}`, `{"k":1,"` + "\u212a" + `":2}`,
		`{"role":1,"r\u006fle":2}`, `{"a/b":1,"a\/b":2}`, `{"\ud83d\ude00":1,"😀":2}`,
		`{"a":"\ud800"}`, `{"a":"\ude00\ud83d"}`, `{"a":"\ud83d\ude00"}`, `{"a":"\u0000"}`, `{"a\n":1}`,
		"{\"a\":\"\x7f\u0085\"}", "{\"\u0085\":1}", "{\"a\":\"\xff\"}", "{\"a\":\"\xed\xa0\x80\"}", "{\"a\":\"\n\"}",
		`{"a":1e400}`, `{"a":1e-400}`, `{"a":-0.0e+00}`, `{"a":01}`, `{"a":1.}`, `{"a":12345678901234567890}`,
		`{"a":` + strings.Repeat("9", 64) + `}`, `{"a":` + strings.Repeat("9", 65) + `}`,
		nested(5), nested(6), `{` + keys(40) + `}`, `{` + keys(40) + `,"K3":0}`, `{"a":[` + items(20) + `]}`,
		`{"a":[{"b":[{"c":null}]},true,false,"\"\\\/\b\f\n\r\t"]}`, `{"":{"":""}}`, `{"a":[1,]}`, `{"a":tru}`,
	} {
		f.Add([]byte(in), uint8(0), uint8(0), uint8(0), uint8(0))
		f.Add([]byte(in), uint8(3), uint8(2), uint8(4), uint8(5))
	}
	f.Fuzz(func(t *testing.T, in []byte, depth, keys, items, str uint8) {
		l := Limits{int(depth), int(keys), int(items), int(str)}
		before := bytes.Clone(in)
		members, err := Object(in, l)
		if !bytes.Equal(in, before) {
			t.Fatal("the input was changed")
		}
		valueErr := Value(in, l)
		if err != nil {
			var e *SyntaxError
			if !errors.As(err, &e) || e.Offset < 0 || e.Offset > len(in) || e.Problem == "" {
				t.Fatalf("error %#v", err)
			}
			if valueErr == nil && e.Problem != problemNotObject {
				t.Fatalf("Object refuses (%v) what Value accepts", err)
			}
			if acceptable(in, l) {
				t.Fatalf("refused without a reason: %v", err)
			}
			return
		}
		if valueErr != nil {
			t.Fatalf("Value refuses (%v) what Object accepts", valueErr)
		}
		if !acceptable(in, l) {
			t.Fatal("accepted against the reference check")
		}
		var want map[string]json.RawMessage
		var whole map[string]any
		if err := errors.Join(json.Unmarshal(in, &want), json.Unmarshal(in, &whole)); err != nil {
			t.Fatalf("encoding/json refuses what Object accepts: %v", err)
		}
		if len(want) != len(members) {
			t.Fatalf("%d members, encoding/json has %d", len(members), len(want))
		}
		for _, m := range members {
			raw, ok := want[m.Name]
			if !ok || !bytes.Equal(raw, m.Raw) {
				t.Fatalf("member %q is %s, encoding/json has %s", m.Name, m.Raw, raw)
			}
			if err := Value(m.Raw, l); err != nil {
				t.Fatalf("member %q by itself: %v", m.Name, err)
			}
			var v any
			if err := json.Unmarshal(m.Raw, &v); err != nil || !reflect.DeepEqual(v, whole[m.Name]) {
				t.Fatalf("member %q is %v, %v; encoding/json has %v", m.Name, v, err, whole[m.Name])
			}
		}
	})
}

// acceptable is the reference for Object: the rules once more, built on encoding/json and without
// regard for speed.
func acceptable(in []byte, l Limits) bool {
	if !utf8.Valid(in) || !json.Valid(in) || !pairedSurrogates(string(in)) {
		return false
	}
	d := json.NewDecoder(bytes.NewReader(in))
	d.UseNumber()
	first, err := d.Token()
	return err == nil && first == json.Delim('{') && acceptableRest(d, first, 1, l.withDefaults())
}

// acceptableRest reads the value whose first token is given.
func acceptableRest(d *json.Decoder, first json.Token, depth int, l Limits) bool {
	switch v := first.(type) {
	case string:
		return utf8.RuneCountInString(v) <= l.String && !strings.ContainsRune(v, 0)
	case json.Number:
		_, err := strconv.ParseFloat(v.String(), 64)
		return len(v) <= maxNumber && err == nil
	case json.Delim:
		if depth > l.Depth {
			return false
		}
		var names []string
		n := 0
		for ; d.More(); n++ {
			if v == '{' {
				token, _ := d.Token()
				name := token.(string)
				if utf8.RuneCountInString(name) > l.String || strings.ContainsFunc(name, unicode.IsControl) {
					return false
				}
				for _, other := range names {
					if strings.EqualFold(name, other) {
						return false
					}
				}
				names = append(names, name)
			}
			token, err := d.Token()
			if err != nil || !acceptableRest(d, token, depth+1, l) {
				return false
			}
		}
		_, _ = d.Token() // the closing bracket
		return v == '{' && n <= l.Keys || v == '[' && n <= l.Items
	}
	return true
}

// pairedSurrogates reports whether all surrogate escapes in valid JSON are pairs. It reads the escapes
// of s from the left; outside strings JSON has no backslash.
func pairedSurrogates(s string) bool {
	unit := func(s string) (u uint64, ok bool) {
		if len(s) < 6 || s[:2] != `\u` {
			return 0, false
		}
		u, err := strconv.ParseUint(s[2:6], 16, 16)
		return u, err == nil
	}
	for {
		i := strings.IndexByte(s, '\\')
		if i < 0 {
			return true
		}
		s = s[i:]
		u, ok := unit(s)
		switch {
		case !ok:
			s = s[2:]
		case u>>10 == 0xdc00>>10:
			return false
		case u>>10 == 0xd800>>10:
			if u, ok = unit(s[6:]); !ok || u>>10 != 0xdc00>>10 {
				return false
			}
			s = s[12:]
		default:
			s = s[6:]
		}
	}
}
