package main

import (
	"errors"
	"strconv"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/nguard-go/nguard/audit"
	"github.com/nguard-go/nguard/stores/sqlstore"
)

// kind is a kind of database: what differs between them for the users table, and the names under which
// nguard's packages know it.
type kind struct {
	sessions *sqlstore.Dialect
	records  *audit.Dialect

	table      string // makes the table, if it is not there
	hold       string // before it: makes another process that starts wait; empty: none is in the way
	lockAdmins string // the rows of all admins, until the transaction ends; empty: one at a time writes anyhow
	lockRow    string // after a SELECT: what is committed by now
	numbered   bool   // placeholders are $1, $2
	taken      func(err error) bool
}

var sqliteKind = &kind{
	sessions: sqlstore.SQLite,
	records:  audit.SQLite,
	table: `CREATE TABLE IF NOT EXISTS adminpanel_users (
		id TEXT PRIMARY KEY, login TEXT NOT NULL UNIQUE, email TEXT NOT NULL, name TEXT NOT NULL, role TEXT NOT NULL,
		permissions TEXT NOT NULL, disabled INTEGER NOT NULL, settings TEXT NOT NULL, password TEXT NOT NULL)`,
	taken: func(err error) bool { return strings.Contains(err.Error(), "UNIQUE constraint failed") },
}

var postgresKind = &kind{
	sessions: sqlstore.Postgres,
	records:  audit.Postgres,
	table: `CREATE TABLE IF NOT EXISTS adminpanel_users (
		id TEXT PRIMARY KEY, login TEXT NOT NULL UNIQUE, email TEXT NOT NULL, name TEXT NOT NULL, role TEXT NOT NULL,
		permissions TEXT NOT NULL, disabled BOOLEAN NOT NULL, settings TEXT NOT NULL, password TEXT NOT NULL)`,
	// IF NOT EXISTS fails when two processes say it at once. The number is "adminpnl" as bytes.
	hold:       `SELECT pg_advisory_xact_lock(7017854418941931116)`,
	lockAdmins: `SELECT id FROM adminpanel_users WHERE role = 'admin' ORDER BY id FOR UPDATE`,
	lockRow:    ` FOR UPDATE`,
	numbered:   true,
	taken: func(err error) bool {
		var e *pgconn.PgError
		return errors.As(err, &e) && e.Code == "23505" // unique_violation
	},
}

var mysqlKind = &kind{
	sessions: sqlstore.MySQL,
	records:  audit.MySQL,
	// Bytes, since a collation takes two names for one that differ in a space at the end, and the comparison of
	// UpdateUser would lose a change.
	table: `CREATE TABLE IF NOT EXISTS adminpanel_users (
		id VARBINARY(191) PRIMARY KEY, login VARBINARY(1024) NOT NULL UNIQUE, email VARBINARY(1024) NOT NULL, name VARBINARY(1024) NOT NULL,
		role VARBINARY(64) NOT NULL, permissions BLOB NOT NULL, disabled BOOLEAN NOT NULL, settings BLOB NOT NULL, password VARBINARY(255) NOT NULL)
		ENGINE = InnoDB ROW_FORMAT = DYNAMIC`,
	lockAdmins: `SELECT id FROM adminpanel_users WHERE role = 'admin' ORDER BY id FOR UPDATE`,
	lockRow:    ` FOR UPDATE`,
	taken: func(err error) bool {
		var e *mysql.MySQLError
		return errors.As(err, &e) && e.Number == 1062 // ER_DUP_ENTRY
	},
}

// bind writes the placeholders of a query as the database wants them. Values are never part of a query.
func (k *kind) bind(query string) string {
	if !k.numbered {
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
