package cookietest

import (
	"database/sql"
	"path/filepath"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/cookiestore"
	"github.com/nguard-go/nguard/stores/sqlstore"
	"github.com/nguard-go/nguard/stores/storetest"
	_ "modernc.org/sqlite"
)

// rows opens a SQL store on a file, as each process does.
func rows(t testing.TB, path string) *sqlstore.Store {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_pragma=busy_timeout(1000)")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(8)
	t.Cleanup(func() { _ = db.Close() })
	s := sqlstore.New(db, sqlstore.SQLite)
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestStore runs the suite for stores with a companion that has transactions.
func TestStore(t *testing.T) {
	sealed := func(t *testing.T, path string) nguard.Store {
		s, err := cookiestore.New(cookiestore.Config{Keys: ring(t, secretA), Companion: rows(t, path)})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	const lacks = "the store lacks NoLostUpdate, and says so"
	storetest.Run(t, func(t *testing.T) storetest.Harness {
		path := filepath.Join(t.TempDir(), "rows.db")
		return storetest.Harness{
			Store: sealed(t, path), Sealed: true,
			Peer: func(t *testing.T) nguard.Store { return sealed(t, path) },
		}
	}, storetest.Skip("update/increments", lacks), storetest.Skip("update/fields", lacks),
		storetest.Skip("peer/increments", lacks), storetest.Skip("tx/increments", lacks))
}
