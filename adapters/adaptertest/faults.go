package adaptertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
)

// innards is what a fault of a dependency says. None of it may ever reach a client.
const innards = "pq: syntax error at SELECT secret FROM nguard_sessions WHERE host=10.0.0.7 /var/lib/app/main.go:42 goroutine 7 [running]"

var errBroken = errors.New(innards)

// fault stands around one call of a store, users table or sink: it may run it or not, before or after
// failing, hanging or ending the goroutine. Nil lets all calls pass.
type fault func(ctx context.Context, op string, run func() error) error

// storeOps and all others are the operations by what they belong to.
var (
	storeOps = []string{"create", "load", "replace", "touch", "delete", "find", "list", "epoch",
		"bump open", "bump close", "bump settle", "bump change", "bump revoke"}
	usersOps = []string{"user", "identify", "authenticate", "update user"}
	sinkOps  = []string{"record attempt", "record success", "record failure", "record denied", "record limited"}
)

// faults is the switch of a faulty world, and its meter.
type faults struct {
	mu    sync.Mutex
	fault fault
	calls map[string]int
}

func (f *faults) set(x fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = x
}

// broken makes the named operations fail without effect; with no name all do.
func (f *faults) broken(ops ...string) {
	f.set(func(_ context.Context, op string, run func() error) error {
		if len(ops) == 0 || slices.Contains(ops, op) {
			return errBroken
		}
		return run()
	})
}

func (f *faults) mend() { f.set(nil) }

// unswept is x, which may be nil, with sweeps that do nothing. A request begins one in the background, and where
// a case has put the guard's clock far ahead of the store's, it would close what has just been opened.
func unswept(x fault) fault {
	return func(ctx context.Context, op string, run func() error) error {
		switch {
		case op == "sweep":
			return nil
		case x == nil:
			return run()
		}
		return x(ctx, op, run)
	}
}

// count returns how often each operation was called since the last count.
func (f *faults) count() map[string]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	calls := f.calls
	f.calls = nil
	return calls
}

func (f *faults) around(ctx context.Context, op string, run func() error) error {
	f.mu.Lock()
	x := f.fault
	if f.calls == nil {
		f.calls = map[string]int{}
	}
	f.calls[op]++
	f.mu.Unlock()
	if x == nil {
		return run()
	}
	return x(ctx, op, run)
}

// counted says whether a call belongs to a request, or to what a case has marked: sweeps and the backlog of
// records run beside it, and would make every count another each time.
func counted(ctx context.Context) bool {
	_, ok := nguard.FromContext(ctx)
	return ok || ctx.Value(countedKey{}) != nil
}

type countedKey struct{}

// faulty puts faults around what b consists of. Abilities that are not wrapped are found through Unwrap.
func faulty(b backing) (backing, *faults) {
	f := &faults{}
	b.store = &faultyStore{Store: b.store, f: f}
	b.users = &faultyUsers{inner: b.users.(fullUsers), f: f}
	b.sink = &faultySink{inner: b.sink, f: f}
	return b, f
}

// eachFaulty is each, with faults.
func (k *kit) eachFaulty(t *testing.T, fn func(t *testing.T, w *world, f *faults), options ...func(*nguard.Config)) {
	t.Helper()
	b, f := faulty(k.open(t))
	w := newWorld(t, b, options...)
	t.Cleanup(f.mend) // before the guard shuts down
	fn(t, w, f)
}

// ability finds a part along the chain of Unwrap, as the guard does.
func ability[T any](v any) T {
	t, ok := nguard.Ability[T](v)
	if !ok {
		panic(fmt.Sprintf("no %T", *new(T)))
	}
	return t
}
