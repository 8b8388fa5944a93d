package nguard

import (
	"context"
	"database/sql"
)

// Transactional is implemented by a Store, a [UserUpdater] or a [Sink] that lives in a database and
// runs its statements in the transaction that [TxOf] finds in its context. When all three name the
// same database, a change of a user is one transaction (promise P2).
type Transactional interface {
	// Database returns the handle whose transactions are joined, or nil for none.
	Database() *sql.DB
}

type txKey struct{ db *sql.DB }

// WithTx returns a context in which everything that lives in db works inside tx: nguard's stores and
// sinks, and the program's own statements by way of [TxOf]. The program begins, commits and rolls
// back; nguard only joins. Log people in after the commit: the cookie of a new session is set at once,
// and would lead nowhere after a rollback.
func WithTx(ctx context.Context, db *sql.DB, tx *sql.Tx) context.Context {
	return context.WithValue(ctx, txKey{db}, tx)
}

// TxOf returns the transaction on db that ctx carries, if any. A UserUpdater uses it so that its
// statement joins the change that nguard makes:
//
//	if tx, ok := nguard.TxOf(ctx, u.db); ok {
//		// run the statement on tx
//	}
func TxOf(ctx context.Context, db *sql.DB) (*sql.Tx, bool) {
	if db == nil {
		return nil, false
	}
	tx, ok := ctx.Value(txKey{db}).(*sql.Tx)
	return tx, ok
}

// database returns the handle that v lives in, along its chain of Unwrap, or nil.
func database(v any) *sql.DB {
	if t, ok := Ability[Transactional](v); ok {
		return t.Database()
	}
	return nil
}
