package nguard

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// call runs one call to a store, users table, sink or limiter: under its own deadline, observed, and
// with every error that is not a known answer turned into ErrUnavailable.
func (g *Guard) call(ctx context.Context, op string, fn func(ctx context.Context) error) (err error) {
	ctx, cancel := context.WithTimeout(ctx, g.timeout)
	defer cancel()
	return g.observed(ctx, op, fn)
}

func (g *Guard) observed(ctx context.Context, op string, fn func(ctx context.Context) error) (err error) {
	if g.tracer != nil {
		span, done := g.trace(ctx, op)
		ctx = span
		defer func() { done(err) }()
	}
	defer func() {
		if p := recover(); p != nil {
			g.crashed(ctx, op, p)
			err = fmt.Errorf("%w: %s panicked", ErrUnavailable, op)
		}
	}()
	return asAnswer(op, fn(ctx))
}

// trace calls Config.Observe. What goes wrong in it is recorded and costs the span, not the operation: in
// the goroutines of sweep and backlog a panic would end the process.
func (g *Guard) trace(ctx context.Context, op string) (span context.Context, done func(error)) {
	var end func(error)
	err := g.guarded(ctx, "Observe", func() error {
		span, end = g.tracer(ctx, op)
		return nil
	})
	if err != nil || span == nil || end == nil {
		return ctx, func(error) {}
	}
	return span, func(err error) {
		_ = g.guarded(ctx, "Observe", func() error { end(err); return nil })
	}
}

// answers are the errors that a collaborator gives on purpose. What a store does not support will not be
// over later, as an outage is.
var answers = []error{ErrNoSession, ErrConflict, ErrTooMany, ErrMalformed, ErrCorrupt, ErrNoUser, ErrLastAdmin,
	ErrBadCredentials, ErrMissingCredentials, ErrDenied, ErrInvalid, ErrTooLarge, ErrUnavailable, ErrLimited, ErrNoUsableField, ErrHook,
	errors.ErrUnsupported}

func asAnswer(op string, err error) error {
	if err == nil {
		return nil
	}
	for _, known := range answers {
		if errors.Is(err, known) {
			return err
		}
	}
	return fmt.Errorf("%w: %s: %w", ErrUnavailable, op, err)
}

// lasting returns the context for a change: it does not end when the client leaves, so that nobody can
// leave half a change behind, but has a deadline of its own.
func (g *Guard) lasting(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 5*g.timeout)
}

// callContext is a timeout that costs nothing until somebody asks for it: the memory store never does,
// and a clock read and a timer would be a good part of its cost.
type callContext struct {
	context.Context
	timeout time.Duration
	mu      sync.Mutex // for starting it
	begun   atomic.Pointer[begunContext]
}

// begunContext is the timeout, running.
type begunContext struct {
	context.Context
	cancel context.CancelFunc
}

func (c *callContext) started() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.begun.Load()
	if b == nil {
		b = new(begunContext)
		b.Context, b.cancel = context.WithTimeout(c.Context, c.timeout)
		c.begun.Store(b)
	}
	return b.Context
}

func (c *callContext) Deadline() (time.Time, bool) { return c.started().Deadline() }

func (c *callContext) Done() <-chan struct{} { return c.started().Done() }

// Value goes through the started context, so that package context finds its way to cancel what is derived
// from it without a goroutine for each.
func (c *callContext) Value(key any) any {
	if b := c.begun.Load(); b != nil {
		return b.Value(key)
	}
	return c.Context.Value(key)
}

func (c *callContext) Err() error {
	if b := c.begun.Load(); b != nil {
		return b.Err()
	}
	return c.Context.Err()
}

// release frees the timer. The context is not used afterwards.
func (c *callContext) release() {
	if b := c.begun.Load(); b != nil {
		b.cancel()
	}
}
