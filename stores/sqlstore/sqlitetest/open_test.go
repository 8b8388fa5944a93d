package sqlitetest

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/sqlstore"
	"github.com/nguard-go/nguard/stores/storetest"
	_ "modernc.org/sqlite"
)

// advised is what the package comment of sqlstore advises.
const advised = "?_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_pragma=busy_timeout(1000)"

// handle opens a database as a process would: a handle of its own.
func handle(t testing.TB, path, settings string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+settings)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(8)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// migrated returns a store on a database whose tables are there.
func migrated(t testing.TB, db *sql.DB) *sqlstore.Store {
	t.Helper()
	s := sqlstore.New(db, sqlstore.SQLite)
	if err := s.Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	return s
}

func file(t testing.TB) string { return filepath.Join(t.TempDir(), "test.db") }

// harness is the suite's, with one handle for the store and another for its peer.
func harness(settings string) func(t *testing.T) storetest.Harness {
	return func(t *testing.T) storetest.Harness {
		path := file(t)
		db := handle(t, path, settings)
		return storetest.Harness{
			Store: migrated(t, db),
			Peer: func(t *testing.T) nguard.Store {
				return migrated(t, handle(t, path, settings))
			},
			Dump: func(t *testing.T) [][]byte { return append(columns(t, db), files(t, path)...) },
		}
	}
}

// columns returns every value of every table.
func columns(t *testing.T, db *sql.DB) (values [][]byte) {
	t.Helper()
	for _, table := range texts(t, db, `SELECT name FROM sqlite_schema WHERE type = 'table'`) {
		for _, column := range texts(t, db, `SELECT name FROM pragma_table_info('`+table+`')`) {
			for _, v := range texts(t, db, `SELECT cast("`+column+`" AS TEXT) FROM "`+table+`"`) {
				values = append(values, []byte(v))
			}
		}
	}
	return values
}

func texts(t *testing.T, db *sql.DB, query string) (list []string) {
	t.Helper()
	rs, err := db.Query(query)
	if err != nil {
		t.Fatal(err)
	}
	defer rs.Close()
	for rs.Next() {
		var s sql.NullString
		if err := rs.Scan(&s); err != nil {
			t.Fatal(err)
		}
		list = append(list, s.String)
	}
	if err := rs.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}

// files returns the bytes of the database and what lies beside it.
func files(t *testing.T, path string) (list [][]byte) {
	t.Helper()
	names, err := filepath.Glob(path + "*")
	if err != nil || len(names) == 0 {
		t.Fatal(fmt.Errorf("no database: %w", err))
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, b)
	}
	return list
}
