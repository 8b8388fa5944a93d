package nguard

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"
)

// Config is what a [Guard] is made of. Only Store is required, and Limits where there are endpoints to
// limit. Nothing in it is changed after New.
type Config struct {
	// Store keeps the sessions.
	Store Store
	// Users reaches the users table. It may also be an [Authenticator], for the login endpoint, and a
	// [UserUpdater], for update-role and InUser fields.
	Users Users
	// Roles is the compiled policy model: *policy.Model.
	Roles Roles
	// Fields are the declared fields.
	Fields []AnyField
	// Audit receives all records. Nil records nothing.
	Audit Sink
	// Limits guard the endpoints.
	Limits Limits
	// Cookie says how the token travels.
	Cookie Cookie
	// Origins are the public origins of the application, such as "https://app.example.com", for the check
	// of cross-origin writes behind a proxy. Empty: the Host of each request.
	Origins []string
	// Proxies are the networks whose forwarded headers count. Empty: nobody's.
	Proxies []netip.Prefix
	// Lifetime bounds sessions.
	Lifetime Lifetime
	// Streams bounds streams of events.
	Streams Streams
	// Namespace stands in every key, so that two guards or tenants in one store never meet: at most 32
	// letters, digits, '-' or '_'.
	Namespace string
	// MaxSessions bounds the live sessions of one user; defaults to 100, so that nobody's list grows without
	// end. At the cap a login ends the oldest one, or is refused with RefuseAtCap.
	MaxSessions int
	RefuseAtCap bool
	// Admin decides who may see and end other people's sessions. Defaults to the Write policy of the
	// field "role": who gives roles looks after users. Nil and no such field: nobody.
	Admin Policy
	// LoginPage is where a person who opens a page without being signed in is sent, such as "/login": a path
	// on this origin. Empty: they get 401 like everybody.
	LoginPage string
	// Hooks are the program's own functions.
	Hooks Hooks
	// Waive names the promises that the program does without, because its Store cannot keep them. What a
	// store lacks and is not named here is an error; what is named and kept is none.
	Waive []Promise
	// Observe is called around each store, users, sink and limiter call with its name, such as
	// "store.load": start a span, and end it in the function returned. Both results must be non-nil.
	Observe func(ctx context.Context, op string) (context.Context, func(error))
	// Log receives causes that clients must not see. Defaults to discarding them.
	Log *slog.Logger
	// Timeout bounds each call to store, users, sink and limiter. Defaults to 3 seconds.
	Timeout time.Duration
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
}

// Guard is the engine. It is made by [New], safe for concurrent use, and works with and without a
// request: in handlers through the [Request] that an adapter makes, in jobs through its own methods.
type Guard struct {
	store    Store
	epochs   Epochs
	lister   Lister
	sweeper  Sweeper
	tx       Transactor // nil: the store has none
	bounded  Bounded    // nil: sessions of every size fit
	users    Users
	auth     Authenticator
	updater  UserUpdater
	oneTx    bool // users live in the store's database
	sinkInTx bool // so does the sink
	silent   bool // there is none
	roles    Roles
	fields   *fieldSet
	sink     Sink
	limits   Limits
	cookie   *cookieCodec
	origins  *origins
	proxies  proxies
	life     Lifetime
	cap      Cap
	admin    Policy

	loginPage string
	hooks     Hooks
	tracer    func(context.Context, string) (context.Context, func(error))
	log       *slog.Logger
	timeout   time.Duration
	now       func() time.Time
	ns        string
	turns     turns
	noise     noise
	spill     spill
	failures  failures
	hub       *hub
	sweeping  chan struct{} // the turn of the sweep that is under way
	swept     atomic.Int64
	stop      context.Context
	stopped   context.CancelFunc
}

