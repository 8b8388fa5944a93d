package servertest

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/servicetest"
	"github.com/nguard-go/nguard/stores/sqlstore"
	"github.com/nguard-go/nguard/stores/storetest"
)

// Several processes may start, and migrate, at once.
func migrateAtOnce(t *testing.T, s Server) {
	for range 3 {
		place := s.Open(t)
		var wg sync.WaitGroup
		errs := make([]error, 10)
		stores := make([]*sqlstore.Store, len(errs))
		start := make(chan struct{})
		for i := range errs {
			db := place.Open(t)
			if err := db.Ping(); err != nil {
				t.Fatal(err)
			}
			stores[i] = sqlstore.New(db, s.Dialect)
			wg.Go(func() {
				<-start
				errs[i] = stores[i].Migrate(context.Background())
			})
		}
		close(start)
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		c := storetest.Login(t, stores[0], "ada")
		if err := stores[1].Migrate(context.Background()); err != nil {
			t.Fatal(err)
		}
		if _, err := stores[9].Load(context.Background(), c.Live); err != nil {
			t.Fatal(err)
		}
	}
}

// A statement whose answer is lost has changed nothing, since it is rolled back, but where each commits by itself.
// The next call finishes what it finds.
func migrateLost(t *testing.T, s Server) {
	db, w := s.Open(t).Listen(t)
	store := sqlstore.New(db, s.Dialect)
	for nth := 1; ; nth++ {
		n := 0
		w.Fault(func(when string) error {
			if n++; n == nth && when == "exec" {
				return io.ErrUnexpectedEOF
			}
			return nil
		})
		err := store.Migrate(t.Context())
		w.Fault(nil)
		if n < nth || err == nil {
			break
		}
		if commits := s.Dialect == sqlstore.MySQL; !errors.Is(err, nguard.ErrUnavailable) || errors.Is(err, nguard.ErrOutcomeUnknown) != commits {
			t.Errorf("statement %d: %v", nth, err)
		}
	}
	storetest.Login(t, s.Migrated(t, db), "ada")
}

// A process of an older version starts against tables of a newer one (rolling deploy).
func migrateLater(t *testing.T, s Server) {
	db := s.Open(t).Open(t)
	store := s.Migrated(t, db)
	if _, err := db.Exec(`INSERT INTO nguard_session_migrations VALUES (9999, 'later')`); err != nil {
		t.Fatal(err)
	}
	if err := store.Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// MigrateFails checks that a migration which cannot be done leaves nothing half done, and is not noted as done. It is
// for databases where that holds: MySQL commits each statement about tables.
func (s Server) MigrateFails(t *testing.T) {
	db := s.Open(t).Open(t)
	if _, err := db.Exec(`CREATE TABLE nguard_epochs (x INT)`); err != nil {
		t.Fatal(err)
	}
	store := sqlstore.New(db, s.Dialect)
	if err := store.Migrate(t.Context()); !errors.Is(err, nguard.ErrUnavailable) || !strings.Contains(err.Error(), "0001_") {
		t.Fatalf("got %v, want an error that names the file", err)
	}
	if _, err := db.Exec(`DROP TABLE nguard_epochs`); err != nil {
		t.Fatal(err)
	}
	storetest.Login(t, s.Migrated(t, db), "ada")
}

// Without the tables nothing is there, which is an outage; whoever calls Migrate gets over it.
func migrateNot(t *testing.T, s Server) {
	c := storetest.Login(t, s.Migrated(t, s.Open(t).Open(t)), "ada")
	db := s.Open(t).Open(t)
	unavailable(t, every(t.Context(), sqlstore.New(db, s.Dialect), c))
	storetest.Login(t, s.Migrated(t, db), "ada")
}

// A migration that ends in the middle is finished by the next start.
func migrateCut(t *testing.T, s Server) {
	for i := range 10 {
		place := s.Open(t)
		p := servicetest.NewProxy(t, place.Addr)
		db := place.Through(p).Open(t)
		if err := db.Ping(); err != nil {
			t.Fatal(err)
		}
		done := make(chan error)
		go func() { done <- sqlstore.New(db, s.Dialect).Migrate(context.Background()) }()
		// A little later each time, so that each part of it is hit; where does not matter.
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			continue
		case <-time.After(time.Duration(i) * 2 * time.Millisecond):
		}
		p.Cut()
		if err := <-done; err != nil && !errors.Is(err, nguard.ErrUnavailable) {
			t.Fatal(err)
		}
		storetest.Login(t, s.Migrated(t, place.Open(t)), "ada")
	}
}

// Programs with a migration tool of their own run the files of Schema and never call Migrate.
func migrateSchema(t *testing.T, s Server) {
	db := s.Open(t).Open(t)
	names, err := fs.Glob(s.Dialect.Schema(), "*.sql")
	if err != nil || len(names) == 0 {
		t.Fatalf("got the files %q, %v", names, err)
	}
	for _, name := range names {
		text, err := fs.ReadFile(s.Dialect.Schema(), name)
		if err != nil {
			t.Fatal(err)
		}
		for _, statement := range strings.Split(strings.TrimSpace(string(text)), ";\n") {
			if _, err := db.Exec(statement); err != nil {
				t.Fatal(err)
			}
		}
	}
	store := sqlstore.New(db, s.Dialect)
	if _, err := store.Load(context.Background(), storetest.Login(t, store, "ada").Live); err != nil {
		t.Fatal(err)
	}
}
