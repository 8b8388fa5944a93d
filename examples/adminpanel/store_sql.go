package main

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/nguard-go/nguard/stores/sqlstore/pglisten"
)

// connections bounds those of one process. Who waits for one has the deadline of the request.
const connections = 20

func pooled(db *sql.DB) *sql.DB {
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	db.SetConnMaxLifetime(5 * time.Minute) // after a failover, the load spreads again
	return db
}

func openSQLite(ctx context.Context, o options) (*place, error) {
	db, err := sqliteFile(o.dsn)
	if err != nil {
		return nil, err
	}
	p := newPlace(db)
	_, err = p.keepSessions(ctx)
	return p.opened(err)
}

// sqliteFile opens a file, a ready-made data source, or "memory".
func sqliteFile(path string) (*database, error) {
	dsn := path
	if path != "memory" && !strings.HasPrefix(path, "file:") {
		dsn = "file:" + path + "?_pragma=busy_timeout(2000)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_txlock=immediate"
	}
	if path == "memory" {
		dsn = ":memory:"
	}
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, err
	}
	if path == "memory" {
		db.SetMaxOpenConns(1) // each connection would be a database of its own
	}
	return &database{DB: db, kind: sqliteKind, where: "SQLite, " + path}, nil
}

func openPostgres(ctx context.Context, o options) (*place, error) {
	db, err := postgres(ctx, o)
	if err != nil {
		return nil, err
	}
	p := newPlace(db)
	sessions, err := p.keepSessions(ctx)
	if err != nil {
		return p.opened(err)
	}
	// Open pages learn at once what another process has changed.
	heard, err := pglisten.New(sessions, o.dsn)
	if err == nil {
		p.sessions = heard
		err = heard.Install(ctx, db.DB)
	}
	return p.opened(err)
}

// postgres opens the database at -dsn.
func postgres(ctx context.Context, o options) (*database, error) {
	c, err := pgx.ParseConfig(o.dsn)
	if err != nil {
		return nil, errAddress
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = dialTimeout
	}
	where := fmt.Sprintf("%s/%s", net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port))), c.Database)
	db := pooled(stdlib.OpenDB(*c))
	if err := reach(ctx, "PostgreSQL", where, c.Password, db.PingContext); err != nil {
		_ = db.Close()
		return nil, err
	}
	return &database{DB: db, kind: postgresKind, where: "PostgreSQL at " + where}, nil
}

func openMySQL(ctx context.Context, o options) (*place, error) {
	c, err := mysql.ParseDSN(o.dsn)
	if err != nil {
		return nil, errAddress
	}
	// A row that was found counts as affected, also if the statement left it as it was.
	c.ClientFoundRows = true
	c.RejectReadOnly = true       // a server that has become a replica is left
	c.Logger = &mysql.NopLogger{} // it would tell of each lost connection, and so do the errors
	if c.Timeout == 0 {
		c.Timeout = dialTimeout
	}
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return nil, errAddress
	}
	where := c.Addr + "/" + c.DBName
	db := pooled(sql.OpenDB(connector))
	if err := reach(ctx, "MariaDB or MySQL", where, c.Passwd, db.PingContext); err != nil {
		_ = db.Close()
		return nil, err
	}
	p := newPlace(&database{DB: db, kind: mysqlKind, where: "MariaDB or MySQL at " + where})
	_, err = p.keepSessions(ctx)
	return p.opened(err)
}
