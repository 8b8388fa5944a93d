package sqlstore

import (
	"context"
	"database/sql"
	"errors"

	nguard "github.com/nguard-go/nguard/core"
)

// Tx runs fn in a transaction. Where only one connection can write it begins with a write. Elsewhere that
// would make transactions wait for each other that have nothing to do with one another, and there is no need:
// a read inside a transaction locks what it reads. See Store.Tx.
func (b *rows) Tx(ctx context.Context, fn func(ctx context.Context) error) error {
	if b.dialect.sql[opLock].text == "" {
		return b.tx(ctx, fn)
	}
	return b.tx(ctx, func(ctx context.Context) error {
		if _, err := b.exec(ctx, opLock); err != nil {
			return err
		}
		return fn(ctx)
	}, opLock)
}

// tx runs fn in a transaction, again while the database is busy, or joins the one in ctx. Where only one
// connection can write, what fn does first must be a write. The statements in use are those that fn runs:
// they are prepared beforehand, so that all transactions share them.
func (b *rows) tx(ctx context.Context, fn func(ctx context.Context) error, use ...op) error {
	if err := ctx.Err(); err != nil {
		return unavailable(err)
	}
	if _, joined := nguard.TxOf(ctx, b.db); joined {
		return fn(ctx)
	}
	for t := (turn{}); ; {
		began, err := b.txOnce(ctx, fn, use)
		// A transaction that lost its connection before fn ran has done nothing.
		if !t.again(ctx, b, err) && (began || !t.elsewhere(ctx, b, err)) {
			return err
		}
	}
}

// txOnce says whether fn was run.
func (b *rows) txOnce(ctx context.Context, fn func(ctx context.Context) error, use []op) (began bool, err error) {
	for _, o := range use {
		o = b.dialect.locked(o)
		if b.dialect.sql[o].text == "" {
			continue
		}
		if _, _, err := b.statement(ctx, o); err != nil {
			return false, unavailable(err)
		}
	}
	tx, err := b.db.BeginTx(ctx, &sql.TxOptions{Isolation: b.dialect.isolation})
	if err != nil {
		return false, unavailable(err)
	}
	defer b.end(ctx, tx.Rollback) // without effect after a commit; fn may fail or panic
	if err := fn(nguard.WithTx(ctx, b.db, tx)); err != nil {
		return true, err
	}
	if err := ctx.Err(); err != nil {
		return true, unavailable(err) // an end that shows in a commit says nothing of what was sent
	}
	switch err := b.end(ctx, tx.Commit); {
	case err == nil:
		return true, nil
	case err == errLeft:
		return true, unknown(ctx.Err())
	case b.dialect.refused(err):
		return true, unavailable(err) // and rolled back
	case errors.Is(err, sql.ErrTxDone):
		return true, unavailable(err) // database/sql saw the end of ctx and rolled back instead
	default:
		return true, unknown(err)
	}
}

// errLeft says that a transaction was left to end by itself.
var errLeft = errors.New("the end of the transaction was not waited for")

// end ends a transaction, by its Commit or Rollback. Neither takes a context. Where the driver does not remember
// that of the beginning, a server that has vanished would keep the caller for as long as the operating system
// takes to notice, which is many minutes: it is then waited for on a goroutine that is left behind, with its
// connection, until the connection breaks.
func (b *rows) end(ctx context.Context, how func() error) error {
	if !b.dialect.deaf || ctx.Done() == nil {
		return how()
	}
	done := make(chan error, 1)
	go func() { done <- how() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done: // both at once: what is known is better than what is not
		return err
	default:
		return errLeft
	}
}
