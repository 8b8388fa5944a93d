package nguard

import (
	"context"
	"fmt"
	"time"
)

const (
	sweepEvery = time.Minute
	sweepBatch = 500
)

// sweep removes dead rows in the background, at most once a minute, in small batches. It starts with
// requests rather than with a timer: without requests nothing grows, and nothing needs stopping but a
// batch under way. The first one also records that the guard has begun to work.
func (g *Guard) sweep(now time.Time) {
	last := g.swept.Load()
	if now.UnixNano()-last < int64(sweepEvery) || !g.swept.CompareAndSwap(last, now.UnixNano()) {
		return
	}
	if last == 0 {
		g.spill.add(g, Event{ID: newEventID(), Time: now.UTC().Round(0), Name: EventStartup, Outcome: Success, Class: ClassSystem, Namespace: g.ns})
	}
	if g.sweeper == nil {
		return
	}
	select {
	case g.sweeping <- struct{}{}:
	default:
		return
	}
	go func() {
		defer func() { <-g.sweeping }()
		for g.stop.Err() == nil {
			var n int
			err := g.call(g.stop, "store.sweep", func(ctx context.Context) (err error) {
				n, err = g.sweeper.Sweep(ctx, now, sweepBatch)
				return err
			})
			if err != nil {
				if g.stop.Err() == nil { // else Shutdown has ended it
					g.log.Warn("nguard: sweep put off", "err", err)
				}
				return
			}
			if n < sweepBatch {
				return
			}
		}
	}()
}

// Sweep removes dead rows now and returns how many; the guard also does so by itself, about once a
// minute while there are requests. It is for programs that want to do it on a schedule. One sweep of a guard
// works at a time, and this one waits for its turn: what another one has locked, to look at it or to remove it,
// a database passes by. Rows that other processes have in their hands stay for the next sweep.
func (g *Guard) Sweep(ctx context.Context) (int, error) {
	if g.sweeper == nil {
		return 0, nil
	}
	select {
	case g.sweeping <- struct{}{}:
		defer func() { <-g.sweeping }()
	case <-ctx.Done():
		return 0, fmt.Errorf("%w: another sweep is under way: %w", ErrUnavailable, ctx.Err())
	}
	total := 0
	for {
		var n int
		err := g.call(ctx, "store.sweep", func(ctx context.Context) (err error) {
			n, err = g.sweeper.Sweep(ctx, g.now(), sweepBatch)
			return err
		})
		total += n
		if err != nil || n < sweepBatch {
			return total, err
		}
	}
}
