package audit_test

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/nguard-go/nguard/audit"
	nguard "github.com/nguard-go/nguard/core"
)

// TestJSONGolden pins the format that is published (ASVS 16.2.4).
func TestJSONGolden(t *testing.T) {
	e := nguard.Event{
		ID: "a1", Time: time.Date(2026, 2, 3, 9, 5, 6, 7000, time.FixedZone("", 5*3600)), Name: nguard.EventUserUpdated,
		Outcome: nguard.Success, Class: nguard.ClassChange, Actor: "ann", Target: "bob", Session: "s1", Action: "update-role",
		Changes: []nguard.Change{
			{Field: "key", From: nguard.Redacted{}, To: nguard.Redacted{}},
			{Field: "n", From: 1.5, To: nil},
			{Field: "role", From: "user", To: "admin"},
		},
		Rule: "role:admin", Reason: "allowed", Count: 2, RequestID: "r1", IP: "2001:db8::1", UserAgent: "UA", Method: "POST",
		Path: "/p", Namespace: "main",
	}
	want := `{"v":1,"id":"a1","time":"2026-02-03T04:05:06.000007000Z","event":"user_updated","outcome":"success",` +
		`"class":"change","actor":"ann","target":"bob","session":"s1","action":"update-role",` +
		`"changes":[{"field":"key","from":"[redacted]","to":"[redacted]"},{"field":"n","from":1.5,"to":null},` +
		`{"field":"role","from":"user","to":"admin"}],"rule":"role:admin","reason":"allowed","count":2,` +
		`"request_id":"r1","ip":"2001:db8::1","user_agent":"UA","method":"POST","path":"/p","namespace":"main"}`
	if got := string(audit.AppendJSON(nil, e)); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	bare := `{"v":1,"id":"","time":"0001-01-01T00:00:00.000000000Z","event":"","outcome":"","class":""}`
	if got := string(audit.AppendJSON(nil, nguard.Event{})); got != bare {
		t.Errorf("\n got %s\nwant %s", got, bare)
	}
}

// TestText is checklist L1, L2, L3 and L9, character by character.
func TestText(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"a\r\nb\tc", `a\r\nb\tc`},
		{"\x00\x1b[31m\x7f", `\u0000\u001b[31m\u007f`},
		{"\u0085\u2028\u2029\u00a0", `\u0085\u2028\u2029\u00a0`},
		{"\u202e\u2066\u200f", `\u202e\u2066\u200f`},
		{"\u200b\u200d\ufeff\u00ad\u3164", `\u200b\u200d\ufeff\u00ad\u3164`},
		{"\U000e0041", `\udb40\udc41`},
		{"a\xffb\xed\xa0\x80", `a\\xffb\\xed\\xa0\\x80`},
		{`q"b\`, `q\"b\\`},
		{"%s%n {{.}} =cmd|' /C calc'!A0 ${jndi:x}", `%s%n {{.}} =cmd|' /C calc'!A0 ${jndi:x}`},
		{"żółw 🐢 日本 \ufffd", "żółw 🐢 日本 \ufffd"},
	} {
		line := string(audit.AppendJSON(nil, nguard.Event{Actor: c.in, Changes: []nguard.Change{{From: c.in}}}))
		if !strings.Contains(line, `"actor":"`+c.want+`"`) || !strings.Contains(line, `"from":"`+c.want+`"`) {
			t.Errorf("%q: %s lacks %s", c.in, line, c.want)
		}
	}
}

type (
	theme   string
	shouted string
	breaks  struct{}
	point   struct{ X, Y int }
)

func (s shouted) MarshalText() ([]byte, error) { return []byte(strings.ToUpper(string(s))), nil }
func (breaks) MarshalJSON() ([]byte, error)    { panic("no") }

