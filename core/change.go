package nguard

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// change is one change of a session, from wherever it comes.
type change struct {
	action string
	found  Found                                    // as loaded and judged
	reload func(ctx context.Context) (Found, error) // load and judge again
	fn     func(ctx context.Context, d *Draft) error
	// version, when not 0, is the only one that the caller wants to change (If-Match).
	version int64
	// rotate asks for a new token; canRotate says that the answer can carry one.
	rotate, canRotate bool
}

// errUnchanged ends a transaction in which nothing was to be done.
var errUnchanged = errors.New("nguard: nothing to change")

// change runs fn on a draft and writes the result if the session is still as fn saw it; else it loads
// and runs again (promise P1). Fields that live in the users table take the way of changeUser. It
// returns the session as it is afterwards.
//
// Retries end with the deadline, not with a count: of 1000 requests that change one session at once,
// each must get its turn.
func (g *Guard) change(ctx context.Context, c change) (Found, error) {
	who, err := actor(ctx)
	if err != nil {
		return Found{}, err
	}
	ctx, cancel := g.lasting(ctx)
	defer cancel()
	attempted := newEventID()
	back := func() {}
	defer func() { back() }()
	queued := c.version == 0 && g.turns.busy(c.found.ID)
	if queued {
		// Others have collided on this session already: what this request has read is old by its turn.
		back = g.turns.take(ctx, c.found.ID)
		if c.found, err = c.reload(ctx); err != nil {
			return Found{}, ranOut(ctx, 1, err)
		}
	}
	for try := 0; ; try++ {
		if c.version != 0 && c.found.Version != c.version {
			return Found{}, fmt.Errorf("%w: the session has version %d", ErrConflict, c.found.Version)
		}
		d := newDraft(c.found.Record, g.fields)
		if err := g.drafted(ctx, c, d); err != nil {
			return Found{}, err
		}
		changes, inUser, rotate := d.changes(g.fields)
		if len(changes) == 0 && !c.rotate {
			return c.found, nil
		}
		e := Event{ID: attempted, Name: eventOf(changes, inUser), Action: c.action, Actor: who, Target: d.base.User.ID, Session: c.found.ID, Changes: changes, Rule: d.rule()}
		var got Found
		if inUser {
			got, err = g.changeOwnUser(ctx, c, e) // drafts again on the fresh user, and asks the hook about that
		} else {
			if err := g.before(ctx, c.action, d); err != nil {
				return Found{}, err
			}
			got, err = g.writeSession(ctx, c, d, e, rotate, try == 0)
		}
		if !collided(err) || c.version != 0 {
			return got, ranOut(ctx, try, err)
		}
		if try == 0 && !queued {
			back = g.turns.take(ctx, c.found.ID)
		} else if try > 2 {
			pause(ctx, time.Duration(rand.Int64N(int64(time.Millisecond)<<min(try-2, 6))))
		}
		if c.found, err = c.reload(ctx); err != nil {
			return Found{}, ranOut(ctx, try+1, err)
		}
		if ctx.Err() != nil {
			return Found{}, fmt.Errorf("%w: retries ran out", ErrConflict)
		}
	}
}

// ownError is an error of the program's function. It goes to the caller as it is: even one that says
// ErrConflict is no reason to run the function again.
type ownError struct{ error }

func (e *ownError) Unwrap() error { return e.error }

// collided says that another change was faster.
func collided(err error) bool {
	var own *ownError
	return errors.Is(err, ErrConflict) && !errors.As(err, &own)
}

// ranOut tells the end of the retries from an outage: when the deadline of a change ends in the middle of
// a later try, it is others who were in the way.
func ranOut(ctx context.Context, try int, err error) error {
	if try > 0 && ctx.Err() != nil && errors.Is(err, ErrUnavailable) && !errors.Is(err, ErrOutcomeUnknown) {
		return fmt.Errorf("%w: retries ran out", ErrConflict)
	}
	return err
}

// draft runs the program's function and the hook.
func (g *Guard) draft(ctx context.Context, c change, d *Draft) error {
	if err := g.drafted(ctx, c, d); err != nil {
		return err
	}
	return g.before(ctx, c.action, d)
}

func (g *Guard) drafted(ctx context.Context, c change, d *Draft) error {
	if c.fn != nil {
		if err := g.guarded(ctx, c.action, func() error { return c.fn(ctx, d) }); err != nil {
			return &ownError{err}
		}
	}
	if d.err != nil {
		return d.err
	}
	return g.checkNames(d.base.User, d.user)
}

func (g *Guard) before(ctx context.Context, action string, d *Draft) error {
	if g.hooks.BeforeUpdate == nil {
		return nil
	}
	changes, _, _ := d.changes(g.fields)
	if len(changes) == 0 {
		return nil
	}
	who, _ := actor(ctx)
	err := g.guarded(ctx, "Hooks.BeforeUpdate", func() error {
		return g.hooks.BeforeUpdate(ctx, Update{action, who, d.base.User.ID, changes})
	})
	return g.hookSays(ctx, action, "hook:before-update", err)
}

