package servicetest

import (
	"context"
	"database/sql"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// The driver writes to stderr about each connection that breaks, and here they are broken on purpose.
func init() { _ = mysql.SetLogger(&mysql.NopLogger{}) }

// Database is an empty place for tables, of which nobody else knows.
type Database struct {
	// Driver is the name of the database/sql driver.
	Driver string
	// Addr is the server's address, host and port, for a [Proxy], or the name of the file.
	Addr string

	dsn func(addr string) string
}

// DSN is the data source.
func (d Database) DSN() string { return d.dsn(d.Addr) }

// Via is the data source of the same place, reached through another address.
func (d Database) Via(addr string) string { return d.dsn(addr) }

// Through is the same place, reached through a proxy.
func (d Database) Through(p *Proxy) Database {
	d.Addr = p.Addr
	return d
}

// Open opens a handle on it, with at most 20 connections, which is closed when the test ends.
func (d Database) Open(t testing.TB) *sql.DB {
	t.Helper()
	return OpenSQL(t, d.Driver, d.DSN())
}

// OpenSQL opens a handle with at most 20 connections, which is closed when the test ends.
func OpenSQL(t testing.TB, driver, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(20)
	db.SetMaxIdleConns(20)
	t.Cleanup(func() { _ = db.Close() }) // connections that a test has cut do not close well
	return db
}

// SQLite is a file that is gone when the test ends, with settings added to its name such as "?_txlock=immediate". The
// driver "sqlite" is for the test to import.
func SQLite(t testing.TB, settings string) Database {
	t.Helper()
	return Database{Driver: "sqlite", Addr: filepath.Join(t.TempDir(), "test.db"),
		dsn: func(file string) string { return "file:" + file + settings }}
}

// Postgres makes a schema on the server that NGUARD_TEST_POSTGRES names, which is dropped when the test ends.
func Postgres(t testing.TB) Database {
	t.Helper()
	u, err := url.Parse(need(t, PostgresEnv, "PostgreSQL"))
	if err != nil {
		t.Fatalf("%s: %v", PostgresEnv, err)
	}
	name := fresh()
	make, drop := "CREATE SCHEMA "+name, "DROP SCHEMA "+name+" CASCADE"
	around(t, "pgx", u.String(), make, drop)
	return Database{Driver: "pgx", Addr: u.Host, dsn: func(addr string) string {
		v := *u
		v.Host = addr
		q := v.Query()
		q.Set("search_path", name)
		q.Set("synchronous_commit", "off") // no test loses the power: nobody need wait for the disk
		v.RawQuery = q.Encode()
		return v.String()
	}}
}

// MySQL makes a database on the server that NGUARD_TEST_MYSQL names, which is dropped when the test ends.
func MySQL(t testing.TB) Database {
	t.Helper()
	c, err := mysql.ParseDSN(need(t, MySQLEnv, "MariaDB or MySQL"))
	if err != nil {
		t.Fatalf("%s: %v", MySQLEnv, err)
	}
	name := fresh()
	around(t, "mysql", c.FormatDSN(), "CREATE DATABASE "+name, "DROP DATABASE "+name)
	return Database{Driver: "mysql", Addr: c.Addr, dsn: func(addr string) string {
		v := c.Clone()
		v.Addr, v.DBName = addr, name
		return v.FormatDSN()
	}}
}

// around runs one statement now and another when the test has ended.
func around(t testing.TB, driver, dsn, before, after string) {
	t.Helper()
	run := func(statement string) error {
		db, err := sql.Open(driver, dsn)
		if err != nil {
			return err
		}
		defer db.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		_, err = db.ExecContext(ctx, statement)
		return err
	}
	if err := run(before); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := run(after); err != nil {
			t.Error(err)
		}
	})
}
