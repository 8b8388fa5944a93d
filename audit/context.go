package audit

import (
	"context"
	"errors"
	"fmt"

	nguard "github.com/nguard-go/nguard/core"
)

// Steady returns ctx with its values and its deadline, and without its cancellation, as a sink of your own
// needs it: a client that leaves is no reason to lose a record. Call cancel when Record returns.
func Steady(ctx context.Context) (kept context.Context, cancel context.CancelFunc) {
	kept = context.WithoutCancel(ctx)
	if d, ok := ctx.Deadline(); ok {
		return context.WithDeadline(kept, d)
	}
	return kept, func() {}
}

// unavailable says that the record is not written, and why.
func unavailable(what string, err error) error {
	return fmt.Errorf("audit: %s: %w: %w", what, nguard.ErrUnavailable, err)
}

// unknown says that the record may or may not be written, and why.
func unknown(what string, err error) error {
	return fmt.Errorf("audit: %s: %w: %w: %w", what, nguard.ErrUnavailable, nguard.ErrOutcomeUnknown, err)
}

// call records e, and makes an error of a panic: a sink that breaks must not take the request along.
func call(ctx context.Context, s nguard.Sink, e nguard.Event) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = unknown(fmt.Sprintf("%T panicked", s), fmt.Errorf("%v", p))
		}
	}()
	return s.Record(ctx, e)
}

var errNoSink = errors.New("there is no sink inside")

// drain drains v if it can hold records back.
func drain(ctx context.Context, v any) error {
	if d, ok := nguard.Ability[nguard.Drainer](v); ok {
		return d.Drain(ctx)
	}
	return nil
}
