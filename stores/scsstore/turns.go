package scsstore

import (
	"context"
	"sync"
)

// turns lets one at a time change what belongs to an owner. Each owner has a lock of their own, which
// exists while somebody holds it or waits for it: a backend that hangs on one person's value holds up
// nobody else. Waiting ends with the context.
type turns struct {
	mu sync.Mutex
	m  map[string]*turn
}

type turn struct {
	held    chan struct{} // holds one token while the turn is taken
	waiting int           // holders and waiters
}

// take waits for the owner's turn, and returns what gives it back. That may be called by any goroutine.
func (t *turns) take(ctx context.Context, owner string) (done func(), err error) {
	t.mu.Lock()
	own := t.m[owner]
	if own == nil {
		own = &turn{held: make(chan struct{}, 1)}
		t.m[owner] = own
	}
	own.waiting++
	t.mu.Unlock()
	select {
	case own.held <- struct{}{}:
		return func() {
			<-own.held
			t.leave(owner, own)
		}, nil
	case <-ctx.Done():
		t.leave(owner, own)
		return nil, unavailable(ctx.Err())
	}
}

func (t *turns) leave(owner string, own *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if own.waiting--; own.waiting == 0 {
		delete(t.m, owner)
	}
}
