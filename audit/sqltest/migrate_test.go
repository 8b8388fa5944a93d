package sqltest

import (
	"context"
	"errors"
	"io/fs"
	"sync"
	"testing"
	"time"

	"github.com/nguard-go/nguard/audit"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/servicetest"
)

// TestMigrate: many processes may start at once, each with a handle of its own, and again.
func TestMigrate(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		open := d.fresh(t)
		var wg sync.WaitGroup
		for range 8 {
			db := open(t)
			wg.Go(func() {
				s, err := audit.NewSQL(db, d.dialect)
				if err == nil {
					err = s.Migrate(t.Context())
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		s := d.sink(t, open(t))
		record(t, s, t.Context(), event(1))
		if err := s.Migrate(t.Context()); err != nil || ids(list(t, s, audit.Filter{})) != "1" {
			t.Errorf("again: %v", err)
		}
		without, err := audit.NewSQL(d.open(t), d.dialect)
		if err != nil {
			t.Fatal(err)
		}
		err = without.Record(t.Context(), event(1))
		if !errors.Is(err, nguard.ErrUnavailable) || errors.Is(err, nguard.ErrOutcomeUnknown) {
			t.Errorf("without a table: %v", err)
		}
	})
}

// TestMigrateLater: a program that is older than the table leaves it as it is, and one that is newer runs what
// is missing and nothing else.
func TestMigrateLater(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		db := d.open(t)
		s := d.sink(t, db)
		record(t, s, t.Context(), event(1))
		if _, err := db.ExecContext(t.Context(), `INSERT INTO nguard_audit_schema (version, name) VALUES (9999, '9999_later.sql')`); err != nil {
			t.Fatal(err)
		}
		if err := s.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		var n int
		if err := db.QueryRowContext(t.Context(), `SELECT count(*) FROM nguard_audit_schema`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		files, err := fs.Glob(d.dialect.Schema(), "*.sql")
		if err != nil || n != len(files)+1 {
			t.Errorf("%d versions noted, want %d and the later one: %v", n, len(files), err)
		}
	})
}

// TestMigrateLeft: whoever leaves while the table is being made, at whatever moment, keeps nobody else waiting. MySQL
// has the lock that would go back to the pool with its connection.
func TestMigrateLeft(t *testing.T) {
	place := servicetest.MySQL(t)
	sink := func() *audit.SQL {
		s, err := audit.NewSQL(place.Open(t), audit.MySQL)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	servicetest.Leaving(t, sink().Migrate, sink().Migrate)
}

// TestCommitLost: whether a table was made is not known when the commit was sent and is not answered. Whoever left
// before that has changed nothing. Neither waits for a server that has vanished.
func TestCommitLost(t *testing.T) {
	for i, open := range []func(testing.TB) servicetest.Database{servicetest.Postgres, servicetest.MySQL} {
		d := databases[i+1]
		t.Run(d.name, func(t *testing.T) {
			place := open(t)
			p := servicetest.NewProxy(t, place.Addr)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			db, w := place.Through(p).Listen(t)
			w.Fault(func(when string) error {
				if when == "commit" {
					p.Hang()
				}
				return nil
			})
			s, err := audit.NewSQL(db, d.dialect)
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan error, 1)
			go func() { done <- s.Migrate(ctx) }()
			servicetest.Until(t, "the commit is sent", p.Holds)
			cancel()
			select {
			case err := <-done:
				if !errors.Is(err, nguard.ErrUnavailable) || !errors.Is(err, nguard.ErrOutcomeUnknown) {
					t.Errorf("no answer to the commit: %v", err)
				}
			case <-time.After(10 * time.Second):
				t.Error("Migrate goes on after its context")
			}
			if err := s.Migrate(ctx); !errors.Is(err, nguard.ErrUnavailable) || errors.Is(err, nguard.ErrOutcomeUnknown) {
				t.Errorf("nothing was begun: %v", err)
			}
			p.Cut()
			p.Heal(t)
			record(t, d.sink(t, place.Open(t)), t.Context(), event(1))
		})
	}
}
