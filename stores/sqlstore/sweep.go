package sqlstore

import (
	"context"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// batch is how many rows one statement of a sweep touches: the time for which it keeps other writers
// waiting.
const batch = 200

// Sweep runs small statements that each find their rows and change them in one step.
func (b *rows) Sweep(ctx context.Context, now time.Time, n int) (int, error) {
	at := now.UnixNano()
	removed, err := b.batches(ctx, n, opSweep, at)
	if err != nil {
		return removed, err
	}
	_, err = b.batches(ctx, n, opSettle, at, now.Add(nguard.KeepEpoch).UnixNano(), now.Add(-nguard.StaleOpen).UnixNano())
	if err != nil {
		return removed, err
	}
	_, err = b.batches(ctx, n, opForget, at)
	return removed, err
}

// batches runs o, whose last argument is a limit, until it finds no more or n rows are done.
func (b *rows) batches(ctx context.Context, n int, o op, args ...any) (int, error) {
	done := 0
	for done < n {
		limit := min(n-done, batch)
		touched, err := b.exec(ctx, o, append(args[:len(args):len(args)], limit)...)
		done += int(touched)
		if err != nil || touched < int64(limit) {
			return done, err
		}
	}
	return done, nil
}
