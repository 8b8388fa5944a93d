package nguard

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// books is what bookkeeping a read may do.
type books int

const (
	noBooks  books = iota // nothing is written
	stamps                // what a change of the person makes due; nothing that tells of use
	allBooks              // and the idle clock, and the mark of a token that was shown
)

// load finds the session of a token and judges it, with bookkeeping or without. When the bookkeeping of two
// requests collides, the loser reads again; it never gives up because of bookkeeping.
func (g *Guard) load(ctx context.Context, token string, rotate bool, due books) (Found, error) {
	for try := 0; ; try++ {
		f, err := g.read(ctx, token)
		if err != nil {
			return Found{}, g.unreadable(ctx, err)
		}
		if try == 3 {
			due = noBooks
		}
		f, err = g.judge(ctx, f, rotate, due)
		if !errors.Is(err, errAgain) {
			return f, err
		}
	}
}

// reload reads the session of a request again, after a conflict. The request has proved itself when it
// began: a token that was replaced and whose grace has ended since is no theft, and a successor that the
// browser has not got yet is not marked as seen (promise P5). Bookkeeping is left to the next request.
func (g *Guard) reload(ctx context.Context, was Found) (f Found, err error) {
	if f, err = g.readAgain(ctx, was); err != nil {
		return Found{}, g.unreadable(ctx, err)
	}
	switch {
	case f.Match == Current && was.Match != Current:
		f.Match = Previous
	case f.Match == Spent, f.Match == Previous && !f.SeenAt.IsZero() && g.now().After(f.SeenAt.Add(Grace-time.Second)):
		f.Match, f.Live = ByID, "" // within the grace it gets the successor like every other
	}
	return g.judge(ctx, f, false, noBooks)
}

// readAgain reads a session that has been read before: by the token that the browser should hold, since a
// store may keep values in it, or by its ID where none is known.
func (g *Guard) readAgain(ctx context.Context, was Found) (f Found, err error) {
	if was.Live != "" {
		return g.read(ctx, was.Live)
	}
	err = g.call(ctx, "store.find", func(ctx context.Context) (err error) {
		f, err = g.lister.Find(ctx, was.Owner, was.ID)
		return err
	})
	if err == nil && g.cookie.holds {
		// The row has no values. Those of the request stand in for them, with the stamp that says which state of the
		// person they are: without it, somebody without any role would be asked about, whom a policy such as "not a
		// guest" lets in.
		record, values := *f.Record, was.Record
		record.User, record.Data, record.Stamp.Change = values.User, values.Data, values.Stamp.Change
		f.Record = &record
	}
	return f, err
}

// errAgain says that a bookkeeping write met a newer version.
var errAgain = errors.New("nguard: load again")

// read is the one store read of a request.
func (g *Guard) read(ctx context.Context, token string) (Found, error) {
	f, err := g.readStore(ctx, token)
	if err == nil && f.Foreign {
		f.Record = g.life.bound(f.Record) // or a token would live as long as whoever signed it liked (ASVS 7.3.1, 7.3.2)
	}
	return f, err
}

func (g *Guard) readStore(ctx context.Context, token string) (f Found, err error) {
	var call *callContext
	if own, ok := ctx.(*requestContext); ok && own.r.called.CompareAndSwap(false, true) {
		call = &own.r.call // the first read of a request: no allocation. It is over when this one is released.
	} else {
		call = new(callContext)
	}
	call.Context, call.timeout = ctx, g.timeout
	defer call.release()
	if g.tracer != nil {
		return g.readObserved(call, token)
	}
	defer func() {
		if p := recover(); p != nil {
			g.crashed(ctx, "store.load", p)
			err = fmt.Errorf("%w: store.load panicked", ErrUnavailable)
		}
	}()
	if f, err = g.store.Load(call, token); err != nil {
		return f, asAnswer("store.load", err)
	}
	if f.Record == nil {
		return f, fmt.Errorf("%w: no record", ErrCorrupt)
	}
	return f, nil
}

func (g *Guard) readObserved(ctx context.Context, token string) (f Found, err error) {
	err = g.observed(ctx, "store.load", func(ctx context.Context) (err error) {
		if f, err = g.store.Load(ctx, token); err == nil && f.Record == nil {
			err = fmt.Errorf("%w: no record", ErrCorrupt)
		}
		return err
	})
	return f, err
}

// unreadable turns the errors of a read into what the person is told: malformed, nobody, or an outage.
func (g *Guard) unreadable(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, ErrMalformed):
		g.observe(ctx, Event{Name: EventInputInvalid, Outcome: Failure, Action: "load", Reason: "malformed token"})
	case errors.Is(err, ErrCorrupt):
		g.log.ErrorContext(ctx, "nguard: stored session unreadable", "err", err, "request_id", requestID(ctx))
		g.observe(ctx, Event{Name: EventRecordUnreadable, Outcome: Failure, Action: "load", Reason: "stored record unreadable"})
		return fmt.Errorf("%w: %w", ErrNoSession, err)
	case errors.Is(err, ErrNoSession):
		g.observe(ctx, Event{Name: EventUseAfterExpire, Outcome: Failure, Action: "load", Reason: "unknown or ended session"})
	}
	return err
}

