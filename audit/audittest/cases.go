package audittest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/nguard-go/nguard/audit"
	nguard "github.com/nguard-go/nguard/core"
)

type testCase struct {
	name  string
	rule  string
	needs func(Harness) bool
	run   func(t *check, h Harness)
}

var cases = []testCase{
	{
		name: "EveryField",
		rule: "what was recorded is what is read: each field, each kind of value, the time to the microsecond in UTC (ASVS 16.2.1, 16.2.2)",
		run:  everyField,
	},
	{
		name: "CancelledContext",
		rule: "a client that left is no reason to lose a record: a cancelled context is recorded all the same",
		run:  cancelledContext,
	},
	{
		name: "EndedDeadline",
		rule: "a deadline is kept: a Record that begins after it answers at once, and nil still means recorded",
		run:  endedDeadline,
	},
	{
		name:  "Stall",
		rule:  "a deadline is kept while what is behind the sink hangs, and the sink works again afterwards (checklist M7)",
		needs: func(h Harness) bool { return h.Stall != nil },
		run:   stall,
	},
	{
		name:  "Break",
		rule:  "a record that cannot be kept is an error, which refuses the change that it was for (ASVS 16.5.3, checklist M6)",
		needs: func(h Harness) bool { return h.Break != nil },
		run:   broken,
	},
	{
		name: "Concurrent",
		rule: "Record is called by many goroutines at once: each record is there once, whole",
		run:  concurrent,
	},
	{
		name: "Untouched",
		rule: "an event is shared between sinks: none changes it or what it points to",
		run:  untouched,
	},
	{
		name: "HostileText",
		rule: "no text breaks a line, a terminal or a reader's eye, and none loses its record (ASVS 16.4.1, checklist L1 to L3, L9)",
		run:  hostileText,
	},
	{
		name: "LongText",
		rule: "a record stays of bounded size, whatever a client sends (checklist L3)",
		run:  longText,
	},
	{
		name: "Secrets",
		rule: "what a type declares secret is in no record (ASVS 16.2.5, checklist M8)",
		run:  secrets,
	},
	{
		name: "OddValues",
		rule: "a value that cannot be written down does not lose the record of who changed it",
		run:  oddValues,
	},
	{
		name: "Drain",
		rule: "Drain returns when all that was accepted is written, as often as it is called, and the sink goes on working",
		run:  drained,
	},
}

// sample is an event with every field set; n tells it from others.
func sample(n int) nguard.Event {
	return nguard.Event{
		ID:      fmt.Sprintf("id-%d", n),
		Time:    time.Date(2026, 2, 3, 4, 5, 6, 789_123_000, time.UTC),
		Name:    nguard.EventUserUpdated,
		Outcome: nguard.Success,
		Class:   nguard.ClassChange,
		Actor:   "user-1", Target: "user-2", Session: "session-3", Action: "update-role",
		Changes: []nguard.Change{
			{Field: "count", From: 7, To: int64(1) << 62},
			{Field: "flag", From: nil, To: true},
			{Field: "note", From: nguard.Redacted{}, To: nguard.Redacted{}},
			{Field: "role", From: "user", To: "żółw 🐢"},
			{Field: "tags", From: []string{}, To: []string{"a", "b"}},
		},
		Rule: "role:admin", Reason: "allowed", Count: 5,
		RequestID: "request-4", IP: "2001:db8::1", UserAgent: `Browser/1.0 ("quoted"; \back)`, Method: "POST",
		Path: "/api/auth/update-role", Namespace: "main",
	}
}

func everyField(t *check, h Harness) {
	elsewhere := sample(1)
	elsewhere.Time = elsewhere.Time.In(time.FixedZone("elsewhere", 5*3600))
	record(t, h, elsewhere)
	record(t, h, nguard.Event{ID: "bare", Name: nguard.EventStartup, Class: nguard.ClassSystem})
	got := read(t, h)
	if len(got) != 2 {
		t.Fatalf("recorded 2 events, read %d", len(got))
	}
	for _, e := range got {
		if e.Time.Location() != time.UTC {
			t.Errorf("event %q: time %v is not in UTC", e.ID, e.Time)
		}
		want := sample(1)
		if e.ID == "bare" {
			want = nguard.Event{ID: "bare", Name: nguard.EventStartup, Class: nguard.ClassSystem}
		}
		if got, want := fields(e), fields(want); got != want {
			t.Errorf("event differs\n\t got %s\n\twant %s", got, want)
		}
	}
}

