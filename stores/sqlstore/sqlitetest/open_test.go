package sqlitetest

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	_ "modernc.org/sqlite"

	"github.com/nguard-go/nguard/stores/servicetest"
	"github.com/nguard-go/nguard/stores/sqlstore"
	"github.com/nguard-go/nguard/stores/sqlstore/servertest"
	"github.com/nguard-go/nguard/stores/storetest"
)

// advised is what the package comment of sqlstore advises.
const advised = "?_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_pragma=busy_timeout(1000)"

// file is a database with the settings that are advised.
func file(t testing.TB) servicetest.Database { return servicetest.SQLite(t, advised) }

var server = servertest.Server{
	Dialect: sqlstore.SQLite,
	Open:    file,
	Bind:    func(int) string { return "?" },
	Bytes:   func(b []byte) string { return `x'` + hex.EncodeToString(b) + `'` },
	Tables:  `SELECT name FROM sqlite_schema WHERE type = 'table'`,
	Columns: `SELECT name FROM pragma_table_info(?)`,
}

// with is the server with other settings.
func with(settings string) servertest.Server {
	s := server
	s.Open = func(t testing.TB) servicetest.Database { return servicetest.SQLite(t, settings) }
	return s
}

// harness is the suite's, with the bytes of the files in what is dumped.
func harness(settings string) func(t *testing.T) storetest.Harness {
	return func(t *testing.T) storetest.Harness {
		place := servicetest.SQLite(t, settings)
		s := server
		s.Open = func(testing.TB) servicetest.Database { return place }
		h := s.Harness(t)
		columns := h.Dump
		h.Dump = func(t *testing.T) [][]byte { return append(columns(t), files(t, place.Addr)...) }
		return h
	}
}

// files returns the bytes of the database and what lies beside it.
func files(t *testing.T, path string) (list [][]byte) {
	t.Helper()
	names, err := filepath.Glob(path + "*")
	if err != nil || len(names) == 0 {
		t.Fatalf("no database: %v", err)
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
