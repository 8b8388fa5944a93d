package sqltest

import (
	"context"
	"database/sql"
	"testing"

	_ "modernc.org/sqlite"

	"github.com/nguard-go/nguard/audit"
	"github.com/nguard-go/nguard/stores/servicetest"
)

// database is one of those that the sink must work in.
type database struct {
	name    string
	dialect *audit.Dialect
	// fresh makes an empty place for tables and returns what opens handles on it.
	fresh func(t testing.TB) func(t testing.TB) *sql.DB
	// seize makes inserts wait until release; it runs on a connection of its own.
	seize, release string
	// readOnly takes the right to write away from a connection.
	readOnly string
}

var databases = []database{
	{
		name:    "sqlite",
		dialect: audit.SQLite,
		fresh: func(t testing.TB) func(testing.TB) *sql.DB {
			return servicetest.SQLite(t, "?_pragma=busy_timeout(10000)&_pragma=journal_mode(wal)&_pragma=synchronous(normal)").Open
		},
		seize:    `BEGIN IMMEDIATE`,
		release:  `ROLLBACK`,
		readOnly: `PRAGMA query_only = 1`,
	},
	{
		name:     "postgres",
		dialect:  audit.Postgres,
		fresh:    func(t testing.TB) func(testing.TB) *sql.DB { return servicetest.Postgres(t).Open },
		seize:    `BEGIN; LOCK TABLE nguard_audit IN ACCESS EXCLUSIVE MODE`,
		release:  `ROLLBACK`,
		readOnly: `SET default_transaction_read_only = on`,
	},
	{
		name:     "mysql",
		dialect:  audit.MySQL,
		fresh:    func(t testing.TB) func(testing.TB) *sql.DB { return servicetest.MySQL(t).Open },
		seize:    `LOCK TABLES nguard_audit WRITE`,
		release:  `UNLOCK TABLES`,
		readOnly: `SET SESSION TRANSACTION READ ONLY`,
	},
}

// open opens an empty one.
func (d database) open(t testing.TB) *sql.DB {
	t.Helper()
	return d.fresh(t)(t)
}

// sink makes the table in db.
func (d database) sink(t testing.TB, db *sql.DB) *audit.SQL {
	t.Helper()
	s, err := audit.NewSQL(db, d.dialect)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// stall makes inserts wait until the function that it returns is called.
func (d database) stall(t testing.TB, db *sql.DB) func() {
	t.Helper()
	c, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.ExecContext(t.Context(), d.seize); err != nil {
		t.Fatal(err)
	}
	return func() {
		if _, err := c.ExecContext(context.Background(), d.release); err != nil {
			t.Error(err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

// each runs a test on all of them.
func each(t *testing.T, run func(t *testing.T, d database)) {
	for _, d := range databases {
		t.Run(d.name, func(t *testing.T) { run(t, d) })
	}
}
