package paritytest

import (
	"database/sql"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/alexedwards/scs/v2/memstore"
	"github.com/nguard-go/nguard/adapters/adaptertest"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/policy/ratelimit"
	"github.com/nguard-go/nguard/stores/scsstore"
)

// adapters are all that there are. Each has a file of its own, with its Serve.
var adapters = []struct {
	name    string
	harness adaptertest.Harness
	options []adaptertest.Option
}{
	{name: "nethttp", harness: adaptertest.Harness{Serve: serveNetHTTP, HTTP2: true}},
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

// stores are those that leave people and records to others. What a store is like the engine sees, not the
// adapter: they are tried on net/http.
var stores = []struct {
	name    string
	open    func(t testing.TB) adaptertest.Backing
	options []adaptertest.Option
}{
	{"scs", func(t testing.TB) adaptertest.Backing {
		// One Store for all that run on it: two would be two processes, which it is not made for.
		m := memstore.NewWithCleanupInterval(0)
		return adaptertest.Elsewhere(t, "scs", scsstore.New(m), nil, func(t testing.TB) (values [][]byte) {
			all, err := m.All()
			if err != nil {
				t.Fatal(err)
			}
			for key, value := range all {
				values = append(values, []byte(key), value)
			}
			return values
		})
	}, nil},
}

// TestStores is net/http with each of them.
func TestStores(t *testing.T) {
	for _, s := range stores {
		t.Run(s.name, func(t *testing.T) {
			h := adapters[0].harness
			h.Open, h.Limits = s.open, limits
			adaptertest.Run(t, h, s.options...)
		})
	}
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
				h.Open, h.Limits = b.open, limits
				adaptertest.Run(t, h, a.options...)
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

// limits are those of package ratelimit.
func limits(t testing.TB, now func() time.Time) adaptertest.Limits {
	on := func(rules ...ratelimit.Rule) nguard.Limiter {
		t.Helper()
		l, err := ratelimit.NewWithClock(now, rules...)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	return adaptertest.Limits{
		Default:    nguard.Limits{Login: on(ratelimit.LoginRules()...), Update: on(ratelimit.UpdateRules()...), Read: on(ratelimit.ReadRules()...)},
		LoginDelay: ratelimit.LoginDelay,
		PerIP:      func(name string, n int, d time.Duration) nguard.Limiter { return on(ratelimit.PerIP(name, n, d)) },
		PerAccount: func(name string, n int, d time.Duration) nguard.Limiter { return on(ratelimit.PerAccount(name, n, d)) },
		PerUser:    func(name string, n int, d time.Duration) nguard.Limiter { return on(ratelimit.PerUser(name, n, d)) },
	}
}
