package sqltest

import (
	"context"
	"errors"
	"io"
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

// TestCommitLost: whether a table was made is not known when the commit was sent and is not answered. Nobody waits for
// a server that has vanished.
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
			p.Cut()
			p.Heal(t)
			record(t, d.sink(t, place.Open(t)), t.Context(), event(1))
		})
	}
}

// TestCommitNotBegun: whoever leaves before the commit, after whichever statement, has changed nothing.
func TestCommitNotBegun(t *testing.T) {
	db, w := servicetest.Postgres(t).Listen(t)
	s, err := audit.NewSQL(db, audit.Postgres)
	if err != nil {
		t.Fatal(err)
	}
	for left := 0; ; left++ {
		ctx, cancel := context.WithCancel(t.Context())
		ran := 0
		w.Fault(func(when string) error {
			if when == "exec" && ran == left {
				cancel()
			}
			ran++
			return nil
		})
		err := s.Migrate(ctx)
		if ctx.Err() == nil { // it has no more statements than that
			cancel()
			if err != nil || left < 3 {
				t.Errorf("left %d times, and then: %v", left, err)
			}
			return
		}
		if !errors.Is(err, nguard.ErrUnavailable) || errors.Is(err, nguard.ErrOutcomeUnknown) {
			t.Errorf("left after %d statements: %v", ran, err)
		}
		var tables int
		err = db.QueryRowContext(t.Context(), `SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()`).Scan(&tables)
		if err != nil || tables != 0 {
			t.Fatalf("left after %d statements: %d tables, %v", ran, tables, err)
		}
	}
}

// TestStatementLost: an answer that is lost before the commit leaves a doubt where each statement commits by itself.
func TestStatementLost(t *testing.T) {
	for i, place := range []servicetest.Database{servicetest.SQLite(t, ""), servicetest.Postgres(t), servicetest.MySQL(t)} {
		d := databases[i]
		t.Run(d.name, func(t *testing.T) {
			db, w := place.Listen(t)
			s, err := audit.NewSQL(db, d.dialect)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range []struct {
				err     error
				unknown bool
			}{
				{io.ErrUnexpectedEOF, d.dialect == audit.MySQL},
				{errors.New("Error 1142 (42000): CREATE command denied"), false},
			} {
				w.Fault(func(string) error { return c.err })
				err := s.Migrate(t.Context())
				if !errors.Is(err, nguard.ErrUnavailable) || errors.Is(err, nguard.ErrOutcomeUnknown) != c.unknown {
					t.Errorf("%v: %v", c.err, err)
				}
			}
			w.Fault(nil)
			record(t, d.sink(t, db), t.Context(), event(1))
		})
	}
}

// TestMigrateWaits: whoever leaves while it waits for a lock has changed nothing, and neither does what is left behind.
func TestMigrateWaits(t *testing.T) {
	d := databases[0]
	open := d.fresh(t)
	db := open(t)
	s, err := audit.NewSQL(db, d.dialect)
	if err != nil {
		t.Fatal(err)
	}
	release := d.stall(t, open(t))
	if err := db.Ping(); err != nil { // to connect is not what takes the time
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Migrate(ctx); !errors.Is(err, nguard.ErrUnavailable) || errors.Is(err, nguard.ErrOutcomeUnknown) {
		t.Errorf("left: %v", err)
	}
	if db.Stats().InUse == 0 {
		t.Error("this driver sees deadlines while it waits: the test has tested nothing")
	}
	release()
	servicetest.Until(t, "what was left behind ends", func() bool { return db.Stats().InUse == 0 })
	if err := s.Record(t.Context(), event(1)); err == nil {
		t.Error("the table was made by one who had left")
	}
}
