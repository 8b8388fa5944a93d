package pglistentest

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/servicetest"
	"github.com/nguard-go/nguard/stores/sqlstore"
	"github.com/nguard-go/nguard/stores/sqlstore/pglisten"
	"github.com/nguard-go/nguard/stores/storetest"
)

// heard is a store on a handle, with its tables and triggers.
func heard(t testing.TB, db *sql.DB, dsn string) *pglisten.Store {
	t.Helper()
	store := sqlstore.New(db, sqlstore.Postgres)
	if err := store.Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	s, err := pglisten.New(store, dsn)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // again is nothing
		if err := s.Install(context.Background(), db); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func open(t *testing.T) storetest.Harness {
	place := servicetest.Postgres(t)
	again := func(t *testing.T) nguard.Store { return heard(t, place.Open(t), place.DSN()) }
	return storetest.Harness{Store: again(t), Peer: again}
}

func TestStore(t *testing.T) { storetest.Run(t, open) }

// TestCut: a lost connection ends Watch with an error, so that the guard begins another, which then tells that
// everybody is to be looked at.
func TestCut(t *testing.T) {
	place := servicetest.Postgres(t)
	db := place.Open(t)
	s := heard(t, db, place.DSN())
	for range 2 {
		w := storetest.Watch(t, s)
		if _, err := s.Unwrap().(nguard.Epochs).Bump(t.Context(), "ada", nguard.BumpChange); err != nil {
			t.Fatal(err)
		}
		w.Told("ada")
		if _, err := db.Exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN %' AND datname = current_database() AND pid <> pg_backend_pid()`); err != nil {
			t.Fatal(err)
		}
		if err := w.Ended(); !errors.Is(err, nguard.ErrUnavailable) {
			t.Errorf("Watch ended with %v", err)
		}
	}
}

// TestNotInstalled: without the triggers nothing would ever be heard, and nobody would know.
func TestNotInstalled(t *testing.T) {
	place := servicetest.Postgres(t)
	store := sqlstore.New(place.Open(t), sqlstore.Postgres)
	if err := store.Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	s, err := pglisten.New(store, place.DSN())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Watch(context.Background(), func(string) { t.Error("heard something") }); !errors.Is(err, nguard.ErrUnavailable) {
		t.Errorf("Watch says %v", err)
	}
	if _, err := pglisten.New(store, "postgres://%zz"); err == nil {
		t.Error("a data source that is none is taken")
	}
}

// TestHalfInstalled: with the trigger of one table, the changes that the other tells of would be heard by nobody.
func TestHalfInstalled(t *testing.T) {
	for _, table := range []string{"nguard_sessions", "nguard_epochs"} {
		t.Run(table, func(t *testing.T) {
			place := servicetest.Postgres(t)
			db := place.Open(t)
			s := heard(t, db, place.DSN())
			if _, err := db.Exec("DROP TRIGGER nguard_tell ON " + table); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			err := s.Watch(ctx, func(string) {
				t.Error("Watch listens")
				cancel()
			})
			if !errors.Is(err, nguard.ErrUnavailable) {
				t.Errorf("Watch says %v", err)
			}
			if err := s.Install(context.Background(), db); err != nil {
				t.Fatal(err)
			}
			storetest.Watch(t, s)
		})
	}
}

// TestInstallAtOnce: processes start together.
func TestInstallAtOnce(t *testing.T) {
	place := servicetest.Postgres(t)
	db := place.Open(t)
	store := sqlstore.New(db, sqlstore.Postgres)
	if err := store.Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	s, err := pglisten.New(store, place.DSN())
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := s.Install(context.Background(), db); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}
