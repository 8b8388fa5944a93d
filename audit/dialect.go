package audit

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"io/fs"
	"strconv"
	"strings"
)

// Dialect is the kind of database that a [SQL] sink speaks to: its statements, its schema, and what its
// errors mean. The values are [SQLite], [Postgres] and [MySQL]; they have the names of sqlstore's.
type Dialect struct {
	dir      string
	numbered bool // placeholders are $1, $2; else each is ?

	insert  string // time, event, outcome, actor, target, record
	columns string // of a list; conditions with ? follow, then order
	order   string // limit
	purge   string // time, limit

	migration migration
	// refused says that err surely left nothing behind.
	refused func(err error) bool
}

// SQLite is SQLite 3.37 and later. Give its connections a busy timeout, shorter than the deadlines of
// requests, and a journal in WAL mode, so that readers do not wait for writers; both belong into the
// driver's DSN.
var SQLite = &Dialect{
	dir:     "schema/sqlite",
	insert:  insertRecord,
	columns: selectRecords,
	order:   newestFirst,
	purge:   `DELETE FROM nguard_audit WHERE seq IN (SELECT seq FROM nguard_audit WHERE time < ? ORDER BY time LIMIT ?)`,
	migration: migration{
		before: `CREATE TABLE IF NOT EXISTS nguard_audit_schema (version INTEGER PRIMARY KEY, name TEXT NOT NULL)`,
		hold:   statement(`UPDATE nguard_audit_schema SET name = name WHERE version = 0`), // whoever writes, writes alone
		note:   `INSERT INTO nguard_audit_schema (version, name) VALUES (?, ?)`,
	},
	refused: sqliteRefused,
}

// Postgres is PostgreSQL 12 and later, with any driver; errors of pgx and of lib/pq are understood. The table
// is made in, and found by, the search path of the connection.
var Postgres = &Dialect{
	dir:      "schema/postgres",
	numbered: true,
	insert:   insertRecord,
	columns:  selectRecords,
	order:    newestFirst,
	// An array is looked up by the primary key; of IN the planner may make a scan of the whole table.
	purge: `DELETE FROM nguard_audit WHERE seq = ANY (ARRAY(SELECT seq FROM nguard_audit WHERE time < ? ORDER BY time LIMIT ?))`,
	migration: migration{
		isolation: sql.LevelReadCommitted, // what is read after the wait is what others did meanwhile
		// CREATE TABLE IF NOT EXISTS fails when two run it at once, hence the lock before it. The number is
		// "nguardau" as bytes; the lock ends with the transaction.
		hold:     statement(`SELECT pg_advisory_xact_lock(7955456328164729205)`),
		versions: `CREATE TABLE IF NOT EXISTS nguard_audit_schema (version INTEGER PRIMARY KEY, name TEXT NOT NULL)`,
		note:     `INSERT INTO nguard_audit_schema (version, name) VALUES ($1, $2)`,
	},
	refused: postgresRefused,
}

// MySQL is MySQL 8 and MariaDB 10.6 and later, with InnoDB and github.com/go-sql-driver/mysql. Older ones
// can give a number of a list out twice, after a purge and a restart.
var MySQL = &Dialect{
	dir:     "schema/mysql",
	insert:  insertRecord,
	columns: selectRecords,
	order:   newestFirst,
	purge:   `DELETE FROM nguard_audit WHERE time < ? ORDER BY time LIMIT ?`,
	migration: migration{
		piecemeal: true, // tables cannot be part of a transaction here
		// The lock belongs to the connection and ends with it; its name is the server's, so the database
		// stands in it.
		hold:     mysqlHold,
		versions: `CREATE TABLE IF NOT EXISTS nguard_audit_schema (version INTEGER PRIMARY KEY, name VARCHAR(200) NOT NULL) ENGINE = InnoDB`,
		note:     `INSERT INTO nguard_audit_schema (version, name) VALUES (?, ?)`,
		release:  `DO RELEASE_LOCK(` + mysqlLock + `)`,
	},
	refused: mysqlRefused,
}

// What all dialects say alike.
const (
	insertRecord  = `INSERT INTO nguard_audit (time, event, outcome, actor, target, record) VALUES (?, ?, ?, ?, ?, ?)`
	selectRecords = `SELECT seq, record FROM nguard_audit`
	newestFirst   = ` ORDER BY seq DESC LIMIT ?`
)

// migration is how [SQL.Migrate] works in a database.
type migration struct {
	piecemeal bool   // each statement commits by itself
	before    string // on its own, before the transaction; empty: nothing
	isolation sql.IsolationLevel
	hold      func(ctx context.Context, q querier) error // whoever else migrates waits
	versions  string                                     // makes the table of versions; empty: before did
	note      string                                     // version, name
	release   string                                     // after the transaction, on its connection; empty: its end was enough
}

// statement is a hold that is one statement.
func statement(query string) func(ctx context.Context, q querier) error {
	return func(ctx context.Context, q querier) error {
		_, err := q.ExecContext(ctx, query)
		return err
	}
}

const mysqlLock = `CONCAT('nguard_audit.', LEFT(SHA2(DATABASE(), 256), 40))`

func mysqlHold(ctx context.Context, q querier) error {
	var got sql.NullInt64
	rows, err := q.QueryContext(ctx, `SELECT GET_LOCK(`+mysqlLock+`, 600)`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(&got); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil || got.Int64 == 1 {
		return err
	}
	return errors.New("another process has been making the table for 10 minutes")
}

//go:embed schema
var schemaFiles embed.FS

// Schema returns the versioned schema files, NNNN_name.sql, for programs that run migrations with a tool of
// their own instead of [SQL.Migrate]: to be run in the order of their names, each once. A released file never
// changes.
func (d *Dialect) Schema() fs.FS {
	sub, err := fs.Sub(schemaFiles, d.dir)
	if err != nil {
		panic(err) // an invalid path, and all are constants
	}
	return sub
}

// bind writes the placeholders of a query as the database wants them. There is no other question mark in it:
// values are never part of a query.
func (d *Dialect) bind(query string) string {
	if !d.numbered {
		return query
	}
	var b strings.Builder
	for n := 1; ; n++ {
		before, after, found := strings.Cut(query, "?")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(n))
		query = after
	}
}
