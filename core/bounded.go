package nguard

import (
	"context"
	"errors"
	"math"
	"strings"
)

// What a person consists of is part of each of their sessions, and a store may take these up to a size only
// (see Bounded). What does not fit is refused before the users table is written: a session that cannot be
// brought up to date asks that table at each request, and a login that does not fit is none.

// full says that the store has no room for next in the place of f, or as a new session when f is zero.
func (g *Guard) full(f Found, next *Record) bool {
	return g.bounded != nil && errors.Is(g.bounded.Fits(f, next), ErrTooLarge)
}

// room refuses a change after which the person would be too large for a session. One who was too large before,
// through statements of the program's own, is let change: a demotion, or less of what is too much.
func (t *userTry) room() error {
	g, before, after := t.g, t.draft.base.User, t.draft.user
	if g.bounded == nil {
		return nil
	}
	if g.full(Found{}, t.widest(after)) && !g.full(Found{}, t.widest(before)) {
		return ErrTooLarge
	}
	own := t.u.own
	if own == nil {
		return nil
	}
	next, _ := g.successor(*own, t.draft, t.rotate)
	if own.version != 0 {
		next.Version++ // the marked way reserves one
	}
	if !g.full(own.found, next) {
		return nil
	}
	next.User = before
	if len(diffValues(t.draft.base.Data, t.draft.data)) > 0 || !g.full(own.found, next) {
		return ErrTooLarge // values of the session itself are nowhere else
	}
	return nil
}

// widest is the largest session that a login of the person makes, of which the client has a part. The role has
// the room of a long one, so that a change of role never depends on what else there is: nobody keeps one by
// filling what is left.
func (t *userTry) widest(u User) *Record {
	u.Role += strings.Repeat("r", max(0, 64-len(u.Role)))
	o := LoginOptions{Remember: true, Methods: []string{"password"}, Device: strings.Repeat("d", maxText), IP: strings.Repeat("f", 45)}
	return t.g.newRecord(t.owner, Epoch{Change: math.MaxInt64, Revoke: math.MaxInt64}, u, o, t.g.now().UTC().Round(0))
}

// refusedSize records a change that was refused for the size of the person, before there was an attempt.
func (t *userTry) refusedSize(ctx context.Context, err error) {
	if t.event.Name != "" && errors.Is(err, ErrTooLarge) {
		t.g.done(ctx, t.with(Failure, failureReason(err)))
	}
}

// crowded goes on with a session that has no room for its person, whom this request has looked up as u. What
// the store holds of it stays, with the stamp that sends each request to the users table; only its token and its
// idle clock move. An authority that differs makes no rotation due: it would differ again the next time.
func (g *Guard) crowded(ctx context.Context, f Found, u User, rotate bool, due books) (Found, error) {
	now, kept := g.now(), *f.Record
	var err error
	if rotate && g.aged(&kept, now) && rotatable(f, now) && !g.full(f, &kept) {
		f, err = g.keepBooks(ctx, f, &kept, true, due)
	} else if due == allBooks && touchDue(f, now) {
		f, err = g.touch(ctx, f, now)
	}
	if err != nil {
		return Found{}, err
	}
	record := *f.Record
	record.User = u
	f.Record = &record
	g.log.WarnContext(ctx, "nguard: a session has no room for its person, who is looked up at each request", "user", u.ID, "session", f.ID)
	return f, nil
}
