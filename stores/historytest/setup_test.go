package historytest

import (
	"sync"
	"time"
)

// trouble is what happens to clients in the middle of calls.
type trouble string

const (
	none    trouble = "calm"
	leaving trouble = "leaving" // contexts end
	cutting trouble = "cut"     // all connections break
)

// setup is a store under test: a handle for each client, and one for the first and the last calls, which
// nothing disturbs.
type setup struct {
	clients []store
	calm    store
	// cut breaks the connections of all clients; nil where there are none.
	cut func()
	// moment is about as long as a call takes: what disturbs one happens within it.
	moment time.Duration
	// every says that one of so many calls is of somebody who leaves. Cuts are an eighth of that: each meets the
	// calls of all clients. Where connections take long to make, there are fewer.
	every int
	// near says that the store is in this process.
	near bool
	// caps says that each history has a cap: more of the calls are logins.
	caps bool
}

// line is where clients wait for each other before each turn, so that their calls come at once: without it
// a fast store has answered one of them before the next has begun.
type line struct {
	mu      sync.Mutex
	n, here int
	start   chan struct{}
}

func newLine(n int) *line { return &line{n: n, start: make(chan struct{})} }

func (l *line) wait() {
	l.mu.Lock()
	start := l.start
	if l.here++; l.here == l.n {
		l.here, l.start = 0, make(chan struct{})
		close(start)
	}
	l.mu.Unlock()
	<-start
}