// judge decides what a stored session is worth now (promises P3, P5, P6, P11). rotate says that the
// answer can carry a new token; due what bookkeeping may be written.
//
// The order matters. What ended stays ended whatever token is shown. Then the token: an old one is
// theft. Then the person, as the users table knows them. Only then is anything written.
func (g *Guard) judge(ctx context.Context, f Found, rotate bool, due books) (Found, error) {
	now, r := g.now(), f.Record
	g.sweep(now)
	if !g.owns(r) {
		return Found{}, fmt.Errorf("%w: of another namespace", ErrNoSession)
	}
	switch {
	case f.User.Revoke != r.Stamp.Revoke:
		return Found{}, g.end(ctx, f, EventSessionExpired, "revoked")
	case !now.Before(r.Expires):
		return Found{}, g.end(ctx, f, EventSessionExpired, "absolute limit")
	case r.Idle > 0 && !now.Before(f.LastSeen.Add(r.Idle)):
		return Found{}, g.end(ctx, f, EventSessionExpired, "idle limit")
	case f.LastSeen.After(now.Add(Skew)):
		return Found{}, fmt.Errorf("%w: last seen in the future", ErrNoSession)
	case f.Match == Spent, f.Match == Previous && !f.SeenAt.IsZero() && now.After(f.SeenAt.Add(Grace)):
		return Found{}, g.theft(ctx, f)
	}
	turn := rotate && g.aged(r, now) && rotatable(f, now)
	changed := g.users != nil && (f.User.Change != r.Stamp.Change || f.User.Open > 0)
	if changed || turn || f.Foreign {
		return g.settle(ctx, f, rotate, due)
	}
	if due == allBooks && touchDue(f, now) {
		return g.touch(ctx, f, now)
	}
	return f, nil
}

// settle is the path of a session that is not as stored: its person has changed, or its token is to, or another
// program has made it.
func (g *Guard) settle(ctx context.Context, f Found, rotate bool, due books) (Found, error) {
	now, next := g.now(), *f.Record
	stamp, err := g.refreshUser(ctx, f, &next)
	if err != nil {
		return Found{}, err
	}
	turn := rotate && g.aged(&next, now) && rotatable(f, now)
	if due >= stamps && (stamp || turn || f.Foreign) {
		if g.full(f, &next) {
			return g.crowded(ctx, f, next.User, rotate, due)
		}
		return g.keepBooks(ctx, f, &next, turn, due)
	}
	f.Record = &next // judged on the fresh user; the next write stores it
	if due == allBooks && touchDue(f, now) {
		return g.touch(ctx, f, now)
	}
	return f, nil
}

// aged says whether a session's token wants to be replaced by now.
func (g *Guard) aged(r *Record, now time.Time) bool {
	return r.Due || now.Sub(r.Rotated) >= g.life.RotateEvery
}

// rotatable says whether a successor may be made now: the caller holds the current token, and no
// earlier one is still in its grace, which a second rotation would cut short. The first token of a
// session has no earlier one: a refresh or a change of role just after the login replaces it at once.
func rotatable(f Found, now time.Time) bool {
	return f.Match == Current && !f.SeenAt.IsZero() && (f.Rotated.Equal(f.Created) || now.After(f.SeenAt.Add(Grace)))
}

// rotatedAt is when a successor is made: later than the login, also by a coarse clock, see rotatable.
func rotatedAt(now time.Time, f Found) time.Time {
	if first := f.Created.Add(1); now.Before(first) {
		return first
	}
	return now
}

// refreshUser looks the person up again when the epoch says that they have changed or are changing. It
// reports whether next is to be stored with the epoch that this very read returned: a stamp with a
// newer one would hide a change that this lookup did not see.
func (g *Guard) refreshUser(ctx context.Context, f Found, next *Record) (stamp bool, err error) {
	if g.users == nil || (f.User.Change == f.Stamp.Change && f.User.Open == 0) {
		return false, nil
	}
	u, err := g.lookUp(ctx, f.Record.User.ID)
	if errors.Is(err, ErrNoUser) || (err == nil && u.Disabled) {
		owner := f.Owner
		_ = g.call(ctx, "store.bump", func(ctx context.Context) error {
			_, err := g.epochs.Bump(ctx, owner, BumpRevoke) // all of them, also if the person is let in again
			return err
		})
		g.changed(ctx, owner)
		return false, g.end(ctx, f, EventSessionExpired, "user gone or disabled")
	}
	if err != nil {
		return false, err
	}
	if next.User.Role != u.Role || !slices.Equal(next.User.Permissions, u.Permissions) {
		next.Due = true
	}
	next.User = u
	if f.User.Open > 0 {
		return false, nil
	}
	next.Stamp.Change = f.User.Change
	return true, nil
}

// lookUp reads a user and brings it into stored form.
func (g *Guard) lookUp(ctx context.Context, id string) (u User, err error) {
	err = g.call(ctx, "users.user", func(ctx context.Context) (err error) {
		u, err = g.users.User(ctx, id)
		return err
	})
	if err != nil {
		return User{}, err
	}
	if u.ID != id {
		return User{}, fmt.Errorf("%w: Users.User answered with another user", ErrUnavailable)
	}
	return storedUser(u)
}

