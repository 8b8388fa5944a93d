package servicetest

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

// Until waits for a condition, for half a minute at most, and ends the test when it does not come true. It returns
// how long that took.
func Until(t testing.TB, what string, done func() bool) time.Duration {
	t.Helper()
	begin := time.Now()
	for ; !done(); time.Sleep(10 * time.Millisecond) {
		if time.Since(begin) > 30*time.Second {
			t.Fatalf("waited half a minute in vain: %s", what)
		}
	}
	return time.Since(begin)
}

// Goroutines waits until no more than n of them run.
func Goroutines(t testing.TB, n int) {
	t.Helper()
	Until(t, "the goroutines have gone", func() bool { return runtime.NumGoroutine() <= n })
}

// Leaving makes a call again and again, with a context that ends when it is asked whether it has: the first time
// in the first call, one time later in each that follows, until a call is over before that. After each, somebody
// else makes another, who is to be done within ten seconds whatever the first has left behind.
func Leaving(t testing.TB, call, other func(ctx context.Context) error) {
	t.Helper()
	left := 0
	for n, over := int32(1), false; !over; n++ {
		ctx, cancel := context.WithCancel(t.Context())
		l := &leaving{Context: ctx, cancel: cancel}
		l.questions.Store(n)
		first := call(l)
		cancel()
		if first != nil {
			left++
		}
		over = l.questions.Load() > 0 // it was not asked as often as that
		soon, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		err := other(soon)
		cancel()
		if err != nil {
			t.Fatalf("after one that left at question %d, with %v: %v", n, first, err)
		}
	}
	if left < 3 {
		t.Errorf("left %d times only: this has tested nothing", left)
	}
}

// leaving is a context that ends when it is asked for the last one of so many times whether it has.
type leaving struct {
	context.Context
	cancel    context.CancelFunc
	questions atomic.Int32
}

func (l *leaving) Done() <-chan struct{} {
	if l.questions.Add(-1) == 0 {
		l.cancel()
	}
	return l.Context.Done()
}
