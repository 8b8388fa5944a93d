package audit_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/nguard-go/nguard/audit"
	nguard "github.com/nguard-go/nguard/core"
)

// redact returns what is left of e after the rules.
func redact(t *testing.T, e nguard.Event, rules ...audit.Rule) nguard.Event {
	t.Helper()
	var m audit.Memory
	if err := audit.NewRedact(&m, rules...).Record(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if m.Total() != 1 {
		t.Fatalf("%d records", m.Total())
	}
	return m.Events()[0]
}

func TestMaskIP(t *testing.T) {
	for in, want := range map[string]string{
		"":                      "",
		"203.0.113.7":           "203.0.113.0/24",
		"::ffff:203.0.113.7":    "203.0.113.0/24",
		"2001:db8:1:2::3":       "2001:db8:1::/48",
		"fe80::1%eth0":          "fe80::/48",
		"203.0.113.7, 10.0.0.1": "[redacted]",
	} {
		if got := redact(t, nguard.Event{IP: in}, audit.MaskIP(24, 48)).IP; got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if got := redact(t, nguard.Event{IP: "203.0.113.7"}, audit.MaskIP(99, 48)).IP; got != "[redacted]" {
		t.Errorf("an impossible prefix shows %q", got)
	}
}

func TestDrop(t *testing.T) {
	e := event(1, nguard.ClassChange)
	e.Path = "/users/ann"
	got := redact(t, e, audit.DropIP, audit.DropUserAgent, audit.DropPath)
	e.IP, e.UserAgent, e.Path = "", "", ""
	if !reflect.DeepEqual(got, e) {
		t.Errorf("got %+v", got)
	}
}

func TestEmails(t *testing.T) {
	const in, want = "mail ann.o'neil+x@mail.example.com now, /u/bob%40example.org, a@b", "mail [redacted]@mail.example.com now, /u/[redacted]%40example.org, a@b"
	e := nguard.Event{
		Actor: in, Target: in, Action: in, Rule: in, Reason: in, RequestID: in, UserAgent: in, Path: in,
		Changes: []nguard.Change{{Field: "a", From: in, To: []string{in}}, {Field: "b", From: 1, To: []string{"x"}}},
	}
	got := redact(t, e, audit.Emails)
	for _, s := range []any{got.Actor, got.Target, got.Action, got.Rule, got.Reason, got.RequestID, got.UserAgent, got.Path, got.Changes[0].From} {
		if s != want {
			t.Errorf("%q", s)
		}
	}
	if got.Changes[0].To != (nguard.Redacted{}) || got.Changes[1].From != 1 || !reflect.DeepEqual(got.Changes[1].To, []string{"x"}) {
		t.Errorf("%v", got.Changes)
	}
}

type (
	iban  string
	owner struct {
		Name    string
		account *iban
	}
	digits string
)

func (d digits) MaskAudit() any { return "…" + string(d[len(d)-4:]) }

func TestTypes(t *testing.T) {
	account := iban("canary")
	hidden := []any{account, &account, []iban{account}, owner{"ann", &account}, map[string]any{"k": []any{owner{"ann", &account}}}}
	shown := []any{"text", 7, nil, owner{"ann", nil}, []iban(nil) == nil, digits("12345678"), nguard.Redacted{}}
	var e nguard.Event
	for _, v := range append(hidden, shown...) {
		e.Changes = append(e.Changes, nguard.Change{Field: fmt.Sprintf("%T", v), From: v, To: v})
	}
	got := redact(t, e, audit.Type[iban](), audit.Fields("NAME"))
	for i, c := range got.Changes {
		if masked := c.From == any(nguard.Redacted{}); masked != (i < len(hidden) || i == len(e.Changes)-1) {
			t.Errorf("%s: %v", c.Field, c.From)
		}
	}
	if c := got.Changes[len(hidden)+5]; c.To != "…5678" {
		t.Errorf("a Masker shows %v", c.To)
	}
	if got := redact(t, e, audit.Type[fmt.Stringer]()); got.Changes[len(hidden)+6].From != any(nguard.Redacted{}) {
		t.Errorf("an interface masks nothing: %v", got.Changes)
	}
	one := nguard.Event{Changes: []nguard.Change{{Field: "Note", From: "a", To: "b"}, {Field: "role", From: "a", To: "b"}}}
	if got := redact(t, one, audit.Fields("note")); got.Changes[0].To != (nguard.Redacted{}) || got.Changes[1].To != "b" {
		t.Errorf("fields: %v", got.Changes)
	}
	if one.Changes[0].To != "b" {
		t.Errorf("the caller's event was changed")
	}
}

// TestRedactFails: a rule that panics costs detail, not the record, and not the name of who did it.
func TestRedactFails(t *testing.T) {
	e := event(1, nguard.ClassChange)
	e.Path, e.Reason = "/users/ann", "free text"
	e.Actor = "ann@example.com"
	got := redact(t, e,
		func(e *nguard.Event) { e.Changes[0].To = "half way"; panic("canary") },
		audit.Emails)
	want := e
	want.Actor = "[redacted]@example.com" // the rules that work still do
	want.Path, want.IP, want.UserAgent, want.Reason = "", "", "", "reduced: a redaction rule failed"
	want.Changes = []nguard.Change{{Field: "role", From: nguard.Redacted{}, To: nguard.Redacted{}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("\n got %+v\nwant %+v", got, want)
	}
}

// TestUnwrap: what a program's own sink can do beside is found behind the wrappers.
func TestUnwrap(t *testing.T) {
	m := &audit.Memory{}
	if got := audit.NewRedact(m).Unwrap(); got != any(m) {
		t.Errorf("Redact: %v", got)
	}
	if got := audit.NewAsync(m, audit.AsyncOptions{}).Unwrap(); got != any(m) {
		t.Errorf("Async: %v", got)
	}
}

type brokenMask string

func (brokenMask) MaskAudit() any { panic("canary") }

// TestCanary is checklist M8: a secret in none of the shapes that Go has for it is in any sink.
func TestCanary(t *testing.T) {
	const canary = "canary-77ab"
	secret := audit.Secret(canary)
	inner := struct{ s audit.Secret }{secret}
	var e nguard.Event
	for i, v := range []any{
		secret, &secret, []audit.Secret{secret}, map[audit.Secret]int{secret: 1}, map[string]any{"a": inner}, &inner,
		[2]any{1, secret}, brokenMask(canary), []brokenMask{canary}, struct{ any }{any(brokenMask(canary))},
	} {
		e.Changes = append(e.Changes, nguard.Change{Field: fmt.Sprint("f", i), From: v, To: v})
	}
	var m audit.Memory
	var text, jsonLog buffer
	f, path := openFile(t, audit.FileOptions{})
	for _, s := range []nguard.Sink{
		&m, f, audit.NewSlog(slog.New(slog.NewTextHandler(&text, nil))), audit.NewSlog(slog.New(slog.NewJSONHandler(&jsonLog, nil))),
		audit.NewRedact(&m, audit.Emails), audit.NewRedact(f, audit.Type[int]()),
	} {
		if err := s.Record(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	out := fmt.Appendf(nil, "%+v %#v %s %x %q %d", m.Events(), m.Events(), secret, secret, secret, secret)
	alone, err := json.Marshal(secret)
	if err != nil {
		t.Fatal(err)
	}
	out = append(append(append(append(out, alone...), file...), text.Bytes()...), jsonLog.Bytes()...)
	if bytes.Contains(out, []byte(canary)) || bytes.Contains(out, fmt.Appendf(nil, "%x", canary)) {
		t.Errorf("the canary is out: %s", out)
	}
	if strings.Count(string(file), "\n") != 2 {
		t.Errorf("records were lost")
	}
	if secret.String() != "[redacted]" || string(secret) != canary || secret.LogValue().String() != "[redacted]" {
		t.Errorf("Secret: %v", secret)
	}
}
