package audit

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Migrate brings the table to the version that this program needs: it runs each schema file that has
// not been run, in order. It may be called at every start, by several processes at once: one does the work,
// in one transaction where the database can, and the others wait and find it done. Tables of a later version
// are left as they are. It does not join the transaction of ctx. When the answer to its commit is lost, it says
// [nguard.ErrOutcomeUnknown]. MySQL commits each statement: there, that is said when the answer to any of them is
// lost, and what was done before an error stays. After any error it can be called again.
//
// Soon after the end of ctx it returns whatever the driver does, as [SQL.Record] does: work that waits for a lock
// may go on after that, and is rolled back.
func (s *SQL) Migrate(ctx context.Context) error {
	if s.db == nil {
		return unavailable("sql", errNoSink)
	}
	// On a goroutine that can be left behind: a commit takes no context, and a driver may wait for its answer for
	// as long as the operating system takes to notice that the server has vanished.
	done := make(chan error, 1)
	var past atomic.Bool // the point from which something stays: whoever leaves before it makes it impassable
	go func() { done <- s.migrate(ctx, &past) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done: // what is known is better than what is not
		return err
	case <-time.After(2 * letGoTime):
	}
	if past.CompareAndSwap(false, true) {
		return unavailable("sql: migrate", ctx.Err())
	}
	return unknown("sql: migrate", ctx.Err())
}

// migrate makes an error of a driver's panic, which must not end the program, and says what has become of the table.
func (s *SQL) migrate(ctx context.Context, past *atomic.Bool) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = unknown("sql: migrate", fmt.Errorf("driver panicked: %v", p))
		}
	}()
	err = s.bring(ctx, past)
	rolledBack := !s.dialect.migration.piecemeal && errors.Is(err, sql.ErrTxDone) // in the place of a commit
	switch {
	case err == nil:
		return nil
	case !past.Load(), rolledBack, ctx.Err() == nil && s.dialect.refused(err):
		return unavailable("sql: migrate", err)
	default:
		return unknown("sql: migrate", err)
	}
}

// bring keeps to one connection, to which locks belong. It sets past before the first write that no rollback undoes.
func (s *SQL) bring(ctx context.Context, past *atomic.Bool) error {
	m := s.dialect.migration
	c, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	if m.before != "" { // a table of versions with nothing in it says what none says, so nothing has changed
		if _, err := c.ExecContext(ctx, m.before); err != nil {
			return err
		}
	}
	if m.release != "" {
		defer letGo(ctx, c, m.release) // after the rollback: until then a connection cannot be closed
	}
	tx, err := c.BeginTx(ctx, &sql.TxOptions{Isolation: m.isolation})
	if err != nil {
		return err
	}
	defer tx.Rollback() // without effect after a commit
	if err := m.hold(ctx, tx); err != nil {
		return err
	}
	if m.piecemeal && !pass(ctx, past) {
		return ctx.Err()
	}
	if err := s.bringUp(ctx, tx); err != nil {
		return err
	}
	if !m.piecemeal && !pass(ctx, past) {
		return ctx.Err()
	}
	return tx.Commit()
}

// pass goes past the point, unless ctx has ended: an end that shows later says nothing of what was sent.
func pass(ctx context.Context, past *atomic.Bool) bool {
	return ctx.Err() == nil && past.CompareAndSwap(false, true)
}

// letGoTime is how long it may take to give back a lock.
const letGoTime = time.Second

// letGo gives back what belongs to a connection, whether or not it was got, and also when ctx has ended. Back in
// the pool with it, the connection would keep everybody else waiting: one that cannot be asked is closed instead.
func letGo(ctx context.Context, c *sql.Conn, release string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), letGoTime)
	defer cancel()
	if _, err := c.ExecContext(ctx, release); err != nil {
		_ = c.Raw(func(any) error { return driver.ErrBadConn })
	}
}

// bringUp runs what has not been run.
func (s *SQL) bringUp(ctx context.Context, q querier) error {
	m := s.dialect.migration
	if m.versions != "" {
		if _, err := q.ExecContext(ctx, m.versions); err != nil {
			return err
		}
	}
	done, err := version(ctx, q)
	if err != nil {
		return err
	}
	schema := s.dialect.Schema()
	files, err := fs.Glob(schema, "*.sql") // sorted
	if err != nil {
		return err
	}
	for _, name := range files {
		number, _, _ := strings.Cut(name, "_")
		n, err := strconv.Atoi(number)
		if err != nil {
			return err
		}
		if n <= done {
			continue
		}
		text, err := fs.ReadFile(schema, name)
		if err != nil {
			return err
		}
		// Statement by statement, since not every driver takes several at once. Each ends with a semicolon at
		// the end of a line.
		for _, statement := range strings.Split(string(text), ";\n") {
			if strings.TrimSpace(statement) == "" {
				continue
			}
			if _, err := q.ExecContext(ctx, statement); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		if _, err := q.ExecContext(ctx, m.note, n, name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// version is the last file that has been run, or 0.
func version(ctx context.Context, q querier) (n int, err error) {
	rows, err := q.QueryContext(ctx, `SELECT coalesce(max(version), 0) FROM nguard_audit_schema`)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(&n); err != nil {
			return 0, err
		}
	}
	return n, rows.Err()
}
