package adaptertest

import (
	"fmt"
	"slices"
	"strings"

	nguard "github.com/nguard-go/nguard/core"
)

// await returns the first record that matches, waiting for the backlog if it must.
func (w *world) await(what string, match func(nguard.Event) bool) (found nguard.Event) {
	w.t.Helper()
	there := func() bool {
		list := w.back.read()
		i := slices.IndexFunc(list, match)
		if i >= 0 {
			found = list[i]
		}
		return i >= 0
	}
	if !soon(there) {
		w.t.Fatalf("no audit record: %s; there are: %s", what, describe(w.back.read()))
	}
	return found
}

// awaitEvent waits for a record by name and outcome.
func (w *world) awaitEvent(name string, o nguard.Outcome) nguard.Event {
	w.t.Helper()
	return w.await(name+" "+string(o), func(e nguard.Event) bool { return e.Name == name && e.Outcome == o })
}

func describe(events []nguard.Event) string {
	var b strings.Builder
	for _, e := range events {
		fmt.Fprintf(&b, "\n  %s %s actor=%s target=%s action=%s rule=%s reason=%q %v", e.Name, e.Outcome, e.Actor, e.Target, e.Action, e.Rule, e.Reason, e.Changes)
	}
	return b.String()
}

// recorded is the first record of a name that there is by now.
func (w *world) recorded(name string) (nguard.Event, bool) {
	w.t.Helper()
	for _, e := range w.back.read() {
		if e.Name == name {
			return e, true
		}
	}
	return nguard.Event{}, false
}

// writerFunc is where a log goes.
type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
