package sqlitetest

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"sync"
	"testing"

	"github.com/nguard-go/nguard/stores/servicetest"
)

// wrapped is the driver with an ear on every statement and a hand in every outcome.
type wrapped struct {
	base driver.Driver
	dsn  string

	mu   sync.Mutex
	seen map[string]bool
	// fault is asked after a statement ("exec") or commit ("committed") has had its effect, and before a
	// commit ("commit"): an error is returned in the place of the outcome.
	fault func(when, text string) error
}

// wrap opens a handle through a wrapped driver.
func wrap(t testing.TB, place servicetest.Database) (*sql.DB, *wrapped) {
	t.Helper()
	w := &wrapped{base: place.Open(t).Driver(), dsn: place.DSN(), seen: map[string]bool{}}
	db := sql.OpenDB(w)
	t.Cleanup(func() { db.Close() })
	return db, w
}

func (w *wrapped) set(fault func(when, text string) error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fault = fault
}

func (w *wrapped) ask(when, text string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fault == nil {
		return nil
	}
	return w.fault(when, text)
}

func (w *wrapped) Driver() driver.Driver { return w.base }

func (w *wrapped) Connect(context.Context) (driver.Conn, error) {
	c, err := w.base.Open(w.dsn)
	if err != nil {
		return nil, err
	}
	return conn{c.(fullConn), w}, nil
}

type fullConn interface {
	driver.Conn
	driver.ConnPrepareContext
	driver.ConnBeginTx
	driver.ExecerContext
	driver.SessionResetter
	driver.Validator
}

type conn struct {
	fullConn
	w *wrapped
}

func (c conn) PrepareContext(ctx context.Context, text string) (driver.Stmt, error) {
	c.w.mu.Lock()
	c.w.seen[text] = true
	c.w.mu.Unlock()
	s, err := c.fullConn.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	return stmt{s.(fullStmt), c.w, text}, nil
}

func (c conn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	t, err := c.fullConn.BeginTx(ctx, o)
	return tx{t, c.w}, err
}

type fullStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

type stmt struct {
	fullStmt
	w    *wrapped
	text string
}

func (s stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	res, err := s.fullStmt.ExecContext(ctx, args)
	if fault := s.w.ask("exec", s.text); fault != nil {
		return nil, fault
	}
	return res, err
}

type tx struct {
	driver.Tx
	w *wrapped
}

func (t tx) Commit() error {
	if err := t.w.ask("commit", ""); err != nil {
		t.Tx.Rollback()
		return err
	}
	if err := t.Tx.Commit(); err != nil {
		return err
	}
	return t.w.ask("committed", "")
}
