package pglistentest

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"testing"
	"time"

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
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for range 2 {
		names, over := make(chan string, 100), make(chan error, 1)
		go func() { over <- s.Watch(ctx, func(owner string) { names <- owner }) }()
		wait(t, names, "")
		if _, err := s.Unwrap().(nguard.Epochs).Bump(ctx, "ada", nguard.BumpChange); err != nil {
			t.Fatal(err)
		}
		wait(t, names, "ada")
		if _, err := db.Exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN %' AND datname = current_database() AND pid <> pg_backend_pid()`); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-over:
			if !errors.Is(err, nguard.ErrUnavailable) {
				t.Errorf("Watch ended with %v", err)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("Watch goes on without a connection")
		}
	}
}

func wait(t *testing.T, names <-chan string, want string) {
	t.Helper()
	late := time.After(10 * time.Second)
	for {
		select {
		case name := <-names:
			if name == want {
				return
			}
		case <-late:
			t.Fatalf("%q is not told of", want)
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