func storedUser(u User) (User, error) {
	data := make(map[string]any, len(u.Data))
	for name, v := range u.Data {
		s, err := storedForm(v)
		if err != nil {
			return User{}, fmt.Errorf("nguard: User.Data[%q]: %w", name, err)
		}
		data[name] = s
	}
	u.Data, u.Permissions = data, slices.Clone(u.Permissions)
	return u, nil
}

// keepBooks stores a re-stamped or rotated record. An outage here ends nothing and denies nothing: the
// session was read and judged, and the write falls due again with the next request.
func (g *Guard) keepBooks(ctx context.Context, f Found, next *Record, turn bool, due books) (got Found, err error) {
	ctx, cancel := g.lasting(ctx)
	defer cancel()
	now := g.now().UTC().Round(0)
	next.Version, next.Updated = f.Version+1, now
	if turn {
		rotated := *next
		rotated.Rotated, rotated.Due = rotatedAt(now, f), false
		e := Event{ID: newEventID(), Name: EventSessionRenewed, Action: "rotate", Actor: next.User.ID, Target: next.User.ID, Session: f.ID}
		err = g.recorded(ctx, e, true, func(ctx context.Context) (err error) {
			got, err = g.replace(ctx, f, &rotated, true)
			return err
		})
	} else {
		got, err = g.replace(ctx, f, next, false)
	}
	switch {
	case err == nil:
		if due == allBooks && touchDue(got, now) {
			return g.touch(ctx, got, now)
		}
		return got, nil
	case errors.Is(err, ErrConflict):
		return Found{}, errAgain
	case errors.Is(err, ErrNoSession):
		return Found{}, err
	}
	g.log.WarnContext(ctx, "nguard: bookkeeping put off", "err", err)
	next.Version, next.Updated = f.Version, f.Updated
	f.Record = next
	return f, nil
}

func (g *Guard) replace(ctx context.Context, f Found, next *Record, rotate bool) (got Found, err error) {
	err = g.call(ctx, "store.replace", func(ctx context.Context) (err error) {
		got, err = g.store.Replace(ctx, f, next, rotate)
		return err
	})
	g.changed(ctx, f.Owner)
	if rotate && err == nil {
		// The browser has shown the one before. Were this request to mark the successor as seen, a lost answer
		// would make the browser's next request look like theft (promise P5).
		got.Match = Previous
	}
	return got, err
}

// touchDue says whether bookkeeping falls due: the seen mark once in the life of a token, the idle clock
// at most once in each interval. In between, reading writes nothing (promise P6).
func touchDue(f Found, now time.Time) bool {
	return f.Match == Current && f.SeenAt.IsZero() || f.Idle > 0 && now.Sub(f.LastSeen) >= touchEvery(f.Idle)
}

func (g *Guard) touch(ctx context.Context, f Found, now time.Time) (Found, error) {
	var got Found
	err := g.call(context.WithoutCancel(ctx), "store.touch", func(ctx context.Context) (err error) {
		got, err = g.store.Touch(ctx, f, now.UTC().Round(0))
		return err
	})
	switch {
	case err == nil:
		got.Record = f.Record
		return got, nil
	case errors.Is(err, ErrNoSession):
		return Found{}, err // it ended between the read and now
	}
	g.log.WarnContext(ctx, "nguard: idle clock not written", "err", err)
	return f, nil
}

// end removes a session that is over by itself. It is dead whether or not the row can be removed now.
func (g *Guard) end(ctx context.Context, f Found, event, reason string) error {
	e := Event{Name: event, Outcome: Success, Action: "load", Target: f.Record.User.ID, Session: f.ID, Reason: reason}
	switch err := g.remove(ctx, f.Owner, f.ID); {
	case err == nil:
		g.later(ctx, e)
	case errors.Is(err, ErrNoSession):
		g.observe(ctx, e) // a sweep was faster, which says nothing, or a request, which has said the same
	}
	return fmt.Errorf("%w: %s", ErrNoSession, reason)
}

// theft ends a session of which an old token was shown: either its thief or its owner has a newer one,
// and nobody can tell who (checklist B1, B3). Unlike an expired one it would live on if the row stayed,
// so an outage is an outage.
func (g *Guard) theft(ctx context.Context, f Found) error {
	switch err := g.remove(ctx, f.Owner, f.ID); {
	case err == nil:
		g.later(ctx, Event{Name: EventTokenReuse, Outcome: Denied, Action: "load", Target: f.Record.User.ID, Session: f.ID,
			Reason: "a replaced token was shown: stolen, or restored from a backup"})
	case !errors.Is(err, ErrNoSession):
		return err
	}
	return fmt.Errorf("%w: old token", ErrNoSession)
}

func (g *Guard) remove(ctx context.Context, owner, id string) error {
	defer g.changed(ctx, owner)
	return g.call(context.WithoutCancel(ctx), "store.delete", func(ctx context.Context) error {
		return g.store.Delete(ctx, owner, id)
	})
}
