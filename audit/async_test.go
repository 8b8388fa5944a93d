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

// TestAsyncClasses: only observations wait in memory.
func TestAsyncClasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &audit.Memory{}
		down := &faulty{Sink: m}
		a := audit.NewAsync(down, audit.AsyncOptions{})
		for _, c := range []nguard.Class{nguard.ClassChange, nguard.ClassEnd, nguard.ClassSystem, ""} {
			down.set(1)
			if err := a.Record(t.Context(), event(1, c)); !errors.Is(err, errDown) {
				t.Errorf("class %q: %v, want the sink's answer", c, err)
			}
		}
		down.set(1)
		if err := a.Record(t.Context(), event(2, nguard.ClassObservation)); err != nil {
			t.Error(err)
		}
		synctest.Wait() // failed once, waits for its second try
		record(t, a, 3) // overtakes
		if err := a.Drain(t.Context()); err != nil {
			t.Error(err)
		}
		equalIDs(t, ids(m.Events()), 3, 2)
	})
}

// TestAsyncAll: a copy may wait with every class. Nobody who records waits for it, the order stays, retries
// and the count of what is missing are the same, and Drain writes what is left.
func TestAsyncAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &audit.Memory{}
		slow := newGate(m)
		open := slow.close()
		a := audit.NewAsync(slow, audit.AsyncOptions{All: true, Queue: 6})
		trail := &audit.Memory{}
		both := fanout(t, audit.FanoutOptions{}, audit.Durable(trail), audit.BestEffort(a))
		classes := []nguard.Class{nguard.ClassChange, nguard.ClassObservation, nguard.ClassEnd, nguard.ClassSystem}
		start := time.Now()
		for n := range 8 {
			if err := both.Record(t.Context(), event(n, classes[n%len(classes)])); err != nil {
				t.Error(err)
			}
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("recording waited %v for the copy", took)
		}
		if len(trail.Events()) != 8 || a.Dropped() != 2 {
			t.Errorf("%d in the durable sink, %d dropped from the queue of 6", len(trail.Events()), a.Dropped())
		}
		open()
		if err := both.Drain(t.Context()); err != nil {
			t.Error(err)
		}
		got := m.Events()
		if len(got) != 7 {
			t.Fatalf("got %q", ids(got))
		}
		isGap(t, got[6], 2, 6, 7)
		equalIDs(t, ids(got[:6]), 0, 1, 2, 3, 4, 5)

		m.Reset()
		down := &faulty{Sink: m}
		down.set(2)
		a = audit.NewAsync(down, audit.AsyncOptions{All: true, Tries: 3})
		if err := a.Record(t.Context(), event(9, nguard.ClassChange)); err != nil {
			t.Errorf("a copy that fails at first: %v", err)
		}
		if err := a.Drain(t.Context()); err != nil {
			t.Error(err)
		}
		equalIDs(t, ids(m.Events()), 9)
	})
}

// TestAsyncFlood is checklist M10: memory is bounded, and what is missing is counted in the log,
// before the next record.
func TestAsyncFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := audit.NewMemory(1 << 20)
		slow := newGate(m)
		open := slow.close()
		var told []error
		a := audit.NewAsync(slow, audit.AsyncOptions{Queue: 10, OnError: func(err error) { told = append(told, err) }})
		observe := func(n int) {
			if err := a.Record(t.Context(), event(n, nguard.ClassObservation)); err != nil {
				t.Error(err)
			}
		}
		for n := range 100 {
			observe(n)
		}
		if a.Dropped() != 90 || len(told) != 1 || !strings.Contains(told[0].Error(), "full") {
			t.Errorf("dropped %d, told %v", a.Dropped(), told)
		}
		open()
		synctest.Wait() // nothing follows, and still the loss is written
		observe(100)
		synctest.Wait()
		got := m.Events()
		if len(got) != 12 || got[9].ID != "id-9" || got[11].ID != "id-100" {
			t.Fatalf("got %q", ids(got))
		}
		isGap(t, got[10], 90, 10, 99)
	})
}

