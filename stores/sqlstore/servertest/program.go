package servertest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/storetest"
)

// levels are what a program may begin its transactions with.
var levels = []sql.IsolationLevel{
	sql.LevelDefault, sql.LevelReadCommitted, sql.LevelRepeatableRead, sql.LevelSerializable,
}

// The store works in a transaction that the program began, of any level, with statements of the program's own.
func programsTransaction(t *testing.T, s Server) {
	ctx := context.Background()
	db := s.Open(t).Open(t)
	store := s.Migrated(t, db)
	if _, err := db.Exec(`CREATE TABLE users (id VARCHAR(20) PRIMARY KEY)`); err != nil {
		t.Fatal(err)
	}
	for _, level := range levels {
		c := storetest.Login(t, store, "ada")
		for _, commit := range []bool{false, true} {
			tx, err := db.BeginTx(ctx, &sql.TxOptions{Isolation: level})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := tx.Exec(`INSERT INTO users VALUES ('` + level.String() + `')`); err != nil {
				t.Fatal(err)
			}
			in := nguard.WithTx(ctx, db, tx)
			if _, err := store.Load(in, c.Live); err != nil {
				t.Fatal(err)
			}
			if err := store.Delete(in, "ada", c.ID); err != nil {
				t.Fatal(err)
			}
			err = store.Tx(in, func(ctx context.Context) error {
				_, err := store.Bump(ctx, "ada", nguard.BumpRevoke)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := store.Sweep(in, time.Now(), 10); err != nil {
				t.Fatal(err)
			}
			end := tx.Rollback
			if commit {
				end = tx.Commit
			}
			if err := end(); err != nil {
				t.Fatal(err)
			}
			_, err = store.Load(ctx, c.Live)
			if gone := errors.Is(err, nguard.ErrNoSession); gone != commit {
				t.Fatalf("%s, commit %v: %v", level, commit, err)
			}
		}
	}
}

// A transaction on another handle is none of the store's business.
func othersTransaction(t *testing.T, s Server) {
	store := s.Migrated(t, s.Open(t).Open(t))
	other := s.Open(t).Open(t)
	tx, err := other.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	c, err := store.Create(nguard.WithTx(t.Context(), other, tx), storetest.Record(t, store, "ada"), nguard.Cap{})
	if err != nil {
		t.Fatal(err)
	}
	unchanged(t, store, c)
}

// What the snapshot of a joined transaction still shows, and others have ended since, is never written to, and
// never serves as the ground for a login.
func oldSnapshot(t *testing.T, s Server) {
	ctx := context.Background()
	db := s.Open(t).Open(t)
	store := s.Migrated(t, db)
	ended := func(err error) bool {
		return errors.Is(err, nguard.ErrNoSession) || errors.Is(err, nguard.ErrConflict) || errors.Is(err, nguard.ErrUnavailable)
	}
	for _, level := range levels {
		for what, do := range map[string]func(ctx context.Context, c nguard.Created, r *nguard.Record) error{
			"touch": func(ctx context.Context, c nguard.Created, _ *nguard.Record) error {
				_, err := store.Touch(ctx, c.Found, c.LastSeen)
				return err
			},
			"replace": func(ctx context.Context, c nguard.Created, _ *nguard.Record) error {
				_, err := store.Replace(ctx, c.Found, storetest.Next(c.Found), false)
				return err
			},
			"load": func(ctx context.Context, c nguard.Created, _ *nguard.Record) error {
				_, err := store.Load(ctx, c.Live)
				return err
			},
			"delete": func(ctx context.Context, c nguard.Created, _ *nguard.Record) error {
				return store.Delete(ctx, c.Owner, c.ID)
			},
			"create": func(ctx context.Context, c nguard.Created, r *nguard.Record) error {
				_, err := store.Create(ctx, r, nguard.Cap{})
				return err
			},
			"replace by login": func(ctx context.Context, c nguard.Created, r *nguard.Record) error {
				e, err := store.Epoch(ctx, c.Owner)
				if err != nil {
					return err
				}
				_, err = store.Create(ctx, storetest.Stamped(c.Owner, e), nguard.Cap{Replace: c.ID, Version: 1})
				return err
			},
		} {
			t.Run(fmt.Sprint(level, " ", what), func(t *testing.T) {
				c := storetest.Login(t, store, "ada")
				r := storetest.Record(t, store, "ada")
				tx, err := db.BeginTx(ctx, &sql.TxOptions{Isolation: level})
				if err != nil {
					t.Fatal(err)
				}
				defer tx.Rollback()
				var n int
				if err := tx.QueryRow(`SELECT count(*) FROM nguard_sessions`).Scan(&n); err != nil {
					t.Fatal(err) // the snapshot
				}
				// Where SERIALIZABLE is done by locks, the program's own read holds up everybody else.
				short := ctx
				if level == sql.LevelSerializable {
					var cancel context.CancelFunc
					short, cancel = context.WithTimeout(ctx, 300*time.Millisecond)
					defer cancel()
				}
				if err := store.Delete(short, "ada", c.ID); err != nil {
					if level != sql.LevelSerializable {
						t.Fatal(err)
					}
					return
				}
				if _, err := store.Bump(ctx, "ada", nguard.BumpRevoke); err != nil {
					t.Fatal(err)
				}
				if err := do(nguard.WithTx(ctx, db, tx), c, r); !ended(err) {
					t.Fatalf("got %v of a session that was ended", err)
				}
			})
		}
	}
}

// The cap holds for logins in transactions of the program's, of any level.
func capInPrograms(t *testing.T, s Server) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	db := s.Open(t).Open(t)
	store := s.Migrated(t, db)
	for _, level := range levels {
		owner := "ada " + level.String()
		once := func() error {
			tx, err := db.BeginTx(ctx, &sql.TxOptions{Isolation: level})
			if err != nil {
				return err
			}
			defer tx.Rollback()
			in := nguard.WithTx(ctx, db, tx)
			e, err := store.Epoch(in, owner)
			if err != nil {
				return err
			}
			if _, err := store.Create(in, storetest.Stamped(owner, e), nguard.Cap{Max: 3, EvictOldest: true, Now: time.Now()}); err != nil {
				return err
			}
			return tx.Commit()
		}
		var wg sync.WaitGroup
		for range 12 {
			wg.Go(func() {
				err := once()
				for err != nil && ctx.Err() == nil {
					err = once() // refused, since another was in the way
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if list, err := store.List(ctx, owner, "", 100); err != nil || len(list) != 3 {
			t.Fatalf("%s: %d sessions, %v", level, len(list), err)
		}
	}
}

// An ID that is taken is a conflict, and a transaction of the program's goes on after it.
func taken(t *testing.T, s Server) {
	ctx := context.Background()
	db := s.Open(t).Open(t)
	store := s.Migrated(t, db)
	c := storetest.Login(t, store, "ada")
	row := nguard.Row{Record: c.Record, Mark: nguard.Mark{Cur: make([]byte, 26), LastSeen: c.LastSeen, Expires: c.Expires}}
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	for _, ctx := range []context.Context{ctx, nguard.WithTx(ctx, db, tx)} {
		if _, err := store.Backend().Insert(ctx, row, nguard.Cap{}); !errors.Is(err, nguard.ErrConflict) {
			t.Fatalf("got %v, want ErrConflict", err)
		}
		if _, err := store.Load(ctx, c.Live); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	unchanged(t, store, c)
}

// A name that the column cannot hold is the caller's mistake, and no outage.
func longOwner(t *testing.T, s Server) {
	store := s.Migrated(t, s.Open(t).Open(t))
	owner := strings.Repeat("x", 256)
	_, created := store.Create(t.Context(), storetest.Stamped(owner, nguard.Epoch{Change: 1, Revoke: 2}), nguard.Cap{})
	_, bumped := store.Bump(t.Context(), owner, nguard.BumpChange)
	for _, err := range []error{created, bumped} {
		if !errors.Is(err, nguard.ErrMalformed) {
			t.Errorf("got %v for an owner that is too long, want ErrMalformed", err)
		}
	}
}
