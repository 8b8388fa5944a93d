package servertest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/servicetest"
	"github.com/nguard-go/nguard/stores/sqlstore"
	"github.com/nguard-go/nguard/stores/storetest"
)

// Of two transactions that wait for each other, the server ends one. The store runs it again, and both are
// done.
func deadlock(t *testing.T, s Server) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	store := s.Migrated(t, s.Open(t).Open(t))
	storetest.Login(t, store, "ada")
	storetest.Login(t, store, "eve")
	var (
		wg, both sync.WaitGroup
		runs     atomic.Int32
	)
	both.Add(2)
	for _, order := range [][2]string{{"ada", "eve"}, {"eve", "ada"}} {
		first := true
		wg.Go(func() {
			err := store.Tx(ctx, func(ctx context.Context) error {
				runs.Add(1)
				if _, err := store.Bump(ctx, order[0], nguard.BumpOpen); err != nil {
					return err
				}
				if first {
					first = false
					both.Done()
					both.Wait() // each has one lock now, and is about to ask for the other
				}
				_, err := store.Bump(ctx, order[1], nguard.BumpOpen)
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, owner := range []string{"ada", "eve"} {
		if e, err := store.Epoch(ctx, owner); err != nil || e.Open != 2 {
			t.Errorf("open is %d after 2 bumps, %v", e.Open, err)
		}
	}
	if runs.Load() < 3 {
		t.Errorf("%d runs: there was no deadlock, so that this has tested nothing", runs.Load())
	}
}

// A server that gives up waiting for a lock is asked again until the context ends; inside a transaction of the
// program's, the program is told.
func lockWait(t *testing.T, s Server) {
	ctx := context.Background()
	place := s.Open(t)
	db := place.Open(t)
	c := storetest.Login(t, s.Migrated(t, db), "ada")
	impatient := servicetest.OpenSQL(t, place.Driver, add(place.DSN(), s.Impatient))
	store := sqlstore.New(impatient, s.Dialect)

	holder, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Rollback()
	if _, err := holder.Exec(`UPDATE nguard_sessions SET created = created + 1`); err != nil {
		t.Fatal(err)
	}
	tx, err := impatient.Begin()
	if err != nil {
		t.Fatal(err)
	}
	err = store.Delete(nguard.WithTx(ctx, impatient, tx), "ada", c.ID)
	if !errors.Is(err, nguard.ErrUnavailable) || errors.Is(err, nguard.ErrOutcomeUnknown) {
		t.Fatalf("got %v, want ErrUnavailable", err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}

	done := make(chan error)
	go func() { done <- store.Delete(ctx, "ada", c.ID) }()
	select {
	case err := <-done:
		t.Fatalf("got %v while the row was locked", err)
	case <-time.After(1500 * time.Millisecond): // longer than the server waits
	}
	if err := holder.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// Tables may be altered under a running store: its prepared statements are prepared again.
func alter(t *testing.T, s Server) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	db := s.Open(t).Open(t)
	store := s.Migrated(t, db)
	c := storetest.Login(t, store, "ada")
	f := c.Found
	for _, change := range []string{
		`ALTER TABLE nguard_sessions ADD COLUMN note TEXT`,
		`ALTER TABLE nguard_epochs ADD COLUMN note TEXT`,
		`ALTER TABLE nguard_sessions DROP COLUMN note`,
	} {
		if _, err := db.Exec(change); err != nil {
			t.Fatal(err)
		}
		_, err := store.Replace(ctx, f, storetest.Next(f), false)
		if err != nil {
			t.Fatalf("%s: %v", change, err)
		}
		if f, err = store.Load(ctx, c.Live); err != nil {
			t.Fatalf("%s: %v", change, err)
		}
		if _, err = store.Bump(ctx, "ada", nguard.BumpChange); err != nil {
			t.Fatalf("%s: %v", change, err)
		}
		storetest.Login(t, store, "ada")
	}
}
