package paritytest

import (
	"database/sql"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	_ "modernc.org/sqlite"

	"github.com/nguard-go/nguard/adapters/adaptertest"
	"github.com/nguard-go/nguard/adapters/adaptertest/nethttptest"
)

// adapters are all that there are. Each has a file of its own, with its Serve.
var adapters = []struct {
	name    string
	harness adaptertest.Harness
	options []adaptertest.Option
}{
	{name: "nethttp", harness: nethttptest.Harness()},
	{name: "gin", harness: adaptertest.Harness{Serve: serveGin, HTTP2: true}},
	{name: "fiber", harness: adaptertest.Harness{Serve: serveFiber}},
}

// backings are the ways in which a service keeps its things.
var backings = []struct {
	name string
	open func(t testing.TB) adaptertest.Backing
}{
	{"memory", adaptertest.Memory},
	{"sqlite", func(t testing.TB) adaptertest.Backing { return adaptertest.SQL(t, sqlite(t)) }},
	{"split", func(t testing.TB) adaptertest.Backing { return adaptertest.Split(t, sqlite(t)) }},
}

// TestParity is every adapter with every backing.
func TestParity(t *testing.T) {
	for i, a := range adapters {
		for j, b := range backings {
			if i > 0 && j > 1 {
				continue // that users live elsewhere is the engine's own affair: one adapter is enough
			}
			t.Run(a.name+"/"+b.name, func(t *testing.T) {
				h := a.harness
				h.Open, h.Limits = b.open, nethttptest.Limits
				options := a.options
				if i > 0 && j > 0 {
					// Every rule is asked of each adapter in memory, and of SQLite through net/http: here those in which both
					// could have a part, which are the promises and the races, failures and references of the checklist.
					options = append(slices.Clone(options), adaptertest.Only("story", "P", "B", "G", "K", "N"))
				}
				adaptertest.Run(t, h, options...)
			})
		}
	}
}

// sqlite returns what opens one database in a file of its own, as many times as it is asked. The file has its
// tables already: to make them anew for each rule would be a good part of all the time that the suite takes.
func sqlite(t testing.TB) func(t testing.TB) *sql.DB {
	t.Helper()
	path := filepath.Join(t.TempDir(), "parity.db")
	if err := os.WriteFile(path, withTables(t), 0o600); err != nil {
		t.Fatal(err)
	}
	return func(t testing.TB) *sql.DB { return openSQLite(t, path) }
}

func openSQLite(t testing.TB, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// template is the file of a database with tables and people, and nothing else.
var template struct {
	once sync.Once
	file []byte
}

func withTables(t testing.TB) []byte {
	t.Helper()
	template.once.Do(func() {
		path := filepath.Join(t.TempDir(), "template.db")
		var db *sql.DB
		adaptertest.SQL(t, func(t testing.TB) *sql.DB {
			db = openSQLite(t, path)
			return db
		})
		// A copy by SQLite itself: the file alone lacks what is still in its log.
		copied := filepath.Join(t.TempDir(), "copy.db")
		if _, err := db.Exec("VACUUM INTO ?", copied); err != nil {
			t.Fatal(err)
		}
		file, err := os.ReadFile(copied)
		if err != nil {
			t.Fatal(err)
		}
		template.file = file
	})
	return template.file
}
