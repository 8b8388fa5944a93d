package nguard

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
)

// Hooks are the program's own functions at the turning points of a session. Each may be nil. They run
// in the request's goroutine, several at once for several requests. One that returns an error or panics
// denies what it guards and leaves everything as it was: a plain error of AfterAuthenticate and BeforeUpdate
// is a refusal (403), one that wraps [ErrUnavailable], and every error of OnLoad, is an outage (503); the two that come after the fact, AfterUpdate
// and OnLogout, cannot deny: a panic in them is recorded and the fact stands.
type Hooks struct {
	// AfterAuthenticate runs when credentials are verified and before a session exists.
	AfterAuthenticate func(ctx context.Context, u User) error
	// OnLoad adds values to the session for this request, such as a plan or a tenant's name. They stand in
	// the session's JSON under "data", below declared fields, and are not stored.
	OnLoad func(ctx context.Context, s *Session) (map[string]any, error)
	// Validate may end a session when it is loaded: an error that wraps [ErrNoSession] ends it, every
	// other error denies this request with 503 and keeps it.
	Validate func(ctx context.Context, s *Session) error
	// BeforeUpdate runs before a change is written, with what would change, once for each try.
	BeforeUpdate func(ctx context.Context, u Update) error
	// AfterUpdate runs when a change has been written.
	AfterUpdate func(ctx context.Context, u Update)
	// OnLogout runs when a session has ended at its person's wish.
	OnLogout func(ctx context.Context, s *Session)
}

// Update is a change as hooks see it.
type Update struct {
	// Action is "update", "update-role" or the program's own word; Actor who does it; UserID whose
	// session or row changes.
	Action, Actor, UserID string
	// Changes are in the order of field names. Values of private fields are [Redacted].
	Changes []Change
}

// guarded runs a function of the program and turns a panic into an error: one bad callback must neither
// stop the process nor let anything pass (checklist P9).
func (g *Guard) guarded(ctx context.Context, what string, fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			g.crashed(ctx, what, p)
			err = fmt.Errorf("%w: %s panicked", ErrHook, what)
		}
	}()
	if err := fn(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// hookSays gives the error of a hook that may refuse its meaning: one that is an answer of nguard's own,
// such as ErrUnavailable, keeps it; a context that has ended is an outage; everything else is a refusal by
// the rule named. What it says goes to the log only.
func (g *Guard) hookSays(ctx context.Context, action, rule string, err error) error {
	if err == nil || errors.Is(err, ErrHook) || Status(err).Status != 500 {
		return err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	g.log.InfoContext(ctx, "nguard: refused by a hook", "rule", rule, "err", err, "request_id", requestID(ctx))
	return &ownError{&DeniedError{action, Decision{Effect: Deny, Rule: rule, Reason: "refused by a hook"}}}
}

// crashed leaves a trace of a panic: the stack in the log, the fact in the audit record.
func (g *Guard) crashed(ctx context.Context, what string, p any) {
	g.log.ErrorContext(ctx, "nguard: panic", "in", what, "panic", fmt.Sprint(p), "stack", string(debug.Stack()), "request_id", requestID(ctx))
	g.observe(ctx, Event{Name: EventCrash, Outcome: Failure, Action: what, Reason: "panic"})
}
