package servertest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/servicetest"
	"github.com/nguard-go/nguard/stores/sqlstore"
	"github.com/nguard-go/nguard/stores/storetest"
)

// PoolOfOne checks that a pool of one connection never waits for a second: not when the first statements that a store
// runs run inside a transaction, nor later.
func (s Server) PoolOfOne(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	db := s.Open(t).Open(t)
	db.SetMaxOpenConns(1)
	r := storetest.Record(t, s.Migrated(t, db), "ada")
	store := sqlstore.New(db, s.Dialect)
	for range 2 {
		err := store.Tx(ctx, func(ctx context.Context) error {
			c, err := store.Create(ctx, r, nguard.Cap{Max: 1, EvictOldest: true, Now: time.Now()})
			if err != nil {
				return err
			}
			f, err := store.Load(ctx, c.Live)
			if err != nil {
				return err
			}
			if _, err = store.Replace(ctx, f, storetest.Next(f), true); err != nil {
				return err
			}
			if _, err = store.Bump(ctx, "ada", nguard.BumpChange); err != nil {
				return err
			}
			list, err := store.List(ctx, "ada", "", 10)
			if err == nil && len(list) != 1 {
				t.Errorf("got %d sessions", len(list))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := store.Sweep(ctx, time.Now().Add(48*time.Hour), 10); err != nil {
			t.Fatal(err)
		}
		r = storetest.Record(t, store, "ada")
	}
}

// A handle that the program has closed is an outage, and nothing has changed.
func closed(t *testing.T, s Server) {
	place := s.Open(t)
	db := place.Open(t)
	store := s.Migrated(t, db)
	c := storetest.Login(t, store, "ada")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, store := range []*sqlstore.Store{store, sqlstore.New(db, s.Dialect)} {
		errs := every(t.Context(), store, c)
		errs["Migrate"] = store.Migrate(t.Context())
		unavailable(t, errs)
	}
	unchanged(t, s.Migrated(t, place.Open(t)), c)
}

// Who waits for a connection of the pool until the context ends has sent nothing, and is told so.
func waiting(t *testing.T, s Server) {
	db := s.Open(t).Open(t)
	store := s.Migrated(t, db)
	c := storetest.Login(t, store, "ada")
	for method, err := range every(t.Context(), store, c) { // so that the statements are prepared
		if err != nil {
			t.Fatalf("%s: %v", method, err)
		}
	}
	db.SetMaxOpenConns(1)
	held, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	for method, call := range map[string]func(ctx context.Context) error{
		"Replace": func(ctx context.Context) error {
			_, err := store.Replace(ctx, c.Found, storetest.Next(c.Found), true)
			return err
		},
		"Touch":  func(ctx context.Context) error { _, err := store.Touch(ctx, c.Found, time.Now()); return err },
		"Delete": func(ctx context.Context) error { return store.Delete(ctx, c.Owner, c.ID) },
		"Bump":   func(ctx context.Context) error { _, err := store.Bump(ctx, c.Owner, nguard.BumpRevoke); return err },
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		err := call(ctx)
		cancel()
		if !errors.Is(err, nguard.ErrUnavailable) || errors.Is(err, nguard.ErrOutcomeUnknown) {
			t.Errorf("%s: got %v, want ErrUnavailable and no unknown outcome", method, err)
		}
	}
}

// A context that ends takes its own connection along and leaves the others what they are: nobody gets another's
// answer (K10).
func contexts(t *testing.T, s Server) {
	db := s.Open(t).Open(t)
	db.SetMaxOpenConns(4)
	db.SetMaxIdleConns(4)
	store := s.Migrated(t, db)
	var wg sync.WaitGroup
	for i := range 40 {
		owner := fmt.Sprint("user", i)
		c := storetest.Login(t, store, owner)
		wg.Go(func() {
			for n := range 30 {
				ctx, cancel := context.WithCancel(context.Background())
				cancelled := n%3 == i%3
				if cancelled {
					go func() {
						for range (n * i) % 50 {
							runtime.Gosched()
						}
						cancel()
					}()
				}
				f, err := store.Load(ctx, c.Live)
				cancel()
				switch {
				case err == nil && (f.Owner != owner || f.ID != c.ID || f.User != c.Stamp):
					t.Errorf("%s got the session %s of %s", owner, f.ID, f.Owner)
				case err != nil && (!cancelled || !errors.Is(err, nguard.ErrUnavailable)):
					t.Errorf("got %v; cancelled: %v", err, cancelled)
				}
			}
		})
	}
	wg.Wait()
	// One whose call was broken off is closed beside it, a moment later.
	servicetest.Until(t, "connections that nobody uses are given back", func() bool { return db.Stats().InUse == 0 })
}
