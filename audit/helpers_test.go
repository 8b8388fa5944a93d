package audit_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

var clock = time.Date(2026, 2, 3, 4, 5, 6, 7000, time.UTC)

// event is a small event of a class.
func event(n int, c nguard.Class) nguard.Event {
	return nguard.Event{
		ID: fmt.Sprint("id-", n), Time: clock.Add(time.Duration(n) * time.Second), Name: nguard.EventAuthzFail,
		Outcome: nguard.Denied, Class: c, Actor: "user-1", Target: "user-2",
		Changes: []nguard.Change{{Field: "role", From: "user", To: "admin"}},
		IP:      "203.0.113.7", UserAgent: "Browser/1.0",
	}
}

// gate is a sink that hangs, whatever its deadline, while it is closed.
type gate struct {
	nguard.Sink
	mu      sync.Mutex
	open    chan struct{}
	waiting int
}

func newGate(s nguard.Sink) *gate { return &gate{Sink: s} }

func (g *gate) close() (open func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := make(chan struct{})
	g.open = c
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.open = nil
		close(c)
	}
}

func (g *gate) Record(ctx context.Context, e nguard.Event) error {
	g.mu.Lock()
	open := g.open
	if open != nil {
		g.waiting++
	}
	g.mu.Unlock()
	if open != nil {
		<-open
		g.mu.Lock()
		g.waiting--
		g.mu.Unlock()
	}
	return g.Sink.Record(ctx, e)
}

func (g *gate) hanging() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.waiting
}

var errDown = errors.New("down")

// faulty is a sink that fails as often as it is told to.
type faulty struct {
	nguard.Sink
	mu    sync.Mutex
	fails int
}

func (f *faulty) set(fails int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fails = fails
}

func (f *faulty) Record(ctx context.Context, e nguard.Event) error {
	f.mu.Lock()
	down := f.fails > 0
	if down {
		f.fails--
	}
	f.mu.Unlock()
	if down {
		return errDown
	}
	return f.Sink.Record(ctx, e)
}
