package storetest

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// Watched is a Watch under way, and what it has told.
type Watched struct {
	t      testing.TB
	cancel func()
	over   chan struct{}
	err    error // with which it has ended
	mu     sync.Mutex
	names  []string
	news   chan struct{}
}

// Watch begins to watch, and returns when that is heard to have begun. It ends with the test, at the latest.
func Watch(t testing.TB, s nguard.Watcher) *Watched {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w := &Watched{t: t, cancel: cancel, over: make(chan struct{}), news: make(chan struct{}, 1)}
	go func() {
		defer close(w.over)
		w.err = s.Watch(ctx, w.hear)
	}()
	t.Cleanup(w.stop)
	w.Told("")
	return w
}

// Ended waits until the watch has ended by itself, and returns the error that it ended with.
func (w *Watched) Ended() error {
	w.t.Helper()
	select {
	case <-w.over:
	case <-time.After(10 * time.Second):
		w.t.Fatal("Watch goes on")
	}
	return w.err
}

// Told waits until an owner is told of.
func (w *Watched) Told(owner string) {
	w.t.Helper()
	late := time.After(10 * time.Second)
	for !w.take(owner) {
		select {
		case <-w.news:
		case <-late:
			w.t.Fatalf("%q is not told of", owner)
		}
	}
}

// stop ends the context, and waits until the watch has ended.
func (w *Watched) stop() {
	w.t.Helper()
	w.cancel()
	_ = w.Ended()
}

func (w *Watched) hear(owner string) {
	w.mu.Lock()
	w.names = append(w.names, owner)
	w.mu.Unlock()
	select {
	case w.news <- struct{}{}:
	default:
	}
}

// take forgets what has been told of one owner, and reports whether there was any.
func (w *Watched) take(owner string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := len(w.names)
	w.names = slices.DeleteFunc(w.names, func(name string) bool { return name == owner })
	return len(w.names) < n
}

// forget returns what has been told and not been taken, and forgets it.
func (w *Watched) forget() (names []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	names, w.names = w.names, nil
	return names
}
