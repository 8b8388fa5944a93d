package nguard

import (
	"context"
	"errors"
)

// userTry is the state of one try.
type userTry struct {
	g      *Guard
	u      userChange
	owner  string
	id     string
	draft  *Draft
	event  Event
	rotate bool
	got    Found
}

// prepare reads the user, runs the function on it, and asks whether there is room for the result. Nothing is
// written.
func (t *userTry) prepare(ctx context.Context) error {
	user, err := t.g.lookUp(ctx, t.u.id)
	if err != nil {
		return err
	}
	base := &Record{User: user}
	c := change{action: t.u.action, fn: t.u.fn}
	if own := t.u.own; own != nil {
		if _, err := t.g.present(ctx, own.found); err != nil {
			return err
		}
		record := *own.found.Record
		record.User = user
		base, t.got = &record, own.found
		t.got.Record = base
	}
	t.draft = newDraft(base, t.g.fields)
	if err := t.g.draft(ctx, c, t.draft); err != nil {
		return err
	}
	changes, _, rotate := t.draft.changes(t.g.fields)
	if len(changes) == 0 {
		return errUnchanged
	}
	who, err := actor(ctx)
	if err != nil {
		return err
	}
	t.rotate = rotate || t.u.own != nil && authorityChanged(t.u.own.found.Record.User, user)
	t.event = Event{ID: t.id, Name: eventOf(changes, true), Action: t.u.action, Actor: who, Target: t.u.id, Changes: changes, Rule: t.draft.rule()}
	if t.u.own != nil {
		t.event.Session = t.u.own.found.ID
	}
	return t.room()
}

// together is the way with one database: the row, the epoch, the own session and the record are one
// transaction (promise P2). Whatever fails, nothing has changed.
func (t *userTry) together(ctx context.Context) error {
	g := t.g
	if !g.sinkInTx && !g.silent {
		// The sink cannot join. The attempt goes first; the values are those of a read outside the
		// transaction, which compares them again.
		if err := t.prepare(ctx); err != nil {
			t.refusedSize(ctx, err)
			return err
		}
		if err := g.commit(ctx, t.with(Attempt, "")); err != nil {
			return err
		}
	}
	err := g.inTx(ctx, func(ctx context.Context) error {
		if err := t.prepare(ctx); err != nil {
			return err
		}
		if err := t.update(ctx); err != nil {
			return err
		}
		epoch, err := t.bump(ctx, t.settled())
		if err != nil {
			return err
		}
		if own := t.u.own; own != nil {
			next, turn := g.successor(*own, t.draft, t.rotate)
			next.Stamp.Change = epoch.Change
			if t.got, err = g.replace(ctx, own.found, next, turn); err != nil {
				return err
			}
		}
		if g.sinkInTx {
			return g.commit(ctx, t.with(Success, ""))
		}
		return nil
	})
	if g.sinkInTx && err != nil && (refused(err) || errors.Is(err, ErrTooLarge)) && !errors.Is(err, ErrConflict) && t.event.Name != "" {
		g.done(ctx, t.with(Failure, failureReason(err))) // what stood in the transaction is gone with it
	}
	if g.sinkInTx || g.silent || t.event.Name == "" {
		return err
	}
	if err != nil {
		if !errors.Is(err, ErrConflict) {
			g.done(ctx, t.with(Failure, failureReason(err)))
		}
		return err
	}
	g.done(ctx, t.with(Success, ""))
	return nil
}

func (t *userTry) update(ctx context.Context) error {
	before, after := cloneUser(t.draft.base.User), cloneUser(t.draft.user)
	if equalUsers(before, after) {
		return nil
	}
	return t.g.call(ctx, "users.update", func(ctx context.Context) error {
		return t.g.updater.UpdateUser(ctx, before, after)
	})
}

// settled is what the epoch gets when the row is written: a person who is shut out loses all sessions.
// So does one who was and is let in again, since the revocation may have been missed: the process died
// before it, or another program wrote the row.
func (t *userTry) settled() Bump {
	if t.draft.user.Disabled || t.draft.base.User.Disabled {
		return BumpChange | BumpRevoke
	}
	return BumpChange
}

func (t *userTry) bump(ctx context.Context, b Bump) (e Epoch, err error) {
	if b&BumpClose != 0 {
		ctx = context.WithoutCancel(ctx) // the time of the change may be used up: what is open is closed all the same
	}
	err = t.g.call(ctx, "store.bump", func(ctx context.Context) (err error) {
		e, err = t.g.epochs.Bump(ctx, t.owner, b)
		return err
	})
	t.g.changed(ctx, t.owner)
	return e, err
}

func (t *userTry) close(ctx context.Context) {
	if _, err := t.bump(ctx, BumpClose); err != nil {
		t.g.log.WarnContext(ctx, "nguard: epoch stays open until the next sweep", "user", t.u.id, "err", err)
	}
}

func (t *userTry) with(o Outcome, reason string) Event {
	e := t.event
	e.Outcome, e.Reason = o, reason
	return e
}

// refused tells an answer of UpdateUser from an accident: after one of these nothing was written.
func refused(err error) bool {
	for _, known := range []error{ErrConflict, ErrNoUser, ErrLastAdmin, ErrInvalid, ErrDenied} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

func equalUsers(a, b User) bool { return len(diffUser(a, b)) == 0 }
