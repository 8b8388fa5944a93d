package sqlstore

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
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
	if _, joined := nguard.TxOf(ctx, b.db); joined || b.dialect.refused(err) || closed(err) || unsent(err) {
		return unavailable(err)
	}
	return unknown(err)
}

// closed recognises the errors of a closed handle and of a closed statement, which database/sql does not
// export.
func closed(err error) bool {
	return strings.Contains(err.Error(), "sql: database is closed") || closedStatement(err)
}

func closedStatement(err error) bool {
	return strings.Contains(err.Error(), "sql: statement is closed")
}

// unsent says that nothing of a statement has reached the server: no connection was made, or a driver says
// so. That is what ErrBadConn means, and the method SafeToRetry of the errors of pgx.
func unsent(err error) bool {
	var safe interface{ SafeToRetry() bool }
	return unreachable(err) || errors.Is(err, driver.ErrBadConn) || (errors.As(err, &safe) && safe.SafeToRetry())
}

// unreachable says that the server takes no connections.
func unreachable(err error) bool {
	var dial *net.OpError
	return errors.As(err, &dial) && dial.Op == "dial"
}

// lost says that the connection of a statement has ended before the answer to it was there, and that the statement
// surely had no effect: it only reads, or it was never sent.
func (b *rows) lost(err error) bool {
	return errors.Is(err, nguard.ErrUnavailable) && !errors.Is(err, nguard.ErrOutcomeUnknown) &&
		!b.dialect.refused(err) && !closed(err) && !unreachable(err)
}

// turn waits between attempts at a busy database: 1 ms at first, 50 ms at most, each time a random part of
// it, so that those who were turned away together do not come back together.
type turn struct {
	wait time.Duration
	lost int // how many attempts have lost their connection
}

const (
	firstWait   = time.Millisecond
	longestWait = 50 * time.Millisecond
)

// again reports whether to try once more after err. It waits first. Inside a transaction that somebody
// else began, it is for them to begin anew.
func (t *turn) again(ctx context.Context, b *rows, err error) bool {
	if err == nil || !(b.dialect.busy(err) || b.dialect.unprepared(err) || closedStatement(err)) {
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

// elsewhere reports whether to run again, on another connection, what had no effect and has lost its own.
// When a server restarts, each connection in the pool is of no use, and the driver may notice it only by
// using it: so there are as many attempts as there can be such connections, and one for a new one. A server
// that cannot be reached is reported at once.
func (t *turn) elsewhere(ctx context.Context, b *rows, err error) bool {
	if err == nil || ctx.Err() != nil || !b.lost(err) {
		return false
	}
	if _, joined := nguard.TxOf(ctx, b.db); joined {
		return false
	}
	t.lost++
	return t.lost <= max(b.db.Stats().OpenConnections, spare)+1
}

// spare is how many connections may be lost one after the other by a small pool.
const spare = 3
