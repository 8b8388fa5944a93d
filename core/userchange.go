package nguard

import (
	"context"
	"errors"
	"fmt"
)

// ChangeUser changes a user outside of a session: fn receives the user as stored and alters it. The
// change reaches every live session of the person by its next request (promise P3). ctx names the
// actor (see [WithActor]). fn may be called again when somebody else was faster, and its error is
// returned as it is. Declared fields are checked; write policies are not asked.
//
// Errors: [ErrNoUser], [ErrLastAdmin], [ErrInvalid], [ErrConflict], [ErrUnavailable]; with
// [ErrOutcomeUnknown] too when the write was sent and its answer was lost.
func (g *Guard) ChangeUser(ctx context.Context, id string, fn func(u *User) error) (User, error) {
	return g.changeUser(ctx, userChange{action: "change-user", id: id, fn: func(_ context.Context, d *Draft) error {
		u := cloneUser(d.user)
		if err := fn(&u); err != nil {
			return err
		}
		return g.adopt(d, u)
	}})
}

// UserChanged tells the guard that the program has changed a user by statements of its own: every live
// session of the person looks them up at its next request. Call it inside the transaction of the change,
// with a context from [WithTx], so that neither is without the other; where users live in another
// database use [Guard.ChangeUser], which survives a crash in between. After deleting a user call
// [Guard.RevokeUser]. ctx names the actor.
func (g *Guard) UserChanged(ctx context.Context, userID string) error {
	who, err := actor(ctx)
	if err != nil {
		return err
	}
	owner, err := g.owner(userID)
	if err != nil {
		return err
	}
	e := Event{ID: newEventID(), Name: EventUserUpdated, Action: "user-changed", Actor: who, Target: userID}
	return g.recorded(ctx, e, true, func(ctx context.Context) error {
		return g.call(ctx, "store.bump", func(ctx context.Context) error {
			_, err := g.epochs.Bump(ctx, owner, BumpChange)
			return err
		})
	})
}

// adopt puts a User that the program has made into a draft, by the rules of the fields.
func (g *Guard) adopt(d *Draft, u User) error {
	if u.ID != d.base.User.ID {
		return &FieldError{"user.id", "never changes"}
	}
	u, err := storedUser(u)
	if err != nil {
		return err
	}
	for _, c := range diffUser(d.base.User, u) {
		f := g.fields.byName[c.Field]
		if f == nil || c.To == nil {
			continue
		}
		to, err := storedForm(c.To)
		if err == nil {
			err = f.check(to)
		}
		if err != nil {
			return err
		}
	}
	d.user = u
	return nil
}

// userChange is one change of a row of the users table, with the session of the caller if it is theirs.
type userChange struct {
	action, id string
	fn         func(ctx context.Context, d *Draft) error
	own        *change // nil: no session of the caller is part of it
}

// changeOwnUser is a change of a session that reaches into the users table.
func (g *Guard) changeOwnUser(ctx context.Context, c change, e Event) (got Found, err error) {
	err = g.tryUser(ctx, userChange{action: c.action, id: c.found.Record.User.ID, fn: c.fn, own: &c}, e.ID, &got, nil)
	return got, err
}

// changeUser runs the change until no conflict remains or the deadline ends it.
func (g *Guard) changeUser(ctx context.Context, u userChange) (after User, err error) {
	if _, err := actor(ctx); err != nil {
		return User{}, err
	}
	ctx, cancel := g.lasting(ctx)
	defer cancel()
	id := newEventID()
	for try := 0; ; try++ {
		err := g.tryUser(ctx, u, id, nil, &after)
		if !errors.Is(err, ErrConflict) {
			return after, ranOut(ctx, try, err)
		}
		if try == 0 {
			defer g.turns.take(ctx, "user/"+u.id)()
		}
		if ctx.Err() != nil || try > 100 {
			return User{}, fmt.Errorf("%w: retries ran out", ErrConflict)
		}
	}
}

// tryUser makes one try: in one transaction where users live in the store's database, by the marked
// way elsewhere. Each reads the user fresh, so that a session's older copy is never what is compared.
func (g *Guard) tryUser(ctx context.Context, u userChange, id string, got *Found, after *User) error {
	if g.updater == nil {
		return fmt.Errorf("nguard: a user was to be changed, but Config.Users is no UserUpdater: add UpdateUser to it")
	}
	owner, err := g.owner(u.id)
	if err != nil {
		return err
	}
	t := &userTry{g: g, u: u, owner: owner, id: id}
	if g.oneTx {
		err = t.together(ctx)
	} else {
		err = t.marked(ctx)
	}
	if err != nil && !errors.Is(err, errUnchanged) {
		return err
	}
	if after != nil {
		*after = cloneUser(t.draft.user)
	}
	if got != nil {
		*got = t.got
	}
	if err == nil {
		g.after(ctx, t.event)
	}
	return nil
}

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

// prepare reads the user and runs the function on it. Nothing is written.
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
	return nil
}

