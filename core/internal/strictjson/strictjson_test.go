package strictjson

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// update is a typical body of an update request.
const update = `{"user":{"name":"Ada Lovelace","email":"ada@example.org","phone":"+44 20 7946 0000"},` +
	`"data":{"theme":"dark","language":"en-GB","sidebar":true,"zoom":1.25,"recent":["/a","/b","/c"],` +
	`"panel":{"width":320,"open":false,"tab":null},"note":"line one\nline \"two\" \u00e9"}}`

// problem returns the phrase of err, "" for none. It fails the test for any other type of error.
func problem(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	var e *SyntaxError
	if !errors.As(err, &e) {
		t.Fatalf("error is a %T, want *SyntaxError", err)
	}
	return e.Problem
}

// repeat joins n results of f by commas.
func repeat(n int, f func(i int) string) string {
	s := make([]string, n)
	for i := range s {
		s[i] = f(i)
	}
	return strings.Join(s, ",")
}

// keys returns the members of an object with n keys.
func keys(n int) string { return repeat(n, func(i int) string { return fmt.Sprintf(`"k%d":0`, i) }) }

// items returns n array items.
func items(n int) string { return repeat(n, func(int) string { return "0" }) }

// nested returns an object of the given depth: n-1 arrays in an object.
func nested(n int) string {
	return `{"a":` + strings.Repeat("[", n-1) + strings.Repeat("]", n-1) + `}`
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	tests := []struct{ rule, in, want string }{
		{"E1 repeated key", `{"role":"user","role":"admin"}`, problemRepeated},
		{"E1 repeated key with equal value", `{"role":"user","role":"user"}`, problemRepeated},
		{"E1 repeated key, not neighbours", `{"a":{"x":1},"b":[{"y":1}],"a":1}`, problemRepeated},
		{"E1 repeated key in an inner object", `{"data":{"role":1,"x":{},"role":2}}`, problemRepeated},
		{"E1 repeated key in an object in an array", `{"a":[{},{"b":1,"b":1}]}`, problemRepeated},
		{"E1 repeated key by escape", `{"role":1,"r\u006fle":2}`, problemRepeated},
		{"E1 repeated key by escaped solidus", `{"a/b":1,"a\/b":2}`, problemRepeated},
		{"E1 repeated key by surrogate pair", `{"😀":1,"\ud83d\ude00":2}`, problemRepeated},
		{"E1 repeated empty key", `{"":1,"":2}`, problemRepeated},
		{"E1 repeated key, the last of 50", `{` + keys(49) + `,"k0":1}`, problemRepeated},
		{"E1 repeated key, neighbours above the linear search", `{` + keys(48) + `,"z":1,"z":1}`, problemRepeated},

		{"E2 key in capitals", `{"role":1,"ROLE":2}`, problemRepeated},
		{"E2 long s", `{"session":1,"ſession":2}`, problemRepeated},
		{"E2 long s by escape", `{"session":1,"\u017Fession":2}`, problemRepeated},
		{"E2 Kelvin sign", `{"token":1,"to` + "\u212a" + `en":2}`, problemRepeated},
		{"E2 Greek sigma forms", `{"σ":1,"ς":2}`, problemRepeated},
		{"E2 inner key in capitals", `{"user":{"Role":1,"rOLE":2}}`, problemRepeated},
		{"E2 folded key above the linear search", `{` + keys(48) + `,"` + "\u212a" + `47":1}`, problemRepeated},

		{"E4 BOM", "\xef\xbb\xbf{}", problemBOM},
		{"E4 UTF-16 BOM", "\xff\xfe{\x00}\x00", problemNotObject},
		{"E4 UTF-16 without BOM", "{\x00}\x00", problemUnexpected},
		{"E4 BOM behind space", " \xef\xbb\xbf{}", problemNotObject},
		{"E4 BOM at the end", "{}\xef\xbb\xbf", problemTrailing},
		{"E4 trailing byte", `{}x`, problemTrailing},
		{"E4 trailing bracket", `{}}`, problemTrailing},
		{"E4 trailing comma", `{},`, problemTrailing},
		{"E4 trailing NUL", "{}\x00", problemTrailing},
		{"E4 trailing form feed", "{}\f", problemTrailing},
		{"E4 trailing no-break space", "{}\u00a0", problemTrailing},
		{"E4 leading byte", `x{}`, problemNotObject},
		{"E4 leading NUL", "\x00{}", problemNotObject},
		{"E4 leading vertical tab", "\v{}", problemNotObject},
		{"E4 XSSI prefix", ")]}',\n{}", problemNotObject},
		{"E4 second document", `{}{}`, problemTrailing},
		{"E4 second document on its own line", "{}\n{}", problemTrailing},
		{"E4 null", `null`, problemNotObject},
		{"E4 array", `[]`, problemNotObject},
		{"E4 array of an object", `[{}]`, problemNotObject},
		{"E4 string", `"{}"`, problemNotObject},
		{"E4 number", `1`, problemNotObject},
		{"E4 bool", `true`, problemNotObject},

		{"E5 depth 6", nested(6), problemDepth},
		{"E5 depth 6 of objects", strings.Repeat(`{"a":`, 5) + `{}` + strings.Repeat("}", 5), problemDepth},
		{"E5 depth 10 000", nested(10_000), problemDepth},
		{"E5 depth 10^6", nested(1_000_000), problemDepth},
		{"E5 depth 10^6, never closed", strings.Repeat(`{"a":`, 1_000_000), problemDepth},

		{"E7 1e400", `{"a":1e400}`, problemRange},
		{"E7 -1e400", `{"a":-1e400}`, problemRange},
		{"E7 1e309 in an array", `{"a":[1e309]}`, problemRange},
		{"E7 exponent beyond any integer", `{"a":1e99999999999999999999}`, problemRange},
		{"E7 65 characters", `{"a":` + strings.Repeat("1", 65) + `}`, problemLongNumber},
		{"E7 65 characters, fraction", `{"a":0.` + strings.Repeat("1", 63) + `}`, problemLongNumber},
		{"E7 many digits", `{"a":` + strings.Repeat("1", 1_000_000) + `}`, problemLongNumber},

		{"E10 10^5 keys", `{` + keys(100_000) + `}`, problemKeys},
		{"E10 51 keys", `{` + keys(51) + `}`, problemKeys},
		{"E10 51 keys inside", `{"a":{` + keys(51) + `}}`, problemKeys},
		{"E10 10^6 items", `{"a":[` + items(1_000_000) + `]}`, problemItems},
		{"E10 101 items", `{"a":[` + items(101) + `]}`, problemItems},
		{"E10 10 MiB string", `{"a":"` + strings.Repeat("x", 10<<20) + `"}`, problemString},
		{"E10 1001 characters", `{"a":"` + strings.Repeat("é", 1001) + `"}`, problemString},
		{"E10 1001 escaped characters", `{"a":"` + strings.Repeat(`\u00e9`, 1001) + `"}`, problemString},
		{"E10 1001 characters in a key", `{"` + strings.Repeat("x", 1001) + `":0}`, problemString},

		{"E11 invalid byte", "{\"a\":\"\xff\"}", problemUTF8},
		{"E11 invalid byte in a key", "{\"\xff\":1}", problemUTF8},
		{"E11 overlong encoding", "{\"a\":\"\xc0\xaf\"}", problemUTF8},
		{"E11 overlong NUL", "{\"a\":\"\xc0\x80\"}", problemUTF8},
		{"E11 encoded surrogate", "{\"a\":\"\xed\xa0\x80\"}", problemUTF8},
		{"E11 above U+10FFFF", "{\"a\":\"\xf4\x90\x80\x80\"}", problemUTF8},
		{"E11 cut sequence", "{\"a\":\"\xe2\x82\"}", problemUTF8},
		{"E11 lone high surrogate", `{"a":"\ud800"}`, problemSurrogate},
		{"E11 lone low surrogate", `{"a":"\udc00"}`, problemSurrogate},
		{"E11 surrogates in wrong order", `{"a":"\ude00\ud83d"}`, problemSurrogate},
		{"E11 two high surrogates", `{"a":"\ud83d\ud83d"}`, problemSurrogate},
		{"E11 high surrogate and other escape", `{"a":"\ud83d\n"}`, problemSurrogate},
		{"E11 high surrogate and cut escape", `{"a":"\ud83d\ude0"}`, problemSurrogate},
		{"E11 high surrogate and ordinary text", `{"a":"\ud83dude00"}`, problemSurrogate},
		{"E11 lone surrogate in a key", `{"\ud800":1}`, problemSurrogate},
		{"E11 raw NUL", "{\"a\":\"\x00\"}", problemControl},
		{"E11 raw newline", "{\"a\":\"\n\"}", problemControl},
		{"E11 raw tab", "{\"a\":\"\t\"}", problemControl},
		{"E11 raw U+001F in a key", "{\"\x1f\":1}", problemControl},
		{"E11 escaped NUL", `{"a":"x\u0000"}`, problemNUL},
		{"E11 escaped NUL in an array", `{"a":["\u0000"]}`, problemNUL},
		{"E11 escaped NUL in a key", `{"role\u0000":1}`, problemNUL},
		{"E11 escaped newline in a key", `{"a\n":1}`, problemKeyControl},
		{"E11 escaped U+001F in a key", `{"\u001F":1}`, problemKeyControl},
		{"E11 escaped DEL in a key", `{"\u007f":1}`, problemKeyControl},
		{"E11 escaped C1 in a key", `{"\u0085":1}`, problemKeyControl},
		{"E11 raw C1 in a key", "{\"\u0085\":1}", problemKeyControl},
		{"E11 raw DEL in an inner key", "{\"a\":{\"\x7f\":1}}", problemKeyControl},

		{"E14 empty", "", problemEnd},
		{"E14 only space", " \r\n\t", problemEnd},

		{"grammar: cut after {", `{`, problemEnd},
		{"grammar: cut in a key", `{"a`, problemEnd},
		{"grammar: cut after a key", `{"a"`, problemEnd},
		{"grammar: cut after a colon", `{"a":`, problemEnd},
		{"grammar: cut after a value", `{"a":1`, problemEnd},
		{"grammar: cut after a comma", `{"a":1,`, problemEnd},
		{"grammar: cut in an array", `{"a":[1`, problemEnd},
		{"grammar: cut in an escape", `{"a":"\`, problemEscape},
		{"grammar: comma before }", `{"a":1,}`, problemUnexpected},
		{"grammar: comma before ]", `{"a":[1,]}`, problemUnexpected},
		{"grammar: only a comma", `{,}`, problemUnexpected},
		{"grammar: two commas", `{"a":[1,,2]}`, problemUnexpected},
		{"grammar: missing comma", `{"a":1 "b":2}`, problemUnexpected},
		{"grammar: missing colon", `{"a" 1}`, problemUnexpected},
		{"grammar: missing value", `{"a":}`, problemUnexpected},
		{"grammar: wrong bracket for an object", `{"a":1]`, problemUnexpected},
		{"grammar: wrong bracket for an array", `{"a":[1}}`, problemUnexpected},
		{"grammar: key without quotes", `{a:1}`, problemUnexpected},
		{"grammar: key in single quotes", `{'a':1}`, problemUnexpected},
		{"grammar: number as key", `{1:1}`, problemUnexpected},
		{"grammar: comment", `{/**/"a":1}`, problemUnexpected},
		{"grammar: True", `{"a":True}`, problemUnexpected},
		{"grammar: nul", `{"a":nul}`, problemUnexpected},
		{"grammar: nulll", `{"a":nulll}`, problemUnexpected},
		{"grammar: undefined", `{"a":undefined}`, problemUnexpected},
		{"grammar: NaN", `{"a":NaN}`, problemUnexpected},
		{"grammar: Infinity", `{"a":-Infinity}`, problemNumber},
		{"grammar: plus sign", `{"a":+1}`, problemUnexpected},
		{"grammar: leading point", `{"a":.5}`, problemUnexpected},
		{"grammar: leading zero", `{"a":01}`, problemUnexpected},
		{"grammar: hexadecimal", `{"a":0x1}`, problemUnexpected},
		{"grammar: underscore", `{"a":1_0}`, problemUnexpected},
		{"grammar: lone minus", `{"a":-}`, problemNumber},
		{"grammar: no fraction", `{"a":1.}`, problemNumber},
		{"grammar: no exponent", `{"a":1e}`, problemNumber},
		{"grammar: no digits in exponent", `{"a":1e+}`, problemNumber},
		{"grammar: unknown escape", `{"a":"\x41"}`, problemEscape},
		{"grammar: escaped quote of JavaScript", `{"a":"\'"}`, problemEscape},
		{"grammar: capital U escape", `{"a":"\U0041"}`, problemEscape},
		{"grammar: bad hexadecimal", `{"a":"\u00g0"}`, problemEscape},
		{"grammar: space not of JSON between members", "{\"a\":1,\u00a0\"b\":2}", problemUnexpected},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			members, err := Object([]byte(tt.in), Limits{})
			if got := problem(t, err); got != tt.want {
				t.Errorf("Object: problem %q, want %q", got, tt.want)
			}
			if members != nil {
				t.Error("Object: members next to an error")
			}
			if tt.want == problemNotObject && tt.in[0] != '{' {
				return // Value takes some of these
			}
			if got := problem(t, Value([]byte(tt.in), Limits{})); got != tt.want {
				t.Errorf("Value: problem %q, want %q", got, tt.want)
			}
		})
	}
}

func TestAccepted(t *testing.T) {
	t.Parallel()
	tests := []struct{ rule, in string }{
		{"empty object", `{}`},
		{"JSON whitespace around", " \t\r\n{ \n} \t\r\n"},
		{"a typical update", update},
		{"E1 same key in different objects", `{"a":{"a":{"a":1}},"b":[{"a":1},{"a":1}]}`},
		{"E1 key and its value alike", `{"a":"a","b":"a"}`},
		{"E1 one key starts another", `{"role":1,"roles":2,"":3}`},
		{"E2 dotless i folds to nothing else", `{"i":1,"ı":2,"İ":3}`},
		{"E2 full folding is not applied", `{"ss":1,"ß":2}`},
		{"E2 no normalisation", `{"é":1,"e` + "\u0301" + `":2}`},
		{"E5 depth 5", nested(5)},
		{"E5 depth does not add up over neighbours", `{"a":[[[[]]]],"b":[[[[]]]],"c":[[],[],[],[],[],[]]}`},
		{"E7 20-digit integer is a number", `{"a":12345678901234567890}`},
		{"E7 largest float", `{"a":1.7976931348623157e308}`},
		{"E7 small numbers", `{"a":[5e-324,1e-400,-0,0.0,0e0,0E+000]}`},
		{"E7 64 characters", `{"a":` + strings.Repeat("9", 64) + `}`},
		{"E7 62 characters and a two-digit exponent", `{"a":` + strings.Repeat("9", 61) + `e99}`},
		{"E10 50 keys", `{` + keys(50) + `}`},
		{"E10 50 keys at each level", `{"a":{` + keys(50) + `},"b":{` + keys(50) + `}}`},
		{"E10 100 items", `{"a":[` + items(100) + `],"b":[` + items(100) + `]}`},
		{"E10 1000 characters", `{"a":"` + strings.Repeat("é", 1000) + `"}`},
		{"E10 1000 surrogate pairs", `{"a":"` + strings.Repeat(`\ud83d\ude00`, 1000) + `"}`},
		{"E10 1000 characters in a key", `{"` + strings.Repeat("x", 1000) + `":0}`},
		{"E11 other escaped controls in values", `{"a":"\n\t\r\b\f\u0001\u001f\u007f\u0085"}`},
		{"E11 DEL and C1 as they are in values", "{\"a\":\"\x7f\u0085\u009f\"}"},
		{"E11 BOM character inside a value", "{\"a\":\"\ufeff\"}"},
		{"E11 replacement character", "{\"\ufffd\":\"\ufffd \\ufffd\"}"},
		{"E11 noncharacters", "{\"a\":\"\uffff\U0010ffff\"}"},
		{"escapes in keys", `{"a\"\\\/\u0062\ud83d\ude00":1}`},
		{"an escaped backslash before u", `{"a":"\\ud800"}`},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			if _, err := Object([]byte(tt.in), Limits{}); err != nil {
				t.Errorf("Object: %v", err)
			}
			if err := Value([]byte(tt.in), Limits{}); err != nil {
				t.Errorf("Value: %v", err)
			}
		})
	}
}

func TestMembers(t *testing.T) {
	t.Parallel()
	in := []byte(" { \"b\" : 1 , \"a\\u0062\\\"\" : [ 1 , {\"x\":2} ] ,\n\"\":\" s \",\"d\":{}\t,\"e\": null } ")
	want := []struct{ name, raw string }{
		{"b", `1`}, {`ab"`, `[ 1 , {"x":2} ]`}, {"", `" s "`}, {"d", `{}`}, {"e", `null`},
	}
	got, err := Object(in, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Fatalf("%d members, want %d", len(got), len(want))
	}
	for i, m := range got {
		if m.Name != want[i].name || string(m.Raw) != want[i].raw {
			t.Errorf("member %d is %q: %s, want %q: %s", i, m.Name, m.Raw, want[i].name, want[i].raw)
		}
	}

	before := slices.Clone(in)
	_ = append(got[0].Raw, "overwritten"...)
	if !slices.Equal(in, before) {
		t.Error("appending to Raw changed the input")
	}
	clear(in)
	if got[0].Name != "b" || got[1].Name != `ab"` {
		t.Error("a name changed with the input: names must be copies")
	}

	if got, err = Object([]byte(`{}`), Limits{}); err != nil || got == nil || len(got) != 0 {
		t.Errorf("{} gives %v, %v; want an empty slice", got, err)
	}
}

func TestValue(t *testing.T) {
	t.Parallel()
	for _, in := range []string{
		`null`, `true`, `false`, `0`, `-1.5e+3`, `""`, `"x"`, ` [ ] `, `[[],{}]`, `[[[[[]]]]]`, "\n1\n",
	} {
		if err := Value([]byte(in), Limits{}); err != nil {
			t.Errorf("%s: %v", in, err)
		}
	}
	tests := []struct{ in, want string }{
		{``, problemEnd},
		{` `, problemEnd},
		{`1 2`, problemTrailing},
		{`nullx`, problemTrailing},
		{`"a`, problemEnd},
		{`[1`, problemEnd},
		{`[1,]`, problemUnexpected},
		{`]`, problemUnexpected},
		{`}`, problemUnexpected},
		{`,`, problemUnexpected},
		{"\xef\xbb\xbf1", problemBOM},
		{`1e400`, problemRange},
		{`[[[[[[]]]]]]`, problemDepth},
		{`[{"a":1,"A":2}]`, problemRepeated},
		{`"\u0000"`, problemNUL},
	}
	for _, tt := range tests {
		if got := problem(t, Value([]byte(tt.in), Limits{})); got != tt.want {
			t.Errorf("%q: problem %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	tests := []struct {
		rule string
		l    Limits
		in   string
		want string
	}{
		{"depth at the limit", Limits{Depth: 1}, `{"a":1}`, ""},
		{"depth above the limit", Limits{Depth: 1}, `{"a":[]}`, problemDepth},
		{"keys at the limit", Limits{Keys: 2}, `{"a":1,"b":2}`, ""},
		{"keys above the limit", Limits{Keys: 2}, `{"a":1,"b":2,"c":3}`, problemKeys},
		{"items at the limit", Limits{Items: 1}, `{"a":[1]}`, ""},
		{"items above the limit", Limits{Items: 1}, `{"a":[1,2]}`, problemItems},
		{"string at the limit", Limits{String: 3}, `{"abc":"\u00e9😀c"}`, ""},
		{"string above the limit", Limits{String: 3}, `{"a":"abcd"}`, problemString},
		{"one set field leaves the other defaults", Limits{Depth: 100}, `{` + keys(51) + `}`, problemKeys},
		{"a negative field switches nothing off", Limits{Depth: -1}, nested(6), problemDepth},
		{"negative fields mean the defaults", Limits{-1, -1, -1, -1}, update, ""},
	}
	for _, tt := range tests {
		_, err := Object([]byte(tt.in), tt.l)
		if got := problem(t, err); got != tt.want {
			t.Errorf("%s: problem %q, want %q", tt.rule, got, tt.want)
		}
	}
}

// TestRaisedLimits walks documents far beyond the defaults: neither stack nor time may run away. The
// deadline is generous; a quadratic search for repeated keys would miss it by far.
func TestRaisedLimits(t *testing.T) {
	t.Parallel()
	const huge = 1 << 30
	wide := Limits{Depth: huge, Keys: huge, Items: huge, String: huge}
	start := time.Now()
	tests := []struct{ rule, in, want string }{
		{"E5 10^6 levels of arrays", nested(1_000_000), ""},
		{"E5 10^6 levels of objects", strings.Repeat(`{"a":`, 1_000_000) + "1" + strings.Repeat("}", 1_000_000), ""},
		{"E5 10^6 levels, never closed", strings.Repeat(`{"a":`, 1_000_000), problemEnd},
		{"E10 10^5 keys", `{` + keys(100_000) + `}`, ""},
		{"E10 10^5 keys and a repetition", `{` + keys(100_000) + `,"K0":1}`, problemRepeated},
		{"E10 10^5 keys in an inner object", `{"a":{` + keys(100_000) + `}}`, ""},
		{"E10 10^6 items", `{"a":[` + items(1_000_000) + `]}`, ""},
		{"E10 10 MiB string", `{"a":"` + strings.Repeat("x", 10<<20) + `"}`, ""},
	}
	for _, tt := range tests {
		members, err := Object([]byte(tt.in), wide)
		if got := problem(t, err); got != tt.want {
			t.Errorf("%s: problem %q, want %q", tt.rule, got, tt.want)
		}
		if err == nil && len(members) != 1 && len(members) != 100_000 {
			t.Errorf("%s: %d members", tt.rule, len(members))
		}
	}
	if d := time.Since(start); d > 60*time.Second {
		t.Errorf("took %v, so the work is not linear", d)
	}
}

// TestFold compares the folding here with that of the standard library.
func TestFold(t *testing.T) {
	t.Parallel()
	for _, x := range []string{"k", "K", "\u212a", "s", "ſ", "ß", "ẞ", "σ", "ς", "Σ", "i", "ı", "İ", "I", "ǅ", "Ǆ", "é", "É", "😀", "𐐀", "𐐨"} {
		for _, y := range []string{"k", "s", "ss", "ß", "σ", "i", "ı", "ǆ", "é", "e", "😀", "𐐨"} {
			want := x == y || strings.EqualFold(x, y)
			for _, pad := range []string{"", keys(40) + ","} { // search key by key, and by map
				_, err := Object([]byte(`{`+pad+`"`+x+`":1,"`+y+`":2}`), Limits{})
				if got := problem(t, err) == problemRepeated; got != want {
					t.Errorf("%q and %q: refused %v, want %v", x, y, got, want)
				}
			}
		}
	}
}

// TestHashCollision: keys are compared as text, so unequal keys with one hash are both accepted, and
// the comparison itself is right for every pair.
func TestHashCollision(t *testing.T) {
	t.Parallel()
	s := scanner{b: []byte(`abAB\u0061bac`)}
	ab, upper, esc, ac, a := key{start: 0, end: 2}, key{start: 2, end: 4}, key{start: 4, end: 11}, key{start: 11, end: 13}, key{start: 0, end: 1}
	for _, tt := range []struct {
		x, y key
		want bool
	}{{ab, upper, true}, {ab, esc, true}, {upper, esc, true}, {ab, ac, false}, {ab, a, false}, {a, ab, false}, {a, a, true}} {
		if got := s.equalFold(tt.x, tt.y); got != tt.want {
			t.Errorf("%v and %v: %v, want %v", tt.x, tt.y, got, tt.want)
		}
	}
	s.keys.push(ab)
	if s.repeated(&frame{object: true}, ac) {
		t.Error("keys with equal hashes taken for equal")
	}
}

func TestSyntaxError(t *testing.T) {
	t.Parallel()
	tests := []struct {
		in   string
		want SyntaxError
	}{
		{`{"secret":1,"secret":2}`, SyntaxError{12, problemRepeated}},
		{`{"a":1e400}`, SyntaxError{5, problemRange}},
		{`{"a":"secret` + "\xff" + `"}`, SyntaxError{12, problemUTF8}},
		{`{} secret`, SyntaxError{3, problemTrailing}},
		{`{"a":`, SyntaxError{5, problemEnd}},
		{`{"a":tru`, SyntaxError{5, problemUnexpected}},
	}
	for _, tt := range tests {
		_, err := Object([]byte(tt.in), Limits{})
		var e *SyntaxError
		if !errors.As(err, &e) || *e != tt.want {
			t.Errorf("%q: %v, want %v", tt.in, err, &tt.want)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("the message repeats the input: %v", err)
		}
	}
	if got, want := (&SyntaxError{3, problemRepeated}).Error(), "json: repeated key at byte 3"; got != want {
		t.Errorf("message %q, want %q", got, want)
	}
}

// TestCut: no document is accepted that is only the beginning of one, and none makes the scanner panic.
func TestCut(t *testing.T) {
	t.Parallel()
	for i := range len(update) {
		_, err := Object([]byte(update[:i]), Limits{})
		var e *SyntaxError
		if !errors.As(err, &e) {
			t.Fatalf("the first %d bytes: %v", i, err)
		}
		if e.Offset < 0 || e.Offset > i {
			t.Errorf("the first %d bytes: offset %d", i, e.Offset)
		}
	}
}

func TestAllocations(t *testing.T) {
	body := []byte(update)
	if n := testing.AllocsPerRun(100, func() { _ = Value(body, Limits{}) }); n != 0 {
		t.Errorf("Value: %v allocations, want none", n)
	}
	// One for the slice and one for each of the two names.
	if n := testing.AllocsPerRun(100, func() { _, _ = Object(body, Limits{}) }); n > 3 {
		t.Errorf("Object: %v allocations, want 3", n)
	}
}

func BenchmarkObject(b *testing.B) {
	body := []byte(update)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Object(body, Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkValue(b *testing.B) {
	body := []byte(update)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if err := Value(body, Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}
