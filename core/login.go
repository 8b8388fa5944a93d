package nguard

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
	"unicode"
)

// LoginOptions say what kind of session a login makes. The zero value is an ordinary one.
type LoginOptions struct {
	// Remember keeps the person signed in when the browser is closed, for Lifetime.Remember.
	Remember bool
	// Methods are the ways in which the person proved who they are; Level how strong that was. No session
	// ranks above the login that made it (NIST SP 800-63B-4 5.1).
	Methods []string
	Level   int
	// Device and IP describe the client where there is no request.
	Device, IP string
}

// Login starts a session for a user whom the program has verified itself, outside of a request, and
// returns its token. ctx names the actor. [ErrBadCredentials]: no such user, or disabled.
func (g *Guard) Login(ctx context.Context, userID string, o LoginOptions) (token string, s *Session, err error) {
	if _, err := actor(ctx); err != nil {
		return "", nil, err
	}
	f, err := g.login(ctx, login{event: EventSessionCreated, action: "login", id: userID, options: o})
	if err != nil {
		return "", nil, err
	}
	s, err = g.session(ctx, f)
	return f.Live, s, err
}

// login is one way to a new session. All of them go through Guard.login, so that each records method,
// time and strength (ASVS 6.1.3).
type login struct {
	event, action string
	id            string // of the user, before anything is verified
	// authenticate verifies and returns the user; nil reads the user again.
	authenticate func(ctx context.Context) (User, error)
	options      LoginOptions
	// old is the session that this browser held, live: it ends in the same step.
	old *Found
	// data is carried over into the new session.
	data map[string]any
	// aged says that the person has proved nothing now: the session is as old as old. Its end and AuthAt
	// stay, or ending other sessions would make it outlive its limit and pass for fresh (ASVS 7.3.2).
	aged bool
	// since, for a renewal, is the epoch on which the old session was alive: one that was revoked while its
	// request was at work is not renewed (promise P11).
	since *Epoch
	// count is how many straight failures came before.
	count int
}

// login reads the epoch before anything is verified: what is verified may change in that very moment.
// A role change between the two makes the stamp old, so that the first request looks the user up; a
// revocation or password change between the two makes Create refuse, and the credentials are verified
// again (promise P3).
func (g *Guard) login(ctx context.Context, l login) (Found, error) {
	l.id = strings.Clone(l.id) // it is kept, and may be a parameter of fiber's, which the next request overwrites
	owner, err := g.owner(l.id)
	if err != nil {
		return Found{}, fmt.Errorf("%w: %w", ErrBadCredentials, err)
	}
	for try := 0; ; try++ {
		var epoch Epoch
		err := g.call(ctx, "store.epoch", func(ctx context.Context) (err error) {
			epoch, err = g.epochs.Epoch(ctx, owner)
			return err
		})
		if err != nil {
			return Found{}, err
		}
		if l.since != nil && epoch.Revoke != l.since.Revoke {
			return Found{}, fmt.Errorf("%w: revoked meanwhile", ErrNoSession)
		}
		user, err := g.verified(ctx, l)
		if err != nil {
			return Found{}, err
		}
		f, err := g.create(ctx, l, owner, epoch, user)
		if !errors.Is(err, ErrConflict) || try >= 20 {
			return f, err
		}
		if l.since != nil {
			if err := g.again(ctx, &l); err != nil {
				return Found{}, err
			}
		}
	}
}

func (g *Guard) verified(ctx context.Context, l login) (user User, err error) {
	if l.authenticate == nil {
		if g.users == nil {
			user = User{ID: l.id}
		} else if user, err = g.lookUp(ctx, l.id); errors.Is(err, ErrNoUser) {
			err = fmt.Errorf("%w: %w", ErrBadCredentials, err)
		}
	} else if user, err = l.authenticate(ctx); err == nil {
		user, err = storedUser(user)
	}
	if err != nil {
		return User{}, err
	}
	if user.ID != l.id {
		return User{}, fmt.Errorf("nguard: Identify said %q and Authenticate another user: both must name the same one", l.id)
	}
	if user.Disabled {
		return User{}, ErrBadCredentials
	}
	if g.hooks.AfterAuthenticate != nil {
		err = g.guarded(ctx, "Hooks.AfterAuthenticate", func() error { return g.hooks.AfterAuthenticate(ctx, cloneUser(user)) })
		err = g.hookSays(ctx, l.action, "hook:after-authenticate", err)
	}
	return user, err
}

