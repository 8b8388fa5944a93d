package nguard

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Lookup returns the session of a token, outside of a request. Errors as [Request.Session] gives them.
func (g *Guard) Lookup(ctx context.Context, token string) (*Session, error) {
	f, err := g.load(ctx, token, false, allBooks)
	if err != nil {
		return nil, noSession(err)
	}
	return g.session(ctx, f)
}

// Sessions returns the live sessions of a user, newest first. Those of a [CookieStore] are without what only
// their browsers have: of the person they know the ID, and every field reads as unset. Decide by [Guard.Update],
// which looks the person up, or by the users table.
func (g *Guard) Sessions(ctx context.Context, userID string) ([]*Session, error) {
	found, err := g.list(ctx, userID)
	if err != nil {
		return nil, err
	}
	list := make([]*Session, 0, len(found))
	for _, f := range found {
		list = append(list, &Session{rec: f.Record, seen: f.LastSeen, fields: g.fields})
	}
	slices.SortFunc(list, func(a, b *Session) int { return b.Created().Compare(a.Created()) })
	return list, nil
}

// list returns what is alive of a user's sessions.
func (g *Guard) list(ctx context.Context, userID string) (live []Found, err error) {
	owner, err := g.owner(userID)
	if err != nil {
		return nil, err
	}
	const page = 100
	now := g.now()
	for after := ""; ; {
		var found []Found
		err := g.call(ctx, "store.list", func(ctx context.Context) (err error) {
			found, err = g.lister.List(ctx, owner, after, page)
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			after = f.ID
			if f.User.Revoke == f.Stamp.Revoke && now.Before(deadline(f.Record, f.LastSeen)) {
				live = append(live, f)
			}
		}
		if len(found) < page {
			return live, nil
		}
	}
}

// Update changes one session of a user, outside of a request; see [Request.Update]. ctx names the actor.
// Authority that changes rotates the token at the session's next write, since a job holds none.
//
// Of a [CookieStore] a job knows the row only: fn finds the person as the users table has them now, but the values
// of the session itself read as unset and cannot be set (errors.ErrUnsupported). Hooks.Validate and Hooks.OnLoad,
// which would take that for the session, are not run; the browser's next request runs them.
func (g *Guard) Update(ctx context.Context, userID, id string, fn func(d *Draft) error) (*Session, error) {
	owner, err := g.owner(userID)
	if err != nil {
		return nil, err
	}
	reload := func(ctx context.Context) (f Found, err error) {
		err = g.call(ctx, "store.find", func(ctx context.Context) (err error) {
			f, err = g.lister.Find(ctx, owner, id)
			return err
		})
		if err != nil {
			return f, err
		}
		return g.judgeFound(ctx, f)
	}
	f, err := reload(ctx)
	if err != nil {
		return nil, noSession(err)
	}
	f, err = g.change(ctx, change{action: "update", found: f, reload: reload, fn: func(_ context.Context, d *Draft) error { return fn(d) }})
	if err != nil {
		return nil, err
	}
	if g.cookie.holds {
		return &Session{rec: f.Record, seen: f.LastSeen, fields: g.fields}, nil
	}
	return g.session(ctx, f)
}

// judgeFound judges a session that a job has found. Rows of a store that keeps values in the cookie have no person:
// somebody without any role would be decided about, and would seem to have been given one by the next lookup. So
// they are looked up whether they have changed or not. Whether the change since the cookie was made asks for another
// token is for the browser's own request to say, which knows what the cookie has.
func (g *Guard) judgeFound(ctx context.Context, f Found) (Found, error) {
	row := f.Record
	if !g.cookie.holds || g.users == nil {
		return g.judge(ctx, f, false, noBooks)
	}
	stale := *row
	stale.Stamp.Change = ^f.User.Change
	f.Record = &stale
	f, err := g.judge(ctx, f, false, noBooks)
	if err != nil {
		return Found{}, err
	}
	whole := *row
	whole.User = f.Record.User
	f.Record = &whole
	return f, nil
}

// Revoke ends one session of a user. [ErrNotFound]: no live session of this user has this handle. ctx
// names the actor.
func (g *Guard) Revoke(ctx context.Context, userID, id string) error {
	who, err := actor(ctx)
	if err != nil {
		return err
	}
	owner, err := g.owner(userID)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	ctx, cancel := g.lasting(ctx)
	defer cancel()
	if err := g.remove(ctx, owner, id); errors.Is(err, ErrNoSession) {
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	} else if err != nil {
		return err
	}
	g.later(ctx, Event{Name: EventTokenRevoked, Outcome: Success, Action: "revoke", Actor: who, Target: userID, Session: id})
	return nil
}

// RevokeUser ends all sessions of a user, except those whose handles are given: "log out everywhere".
// Without exceptions it is one small write whatever their number, and a login under way starts again.
// Call it when a password or another factor has changed. ctx names the actor.
func (g *Guard) RevokeUser(ctx context.Context, userID string, except ...string) error {
	who, err := actor(ctx)
	if err != nil {
		return err
	}
	owner, err := g.owner(userID)
	if err != nil {
		return err
	}
	ctx, cancel := g.lasting(ctx)
	defer cancel()
	if len(except) == 0 {
		err := g.call(ctx, "store.bump", func(ctx context.Context) error {
			_, err := g.epochs.Bump(ctx, owner, BumpRevoke)
			return err
		})
		g.changed(ctx, owner)
		if err != nil {
			return err
		}
		g.later(ctx, Event{Name: EventTokenRevoked, Outcome: Success, Action: "revoke-all", Actor: who, Target: userID})
		return nil
	}
	found, err := g.list(ctx, userID)
	if err != nil {
		return err
	}
	for _, f := range found {
		if slices.Contains(except, f.ID) {
			continue
		}
		if err := g.Revoke(ctx, userID, f.ID); err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	return nil
}

// endOthers ends all sessions of a person and puts a new one in the place of old. Where users and records
// live in the store's database that is one transaction (promise P2).
//
// Elsewhere the new one comes first: it takes over what old holds at that very moment (promise P1), and
// the person has it whatever fails afterwards. The bump then ends all others and the new one too, which
// nobody has the token of yet, and it is stamped with the epoch after the bump. That epoch is one further
// than the session's, or somebody else has revoked in between and the new one has ended as well (P11).
func (g *Guard) endOthers(ctx context.Context, old Found) (f Found, err error) {
	who, err := actor(ctx)
	if err != nil {
		return Found{}, err
	}
	ctx, cancel := g.lasting(ctx)
	defer cancel()
	bump := func(ctx context.Context) (e Epoch, err error) {
		err = g.call(ctx, "store.bump", func(ctx context.Context) (err error) {
			e, err = g.epochs.Bump(ctx, old.Owner, BumpRevoke)
			return err
		})
		g.changed(ctx, old.Owner)
		return e, err
	}
	options := LoginOptions{Remember: old.Remember, Methods: old.Methods, Level: old.Level, Device: old.Device, IP: old.IP}
	ended := Event{Name: EventTokenRevoked, Outcome: Success, Action: "revoke-all", Actor: who, Target: old.Record.User.ID}
	if g.tx != nil && (g.sinkInTx || g.silent) && (g.oneTx || g.users == nil) {
		err = g.inTx(ctx, func(ctx context.Context) error {
			if _, err := g.present(ctx, old); err != nil {
				return err
			}
			since, err := bump(ctx)
			if err == nil {
				f, err = g.renew(ctx, old, since, "end-others", options)
			}
			return err
		})
		if err != nil {
			return Found{}, err
		}
		g.later(ctx, ended)
		return f, nil
	}
	if f, err = g.renew(ctx, old, old.Stamp, "end-others", options); err != nil {
		return Found{}, err
	}
	since, err := bump(ctx)
	if err != nil {
		return f, fmt.Errorf("%w: the session is renewed, the others may not have ended: %w", ErrOutcomeUnknown, err)
	}
	g.later(ctx, ended)
	if since.Revoke != f.Stamp.Revoke+1 {
		return Found{}, g.end(ctx, f, EventSessionExpired, "revoked")
	}
	next := *f.Record
	next.Version, next.Stamp.Revoke = f.Version+1, since.Revoke
	f.User.Revoke = since.Revoke
	if f, err = g.replace(ctx, f, &next, false); err != nil {
		return Found{}, fmt.Errorf("%w: all sessions have ended, the new one too: %w", ErrOutcomeUnknown, err)
	}
	return f, nil
}

// noSession folds every reason why a token or handle leads nowhere into one, so that none can be told
// from another outside (checklist J5).
func noSession(err error) error {
	if errors.Is(err, ErrUnavailable) || errors.Is(err, ErrNoSession) {
		return err
	}
	if errors.Is(err, ErrMalformed) || errors.Is(err, ErrCorrupt) || errors.Is(err, ErrNoUser) {
		return fmt.Errorf("%w: %w", ErrNoSession, err)
	}
	return err
}
