package audittest

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// patience is how long a Record may take that a deadline should have ended long before.
const patience = 10 * time.Second

func record(t *check, h Harness, e nguard.Event) {
	t.Helper()
	if err := h.Sink.Record(t.Context(), e); err != nil {
		t.Fatalf("Record: %v", err)
	}
}

// answer returns what f returns, and fails the test when it does not.
func answer(t *check, f func() error) error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		return err
	case <-time.After(patience):
		t.Fatalf("Record did not return within %v", patience)
		return nil
	}
}

// read drains what can be drained and returns the events.
func read(t *check, h Harness) []nguard.Event {
	t.Helper()
	flush(t, h)
	events, err := h.Events()
	if err != nil {
		t.Fatalf("Harness.Events: %v", err)
	}
	return events
}

func output(t *check, h Harness) []byte {
	t.Helper()
	flush(t, h)
	text, err := h.Output()
	if err != nil {
		t.Fatalf("Harness.Output: %v", err)
	}
	return text
}

func flush(t *check, h Harness) {
	t.Helper()
	d, ok := h.Sink.(nguard.Drainer)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := d.Drain(ctx); err != nil {
		t.Fatalf("Drain: %v", err)
	}
}

func ids(events []nguard.Event) []string {
	var out []string
	for _, e := range events {
		out = append(out, e.ID)
	}
	return out
}

// fields is e as text that does not depend on how its values were stored: a number is a number, a
// masked value the text that stands for it.
func fields(e nguard.Event) string {
	e.Time = e.Time.UTC().Truncate(time.Microsecond)
	text, err := json.Marshal(e)
	if err != nil {
		return fmt.Sprintf("event %q: %v", e.ID, err)
	}
	return string(text)
}
