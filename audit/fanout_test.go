package audit_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nguard-go/nguard/audit"
	nguard "github.com/nguard-go/nguard/core"
)

func TestFanoutOptions(t *testing.T) {
	m := &audit.Memory{}
	for _, members := range [][]audit.Member{nil, {audit.BestEffort(m)}, {audit.Durable(m), audit.Durable(nil)}, {{}}} {
		if _, err := audit.NewFanout(audit.FanoutOptions{}, members...); err == nil {
			t.Errorf("%d members: no error", len(members))
		}
	}
}

// TestFanoutOneOfTwo is checklist M7: it goes on with one durable sink, and says which one failed.
func TestFanoutOneOfTwo(t *testing.T) {
	a, b, c := &faulty{Sink: &audit.Memory{}}, &faulty{Sink: &audit.Memory{}}, &audit.Memory{}
	var reported []*audit.MemberError
	f := fanout(t, audit.FanoutOptions{OnError: func(e *audit.MemberError) { reported = append(reported, e) }},
		audit.Durable(a), audit.Durable(b), audit.BestEffort(c))
	a.set(1)
	record(t, f, 1)
	if len(reported) != 1 || reported[0].Name != "0:*audit_test.faulty" || !reported[0].Durable || reported[0].Event.ID != "id-1" ||
		!errors.Is(reported[0], errDown) || !errors.Is(reported[0], nguard.ErrUnavailable) {
		t.Fatalf("reported %v", reported)
	}
	a.set(1)
	b.set(1)
	err := f.Record(t.Context(), event(2, nguard.ClassChange))
	if !errors.Is(err, nguard.ErrUnavailable) || !errors.Is(err, errDown) || strings.Count(err.Error(), "faulty") != 2 {
		t.Errorf("with the copy alone: %v", err)
	}
	equalIDs(t, ids(c.Events()), 1, 2)
}

// TestFanoutGap: a loss is in the log that has it, before the next record.
func TestFanoutGap(t *testing.T) {
	m := &audit.Memory{}
	a := &faulty{Sink: m}
	f := fanout(t, audit.FanoutOptions{}, audit.Durable(&audit.Memory{}), audit.BestEffort(a))
	record(t, f, 1)
	a.set(3) // the gap record fails once, too
	for n := 2; n <= 4; n++ {
		record(t, f, n)
	}
	record(t, f, 5)
	record(t, f, 6)
	got := m.Events()
	if len(got) != 4 || got[0].ID != "id-1" || got[2].ID != "id-5" || got[3].ID != "id-6" {
		t.Fatalf("got %q", ids(got))
	}
	isGap(t, got[1], 3, 2, 4)
}

// isGap checks a gap record of n records, from event number from to event number to.
func isGap(t *testing.T, e nguard.Event, n, from, to int) {
	t.Helper()
	at := func(n int) string {
		return clock.Add(time.Duration(n) * time.Second).Format("2006-01-02T15:04:05.000000000Z")
	}
	want := nguard.Change{Field: "time", From: at(from), To: at(to)}
	if e.Name != nguard.EventMonitorDisabled || e.Class != nguard.ClassSystem || e.Action != audit.GapAction || e.Count != n ||
		e.ID == "" || len(e.Changes) != 1 || e.Changes[0] != want {
		t.Errorf("gap record %+v, want %d, %v", e, n, want)
	}
}

// TestFanoutHang is the other half of M7: a sink that hangs adds its deadline, then nothing; its calls
// do not pile up; and it is back when it answers.
func TestFanoutHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &audit.Memory{}
		hung := newGate(m)
		open := hung.close()
		f := fanout(t, audit.FanoutOptions{Deadline: time.Second}, audit.Durable(&audit.Memory{}), audit.Durable(hung))
		for n := range 10 {
			start := time.Now()
			record(t, f, n)
			want := time.Second
			if n >= 4 {
				want = 0
			}
			if took := time.Since(start); took != want {
				t.Errorf("record %d took %v, want %v", n, took, want)
			}
		}
		if n := hung.hanging(); n != 4 {
			t.Errorf("%d calls hang", n)
		}
		open()
		synctest.Wait()
		record(t, f, 10)
		missing := 0 // what hung came through late, and counts as missing all the same
		for _, e := range m.Events() {
			missing += e.Count
		}
		if got := ids(m.Events()); got[len(got)-1] != "id-10" || missing != 10 {
			t.Errorf("got %q, %d missing", got, missing)
		}
	})
}

// TestFanoutBurst: a slow sink that is asked by very many at once has a bounded number of calls.
func TestFanoutBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &audit.Memory{}
		slow := newGate(m)
		open := slow.close()
		f := fanout(t, audit.FanoutOptions{Deadline: time.Minute}, audit.Durable(slow))
		var wg sync.WaitGroup
		for n := range 1000 {
			wg.Go(func() {
				if err := f.Record(t.Context(), event(n, nguard.ClassChange)); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if n := slow.hanging(); n != 256 {
			t.Errorf("%d calls under way", n)
		}
		open()
		wg.Wait()
		if m.Total() != 1000 {
			t.Errorf("%d of 1000", m.Total())
		}
		open = slow.close()
		for n := range 300 {
			wg.Go(func() {
				err := f.Record(t.Context(), event(n, nguard.ClassChange))
				if !errors.Is(err, nguard.ErrUnavailable) {
					t.Errorf("hanging: %v", err)
				}
			})
		}
		wg.Wait()
		open()
		synctest.Wait()
	})
}

func TestFanoutCallersDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hung := newGate(&audit.Memory{})
		open := hung.close()
		f := fanout(t, audit.FanoutOptions{Deadline: time.Hour}, audit.Durable(hung))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		err := f.Record(ctx, event(1, nguard.ClassChange))
		if !errors.Is(err, nguard.ErrOutcomeUnknown) || time.Since(start) != time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		open()
		synctest.Wait()
	})
}

func TestPanicsAreErrors(t *testing.T) {
	panics := nguard.SinkFunc(func(context.Context, nguard.Event) error { panic("boom") })
	m := &audit.Memory{}
	f := fanout(t, audit.FanoutOptions{OnError: func(*audit.MemberError) { panic("bad alarm") }}, audit.Durable(panics), audit.Durable(m))
	record(t, f, 1)
	equalIDs(t, ids(m.Events()), 1)
	for _, s := range []nguard.Sink{fanout(t, audit.FanoutOptions{}, audit.Durable(panics)), audit.NewAsync(panics, audit.AsyncOptions{})} {
		if err := s.Record(t.Context(), event(1, nguard.ClassChange)); !errors.Is(err, nguard.ErrUnavailable) {
			t.Errorf("%T: %v", s, err)
		}
	}
}

func TestFanoutDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &audit.Memory{}
		down := &faulty{Sink: &audit.Memory{}, fails: 1 << 30}
		a, b := audit.NewAsync(m, audit.AsyncOptions{}), audit.NewAsync(down, audit.AsyncOptions{})
		f := fanout(t, audit.FanoutOptions{}, audit.Durable(a), audit.BestEffort(b), audit.BestEffort(&audit.Memory{}))
		if err := f.Record(t.Context(), event(1, nguard.ClassObservation)); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := f.Drain(ctx); !errors.Is(err, nguard.ErrUnavailable) {
			t.Errorf("Drain with a sink that is down: %v", err)
		}
		equalIDs(t, ids(m.Events()), 1)
		down.set(0)
		if err := f.Drain(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