// create makes the session. The old one of this browser ends with it: by the same step when it is the
// same person's, right after it when it is somebody else's (checklist A3).
func (g *Guard) create(ctx context.Context, l login, owner string, epoch Epoch, user User) (f Found, err error) {
	ctx, cancel := g.lasting(ctx)
	defer cancel()
	now := g.now().UTC().Round(0)
	r := g.newRecord(owner, epoch, user, l.options, now)
	r.Data = l.data
	if l.aged {
		r.AuthAt, r.Expires = l.old.AuthAt, l.old.Expires
	}
	limit := g.cap
	limit.Now = now
	if l.since != nil {
		limit.Version = l.old.Version
	}
	foreign := l.old != nil && l.old.Owner != owner
	if l.old != nil && !foreign {
		limit.Replace = l.old.ID
	}
	e := Event{ID: newEventID(), Name: l.event, Action: l.action, Actor: user.ID, Target: user.ID, Count: l.count}
	if who, ok := ctx.Value(actorKey{}).(string); ok {
		e.Actor = who
	}
	var made Created
	err = g.recordedLogin(ctx, e, &made, func(ctx context.Context) error {
		err := g.call(ctx, "store.create", func(ctx context.Context) (err error) {
			made, err = g.store.Create(ctx, r, limit)
			return err
		})
		g.changed(ctx, owner) // the one that it replaces, or that the cap ends
		if err != nil || !foreign {
			return err
		}
		// Last, so that a login which fails signs nobody out; nobody holds the new token before the answer.
		if err = g.remove(ctx, l.old.Owner, l.old.ID); err == nil || errors.Is(err, ErrNoSession) || g.sinkInTx {
			return noRow(err)
		}
		if back := g.remove(ctx, owner, made.ID); back != nil || len(made.Ended) > 0 {
			err = fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
		}
		return err
	})
	if errors.Is(err, ErrTooMany) {
		g.observe(ctx, Event{Name: EventExcessSessions, Outcome: Denied, Action: l.action, Target: user.ID, Count: g.cap.Max, Reason: "refused at the cap"})
	}
	if err != nil {
		return Found{}, err
	}
	if foreign {
		g.later(ctx, Event{Name: EventLogout, Outcome: Success, Action: l.action, Target: l.old.Record.User.ID, Session: l.old.ID, Reason: "another person logged in"})
	}
	for _, id := range made.Ended {
		g.later(ctx, Event{Name: EventExcessSessions, Outcome: Success, Action: l.action, Target: user.ID, Session: id, Count: g.cap.Max, Reason: "oldest ended at the cap"})
	}
	g.sweep(now)
	return made.Found, nil
}

// newRecord is the session that a login makes.
func (g *Guard) newRecord(owner string, epoch Epoch, user User, o LoginOptions, now time.Time) *Record {
	r := &Record{Owner: owner, Version: 1, Created: now, Updated: now, AuthAt: now, Rotated: now, Remember: o.Remember && g.life.remembers(),
		Stamp: Epoch{Change: epoch.Change, Revoke: epoch.Revoke}, User: user,
		Device: strings.Clone(clean(o.Device)), IP: strings.Clone(o.IP), Methods: ownedList(o.Methods), Level: o.Level}
	r.Expires, r.Idle = g.life.limits(now, r.Remember)
	return r
}

// noRow is err, unless that says only that what was to be removed is gone.
func noRow(err error) error {
	if errors.Is(err, ErrNoSession) {
		return nil
	}
	return err
}

// recordedLogin is recorded for a session whose handle is known only afterwards.
func (g *Guard) recordedLogin(ctx context.Context, e Event, made *Created, do func(ctx context.Context) error) error {
	if g.silent {
		return do(ctx)
	}
	if g.sinkInTx {
		return g.inTx(ctx, func(ctx context.Context) error {
			if err := do(ctx); err != nil {
				return err
			}
			e.Outcome, e.Session = Success, made.ID
			return g.commit(ctx, e)
		})
	}
	e.Outcome = Attempt
	if err := g.commit(ctx, e); err != nil {
		return err
	}
	if err := do(ctx); err != nil {
		if e.Outcome, e.Reason = Failure, failureReason(err); e.Name != EventSessionRenewed {
			e.Name = EventLoginFail // no name that says success may stand for a failure
		}
		g.done(ctx, e)
		return err
	}
	e.Outcome, e.Session = Success, made.ID
	g.done(ctx, e)
	return nil
}

