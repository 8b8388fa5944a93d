package nguard

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// moment is the state in which a change begins: the session, or why there is none.
type moment struct {
	found Found
	live  *Session
	err   error
}

// begin waits for its turn to change the session of this request and returns how it stands. A function
// that changes the session from inside another change of the same request would wait for itself; it
// gets ErrConflict instead.
func (r *Request) begin(ctx context.Context) (context.Context, moment, func(), error) {
	if r == nil {
		return ctx, moment{}, nil, ErrNotInstalled
	}
	r.mu.Lock()
	if r.turn == nil {
		r.turn = make(chan struct{}, 1)
	}
	turn := r.turn
	r.mu.Unlock()
	wait := time.NewTimer(r.g.timeout)
	defer wait.Stop()
	select {
	case turn <- struct{}{}:
	case <-wait.C:
		return ctx, moment{}, nil, fmt.Errorf("%w: a change of this request is under way", ErrConflict)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || r.sent || r.x.Started() {
		<-turn
		return ctx, moment{}, nil, fmt.Errorf("%w: change the session before the first byte of the body, while the handler runs", ErrTooLate)
	}
	return r.attach(ctx), moment{r.found, r.live, r.err}, func() { <-turn }, nil
}

// old is the session that a login ends.
func (m moment) old() *Found {
	if m.err != nil {
		return nil
	}
	return &m.found
}

// Login starts a session for a user whom the handler has verified itself, such as by OpenID Connect or
// a passkey, and sets its cookie. A session that this browser held ends. The user is read again, so
// that a role that changed meanwhile counts.
func (r *Request) Login(ctx context.Context, userID string, o LoginOptions) (*Session, error) {
	ctx, at, end, err := r.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	f, err := r.g.login(ctx, login{event: EventSessionCreated, action: "login", id: userID, options: r.client(o), old: at.old()})
	if err != nil {
		return nil, err
	}
	return r.adopt(ctx, f)
}

// SignIn verifies credentials by Config.Users, under the limit for logins, and starts a session. It is
// what the login endpoint does. [ErrBadCredentials], [ErrMissingCredentials], [ErrLimited].
func (r *Request) SignIn(ctx context.Context, c Credentials, o LoginOptions) (*Session, error) {
	ctx, at, end, err := r.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	f, err := r.g.signIn(ctx, c, r.client(o), at.old(), r.IP(), func(c Caller) error {
		return r.take(ctx, "login", r.g.limits.Login, c)
	})
	if err != nil {
		return nil, err
	}
	return r.adopt(ctx, f)
}

func (r *Request) client(o LoginOptions) LoginOptions {
	if o.Device == "" {
		o.Device = r.userAgent()
	}
	if ip := r.IP(); o.IP == "" && ip.IsValid() {
		o.IP = ip.String()
	}
	return o
}

// Logout ends the session and clears the cookie. Without a session it clears the cookie and is no
// error. [ErrUnavailable]: the session could not be ended and the cookie is kept, so that nobody takes
// themselves for signed out.
func (r *Request) Logout(ctx context.Context) error {
	ctx, at, end, err := r.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	if errors.Is(at.err, ErrUnavailable) {
		return at.err
	}
	if at.err == nil {
		g, f := r.g, at.found
		if err := g.remove(ctx, f.Owner, f.ID); err != nil && !errors.Is(err, ErrNoSession) {
			return err
		}
		g.later(ctx, Event{Name: EventLogout, Outcome: Success, Action: "logout", Actor: f.Record.User.ID, Target: f.Record.User.ID, Session: f.ID})
		r.drop(ErrNoSession)
		if g.hooks.OnLogout != nil {
			_ = g.guarded(ctx, "Hooks.OnLogout", func() error { g.hooks.OnLogout(ctx, at.live); return nil })
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.clearCookie()
	}
	return nil
}

// Reauthenticated says that the handler has verified the person again (step-up): a new session with a
// new ID takes the place of the old one, with the age of this moment, and no earlier token reaches it
// (ASVS 7.2.4, 7.5.1). Methods and Level replace those of the session.
func (r *Request) Reauthenticated(ctx context.Context, o LoginOptions) (*Session, error) {
	ctx, at, end, err := r.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	if at.err != nil {
		return nil, at.err
	}
	o.Remember = at.found.Remember
	if _, err = r.g.present(ctx, at.found); err == nil {
		at.found, err = r.g.renew(ctx, at.found, at.found.Stamp, "reauthenticate", r.client(o))
	}
	if err != nil {
		if errors.Is(err, ErrNoSession) {
			r.drop(noSession(err))
		}
		return nil, err
	}
	return r.adopt(ctx, at.found)
}

// EndOthers ends all other sessions of the person and gives this browser a new one: call it when a
// password or another factor has changed (ASVS 7.4.3). A login under way elsewhere starts again.
func (r *Request) EndOthers(ctx context.Context) (*Session, error) {
	ctx, at, end, err := r.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	if at.err != nil {
		return nil, at.err
	}
	f, err := r.g.endOthers(ctx, at.found)
	if err != nil && f.Record != nil {
		// Renewed, and nothing more is known: the browser needs the new token, the caller the error.
		if _, failed := r.adopt(ctx, f); failed != nil {
			err = failed
		}
		return nil, err
	}
	if err != nil {
		if errors.Is(err, ErrOutcomeUnknown) || errors.Is(err, ErrNoSession) {
			r.drop(noSession(err))
		}
		return nil, err
	}
	return r.adopt(ctx, f)
}

// Update changes the session by the program's own code and sets its cookie. fn gets a [Draft] of the
// session as stored now, may be called again when another request was faster, and must have no other
// effect. Types, OneOf and Check of the fields hold; write policies are not asked. Fields with the
// scope InUser are written to the users table and reach every session of the person.
//
// Errors: fn's own, [ErrInvalid], [ErrTooLarge], [ErrNoSession], [ErrConflict] when retries ran out,
// [ErrUnavailable], [ErrTooLate] when the answer has started; errors.ErrUnsupported inside a transaction of the program (see
// [WithTx]) when the store is a [CookieStore].
func (r *Request) Update(ctx context.Context, fn func(d *Draft) error) (*Session, error) {
	return r.change(ctx, change{action: "update", fn: func(_ context.Context, d *Draft) error { return fn(d) }})
}

// Refresh gives the browser a new token; the old one works until the new one has been seen, and for 10
// seconds more.
func (r *Request) Refresh(ctx context.Context) (*Session, error) {
	return r.change(ctx, change{action: "refresh", rotate: true})
}

func (r *Request) change(ctx context.Context, c change) (*Session, error) {
	ctx, at, end, err := r.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	if at.err != nil {
		return nil, at.err
	}
	// No rotation inside a transaction of the program's own: were it rolled back, the browser would hold a
	// token that was never stored, which is what theft looks like. It falls due instead.
	_, joined := TxOf(ctx, database(r.g.store))
	if joined && r.g.cookie.holds {
		// Nor any change where the cookie holds the values: it is out of reach of a rollback, and so is the epoch
		// that it is stamped with, which the user's next change would bring up again (promise P2).
		return nil, fmt.Errorf("nguard: a cookie with the session's values cannot be rolled back: change the session after the commit: %w", errors.ErrUnsupported)
	}
	c.found, c.canRotate = at.found, !safeMethod(r.line.Method) && !joined
	c.reload = func(ctx context.Context) (Found, error) { return r.g.reload(ctx, at.found) }
	f, err := r.g.change(ctx, c)
	if err != nil {
		if errors.Is(err, ErrNoSession) {
			r.drop(noSession(err))
		}
		return nil, err
	}
	return r.adopt(ctx, f)
}

// Revoke ends one session of a user by its handle, as [Guard.Revoke] does, and records an attempt at a
// handle that is not that user's.
func (r *Request) Revoke(ctx context.Context, userID, id string) error {
	if r == nil {
		return ErrNotInstalled
	}
	if _, err := r.Session(); errors.Is(err, ErrTooLate) {
		return err
	}
	ctx = r.attach(ctx)
	err := r.g.Revoke(ctx, userID, id)
	if errors.Is(err, ErrNotFound) {
		r.g.observe(ctx, Event{Name: EventForeignHandle, Outcome: Denied, Action: "revoke", Target: userID, Reason: "no such session of this person"})
	}
	return err
}

// Record writes an audit record of the program's own: actor, address and request ID are filled in. An
// error means that it is not written; a program that must not act without a record stops there.
func (r *Request) Record(ctx context.Context, e Event) error {
	if r == nil {
		return ErrNotInstalled
	}
	// Sinks keep what they get, and this may come from a buffer that the framework uses again.
	for _, s := range []*string{&e.ID, &e.Name, &e.Session, &e.Action, &e.Rule, &e.Reason} {
		*s = strings.Clone(*s)
	}
	e.Changes = slices.Clone(e.Changes)
	for i, c := range e.Changes {
		e.Changes[i] = Change{strings.Clone(c.Field), ownedValue(c.From), ownedValue(c.To)}
	}
	return r.g.commit(r.attach(ctx), e)
}
