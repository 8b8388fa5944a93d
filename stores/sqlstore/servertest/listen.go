package servertest

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"sync"
	"testing"

	"github.com/nguard-go/nguard/stores/servicetest"
)

// listener is a driver with an ear on every statement that is prepared and run.
type listener struct {
	driver.Connector
	mu sync.Mutex
	// run has the arguments with which a statement was run last.
	run map[string][]any
}

// listen opens a handle whose statements are heard.
func listen(t *testing.T, place servicetest.Database) (*sql.DB, *listener) {
	t.Helper()
	c, err := place.Open(t).Driver().(driver.DriverContext).OpenConnector(place.DSN())
	if err != nil {
		t.Fatal(err)
	}
	l := &listener{Connector: c, run: map[string][]any{}}
	db := sql.OpenDB(l)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db, l
}

func (l *listener) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := l.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return heard{c.(fullConn), l}, nil
}

// fullConn is what the drivers of both servers can do.
type fullConn interface {
	driver.Conn
	driver.ConnPrepareContext
	driver.ConnBeginTx
	driver.ExecerContext
	driver.QueryerContext
	driver.NamedValueChecker
	driver.SessionResetter
}

type heard struct {
	fullConn
	l *listener
}

func (h heard) PrepareContext(ctx context.Context, text string) (driver.Stmt, error) {
	s, err := h.fullConn.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	return heardStmt{s.(fullStmt), h.l, text}, nil
}

type fullStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

type heardStmt struct {
	fullStmt
	l    *listener
	text string
}

func (s heardStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	s.l.note(s.text, args)
	return s.fullStmt.ExecContext(ctx, args)
}

func (s heardStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	s.l.note(s.text, args)
	return s.fullStmt.QueryContext(ctx, args)
}

func (l *listener) note(text string, args []driver.NamedValue) {
	l.mu.Lock()
	defer l.mu.Unlock()
	values := make([]any, len(args))
	for i, a := range args {
		values[i] = a.Value
	}
	l.run[text] = values
}
