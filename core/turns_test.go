package nguard

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Whoever holds a turn too long is overtaken by one of those who wait, not by all at once: a slow store would
// otherwise meet the whole crowd, and most of it would starve.
func TestTurnOfSlowHolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var (
			all       turns
			wg        sync.WaitGroup
			now, most atomic.Int32
		)
		work := func(d time.Duration) {
			back := all.take(context.Background(), "a")
			defer back()
			n := now.Add(1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); {
				m = most.Load()
			}
			time.Sleep(d)
			now.Add(-1)
		}
		for range 3 {
			wg.Go(func() { work(2 * time.Second) }) // a function of the program that blocks
		}
		for range 30 {
			wg.Go(func() { work(10 * time.Millisecond) })
		}
		wg.Wait()
		if m := most.Load(); m > 4 {
			t.Errorf("%d had the turn at once: three that block and one", m)
		}
		if all.busy("a") {
			t.Error("the turn is kept when nobody waits")
		}
	})
}

// A turn comes to those who wait in the order in which they came.
func TestTurnInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all turns
		var wg sync.WaitGroup
		var order []int
		back := all.take(context.Background(), "a")
		for i := range 10 {
			wg.Go(func() {
				back := all.take(context.Background(), "a")
				defer back()
				order = append(order, i)
			})
			synctest.Wait() // it waits now
		}
		back()
		wg.Wait()
		for i, n := range order {
			if i != n {
				t.Fatalf("the order is %v", order)
			}
		}
	})
}