// New checks c and makes a Guard. It does no I/O. Each error names the field and the remedy.
func New(c Config) (*Guard, error) {
	g := &Guard{sweeping: make(chan struct{}, 1), store: c.Store, users: c.Users, roles: c.Roles, sink: c.Audit, limits: c.Limits, hooks: c.Hooks,
		admin: c.Admin, loginPage: c.LoginPage, tracer: c.Observe, log: c.Log, timeout: c.Timeout, now: c.Now, ns: c.Namespace,
		proxies: c.Proxies, cap: Cap{Max: c.MaxSessions, EvictOldest: !c.RefuseAtCap}}
	if c.Store == nil {
		return nil, errors.New("nguard: Config.Store is missing: give memstore.New(), or sqlstore.New(db, ...)")
	}
	var ok bool
	if g.epochs, ok = Ability[Epochs](c.Store); !ok {
		return nil, errors.New("nguard: Config.Store has no epochs, so that no change of a user would reach their sessions: use a store that implements Epochs")
	}
	if g.lister, ok = Ability[Lister](c.Store); !ok {
		return nil, errors.New("nguard: Config.Store cannot list sessions: use a store that implements Lister")
	}
	if err := checkWaived(c.Store, c.Waive); err != nil {
		return nil, err
	}
	g.sweeper, _ = Ability[Sweeper](c.Store)
	g.tx, _ = Ability[Transactor](c.Store)
	g.bounded, _ = Ability[Bounded](c.Store)
	g.auth, _ = c.Users.(Authenticator)
	g.updater, _ = c.Users.(UserUpdater)
	if db := database(c.Store); g.tx != nil && db != nil {
		g.oneTx = sameDatabase(db, c.Users)
		g.sinkInTx = sameDatabase(db, c.Audit)
	}
	if g.sink == nil {
		g.sink = SinkFunc(func(context.Context, Event) error { return nil })
		g.silent = true
	}
	if g.auth != nil && c.Limits.Login == nil {
		return nil, errors.New("nguard: Config.Limits.Login is missing: give ratelimit.Defaults() as Limits, or nguard.Unlimited")
	}
	if c.Users != nil && c.Limits.Update == nil {
		return nil, errors.New("nguard: Config.Limits.Update is missing: give ratelimit.Defaults() as Limits, or nguard.Unlimited")
	}
	var err error
	if g.fields, err = newFieldSet(c.Fields); err != nil {
		return nil, err
	}
	if err := g.checkFields(); err != nil {
		return nil, err
	}
	if g.cookie, err = newCookieCodec(c.Cookie); err != nil {
		return nil, err
	}
	if err := g.cookie.fit(c.Store); err != nil {
		return nil, err
	}
	for _, p := range c.Proxies {
		if !p.IsValid() || p.Bits() == 0 {
			return nil, fmt.Errorf("nguard: Config.Proxies: %v trusts everybody: name the proxies' own networks", p)
		}
	}
	if g.origins, err = newOrigins(c.Origins, g.proxies); err != nil {
		return nil, err
	}
	if g.life, err = c.Lifetime.withDefaults(); err != nil {
		return nil, err
	}
	streams, err := c.Streams.withDefaults()
	if err != nil {
		return nil, err
	}
	if strings.Trim(c.Namespace, tokenChars) != "" || len(c.Namespace) > 32 {
		return nil, errors.New("nguard: Config.Namespace: use at most 32 letters, digits, '-' or '_'")
	}
	if p := c.LoginPage; p != "" && (!strings.HasPrefix(p, "/") || strings.HasPrefix(p, "//") || strings.ContainsAny(p, "\\\r\n") || !plain(p)) {
		return nil, errors.New("nguard: Config.LoginPage: use a path on this origin, such as /login")
	}
	if c.MaxSessions < 0 {
		return nil, errors.New("nguard: Config.MaxSessions is negative: use 0 for 100, or any other number")
	}
	if c.MaxSessions == 0 {
		g.cap.Max = 100
	}
	if c.Timeout < 0 || c.Timeout > time.Minute {
		return nil, errors.New("nguard: Config.Timeout: use 0 for 3 seconds, or up to a minute")
	}
	if g.timeout == 0 {
		g.timeout = 3 * time.Second
	}
	if g.log == nil {
		g.log = slog.New(slog.DiscardHandler)
	}
	if g.now == nil {
		g.now = time.Now
	}
	if role := g.fields.byName["role"]; g.admin == nil && role != nil {
		g.admin = role.WritePolicy()
	}
	if err := g.checkPolicies(); err != nil {
		return nil, err
	}
	g.stop, g.stopped = context.WithCancel(context.Background())
	g.hub = newHub(g, streams)
	return g, nil
}

func (g *Guard) checkFields() error {
	for _, f := range g.fields.order {
		spec := f.spec()
		if spec.scope == InUser && g.updater == nil && f.WritePolicy() != nil {
			return fmt.Errorf("nguard: Config.Fields: %q is InUser and writable, but Config.Users is no UserUpdater: add UpdateUser to it", spec.name)
		}
		if authority(spec.name) && g.roles == nil {
			return fmt.Errorf("nguard: Config.Roles is missing: the field %q needs to know which names exist; give a policy.Model", spec.name)
		}
	}
	return nil
}

// checkPolicies lets the roles model look for names that it does not know: what is wrong does not start.
func (g *Guard) checkPolicies() error {
	for _, f := range g.fields.order {
		if p := f.WritePolicy(); p != nil {
			if err := g.CheckPolicy(p); err != nil {
				return fmt.Errorf("nguard: Config.Fields: %q: %w", f.FieldName(), err)
			}
		}
	}
	if g.admin != nil {
		if err := g.CheckPolicy(g.admin); err != nil {
			return fmt.Errorf("nguard: Config.Admin: %w", err)
		}
	}
	return nil
}

