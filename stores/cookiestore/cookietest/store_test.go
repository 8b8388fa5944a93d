package cookietest

import (
	"testing"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/cookiestore"
	"github.com/nguard-go/nguard/stores/servicetest"
	"github.com/nguard-go/nguard/stores/sqlstore"
	"github.com/nguard-go/nguard/stores/storetest"
	_ "modernc.org/sqlite"
)

// file is a database for rows.
func file(t testing.TB) servicetest.Database {
	return servicetest.SQLite(t, "?_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_pragma=busy_timeout(1000)")
}

// rows opens a SQL store, as each process does.
func rows(t testing.TB, place servicetest.Database) *sqlstore.Store {
	t.Helper()
	s := sqlstore.New(place.Open(t), sqlstore.SQLite)
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestStore runs the suite for stores with a companion that has transactions.
func TestStore(t *testing.T) {
	sealed := func(t *testing.T, place servicetest.Database) nguard.Store {
		s, err := cookiestore.New(cookiestore.Config{Keys: ring(t, secretA), Companion: rows(t, place)})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	storetest.Run(t, func(t *testing.T) storetest.Harness {
		place := file(t)
		return storetest.Harness{
			Store: sealed(t, place), Sealed: true,
			Peer: func(t *testing.T) nguard.Store { return sealed(t, place) },
		}
	})
}
