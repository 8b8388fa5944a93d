package nguard

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// turns lets requests of one process that have collided on one session go one after the other. It only
// saves work: of n that retry at once, one would win each round. Correctness comes from the compare
// and swap, so a turn is taken after the first collision only, waits a bounded time, and is given up
// for whoever holds it too long, such as a function of the program that blocks (ASVS 15.4.4).
type turns struct {
	mu sync.Mutex
	m  map[string]*turn
}

type turn struct {
	free  chan struct{}
	users int
	given atomic.Int64 // how often it was taken
}

// turnWait is how long one holder is waited for. While turns change hands the wait goes on: of many in
// the queue of a slow store, those who left it would all write at once, and starve each other.
const turnWait = 250 * time.Millisecond

func (t *turn) wait(ctx context.Context) (held bool) {
	timer := time.NewTimer(turnWait)
	defer timer.Stop()
	for given := t.given.Load(); ; {
		select {
		case t.free <- struct{}{}:
			t.given.Add(1)
			return true
		case <-timer.C:
			now := t.given.Load()
			if now == given {
				return false
			}
			given = now
			timer.Reset(turnWait)
		case <-ctx.Done():
			return false
		}
	}
}

// busy reports whether anybody waits for the turn on key, or has it.
func (t *turns) busy(key string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.m[key] != nil
}

// take waits for the turn on key and returns the function that gives it back.
func (t *turns) take(ctx context.Context, key string) (back func()) {
	t.mu.Lock()
	if t.m == nil {
		t.m = map[string]*turn{}
	}
	own := t.m[key]
	if own == nil {
		own = &turn{free: make(chan struct{}, 1)}
		t.m[key] = own
	}
	own.users++
	t.mu.Unlock()
	held := own.wait(ctx)
	return func() {
		if held {
			<-own.free
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		if own.users--; own.users == 0 {
			delete(t.m, key)
		}
	}
}
