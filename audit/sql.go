package audit

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"

	nguard "github.com/nguard-go/nguard/core"
)

// SQL is a sink that keeps records in the table nguard_audit of a database, where [SQL.List] finds
// them again. When the context carries a transaction on that database (see [nguard.WithTx]) the record
// is part of it: it is there exactly if the change is. Otherwise each record is a statement of its own.
//
// Make the table with [SQL.Migrate] or from the files of [Schema]. The database user of the service
// needs INSERT on the table, and SELECT if it lists; with no right to UPDATE and DELETE, a service that
// was broken into cannot rewrite its past (ASVS 16.4.2). Give [SQL.Purge] another user.
//
// All values are bound, never part of a statement (checklist L6). Safe for concurrent use. The zero
// value fails; use [NewSQL].
type SQL struct {
	db     *sql.DB
	schema fs.FS
	stmt   statements
}

var (
	_ nguard.Sink          = (*SQL)(nil)
	_ nguard.Transactional = (*SQL)(nil)
)

// NewSQL returns a sink in db. It does no I/O: the table is not looked at before the first record. An
// unknown dialect, or no database, is an error.
func NewSQL(db *sql.DB, d Dialect) (*SQL, error) {
	stmt, ok := dialects[d]
	if !ok {
		return nil, fmt.Errorf("audit: NewSQL does not know the dialect %q, take audit.SQLite", d)
	}
	if db == nil {
		return nil, errors.New("audit: NewSQL needs a database, it was given nil")
	}
	schema, err := Schema(d)
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	return &SQL{db: db, schema: schema, stmt: stmt}, nil
}

// Database returns the database that was given to [NewSQL].
func (s *SQL) Database() *sql.DB { return s.db }

// Record inserts e, inside the transaction that ctx carries if it carries one. Outside one, it returns
// at the deadline whatever the driver does, with [nguard.ErrOutcomeUnknown] too; inside one, the
// statement must end before the transaction can, so that a driver which overlooks deadlines while it
// waits for a lock (SQLite's, for as long as its busy timeout) makes the caller wait.
func (s *SQL) Record(ctx context.Context, e nguard.Event) error {
	if s.db == nil {
		return unavailable("sql", errNoSink)
	}
	ctx, cancel := Steady(ctx)
	defer cancel()
	if err := ctx.Err(); err != nil {
		return unavailable("sql", err)
	}
	args := []any{
		e.Time.UnixMicro(), printable(e.Name), printable(string(e.Outcome)), printable(e.Actor), printable(e.Target),
		string(AppendJSON(make([]byte, 0, 512), e)),
	}
	q, joined := s.on(ctx)
	var err error
	if joined || ctx.Done() == nil {
		err = insert(ctx, q, s.stmt.insert, args)
	} else {
		// On a goroutine that can be left behind: a driver that waits for a lock may not look at ctx.
		done := make(chan error, 1)
		go func() { done <- insert(ctx, q, s.stmt.insert, args) }()
		select {
		case err = <-done:
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	switch {
	case err == nil:
		return nil
	case !joined && ctx.Err() != nil:
		return unknown("sql", err)
	default:
		return unavailable("sql", err)
	}
}

// insert makes an error of a driver's panic, which must not end the program.
func insert(ctx context.Context, q querier, query string, args []any) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("driver panicked: %v", p)
		}
	}()
	_, err = q.ExecContext(ctx, query, args...)
	return err
}

// querier is what *sql.DB and *sql.Tx have in common.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// on returns where to run a statement: in the transaction of ctx if it has one.
func (s *SQL) on(ctx context.Context) (q querier, joined bool) {
	if tx, ok := nguard.TxOf(ctx, s.db); ok {
		return tx, true
	}
	return s.db, false
}
