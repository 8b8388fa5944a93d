package servertest

import (
	"context"
	"database/sql"
	"strings"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/servicetest"
	"github.com/nguard-go/nguard/stores/sqlstore"
	"github.com/nguard-go/nguard/stores/storetest"
)

// Server is a kind of database, be it a server or SQLite, and the words that differ between them. What is said to be
// for RunRemote and Plans may be left out where these are not run.
type Server struct {
	// Dialect is what is tested.
	Dialect *sqlstore.Dialect
	// Open makes an empty place for tables.
	Open func(t testing.TB) servicetest.Database
	// Bind writes the argument of number n, from 1.
	Bind func(n int) string
	// Bytes writes a constant of bytes.
	Bytes func(b []byte) string
	// Tables asks for the names of all tables, and Columns for those of the columns of the table that its
	// argument names.
	Tables, Columns string

	// For RunRemote and Plans:

	// Numbers is a table expression with a column n that counts from 0 to below n, a power of ten.
	Numbers func(n int) string

	// For RunRemote:

	// ReadOnly are ways to have connections that refuse to write, as those to a server do that has become a
	// replica: each is added to a data source.
	ReadOnly []string
	// Impatient is added to a data source so that a wait for a lock ends with an error soon.
	Impatient string
	// Self asks for the number of a connection, Kill, with that number, ends it, and Alive counts, with that number,
	// what is left of it: a server says that it will end one before it has.
	Self, Kill, Alive string

	// For Plans:

	// Analyze has the server count the rows of a table anew.
	Analyze string
	// Explain returns the steps of the plans of a statement that read more than they have to.
	Explain func(t *testing.T, db *sql.DB, text string, args []any) (scans []string)
}

// check is what a database is held to.
type check struct {
	name string
	run  func(t *testing.T, s Server)
}

// Run runs what does not come from the suite for stores and holds on every database.
func (s Server) Run(t *testing.T) {
	s.run(t, []check{
		{"migrate/at once", migrateAtOnce},
		{"migrate/later", migrateLater},
		{"migrate/not", migrateNot},
		{"migrate/lost", migrateLost},
		{"migrate/schema", migrateSchema},
		{"program/transaction", programsTransaction},
		{"program/another handle", othersTransaction},
		{"program/taken", taken},
		{"pool/one", func(t *testing.T, s Server) { s.PoolOfOne(t) }},
		{"pool/closed", closed},
		{"pool/waiting", waiting},
		{"pool/contexts", contexts},
		{"alter", alter},
		{"sweep/login", sweepAndLogin},
		{"sweep/backlog", sweepBacklog},
		{"corrupt/record", corrupt},
		{"corrupt/epoch", epochMissing},
	})
}

// RunRemote runs what is about a server that several processes write to at once, and about the way to it.
func (s Server) RunRemote(t *testing.T) {
	s.run(t, []check{
		{"migrate/cut", migrateCut},
		{"program/old snapshot", oldSnapshot},
		{"program/cap", capInPrograms},
		{"program/long owner", longOwner},
		{"busy/deadlock", deadlock},
		{"busy/lock wait", lockWait},
		{"sweep/locked", sweepPasses},
		{"trouble/cut", cut},
		{"trouble/refuse", refuse},
		{"trouble/hang", hang},
		{"trouble/hang at the end", hangAtEnd},
		{"trouble/slow", slow},
		{"trouble/read only", readOnly},
		{"trouble/outcome", outcome},
		{"trouble/killed", killed},
	})
}

func (s Server) run(t *testing.T, checks []check) {
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) { c.run(t, s) })
	}
}

// Harness is the suite's, with one handle for the store and another for its peer.
func (s Server) Harness(t *testing.T) storetest.Harness { return s.With()(t) }

// With is the harness with settings added to the data source.
func (s Server) With(settings ...string) func(t *testing.T) storetest.Harness {
	return func(t *testing.T) storetest.Harness {
		place := s.Open(t)
		dsn := place.DSN()
		for _, setting := range settings {
			dsn = add(dsn, setting)
		}
		open := func(t *testing.T) *sql.DB { return servicetest.OpenSQL(t, place.Driver, dsn) }
		db := open(t)
		return storetest.Harness{
			Store: s.Migrated(t, db),
			Peer:  func(t *testing.T) nguard.Store { return s.Migrated(t, open(t)) },
			Dump:  func(t *testing.T) [][]byte { return s.dump(t, db) },
		}
	}
}

// through opens a store behind a proxy, and one on the same data beside it.
func (s Server) through(t *testing.T) (p *servicetest.Proxy, db *sql.DB, store, direct *sqlstore.Store) {
	t.Helper()
	place := s.Open(t)
	direct = s.Migrated(t, place.Open(t))
	p = servicetest.NewProxy(t, place.Addr)
	db = place.Through(p).Open(t)
	return p, db, sqlstore.New(db, s.Dialect), direct
}

// add adds a setting to a data source.
func add(dsn, setting string) string {
	if strings.Contains(dsn, "?") {
		return dsn + "&" + setting
	}
	return dsn + "?" + setting
}

// Migrated returns a store on a handle, with its tables.
func (s Server) Migrated(t testing.TB, db *sql.DB) *sqlstore.Store {
	t.Helper()
	store := sqlstore.New(db, s.Dialect)
	if err := store.Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	return store
}

// dump returns every value of every table.
func (s Server) dump(t *testing.T, db *sql.DB) (values [][]byte) {
	t.Helper()
	for _, table := range all(t, db, s.Tables) {
		for _, column := range all(t, db, s.Columns, string(table)) {
			values = append(values, all(t, db, `SELECT `+string(column)+` FROM `+string(table))...)
		}
	}
	return values
}

// all returns the values of a column.
func all(t testing.TB, db *sql.DB, query string, args ...any) (list [][]byte) {
	t.Helper()
	rs, err := db.Query(query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rs.Close()
	for rs.Next() {
		var v []byte
		if err := rs.Scan(&v); err != nil {
			t.Fatal(err)
		}
		list = append(list, v)
	}
	if err := rs.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}