func cancelledContext(t *check, h Harness) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.Sink.Record(ctx, sample(1)); err != nil {
		t.Errorf("Record with a cancelled context: %v", err)
	}
	if got := ids(read(t, h)); !slices.Equal(got, []string{"id-1"}) {
		t.Errorf("read %q", got)
	}
}

func endedDeadline(t *check, h Harness) {
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	err := answer(t, func() error { return h.Sink.Record(ctx, sample(1)) })
	got := ids(read(t, h))
	switch {
	case err == nil && len(got) != 1:
		t.Errorf("Record returned nil and the record is missing")
	case err != nil && !errors.Is(err, nguard.ErrUnavailable):
		t.Errorf("the error does not match nguard.ErrUnavailable: %v", err)
	case err != nil && !errors.Is(err, nguard.ErrOutcomeUnknown) && len(got) != 0:
		t.Errorf("Record said that nothing was written, without ErrOutcomeUnknown, and the record is there")
	}
}

func stall(t *check, h Harness) {
	release := h.Stall()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err := answer(t, func() error { return h.Sink.Record(ctx, sample(1)) })
	release()
	if err != nil && !errors.Is(err, nguard.ErrUnavailable) {
		t.Errorf("the error does not match nguard.ErrUnavailable: %v", err)
	}
	record(t, h, sample(2))
	if got := ids(read(t, h)); !slices.Contains(got, "id-2") {
		t.Errorf("after the stall the sink lost a record, read %q", got)
	}
}

func broken(t *check, h Harness) {
	record(t, h, sample(1))
	h.Break()
	err := answer(t, func() error { return h.Sink.Record(t.Context(), sample(2)) })
	if err == nil {
		t.Fatalf("Record returned nil")
	}
	if !errors.Is(err, nguard.ErrUnavailable) {
		t.Errorf("the error does not match nguard.ErrUnavailable: %v", err)
	}
}

func concurrent(t *check, h Harness) {
	const goroutines, each = 8, 25
	var wg sync.WaitGroup
	for g := range goroutines {
		wg.Go(func() {
			for i := range each {
				if err := h.Sink.Record(t.Context(), sample(g*each+i)); err != nil {
					t.Errorf("Record: %v", err)
				}
			}
		})
	}
	wg.Wait()
	seen := map[string]int{}
	for _, e := range read(t, h) {
		seen[e.ID]++
		want := sample(0)
		want.ID = e.ID
		if fields(e) != fields(want) {
			t.Fatalf("a record is not whole: %s", fields(e))
		}
	}
	for n := range goroutines * each {
		if id := sample(n).ID; seen[id] != 1 {
			t.Errorf("%s is there %d times", id, seen[id])
		}
	}
}

func untouched(t *check, h Harness) {
	shared := sample(1)
	shared.UserAgent, shared.Reason = "someone@example.com\n", strings.Repeat("long ", 1000)
	before := sample(1)
	before.UserAgent, before.Reason = shared.UserAgent, shared.Reason
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := h.Sink.Record(t.Context(), shared); err != nil {
				t.Errorf("Record: %v", err)
			}
		})
	}
	wg.Wait()
	if got := read(t, h); len(got) != 4 {
		t.Errorf("recorded 4 events, read %d", len(got))
	}
	if !reflect.DeepEqual(shared, before) {
		t.Errorf("the event was changed:\n\t got %#v\n\twant %#v", shared, before)
	}
}

var hostile = []string{
	"line\r\nforged=1\nanother\rone\x00\x1b[2J\x1b]0;title\a\b\v\f\x7f",
	"\u0085\u2028\u2029 separators",
	"\u202etxt.exe\u202c \u2066isolate\u2069 \u200e\u200f\u061c",
	"zero\u200bwidth\u200c\u200d\u2060\ufeff\u00ad\u115f\u3164\U000e0041",
	"\xff\xfe invalid \xed\xa0\x80 \xc0\xaf",
	`","outcome":"success","x":"%s%n%d{{.}}${jndi:x}` + "`",
	`=cmd|' /C calc'!A0`,
	"<script>alert(1)</script>",
}