// signIn verifies credentials. Whatever is wrong with them, the caller learns one thing (ASVS 6.3.8).
func (g *Guard) signIn(ctx context.Context, c Credentials, o LoginOptions, old *Found, ip netip.Addr, limit func(Caller) error) (Found, error) {
	if g.auth == nil {
		return Found{}, fmt.Errorf("%w: Config.Users is no Authenticator", ErrNotFound)
	}
	var id string
	err := g.call(ctx, "users.identify", func(ctx context.Context) (err error) {
		id, err = g.auth.Identify(ctx, c)
		return err
	})
	if err != nil {
		if errors.Is(err, ErrUnavailable) { // incomplete credentials are recorded with the answer
			g.observe(ctx, Event{Name: EventLoginFail, Outcome: Failure, Action: "login", Reason: failureReason(err)})
		}
		return Found{}, err
	}
	// The limit is debited before anything is verified: of 1000 parallel guesses at most as many as it
	// allows reach the verifier (checklist I14).
	caller := Caller{Account: g.ns + "/" + strings.TrimLeftFunc(id, invisible), IP: ip}
	if err := limit(caller); err != nil {
		return Found{}, err
	}
	l := login{event: EventLogin, action: "login", id: id, options: o, old: old}
	if len(l.options.Methods) == 0 {
		l.options.Methods = []string{"password"}
	}
	l.authenticate = func(ctx context.Context) (u User, err error) {
		err = g.call(ctx, "users.authenticate", func(ctx context.Context) (err error) {
			u, err = g.auth.Authenticate(ctx, c)
			return err
		})
		return u, err
	}
	account := caller.Account
	if l.count = g.failures.of(account); l.count > 0 {
		l.event = EventLoginAfterFail
	}
	f, err := g.login(ctx, l)
	switch {
	case err == nil:
		g.failures.clear(account)
		g.forgive(ctx, caller)
	case errors.Is(err, ErrBadCredentials):
		e := Event{Name: EventLoginFail, Outcome: Failure, Action: "login", Target: id, Reason: "bad credentials"}
		if n := g.failures.add(account); n == failuresMax {
			e.Name, e.Count, e.Reason = EventLoginFailMax, n, "straight failures: disable this authenticator"
		}
		g.observe(ctx, e)
	case errors.Is(err, ErrDenied):
		g.observe(ctx, Event{Name: EventLoginFail, Outcome: Denied, Action: "login", Target: id, Rule: ruleOf(err), Reason: "refused after the credentials were verified"})
	case !errors.Is(err, ErrTooMany): // that is recorded where the cap is
		g.observe(ctx, Event{Name: EventLoginFail, Outcome: Failure, Action: "login", Target: id, Reason: failureReason(err)})
	}
	return f, err
}

// ruleOf is the rule that a refusal names.
func ruleOf(err error) string {
	if d := (*DeniedError)(nil); errors.As(err, &d) {
		return d.Decision.Rule
	}
	return ""
}

// invisible runes before a name are taken off, since a limiter that folds spellings finds the namespace
// in front of them (checklist I7).
func invisible(r rune) bool { return unicode.IsSpace(r) || unicode.In(r, unicode.Cc, unicode.Cf) }

// forgive resets the account's delay after a success. That of the network stays: own logins between
// guesses gain nothing (checklist I10).
func (g *Guard) forgive(ctx context.Context, c Caller) {
	reset, ok := Ability[Resetter](g.limits.Login)
	if !ok {
		return
	}
	err := g.call(ctx, "limiter.reset", func(ctx context.Context) error {
		return reset.Reset(ctx, c)
	})
	if err != nil {
		g.log.WarnContext(ctx, "nguard: limit not reset", "err", err)
	}
}

// renew replaces a session by a new one with a new ID that no earlier token reaches: after a step-up,
// or when all others end (promise P5). It is alive since the epoch given.
func (g *Guard) renew(ctx context.Context, old Found, since Epoch, action string, o LoginOptions) (Found, error) {
	return g.login(ctx, login{event: EventSessionRenewed, action: action, id: old.Record.User.ID, options: o, old: &old, data: old.Data,
		aged: action != "reauthenticate", since: &since})
}

// again reads the session that is being renewed once more: another request has changed it, and its values
// must not be lost with it (promise P1).
func (g *Guard) again(ctx context.Context, l *login) error {
	now, err := g.readAgain(ctx, *l.old)
	if err == nil {
		l.old, l.data = &now, now.Data
	}
	return err
}