// TestAsyncFloodConcurrent: whatever the pace, records and counts add up.
func TestAsyncFloodConcurrent(t *testing.T) {
	m := audit.NewMemory(1 << 20)
	a := audit.NewAsync(m, audit.AsyncOptions{Queue: 16})
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 5000 {
				if err := a.Record(t.Context(), event(g*5000+i, nguard.ClassObservation)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if err := a.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	written, missing, gaps := 0, 0, 0
	for _, e := range m.Events() {
		if e.Action == audit.GapAction {
			gaps++
			missing += e.Count
		} else {
			written++
		}
	}
	if written+missing != 40_000 || missing != a.Dropped() {
		t.Errorf("%d written, %d missing, %d dropped", written, missing, a.Dropped())
	}
	if gaps > written/7+1 { // half a queue between two losses, of which the gap is one record
		t.Errorf("%d gap records for %d records", gaps, written)
	}
}

// TestAsyncRetries: a failing sink is tried with growing pauses; a record that fails too often is a
// gap, which is tried without end.
func TestAsyncRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &audit.Memory{}
		written := make(chan struct{}, 10)
		down := &faulty{Sink: nguard.SinkFunc(func(ctx context.Context, e nguard.Event) error {
			written <- struct{}{}
			return m.Record(ctx, e)
		})}
		down.set(2)
		told := 0
		a := audit.NewAsync(down, audit.AsyncOptions{Tries: 3, Backoff: time.Second, OnError: func(error) { told++; panic("bad alarm") }})
		observe := func(n int) {
			if err := a.Record(t.Context(), event(n, nguard.ClassObservation)); err != nil {
				t.Error(err)
			}
		}
		start := time.Now()
		observe(1)
		<-written
		synctest.Wait()
		if took := time.Since(start); took != 3*time.Second || told != 2 {
			t.Errorf("written after %v and %d failures", took, told)
		}
		equalIDs(t, ids(m.Events()), 1)

		m.Reset()
		down.set(20)
		observe(2)
		observe(3)
		<-written
		<-written
		synctest.Wait()
		got := m.Events()
		if len(got) != 2 || got[1].ID != "id-3" {
			t.Fatalf("got %q", ids(got))
		}
		isGap(t, got[0], 1, 2, 2)
		if a.Dropped() != 1 {
			t.Errorf("dropped %d", a.Dropped())
		}
	})
}

// TestAsyncDrain: Drain ends a pause between tries, keeps its deadline and says what is left.
func TestAsyncDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &audit.Memory{}
		down := &faulty{Sink: m}
		down.set(1)
		a := audit.NewAsync(down, audit.AsyncOptions{Backoff: time.Hour, Tries: 100})
		if err := a.Record(t.Context(), event(1, nguard.ClassObservation)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		start := time.Now()
		if err := a.Drain(t.Context()); err != nil || time.Since(start) != 0 {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		down.set(1 << 30)
		if err := a.Record(t.Context(), event(2, nguard.ClassObservation)); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := a.Drain(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, nguard.ErrUnavailable) || !strings.Contains(err.Error(), "1 records") {
			t.Errorf("Drain: %v", err)
		}
		down.set(0)
		if err := a.Drain(t.Context()); err != nil {
			t.Error(err)
		}
		equalIDs(t, ids(m.Events()), 1, 2)
	})
}

// TestAsyncContext: a queued write has a deadline of its own and nothing of the request's context,
// which may carry a transaction that is over by then.
func TestAsyncContext(t *testing.T) {
	type key struct{}
	got := make(chan context.Context, 2)
	s := nguard.SinkFunc(func(ctx context.Context, _ nguard.Event) error { got <- ctx; return nil })
	a := audit.NewAsync(s, audit.AsyncOptions{})
	ctx := context.WithValue(t.Context(), key{}, "request")
	for _, c := range []nguard.Class{nguard.ClassObservation, nguard.ClassChange} {
		if err := a.Record(ctx, event(1, c)); err != nil {
			t.Fatal(err)
		}
		seen := <-got
		_, deadline := seen.Deadline()
		if queued := c == nguard.ClassObservation; (seen.Value(key{}) == nil) != queued || deadline != queued {
			t.Errorf("class %s: value %v, deadline %v", c, seen.Value(key{}), deadline)
		}
	}
}

// TestSteady: values and deadline stay, the cancellation does not.
func TestSteady(t *testing.T) {
	type key struct{}
	at := time.Now().Add(time.Hour)
	ctx, leave := context.WithDeadline(context.WithValue(t.Context(), key{}, "value"), at)
	leave()
	kept, cancel := audit.Steady(ctx)
	if d, ok := kept.Deadline(); !ok || !d.Equal(at) || kept.Err() != nil || kept.Value(key{}) != "value" {
		t.Errorf("deadline %v %v, error %v, value %v", d, ok, kept.Err(), kept.Value(key{}))
	}
	cancel()
	if kept.Err() == nil {
		t.Error("cancel does not end it")
	}
	free, cancel := audit.Steady(t.Context())
	defer cancel()
	if _, ok := free.Deadline(); ok {
		t.Error("a deadline where there was none")
	}
}
