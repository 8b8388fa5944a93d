package nguard

import (
	"context"
	"errors"
	"fmt"
)

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
		t.refusedSize(ctx, err)
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
