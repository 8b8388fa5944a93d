package sqlstore

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// unavailable says that a statement failed and had no effect, or only read. nil stays nil.
func unavailable(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", nguard.ErrUnavailable, err)
}

// unknown says that a write failed and may have had its effect all the same.
func unknown(err error) error {
	return fmt.Errorf("%w: %w: %w", nguard.ErrUnavailable, nguard.ErrOutcomeUnknown, err)
}

// corrupt says that a column holds what was never written to it.
func corrupt(err error) error { return fmt.Errorf("%w: %w", nguard.ErrCorrupt, err) }

// doubt judges the error of a statement that writes. Inside a transaction nothing is in doubt: whoever
// began it rolls back. Outside, a statement is its own transaction, and when the context ends or the
// connection breaks meanwhile, drivers do not say whether it was committed.
func (b *rows) doubt(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if _, joined := nguard.TxOf(ctx, b.db); joined || b.dialect.refused(err) || closed(err) {
		return unavailable(err)
	}
	return unknown(err)
}

// closed recognises the error of a closed handle, which database/sql does not export.
func closed(err error) bool { return strings.Contains(err.Error(), "sql: database is closed") }

// turn waits between attempts at a busy database: 1 ms at first, 50 ms at most, each time a random part of
// it, so that those who were turned away together do not come back together.
type turn struct{ wait time.Duration }

const (
	firstWait   = time.Millisecond
	longestWait = 50 * time.Millisecond
)

// again reports whether to try once more after err. It waits first. Inside a transaction that somebody
// else began, it is for them to begin anew.
func (t *turn) again(ctx context.Context, b *rows, err error) bool {
	if err == nil || !b.dialect.busy(err) {
		return false
	}
	if _, joined := nguard.TxOf(ctx, b.db); joined {
		return false
	}
	t.wait = min(max(2*t.wait, firstWait), longestWait)
	timer := time.NewTimer(rand.N(t.wait))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
