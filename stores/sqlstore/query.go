package sqlstore

import (
	"context"
	"database/sql"

	nguard "github.com/nguard-go/nguard/core"
)

// runner runs one statement.
type runner interface {
	ExecContext(ctx context.Context, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, args ...any) (*sql.Rows, error)
}

// statement returns o prepared for the transaction in ctx, or for the handle. A statement that is first needed
// inside a transaction runs as a text: preparing it on the handle takes a second connection, which a pool of
// one never has, and preparing it for the transaction alone holds one more of them on the server each time,
// until the transaction ends.
func (b *rows) statement(ctx context.Context, o op) (runner, op, error) {
	tx, joined := nguard.TxOf(ctx, b.db)
	if joined {
		o = b.dialect.locked(o)
	}
	stmt := b.prepared[o].Load()
	switch {
	case joined && stmt != nil:
		return tx.StmtContext(ctx, stmt), o, nil
	case joined:
		return unprepared{tx, b.dialect.sql[o].text}, o, nil
	case stmt != nil:
		return stmt, o, nil
	}
	stmt, err := b.db.PrepareContext(ctx, b.dialect.sql[o].text)
	if err != nil {
		return nil, o, err
	}
	if !b.prepared[o].CompareAndSwap(nil, stmt) {
		stmt.Close()
		if other := b.prepared[o].Load(); other != nil {
			stmt = other
		}
	}
	return stmt, o, nil
}

// unprepared is a statement that a transaction runs as a text.
type unprepared struct {
	tx   *sql.Tx
	text string
}

func (u unprepared) ExecContext(ctx context.Context, args ...any) (sql.Result, error) {
	return u.tx.ExecContext(ctx, u.text, args...)
}

func (u unprepared) QueryContext(ctx context.Context, args ...any) (*sql.Rows, error) {
	return u.tx.QueryContext(ctx, u.text, args...)
}

// exec runs a statement, again while the database is busy or when the statement was never sent, and returns how
// many rows it touched.
func (b *rows) exec(ctx context.Context, o op, args ...any) (int64, error) {
	for t := (turn{}); ; {
		n, err := b.execOnce(ctx, o, args)
		if !t.again(ctx, b, err) && !t.elsewhere(ctx, b, err) {
			return n, err
		}
	}
}

func (b *rows) execOnce(ctx context.Context, o op, args []any) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, unavailable(err)
	}
	stmt, o, err := b.statement(ctx, o)
	if err != nil {
		return 0, unavailable(err)
	}
	res, err := stmt.ExecContext(ctx, b.dialect.sql[o].args(args)...)
	if err != nil {
		b.forget(o, err)
		return 0, b.doubt(ctx, err)
	}
	n, err := res.RowsAffected()
	return n, b.doubt(ctx, err)
}

// each is called for every row that a statement returns, with the row's number from 0. An attempt that
// fails is followed by one that begins with 0 again.
type each func(i int, rs *sql.Rows) error

// query runs a statement, again while the database is busy, and returns how many rows there were. It
// reads to the end, which is when a statement that writes has written. What only reads is run again when its
// connection is lost, too.
func (b *rows) query(ctx context.Context, o op, fn each, args ...any) (int, error) {
	for t := (turn{}); ; {
		n, err := b.queryOnce(ctx, o, fn, args)
		if !t.again(ctx, b, err) && !t.elsewhere(ctx, b, err) {
			return n, err
		}
	}
}

func (b *rows) queryOnce(ctx context.Context, o op, fn each, args []any) (n int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, unavailable(err)
	}
	stmt, o, err := b.statement(ctx, o)
	if err != nil {
		return 0, unavailable(err)
	}
	fault := unavailable
	if o == opBump {
		fault = func(err error) error { return b.doubt(ctx, err) }
	}
	rs, err := stmt.QueryContext(ctx, b.dialect.sql[o].args(args)...)
	if err != nil {
		b.forget(o, err)
		return 0, fault(err)
	}
	defer rs.Close()
	for ; rs.Next(); n++ {
		if err := fn(n, rs); err != nil {
			if ended := ctx.Err(); ended != nil {
				return n, fault(ended) // the rows were closed under the scan
			}
			return n, err
		}
	}
	if err := rs.Err(); err != nil {
		b.forget(o, err)
		return n, fault(err)
	}
	return n, fault(rs.Close())
}

// forget lets go of a prepared statement that is of no use any more, so that the next attempt prepares
// another. Closing waits for those that run it; who has it in hand and comes later is told that it is
// closed, and tries again as well.
func (b *rows) forget(o op, err error) {
	if !b.dialect.unprepared(err) {
		return
	}
	if stmt := b.prepared[o].Swap(nil); stmt != nil {
		stmt.Close()
	}
}