func TestValues(t *testing.T) {
	for _, c := range []struct {
		in   any
		want string
	}{
		{nil, `null`},
		{true, `true`},
		{-3, `-3`},
		{int64(math.MaxInt64), `9223372036854775807`},
		{uint8(3), `3`},
		{theme("li\xffght"), `"li\\xffght"`},
		{shouted("a"), `"A"`},
		{point{1, 2}, `{"X":1,"Y":2}`},
		{[]string{"\u202e", "a\xff", `\ufffd`, "\ufffd"}, `["\u202e","a\\x??","\\ufffd","` + "\ufffd" + `"]`},
		{map[string]any{"k\u200b": 1}, `{"k\u200b":1}`},
		{clock, `"2026-02-03T04:05:06.000007000Z"`},
		{math.NaN(), `"[no JSON form: float64]"`},
		{make(chan int), `"[no JSON form: chan int]"`},
		{breaks{}, `"[no JSON form: audit_test.breaks]"`},
		{audit.Secret("s"), `"[redacted]"`},
	} {
		line := audit.AppendJSON(nil, nguard.Event{Changes: []nguard.Change{{To: c.in}}})
		if !json.Valid(line) || !strings.Contains(string(line), `"to":`+c.want+`}`) {
			t.Errorf("%#v: %s lacks %s", c.in, line, c.want)
		}
	}
}

// TestCut is the end of checklist L3: a MiB of anything makes a record of bounded size that says how
// much is missing.
func TestCut(t *testing.T) {
	const mib = 1 << 20
	e := nguard.Event{UserAgent: strings.Repeat("é", mib/2), Reason: "x" + strings.Repeat("é", mib/2)}
	for range 1000 {
		e.Changes = append(e.Changes, nguard.Change{Field: "f", From: "a", To: "b"})
	}
	e.Changes[0].From = strings.Repeat("\x00", mib)
	e.Changes[0].To = []string{strings.Repeat("y", mib)}
	line := audit.AppendJSON(nil, e)
	if !json.Valid(line) || len(line) > 64<<10 {
		t.Fatalf("%d bytes, valid %v", len(line), json.Valid(line))
	}
	got, err := audit.Decode(line)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{got.UserAgent, got.Reason, got.Changes[0].From.(string), got.Changes[0].To.(string)} {
		if !strings.HasSuffix(s, " bytes]") || !utf8.ValidString(s) {
			t.Errorf("not cut with a mark: …%q", s[len(s)-20:])
		}
	}
	if want := strings.Repeat("é", 512) + "…[+1047552 bytes]"; got.UserAgent != want {
		t.Errorf("cut to %q", got.UserAgent)
	}
	if last := got.Changes[len(got.Changes)-1]; len(got.Changes) != 129 || last.To != "872 more changes" {
		t.Errorf("%d changes, the last %v", len(got.Changes), last)
	}
}

func TestDecodeRefuses(t *testing.T) {
	whole := audit.AppendJSON(nil, event(1, nguard.ClassChange))
	for _, line := range []string{"", "{", string(whole[:len(whole)-1]), `{"v":2}`, `[]`} {
		if _, err := audit.Decode([]byte(line)); err == nil {
			t.Errorf("decoded %q", line)
		}
	}
}

// FuzzJSON holds that whatever the text, the record is one printable line that decodes.
func FuzzJSON(f *testing.F) {
	f.Add("a\r\nb", "\xff\u202e")
	f.Add(`\ufffd`, "\u0085\x1b[0m")
	f.Fuzz(func(t *testing.T, a, b string) {
		line := audit.AppendJSON(nil, nguard.Event{ID: a, Path: b, Changes: []nguard.Change{{Field: b, From: a, To: []string{b}}}})
		for _, r := range string(line) {
			if !unicode.IsPrint(r) {
				t.Fatalf("raw %U in %q", r, line)
			}
		}
		got, err := audit.Decode(line)
		if err != nil || !utf8.Valid(line) {
			t.Fatalf("%v: %q", err, line)
		}
		if utf8.ValidString(a) && len(a) <= 1024 && got.ID != a {
			t.Fatalf("%q came back as %q", a, got.ID)
		}
	})
}

// TestZeroValuesFail: what was not set up says so, and writes nowhere.
func TestZeroValuesFail(t *testing.T) {
	for _, s := range []nguard.Sink{
		&audit.File{}, &audit.Slog{}, audit.NewSlog(nil), &audit.SQL{}, &audit.Fanout{}, &audit.Redact{}, &audit.Async{},
	} {
		if err := s.Record(t.Context(), event(1, nguard.ClassChange)); !errors.Is(err, nguard.ErrUnavailable) {
			t.Errorf("%T: %v", s, err)
		}
	}
}
