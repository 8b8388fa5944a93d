package nguard

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// Watcher is offered by a store that tells of changes as they happen, whichever process makes them. It is
// optional, and found along Unwrap by [New]. Streams of events live on it; without one they look every
// [Streams].Poll.
type Watcher interface {
	// Watch calls fn with each owner of whom a session has been replaced or deleted, or whose epoch has
	// been bumped, after that can be read, until ctx ends or it cannot go on; the error says why. Touches
	// are no changes. An owner may be named more than once, or without a change, and many at once as one.
	//
	// fn("") says that everybody is to be looked at. Watch calls it once it hears, and whenever something
	// may have been missed: what happened before is then found by reading. fn does not block and may be
	// called by several goroutines, but not after Watch has returned. Nothing but the owner's key is ever
	// told: no value, no token, no handle.
	Watch(ctx context.Context, fn func(owner string)) error
}

// A watch is one span of time in which a store is listened to: from the first stream of events to the last.
type watch struct {
	hub    *hub
	cancel context.CancelFunc
	hears  atomic.Bool // streams need not poll at their full pace
}

// run listens until ctx ends. A store that cannot be heard is tried again, later each time; streams poll
// meanwhile.
func (w *watch) run(ctx context.Context) {
	for try := 0; ctx.Err() == nil; try++ {
		err := w.hub.g.guarded(ctx, "store.watch", func() error { return w.hub.watcher.Watch(ctx, w.heard) })
		if w.hears.Swap(false) {
			try = 0
			w.hub.wakeAll() // they were to look again much later
		}
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = fmt.Errorf("%w: it returned", ErrUnavailable)
		}
		w.hub.g.log.WarnContext(ctx, "nguard: changes in the store are not heard of", "err", err)
		most := min(watchAgain<<min(try, 10), watchAgainMost)
		pause(ctx, most/2+rand.N(most/2))
	}
}

// The pauses before a store is listened to again, of which a random half is taken off, so that processes do
// not come back all at once.
const (
	watchAgain     = 100 * time.Millisecond
	watchAgainMost = 10 * time.Second
)

func (w *watch) heard(owner string) {
	if owner != "" {
		w.hub.wake(owner)
		return
	}
	w.hears.Store(true)
	w.hub.wakeAll()
}