// together is the way with one database: the row, the epoch, the own session and the record are one
// transaction (promise P2). Whatever fails, nothing has changed.
func (t *userTry) together(ctx context.Context) error {
	g := t.g
	if !g.sinkInTx && !g.silent {
		// The sink cannot join. The attempt goes first; the values are those of a read outside the
		// transaction, which compares them again.
		if err := t.prepare(ctx); err != nil {
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
	if g.sinkInTx && err != nil && refused(err) && !errors.Is(err, ErrConflict) && t.event.Name != "" {
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

// marked is the way with two databases. The epoch is open while the row is being written, so that every
// session asks the users table meanwhile; the change mark moves when it is closed. Bumping only before
// lets a load between bump and write stamp the old user as current; bumping only after loses the bump
// when the process dies in between.
//
//	step                  if it fails                                        answer
//	1 bump open           nothing has changed                                503
//	2 record the attempt  close again; nothing has changed                   503
//	3 UpdateUser          refused: close, record. unknown: leave it open     403, 404, 409; 503 unknown
//	4 bump closed+changed stays open: right but slow, until a sweep closes   200
//	5 own session, record heals at its next request; the backlog retries     200
func (t *userTry) marked(ctx context.Context) error {
	g := t.g
	if err := t.prepare(ctx); err != nil {
		return err
	}
	if t.u.own != nil && t.u.own.version != 0 {
		if err := t.reserve(ctx); err != nil {
			return err
		}
	}
	if _, err := t.bump(ctx, BumpOpen); err != nil {
		return err
	}
	if err := g.commit(ctx, t.with(Attempt, "")); err != nil {
		t.close(ctx)
		return err
	}
	if err := t.update(ctx); err != nil {
		if !refused(err) {
			g.done(ctx, t.with(Failure, "outcome unknown"))
			return fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
		}
		t.close(ctx)
		g.done(ctx, t.with(Failure, failureReason(err)))
		return err
	}
	epoch, err := t.bump(ctx, t.settled()|BumpClose)
	if err != nil {
		g.log.ErrorContext(ctx, "nguard: epoch stays open", "user", t.u.id, "err", err)
	} else if t.u.own != nil {
		err = t.replaceOwn(ctx, t.stamp(ctx, epoch))
	}
	g.done(ctx, t.with(Success, ""))
	if err == nil || t.u.own == nil {
		return nil
	}
	if !errors.Is(err, ErrNoSession) && len(diffValues(t.draft.base.Data, t.draft.data)) > 0 {
		// What the function set in the users table stands and heals; what it set in the session itself is
		// lost. Nobody may take that for a success (promise P1). The cause is not wrapped: a conflict must
		// not run the change again.
		return fmt.Errorf("%w: %w: the user has changed, the session's own fields have not: %v", ErrUnavailable, ErrOutcomeUnknown, err)
	}
	g.log.WarnContext(ctx, "nguard: own session heals at its next request", "session", t.u.own.found.ID, "err", err)
	if errors.Is(err, ErrNoSession) {
		t.got.Live = "" // it ended meanwhile: a dead token must not take the place of a newer login's cookie
	}
	record := *t.got.Record
	record.User = t.draft.user
	t.got.Record = &record
	return nil
}

// stamp returns the epoch that the own session may be stamped with. Somebody else may have written the
// user after t did and bumped before t did: the stamp would hide that change. So the person is looked up
// after the bump, as a load does; where that cannot be, the stamp stays old and the next request does it.
func (t *userTry) stamp(ctx context.Context, epoch Epoch) Epoch {
	old := t.u.own.found.Record
	if epoch.Open == 0 {
		if u, err := t.g.lookUp(ctx, t.u.id); err == nil && !u.Disabled {
			t.draft.user, t.rotate = u, t.rotate || authorityChanged(old.User, u)
			return epoch
		}
	}
	epoch.Change = old.Stamp.Change
	return epoch
}

// reserve takes the version of the session that the caller has named (If-Match): the users table knows
// nothing of it, so that of two changes which name the same one both could win there (checklist K5).
// When the change is refused afterwards, the session has a new version and nothing else.
func (t *userTry) reserve(ctx context.Context) error {
	own, fresh := t.u.own, t.got.Record.User
	next := *own.found.Record
	next.Version, next.Updated = own.found.Version+1, t.g.now().UTC().Round(0)
	got, err := t.g.replace(ctx, own.found, &next, false)
	if err != nil {
		return err
	}
	record := next
	record.User = fresh
	own.found, t.got = got, got
	t.got.Record = &record
	return nil
}

// replaceOwn brings the caller's own session up to date, so that this very answer carries it. The user
// is written already: whatever happens here, the next load finds the changed epoch and heals it. What
// the function set in the session itself is tried again on a newer one; the error says that it is not
// stored.
func (t *userTry) replaceOwn(ctx context.Context, epoch Epoch) (err error) {
	g, own := t.g, *t.u.own
	d := t.draft
	for try := 0; try < 20; try++ {
		next, turn := g.successor(own, d, t.rotate)
		next.Stamp.Change = epoch.Change
		var got Found
		if got, err = g.replace(ctx, own.found, next, turn); err == nil {
			t.got = got
			return nil
		}
		if !errors.Is(err, ErrConflict) {
			return err
		}
		found, err := own.reload(ctx)
		if err != nil {
			return err
		}
		own.found, t.got = found, found
		d = newDraft(found.Record, g.fields)
		if own.fn != nil {
			if err := g.guarded(ctx, own.action, func() error { return own.fn(ctx, d) }); err != nil {
				return err
			}
			d.user = found.Record.User
		}
		epoch.Change = found.Record.Stamp.Change
		t.rotate = false
	}
	return err
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
	err = t.g.call(ctx, "store.bump", func(ctx context.Context) (err error) {
		e, err = t.g.epochs.Bump(ctx, t.owner, b)
		return err
	})
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