// CheckPolicy reports what is wrong with a policy, such as a role that Config.Roles does not know.
// Adapters call it when a route is built.
func (g *Guard) CheckPolicy(p Policy) error {
	if p == nil {
		return errors.New("the policy is nil, which refuses everybody")
	}
	if c, ok := g.roles.(interface{ Check(...Policy) error }); ok {
		return c.Check(p)
	}
	return nil
}

// sameDatabase says whether v's writes can join the store's transaction.
func sameDatabase(db *sql.DB, v any) bool {
	return v != nil && database(v) == db
}

// owner is the key of a user in the store. A namespace has no slash and stands before one; without a
// namespace the ID stands alone, unless it has a slash itself. So no two pairs have the same key.
func (g *Guard) owner(userID string) (string, error) {
	if userID == "" || len(userID) > 191 || !utf8.ValidString(userID) || strings.ContainsFunc(userID, unicode.IsControl) {
		return "", fmt.Errorf("%w: a user ID has 1 to 191 bytes of UTF-8 without control characters", ErrNoUser)
	}
	if g.ns == "" && !strings.Contains(userID, "/") {
		return strings.Clone(userID), nil // stores keep it, and fiber's parameters are overwritten
	}
	return g.ns + "/" + userID, nil
}

// owns reports whether a record belongs to this guard: one store may hold those of others.
func (g *Guard) owns(r *Record) bool {
	if id := r.User.ID; g.ns != "" || strings.Contains(id, "/") {
		return len(r.Owner) == len(g.ns)+1+len(id) && r.Owner[:len(g.ns)] == g.ns && r.Owner[len(g.ns)] == '/' && r.Owner[len(g.ns)+1:] == id
	}
	return r.Owner == r.User.ID
}

// Check reports whether the guard can serve: it reads from the store. Use it for a readiness probe.
func (g *Guard) Check(ctx context.Context) error {
	return g.call(ctx, "store.epoch", func(ctx context.Context) error {
		_, err := g.epochs.Epoch(ctx, "nguard/check")
		return err
	})
}

// Limits returns the limiters, for endpoints.
func (g *Guard) Limits() Limits { return g.limits }

// CookieName is the name of the session cookie, prefix included.
func (g *Guard) CookieName() string { return g.cookie.name }

// Now is the guard's clock.
func (g *Guard) Now() time.Time { return g.now() }

// Shutdown records the end, writes what has been held back, and stops sweeping and streams of events: when it
// returns nil, nothing of the guard uses the store any more. Call it after the server has stopped taking
// requests, and [Guard.EndStreams] before that. The error says what could not be written before ctx ended.
func (g *Guard) Shutdown(ctx context.Context) error {
	g.EndStreams()
	g.stopped()
	g.hub.wait(ctx)
	select {
	case g.sweeping <- struct{}{}: // none is under way, and none begins by itself any more
		<-g.sweeping
	case <-ctx.Done():
	}
	g.flushNoise(ctx)
	held := g.flushSpill(ctx)
	last := make(chan error, 1) // on a goroutine that can be left behind: a sink may hang
	go func() {
		err := g.write(ctx, Event{Name: EventShutdown, Outcome: Success, Class: ClassSystem, ID: newEventID(), Time: g.now().UTC(), Namespace: g.ns})
		if d, ok := Ability[Drainer](g.sink); ok && held == nil && err == nil {
			err = g.guarded(ctx, "sink.drain", func() error { return d.Drain(ctx) })
		}
		last <- err
	}()
	var err error
	select {
	case err = <-last:
	case <-ctx.Done():
		err = fmt.Errorf("%w: the record of the end is not written: %w", ErrUnavailable, ctx.Err())
	}
	g.spill.close() // what comes after this is lost, and no goroutine tries for ever
	if held != nil {
		return held
	}
	return err
}

type actorKey struct{}

// WithActor names who makes a change outside a request: an operator's user ID, or a job such as
// "job:cleanup". Inside a request the signed-in person is the actor, unless one is named.
func WithActor(ctx context.Context, actor string) context.Context {
	return context.WithValue(ctx, actorKey{}, actor)
}

// actor returns who acts, or ErrNoActor.
func actor(ctx context.Context) (string, error) {
	if a, ok := ctx.Value(actorKey{}).(string); ok && a != "" {
		return a, nil
	}
	if r, ok := FromContext(ctx); ok {
		if id := r.userID(); id != "" {
			return id, nil
		}
	}
	return "", ErrNoActor
}