func (g *Guard) after(ctx context.Context, e Event) {
	if g.hooks.AfterUpdate == nil {
		return
	}
	_ = g.guarded(ctx, "Hooks.AfterUpdate", func() error {
		g.hooks.AfterUpdate(ctx, Update{e.Action, e.Actor, e.Target, e.Changes})
		return nil
	})
}

// checkNames refuses roles and permissions that do not exist, whoever sets them.
func (g *Guard) checkNames(before, after User) error {
	if g.roles == nil {
		return nil
	}
	if after.Role != before.Role && !g.roles.Knows(after.Role) {
		return &FieldError{"role", "is not a known role"}
	}
	held := map[string]bool{}
	for _, p := range before.Permissions {
		held[p] = true
	}
	for _, p := range after.Permissions {
		if !held[p] && !g.roles.KnowsPermission(p) {
			return &FieldError{"permissions", "contains an unknown permission"}
		}
	}
	return nil
}

// successor is the record that follows f's, and whether a new token goes with it.
func (g *Guard) successor(c change, d *Draft, want bool) (next *Record, turn bool) {
	now := g.now().UTC().Round(0)
	r := *c.found.Record
	r.Data, r.User = d.data, d.user
	r.Version, r.Updated = c.found.Version+1, now
	turn = (want || c.rotate || g.aged(&r, now)) && c.canRotate && rotatable(c.found, now)
	if turn {
		r.Rotated, r.Due = rotatedAt(now, c.found), false
	} else if want || c.rotate && c.found.Match != Previous {
		// Wanted, but not now. A refresh that shows the previous token is satisfied: its successor exists.
		r.Due = true
	}
	return &r, turn
}

// writeSession writes a change that concerns the session alone. When the sink shares the store's
// database both are one transaction; else the attempt is recorded first, so that no change is without
// a record, and what came of it afterwards.
func (g *Guard) writeSession(ctx context.Context, c change, d *Draft, e Event, rotate, first bool) (got Found, err error) {
	next, turn := g.successor(c, d, rotate)
	if c.rotate {
		e.Name = EventSessionRenewed
		if !turn && (c.found.Match == Previous || c.found.Due) {
			return c.found, nil // the successor exists already, or is due already
		}
	}
	err = g.recorded(ctx, e, first, func(ctx context.Context) error {
		got, err = g.replace(ctx, c.found, next, turn)
		return err
	})
	if err != nil {
		return Found{}, err
	}
	g.after(ctx, e)
	return got, nil
}

// recorded does a change of the store alone together with its record.
func (g *Guard) recorded(ctx context.Context, e Event, first bool, do func(ctx context.Context) error) error {
	if g.silent {
		return do(ctx)
	}
	success := e
	success.Outcome = Success
	if g.sinkInTx {
		return g.inTx(ctx, func(ctx context.Context) error {
			if err := do(ctx); err != nil {
				return err
			}
			return g.commit(ctx, success)
		})
	}
	if first {
		e.Outcome = Attempt
		if err := g.commit(ctx, e); err != nil {
			return err
		}
	}
	if err := do(ctx); err != nil {
		if !errors.Is(err, ErrConflict) {
			e.Outcome, e.Reason = Failure, failureReason(err)
			g.done(ctx, e)
		}
		return err
	}
	g.done(ctx, success)
	return nil
}

func failureReason(err error) string {
	switch {
	case errors.Is(err, ErrOutcomeUnknown):
		return "outcome unknown"
	case errors.Is(err, ErrUnavailable):
		return "unavailable"
	case errors.Is(err, ErrNoSession):
		return "session ended meanwhile"
	case errors.Is(err, ErrTooMany):
		return "too many sessions"
	case errors.Is(err, ErrTooLarge):
		return "too large"
	case errors.Is(err, ErrLastAdmin):
		return "last admin"
	case errors.Is(err, ErrNoUser):
		return "no such user"
	}
	return "refused"
}

// inTx runs fn in one transaction of the store. It has the deadline of the whole change, not that of
// one call.
func (g *Guard) inTx(ctx context.Context, fn func(ctx context.Context) error) error {
	ctx, tell := g.afterwards(ctx)
	defer tell()
	var own error // of fn: what a function of the program says is no outage of the store
	err := g.observed(ctx, "store.tx", func(ctx context.Context) error {
		return g.tx.Tx(ctx, func(ctx context.Context) error {
			own = fn(ctx)
			return own
		})
	})
	if err != nil && own != nil {
		return own
	}
	return err
}

// eventOf names a change by the gravest field in it.
func eventOf(changes []Change, inUser bool) string {
	name := EventSessionUpdated
	if inUser {
		name = EventUserUpdated
	}
	for _, c := range changes {
		switch c.Field {
		case "role":
			return EventAuthzChange
		case "permissions":
			name = EventPermissions
		}
	}
	return name
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
