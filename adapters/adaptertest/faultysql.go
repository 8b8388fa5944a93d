package adaptertest

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
)

// faultyDriver is a database/sql driver around SQLite's in which a chosen statement fails. Statements,
// BEGIN and COMMIT are counted alike, those only that a request makes: sweeps and the backlog of
// records run beside it and would make the count another each time.
type faultyDriver struct {
	base driver.Driver
	path string

	mu    sync.Mutex
	n     int // counts down to the statement that fails
	mode  sqlFault
	fired string // what failed
}

// sqlFault is how a statement fails.
type sqlFault int

const (
	sqlRefused  sqlFault = iota // the database answers with an error and has done nothing
	sqlLost                     // the connection breaks before the statement has reached the database
	sqlAnswered                 // the database has done it, and the connection breaks before the answer
)

func (f sqlFault) String() string { return [...]string{"refused", "lost", "answer lost"}[f] }

// refusal is an error with a result code, as SQLite's own.
type refusal struct{}

func (refusal) Error() string { return "database disk image is malformed: " + innards }
func (refusal) Code() int     { return 1 }

// faultySQLite is what SQL makes, behind the faulty driver: the database of the harness, opened once more by
// its own driver. It skips the case where people and sessions are not in one such database.
func (k *kit) faultySQLite(t testing.TB) (backing, *faultyDriver) {
	t.Helper()
	b := k.open(t)
	b.onlySQL(t)
	d := &faultyDriver{base: b.db.Driver(), path: pathOf(t, b.db)}
	if d.path == "" {
		t.Skip("not for this backing: the database has no file, so that it cannot be opened once more")
	}
	db := sql.OpenDB(d)
	t.Cleanup(func() { _ = db.Close() })
	return k.hold(SQL(t, func(testing.TB) *sql.DB { return db })), d
}

// arm makes the n-th statement from now fail.
func (d *faultyDriver) arm(n int, mode sqlFault) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.n, d.mode, d.fired = n, mode, ""
}

// disarm returns what has failed since arm, or "".
func (d *faultyDriver) disarm() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.n = 0
	return d.fired
}

// pass runs one statement, or fails it.
func (d *faultyDriver) pass(counts bool, text string, run func() error) error {
	d.mu.Lock()
	hit := false
	if counts && d.n > 0 {
		d.n--
		hit = d.n == 0
	}
	mode := d.mode
	if hit {
		d.fired = strings.Join(strings.Fields(text), " ")
	}
	d.mu.Unlock()
	if !hit {
		return run()
	}
	if mode == sqlAnswered {
		if err := run(); err != nil {
			return err
		}
	}
	if mode == sqlRefused {
		return refusal{}
	}
	return errBroken
}

func (d *faultyDriver) Driver() driver.Driver { return d.base }

// Connect sets what matters here, in words that every driver passes on: waiting for others, as cases write
// at the same time, and not for the disk.
func (d *faultyDriver) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := d.base.Open(d.path)
	if err != nil {
		return nil, err
	}
	conn, ok := c.(sqliteConn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("%T has no context in its methods, which the suite needs of a driver", c), c.Close())
	}
	for _, pragma := range []string{"PRAGMA busy_timeout = 10000", "PRAGMA synchronous = OFF"} {
		if _, err := conn.ExecContext(ctx, pragma, nil); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	return &faultyConn{conn, d}, nil
}

// sqliteConn is what package sql uses of a connection, as far as the suite needs it.
type sqliteConn interface {
	driver.Conn
	driver.ConnPrepareContext
	driver.ConnBeginTx
	driver.ExecerContext
	driver.QueryerContext
}

type faultyConn struct {
	sqliteConn
	d *faultyDriver
}

func (c *faultyConn) PrepareContext(ctx context.Context, text string) (driver.Stmt, error) {
	s, err := c.sqliteConn.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	return &faultyStmt{s.(sqliteStmt), c.d, text}, nil
}

func (c *faultyConn) BeginTx(ctx context.Context, o driver.TxOptions) (tx driver.Tx, err error) {
	err = c.d.pass(counted(ctx), "BEGIN", func() (err error) { tx, err = c.sqliteConn.BeginTx(ctx, o); return err })
	if err != nil {
		if tx != nil {
			_ = tx.Rollback()
		}
		return nil, err
	}
	return &faultyTx{tx, c.d, counted(ctx)}, nil
}

func (c *faultyConn) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (res driver.Result, err error) {
	err = c.d.pass(counted(ctx), text, func() (err error) { res, err = c.sqliteConn.ExecContext(ctx, text, args); return err })
	return res, err
}

func (c *faultyConn) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (rows driver.Rows, err error) {
	err = c.d.pass(counted(ctx), text, func() (err error) { rows, err = c.sqliteConn.QueryContext(ctx, text, args); return err })
	return closed(rows, err)
}

type sqliteStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

type faultyStmt struct {
	sqliteStmt
	d    *faultyDriver
	text string
}

func (s *faultyStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (res driver.Result, err error) {
	err = s.d.pass(counted(ctx), s.text, func() (err error) { res, err = s.sqliteStmt.ExecContext(ctx, args); return err })
	return res, err
}

func (s *faultyStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (rows driver.Rows, err error) {
	err = s.d.pass(counted(ctx), s.text, func() (err error) { rows, err = s.sqliteStmt.QueryContext(ctx, args); return err })
	return closed(rows, err)
}

// closed gives no rows with an error.
func closed(rows driver.Rows, err error) (driver.Rows, error) {
	if err != nil {
		if rows != nil {
			_ = rows.Close()
		}
		return nil, err
	}
	return rows, nil
}

type faultyTx struct {
	driver.Tx
	d      *faultyDriver
	counts bool
}

func (t *faultyTx) Commit() error {
	done := false
	err := t.d.pass(t.counts, "COMMIT", func() error { done = true; return t.Tx.Commit() })
	if err != nil && !done {
		_ = t.Tx.Rollback() // as a database does whose client has gone
	}
	return err
}
