package sqlitetest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/sqlstore"
	"github.com/nguard-go/nguard/stores/storetest"
)

// The store works in a transaction that the program began, with statements of the program's own.
func TestProgramsTransaction(t *testing.T) {
	ctx := context.Background()
	db := handle(t, file(t), advised)
	s := migrated(t, db)
	if _, err := db.Exec(`CREATE TABLE users (id TEXT PRIMARY KEY)`); err != nil {
		t.Fatal(err)
	}
	c := storetest.Login(t, s, "ada")
	for _, commit := range []bool{false, true} {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(`INSERT INTO users VALUES ('ada')`); err != nil {
			t.Fatal(err)
		}
		in := nguard.WithTx(ctx, db, tx)
		if err := s.Delete(in, "ada", c.ID); err != nil {
			t.Fatal(err)
		}
		if err := s.Tx(in, func(ctx context.Context) error { _, err := s.Bump(ctx, "ada", nguard.BumpRevoke); return err }); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Sweep(in, time.Now(), 10); err != nil {
			t.Fatal(err)
		}
		end := tx.Rollback
		if commit {
			end = tx.Commit
		}
		if err := end(); err != nil {
			t.Fatal(err)
		}
		_, err = s.Load(ctx, c.Live)
		if gone := errors.Is(err, nguard.ErrNoSession); gone != commit {
			t.Fatalf("commit %v: %v", commit, err)
		}
	}
}

// A transaction on another handle is none of the store's business.
func TestOthersTransaction(t *testing.T) {
	ctx := context.Background()
	s := migrated(t, handle(t, file(t), advised))
	other := handle(t, file(t), advised)
	tx, err := other.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	c, err := s.Create(nguard.WithTx(ctx, other, tx), storetest.Record(t, s, "ada"), nguard.Cap{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load(ctx, c.Live); err != nil {
		t.Fatal(err)
	}
}

// A pool of one connection never waits for a second: not when the first statements that a store runs
// run inside a transaction, nor later.
func TestPoolOfOne(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	db := handle(t, ":memory:", "")
	db.SetMaxOpenConns(1)
	migrated(t, db)
	s := sqlstore.New(db, sqlstore.SQLite)
	r := storetest.Record(t, migrated(t, db), "ada")
	for range 2 {
		err := s.Tx(ctx, func(ctx context.Context) error {
			c, err := s.Create(ctx, r, nguard.Cap{Max: 1, EvictOldest: true, Now: time.Now()})
			if err != nil {
				return err
			}
			f, err := s.Load(ctx, c.Live)
			if err != nil {
				return err
			}
			if _, err = s.Replace(ctx, f, storetest.Next(f), true); err != nil {
				return err
			}
			if _, err = s.Bump(ctx, "ada", nguard.BumpChange); err != nil {
				return err
			}
			list, err := s.List(ctx, "ada", "", 10)
			if err == nil && len(list) != 1 {
				t.Errorf("got %d sessions", len(list))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// A transaction of the store's waits for its right to write before it runs anything, so that in WAL mode
// one that reads first and writes then is not refused in its middle and run again.
func TestTxRunsOnce(t *testing.T) {
	s := migrated(t, handle(t, file(t), advised))
	c := storetest.Login(t, s, "ada")
	var wg sync.WaitGroup
	var runs atomic.Int32
	for range 10 {
		wg.Go(func() {
			for range 10 {
				err := s.Tx(context.Background(), func(ctx context.Context) error {
					runs.Add(1)
					f, err := s.Load(ctx, c.Live)
					if err != nil {
						return err
					}
					_, err = s.Replace(ctx, f, storetest.Next(f), false)
					return err
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if f, err := s.Load(context.Background(), c.Live); err != nil || f.Version != 101 || runs.Load() != 100 {
		t.Fatalf("version %d after %d runs, %v", f.Version, runs.Load(), err)
	}
}

// Sessions outlive the process.
func TestReopen(t *testing.T) {
	ctx := context.Background()
	path := file(t)
	first := handle(t, path, advised)
	s := migrated(t, first)
	c := storetest.Login(t, s, "ada")
	f, err := s.Replace(ctx, c.Found, storetest.Next(c.Found), true)
	if err != nil {
		t.Fatal(err)
	}
	gone := storetest.Login(t, s, "ada")
	if err := s.Delete(ctx, "ada", gone.ID); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	s = migrated(t, handle(t, path, advised))
	g, err := s.Load(ctx, f.Live)
	if err != nil || string(g.Encode()) != string(f.Encode()) || g.User != f.User || g.Match != nguard.Current {
		t.Fatalf("got %+v, %v", g, err)
	}
	if h, err := s.Load(ctx, c.Live); err != nil || h.Match != nguard.Previous || h.Live != f.Live {
		t.Fatalf("got match %d, %v", h.Match, err)
	}
	if _, err := s.Load(ctx, gone.Live); !errors.Is(err, nguard.ErrNoSession) {
		t.Fatalf("got %v", err)
	}
}
