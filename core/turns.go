package nguard

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// turns lets requests of one process that have collided on one session go one after the other. It only
// saves work: of n that retry at once, one would win each round. Correctness comes from the compare
// and swap, so a turn is taken after the first collision only, and whoever holds it too long, such as a
// function of the program that blocks, is overtaken (ASVS 15.4.4).
type turns struct {
	mu sync.Mutex
	m  map[string]*turn
}

// turn is free while its channel is empty. Who waits to send into it is served in order.
type turn struct {
	free   chan struct{}
	holder atomic.Pointer[hold]
	users  int
}

// hold is one holding of a turn; only its identity counts, so it must not be of size zero.
type hold struct{ _ byte }

// turnWait is how long one holder is waited for. It is overtaken by one of those who wait, and the others wait for
// that one: on a slow store, all who left the queue would write at once, and starve each other.
const turnWait = 250 * time.Millisecond

// wait returns the holding, or nil when ctx ends first.
func (t *turn) wait(ctx context.Context) *hold {
	own := new(hold)
	timer := time.NewTimer(turnWait)
	defer timer.Stop()
	for {
		seen := t.holder.Load()
		select {
		case t.free <- struct{}{}:
			t.holder.Store(own)
			return own
		case <-timer.C:
			if seen != nil && t.holder.CompareAndSwap(seen, own) {
				return own // in the place of seen, whose give is without effect from now on
			}
			timer.Reset(turnWait)
		case <-ctx.Done():
			return nil
		}
	}
}

// give gives the turn back, unless own was overtaken.
func (t *turn) give(own *hold) {
	if own != nil && t.holder.CompareAndSwap(own, nil) {
		<-t.free
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
		own.give(held)
		t.mu.Lock()
		defer t.mu.Unlock()
		if own.users--; own.users == 0 {
			delete(t.m, key)
		}
	}
}
