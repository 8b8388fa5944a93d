package adaptertest

import (
	"bytes"
	"context"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"unicode/utf8"

	"github.com/nguard-go/nguard/audit"
	nguard "github.com/nguard-go/nguard/core"
)

// injectedRecords are the rules L1 to L3 and L9 of the checklist: what text does to the record.
var injectedRecords = []rule{
	{"L1-L2 lines", "Each event is one line of the record, with nothing in it that a terminal or a reader would take for more.", injectionLines},
	{"L3 broken and endless text", "Broken text is recorded as valid UTF-8, and endless text is cut with a mark.", injectionBroken},
	{"L9 formats", "Formats, templates and formulas are text: they are kept, shown and recorded as they were.", injectionFormats},
}

// tee writes each event into a file as well, and counts them.
type tee struct {
	file *audit.File
	next nguard.Sink
	n    atomic.Int64
}

func (s *tee) Record(ctx context.Context, e nguard.Event) error {
	if err := s.file.Record(ctx, e); err != nil {
		return err
	}
	s.n.Add(1)
	return s.next.Record(ctx, e)
}

// logged is a world whose audit record is a file too; lines shuts it down and reads the file.
func (k *kit) logged(t *testing.T, options ...func(*nguard.Config)) (w *world, lines func() [][]byte) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	file, err := audit.OpenFile(path, audit.FileOptions{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	b := k.open(t)
	sink := &tee{file: file, next: b.sink}
	b.sink = sink
	w = newWorld(t, b, options...)
	return w, func() [][]byte {
		t.Helper()
		if err := w.guard.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !utf8.Valid(raw) {
			t.Error("the file is not valid UTF-8")
		}
		all := bytes.Split(bytes.TrimSuffix(raw, []byte("\n")), []byte("\n"))
		if len(all) != int(sink.n.Load()) || len(all) < 2 {
			t.Errorf("%d lines for %d events", len(all), sink.n.Load())
		}
		return all
	}
}

// harmless fails when a line could be taken for more than one, or shows otherwise than it is.
func harmless(t *testing.T, line []byte) nguard.Event {
	t.Helper()
	for _, r := range string(line) {
		switch {
		case r < ' ', r >= 0x7f && r < 0xa0, r == '\u00ad', r >= 0x200b && r <= 0x200f, r >= 0x2028 && r <= 0x202e, r >= 0x2060 && r <= 0x206f, r == 0xfeff, r >= 0xe0000 && r <= 0xe007f:
			t.Errorf("character %U in the line %q", r, line)
		}
	}
	e, err := audit.Decode(line)
	if err != nil {
		t.Errorf("line %q: %v", line, err)
	}
	return e
}

// plays sends nasty text through every door to the record.
func plays(w *world) {
	user, admin := w.loggedIn("user"), w.loggedIn("admin")
	for _, text := range nasty {
		quoted := jsonText(text)
		w.browser().post("/api/auth/login", `{"id":`+quoted+`,"password":"x"}`)
		user.post("/api/auth/profile", `{"name":`+quoted+`,"email":`+quoted+`}`)
		user.post("/api/auth/update", `{"draft":`+quoted+`}`)
		user.post("/api/auth/update", `{"role":`+quoted+`,`+quoted+`:1}`)
		admin.post("/api/auth/update-role", `{"userId":`+quoted+`,"newRole":`+quoted+`}`)
		admin.do("DELETE", "/api/auth/users/"+url.PathEscape(text)+"/sessions", "")
		w.sends(w.written("GET", "/admin/"+url.PathEscape(text), "", w.by(user.token())))
		w.sends(w.written("GET", "/api/auth/"+url.PathEscape(text), "", w.by("made-up")))
		if !strings.ContainsAny(text, "\r\n\x1b\x07") { // no server lets such a header through
			w.sends(w.written("GET", "/admin", "", w.by(user.token()), "User-Agent: "+text, "X-Request-Id: "+text, "X-Forwarded-For: "+text))
			w.sends(w.written("POST", "/api/auth/login", credentials, sameOrigin, asJSON, "User-Agent: "+text))
		}
		w.clock.Advance(61e9) // repeated observations are counted, not written: a new minute
	}
}

func injectionLines(t *testing.T, k *kit) {
	w, lines := k.logged(t)
	plays(w)
	seen := map[string]int{}
	for _, line := range lines() {
		e := harmless(t, line)
		seen[e.Name]++
		for what, text := range map[string]string{"actor": e.Actor, "target": e.Target, "path": e.Path, "user agent": e.UserAgent, "method": e.Method, "reason": e.Reason, "request ID": e.RequestID} {
			if strings.ContainsAny(text, "\r\n\x1b\u2028\u202e\u0085\u200b") {
				t.Errorf("%s %q of %s", what, text, e.Name)
			}
		}
	}
	for _, name := range []string{nguard.EventLoginFail, nguard.EventUserUpdated, nguard.EventSessionUpdated, nguard.EventAuthzFail, nguard.EventInputInvalid, nguard.EventExtraneous} {
		if seen[name] < 5 {
			t.Errorf("%d records of %s", seen[name], name)
		}
	}
}

func injectionBroken(t *testing.T, k *kit) {
	w, lines := k.logged(t)
	w.roomy(128 << 10)
	user := w.loggedIn("user")
	agents := []string{"\xff\xfe\x80", "\xe2\x82", "caf\xe9", strings.Repeat("A", 64<<10), strings.Repeat("é", 300), strings.Repeat("\xf0\x9f\x8d\xaa", 200), "a\tb"}
	for _, agent := range agents {
		w.sends(w.written("GET", "/admin", "", w.by(user.token()), "User-Agent: "+agent)).expect(403)
		w.sends(w.written("POST", "/api/auth/login", credentials, sameOrigin, asJSON, "User-Agent: "+agent)).expect(200)
		w.sends(w.written("GET", "/api/auth/"+strings.Repeat("a", 5000), "", w.by("made-up"))).expect(404)
	}
	w.sends(w.written("GET", "/admin", "", w.by(user.token()), "User-Agent: "+strings.Repeat("A", 1<<20+8<<10))).expect(431)
	cut := 0
	for _, line := range lines() {
		e := harmless(t, line)
		for what, text := range map[string]string{"user agent": e.UserAgent, "path": e.Path, "method": e.Method} {
			if len(text) > 256 || !utf8.ValidString(text) {
				t.Errorf("%s of %d bytes: %q", what, len(text), text)
			}
			if len(text) > 200 {
				if cut++; !strings.HasSuffix(text, "...") {
					t.Errorf("%s was cut without a mark: %q", what, text)
				}
			}
		}
		if len(line) > 4096 {
			t.Errorf("a line of %d bytes", len(line))
		}
	}
	if cut < 3 {
		t.Errorf("%d long texts were cut", cut)
	}
	for _, s := range w.devices("user") {
		if len(s.Device()) > 256 || !utf8.ValidString(s.Device()) {
			t.Errorf("device of %d bytes: %q", len(s.Device()), s.Device())
		}
	}
}

func injectionFormats(t *testing.T, k *kit) {
	w, lines := k.logged(t)
	user := w.loggedIn("user")
	for _, text := range []string{"%s%n%x%d", "%!v(MISSING)", "{{.}}", "${jndi:ldap://x}", "=1+1", "@SUM(A1)", "=cmd|'/C calc'!A0"} {
		user.post("/api/auth/profile", `{"name":`+jsonText(text)+`}`).expect(200)
		if got := user.get("/api/auth/session").at("session", "user", "name"); got != text {
			t.Errorf("%q came back as %q", text, got)
		}
		a := user.do("POST", "/api/auth/update", `{"theme":`+jsonText(text)+`}`, "User-Agent: "+text).expect(400)
		if strings.Contains(string(a.raw), "MISSING") || strings.Contains(string(a.raw), "%!") {
			t.Errorf("an error was formatted twice: %s", a.raw)
		}
	}
	found := 0
	for _, line := range lines() {
		e := harmless(t, line)
		for _, c := range e.Changes {
			if c.Field == "user.name" && c.To == "{{.}}" {
				found++
			}
		}
		if e.UserAgent == "%s%n%x%d" {
			found++
		}
	}
	if found < 2 {
		t.Error("the texts are not recorded as they were")
	}
}
