package audit

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	nguard "github.com/nguard-go/nguard/core"
)

// SQL is a sink that keeps records in the table nguard_audit of a database, where [SQL.List] finds
// them again. When the context carries a transaction on that database (see [nguard.WithTx]) the record
// is part of it: it is there exactly if the change is. Otherwise each record is a statement of its own.
//
// Make the table with [SQL.Migrate] or from the files of [Dialect.Schema]. The database user of the service
// needs INSERT on the table, and SELECT if it lists; with no right to UPDATE and DELETE, a service that
// was broken into cannot rewrite its past (ASVS 16.4.2). Give [SQL.Purge] another user.
//
// All values are bound, never part of a statement (checklist L6). Safe for concurrent use. The zero
// value fails; use [NewSQL].
type SQL struct {
	db            *sql.DB
	dialect       *Dialect
	insert, purge string // as the database wants them
}

var (
	_ nguard.Sink          = (*SQL)(nil)
	_ nguard.Transactional = (*SQL)(nil)
)

// NewSQL returns a sink in db. It does no I/O: the table is not looked at before the first record. No
// dialect, or no database, is an error.
func NewSQL(db *sql.DB, d *Dialect) (*SQL, error) {
	if db == nil {
		return nil, errors.New("audit: NewSQL needs a database, it was given nil")
	}
	if d == nil || d.dir == "" {
		return nil, errors.New("audit: NewSQL needs a dialect, take audit.SQLite, audit.Postgres or audit.MySQL")
	}
	return &SQL{db: db, dialect: d, insert: d.bind(d.insert), purge: d.bind(d.purge)}, nil
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
		e.Time.UnixMicro(), indexed(e.Name), indexed(string(e.Outcome)), indexed(e.Actor), indexed(e.Target),
		string(AppendJSON(make([]byte, 0, 512), e)),
	}
	q, joined := s.on(ctx)
	var err error
	if joined || ctx.Done() == nil {
		err = insert(ctx, q, s.insert, args)
	} else {
		// On a goroutine that can be left behind: a driver that waits for a lock may not look at ctx.
		done := make(chan error, 1)
		go func() { done <- insert(ctx, q, s.insert, args) }()
		select {
		case err = <-done:
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	return s.judged(ctx, err, joined)
}

// judged says of the error of a statement that writes whether it may have had its effect. In a transaction that
// somebody else began nothing is in doubt: it is rolled back.
func (s *SQL) judged(ctx context.Context, err error, joined bool) error {
	switch {
	case err == nil:
		return nil
	case joined || unsent(err) || ctx.Err() == nil && s.dialect.refused(err):
		return unavailable("sql", err)
	default:
		return unknown("sql", err)
	}
}

// longest is how many bytes of a text are found in an index: databases bound what they take into one.
const longest = 512

// indexed is a text as lists look for it. What is too long keeps its beginning and gets a digest for the rest,
// so that it is still found, and nothing else with it.
func indexed(s string) string {
	s = printable(s)
	if len(s) <= longest {
		return s
	}
	digest := sha256.Sum256([]byte(s))
	end := fmt.Sprintf("%x", digest)
	return strings.ToValidUTF8(s[:longest-len(end)-1], "") + "#" + end
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
