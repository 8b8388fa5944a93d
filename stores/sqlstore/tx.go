package sqlstore

import (
	"context"
	"errors"

	nguard "github.com/nguard-go/nguard/core"
)

// Tx runs fn in a transaction that begins with a write. See Store.Tx.
func (b *rows) Tx(ctx context.Context, fn func(ctx context.Context) error) error {
	return b.tx(ctx, func(ctx context.Context) error {
		if _, err := b.exec(ctx, opLock); err != nil {
			return err
		}
		return fn(ctx)
	}, opLock)
}

// tx runs fn in a transaction, again while the database is busy, or joins the one in ctx. What fn does
// first must be a write. The statements in use are those that fn runs: they are prepared beforehand, so
// that all transactions share them.
func (b *rows) tx(ctx context.Context, fn func(ctx context.Context) error, use ...op) error {
	if err := ctx.Err(); err != nil {
		return unavailable(err)
	}
	if _, joined := nguard.TxOf(ctx, b.db); joined {
		return fn(ctx)
	}
	for t := (turn{}); ; {
		err := b.txOnce(ctx, fn, use)
		if !t.again(ctx, b, err) {
			return err
		}
	}
}

func (b *rows) txOnce(ctx context.Context, fn func(ctx context.Context) error, use []op) error {
	for _, o := range use {
		if _, err := b.statement(ctx, o); err != nil {
			return unavailable(err)
		}
	}
	tx, err := b.db.BeginTx(ctx, nil)
	if err != nil {
		return unavailable(err)
	}
	defer tx.Rollback() // without effect after a commit; fn may fail or panic
	if err := fn(nguard.WithTx(ctx, b.db, tx)); err != nil {
		return err
	}
	switch err := tx.Commit(); {
	case err == nil:
		return nil
	case b.dialect.refused(err):
		return unavailable(err) // and rolled back
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return unavailable(err) // database/sql saw the end of ctx and rolled back instead
	default:
		return unknown(err)
	}
}
