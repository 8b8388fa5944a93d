package nguard

import (
	"context"
	"sync"
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
}

const turnWait = 250 * time.Millisecond

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
	held := false
	timer := time.NewTimer(turnWait)
	defer timer.Stop()
	select {
	case own.free <- struct{}{}:
		held = true
	case <-timer.C:
	case <-ctx.Done():
	}
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
