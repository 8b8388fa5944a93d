package mysqltest

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nguard-go/nguard/stores/servicetest"
	"github.com/nguard-go/nguard/stores/sqlstore"
)

// leaving is a context that ends when it is asked for the n-th time whether it has.
type leaving struct {
	context.Context
	cancel context.CancelFunc
	n      atomic.Int32
}

func (l *leaving) Done() <-chan struct{} {
	if l.n.Add(-1) == 0 {
		l.cancel()
	}
	return l.Context.Done()
}

// Whoever leaves a migration, at whatever moment, keeps nobody else waiting: no connection goes back to the pool
// with the lock.
func TestMigrateLeft(t *testing.T) {
	place := servicetest.MySQL(t)
	db, beside := place.Open(t), place.Open(t)
	store, other := sqlstore.New(db, sqlstore.MySQL), sqlstore.New(beside, sqlstore.MySQL)
	again := func() { // or there is nothing to do
		t.Helper()
		if _, err := beside.Exec(`DELETE FROM nguard_session_migrations`); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	left := 0
	for n, over := int32(1), false; !over; n++ {
		again()
		ctx, cancel := context.WithCancel(t.Context())
		l := &leaving{Context: ctx, cancel: cancel}
		l.n.Store(n)
		first := store.Migrate(l)
		cancel()
		if first != nil {
			left++
			again() // it may have got as far as to note it
		}
		over = l.n.Load() > 0 // it was not asked as often as that
		soon, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		err := other.Migrate(soon)
		cancel()
		if err != nil {
			t.Fatalf("after one that left at question %d, with %v: %v", n, first, err)
		}
	}
	if left < 3 {
		t.Errorf("left %d times only: this has tested nothing", left)
	}
}