func hostileText(t *check, h Harness) {
	for i, s := range hostile {
		e := sample(i)
		e.Actor, e.Target, e.Reason, e.UserAgent, e.Path = s, s, s, s, s
		e.Changes = []nguard.Change{{Field: "name", From: s, To: []string{s}}}
		record(t, h, e)
	}
	got := ids(read(t, h))
	if len(got) != len(hostile) {
		t.Errorf("recorded %d events, read %q", len(hostile), got)
	}
	if h.Output == nil {
		return
	}
	text := output(t, h)
	if n := bytes.Count(bytes.TrimSuffix(text, []byte("\n")), []byte("\n")) + 1; n != len(hostile) {
		t.Errorf("%d events made %d lines", len(hostile), n)
	}
	if !utf8.Valid(text) {
		t.Errorf("the output is not UTF-8")
	}
	for _, r := range string(text) {
		if r != '\n' && !unicode.IsPrint(r) || unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) {
			t.Errorf("the output has a raw %U", r)
		}
	}
	for _, s := range []string{`\x`, "%s%n", "=cmd|"} {
		if !bytes.Contains(text, []byte(s)) {
			t.Errorf("the output lacks %s: text was lost or interpreted", s)
		}
	}
}

func longText(t *check, h Harness) {
	const size = 1 << 20
	e := sample(1)
	e.UserAgent, e.Path = strings.Repeat("é", size/2), strings.Repeat("\x00", size)
	e.Changes = []nguard.Change{{Field: "bio", From: strings.Repeat("x", size), To: []string{strings.Repeat("y", size)}}}
	record(t, h, e)
	if got := ids(read(t, h)); len(got) != 1 {
		t.Errorf("recorded 1 event, read %q", got)
	}
	if h.Output == nil {
		return
	}
	if text := output(t, h); len(text) > 64<<10 {
		t.Errorf("a record of %d bytes", len(text))
	}
}

const canary = "canary-5f1d0c"

// card is a type of a program that has its own mask.
type card struct{ number string }

func (c card) MaskAudit() any { return "card ending " + c.number[len(c.number)-2:] }

func secrets(t *check, h Harness) {
	e := sample(1)
	e.Changes = []nguard.Change{
		{Field: "a", From: nguard.Redacted{}, To: audit.Secret(canary)},
		{Field: "b", From: []audit.Secret{canary}, To: map[string]any{"deep": &struct{ S audit.Secret }{canary}}},
	}
	record(t, h, e)
	got := read(t, h)
	if len(got) != 1 {
		t.Fatalf("recorded 1 event, read %d", len(got))
	}
	if text := fmt.Sprintf("%+v %s", got[0], fields(got[0])); strings.Contains(text, canary) {
		t.Errorf("the record holds the secret: %s", text)
	}
	if h.Output != nil && bytes.Contains(output(t, h), []byte(canary)) {
		t.Errorf("the output holds the secret")
	}
}

type panics struct{}

func (panics) MarshalJSON() ([]byte, error) { panic("no form") }

func oddValues(t *check, h Harness) {
	loop := map[string]any{}
	loop["self"] = loop
	e := sample(1)
	e.Changes = nil
	for _, v := range []any{make(chan int), func() {}, panics{}, loop, (*card)(nil), card{"4242"}, errors.New("x")} {
		e.Changes = append(e.Changes, nguard.Change{Field: fmt.Sprintf("%T", v), From: v, To: v})
	}
	if err := answer(t, func() error { return h.Sink.Record(t.Context(), e) }); err != nil {
		t.Errorf("Record: %v", err)
	}
	got := read(t, h)
	if len(got) != 1 || got[0].Actor != e.Actor || got[0].Target != e.Target {
		t.Errorf("read %d events, or not who did what to whom", len(got))
	}
}

func drained(t *check, h Harness) {
	d, ok := h.Sink.(nguard.Drainer)
	if !ok {
		return // what holds nothing back has nothing to drain
	}
	for round := range 2 {
		for i := range 20 {
			e := sample(round*20 + i)
			e.Class = nguard.ClassObservation
			if err := h.Sink.Record(t.Context(), e); err != nil {
				t.Errorf("Record: %v", err)
			}
		}
		for range 2 {
			if err := d.Drain(t.Context()); err != nil {
				t.Errorf("Drain: %v", err)
			}
		}
		got, err := h.Events()
		if err != nil || len(got) != (round+1)*20 {
			t.Errorf("after Drain: %d events of %d, %v", len(got), (round+1)*20, err)
		}
	}
}
