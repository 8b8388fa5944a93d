package servicetest

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"maps"
	"sync"
	"testing"
)

// Driver is the driver of a database with an ear on every statement and a hand in every outcome.
type Driver struct {
	base    driver.Driver
	connect func(context.Context) (driver.Conn, error)

	mu    sync.Mutex
	ran   map[string][]any
	fault func(when string) error
}

// Listen opens a handle through such a driver, which is closed when the test ends.
func (d Database) Listen(t testing.TB) (*sql.DB, *Driver) {
	t.Helper()
	l := &Driver{base: d.Open(t).Driver(), ran: map[string][]any{}}
	l.connect = func(context.Context) (driver.Conn, error) { return l.base.Open(d.DSN()) }
	if base, ok := l.base.(driver.DriverContext); ok {
		c, err := base.OpenConnector(d.DSN())
		if err != nil {
			t.Fatal(err)
		}
		l.connect = c.Connect
	}
	db := sql.OpenDB(l)
	t.Cleanup(func() { _ = db.Close() }) // connections that a test has cut do not close well
	return db, l
}

// Ran returns the statements that were run, each with the arguments of its last run.
func (d *Driver) Ran() map[string][]any {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.ran)
}

// Fault sets what is asked after a statement that writes ("exec") or a commit ("committed") has had its effect, and
// before a commit ("commit"). An error is returned in the place of the outcome. Nil ends it.
func (d *Driver) Fault(ask func(when string) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fault = ask
}

func (d *Driver) ask(when string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fault == nil {
		return nil
	}
	return d.fault(when)
}

func (d *Driver) note(text string, args []driver.NamedValue) {
	d.mu.Lock()
	defer d.mu.Unlock()
	values := make([]any, len(args))
	for i, a := range args {
		values[i] = a.Value
	}
	d.ran[text] = values
}

// Driver is for database/sql.
func (d *Driver) Driver() driver.Driver { return d.base }

// Connect is for database/sql.
func (d *Driver) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := d.connect(ctx)
	if err != nil {
		return nil, err
	}
	return heard{c.(fullConn), d}, nil
}

// fullConn is what all drivers can do that tests are run with.
type fullConn interface {
	driver.Conn
	driver.ConnPrepareContext
	driver.ConnBeginTx
	driver.ExecerContext
	driver.QueryerContext
	driver.SessionResetter
}

type heard struct {
	fullConn
	d *Driver
}

func (h heard) PrepareContext(ctx context.Context, text string) (driver.Stmt, error) {
	s, err := h.fullConn.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	return heardStmt{s.(fullStmt), h.d, text}, nil
}

func (h heard) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	tx, err := h.fullConn.BeginTx(ctx, o)
	return heardTx{tx, h.d}, err
}

func (h heard) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	result, err := h.fullConn.ExecContext(ctx, text, args)
	return h.d.done(text, args, result, err)
}

func (h heard) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	h.d.note(text, args)
	return h.fullConn.QueryContext(ctx, text, args)
}

// CheckNamedValue leaves to database/sql what the driver has no opinion about.
func (h heard) CheckNamedValue(v *driver.NamedValue) error {
	if c, ok := h.fullConn.(driver.NamedValueChecker); ok {
		return c.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

// IsValid leaves it to the driver, if that has an opinion.
func (h heard) IsValid() bool {
	v, ok := h.fullConn.(driver.Validator)
	return !ok || v.IsValid()
}

// done is the outcome of a statement that writes.
func (d *Driver) done(text string, args []driver.NamedValue, result driver.Result, err error) (driver.Result, error) {
	d.note(text, args)
	if fault := d.ask("exec"); fault != nil {
		return nil, fault
	}
	return result, err
}

type fullStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

type heardStmt struct {
	fullStmt
	d    *Driver
	text string
}

func (s heardStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	result, err := s.fullStmt.ExecContext(ctx, args)
	return s.d.done(s.text, args, result, err)
}

func (s heardStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	s.d.note(s.text, args)
	return s.fullStmt.QueryContext(ctx, args)
}

type heardTx struct {
	driver.Tx
	d *Driver
}

func (t heardTx) Commit() error {
	if err := t.d.ask("commit"); err != nil {
		_ = t.Tx.Rollback()
		return err
	}
	if err := t.Tx.Commit(); err != nil {
		return err
	}
	return t.d.ask("committed")
}
