package nguard

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
)

// Request is one HTTP request as handlers see it. It gives the current session, also after a change,
// and is the way to change it. It is safe for concurrent use, and dies when the handler returns: later
// use is [ErrTooLate], because a goroutine that outlives its handler could write one person's cookie
// into another's answer. Methods of a nil Request return [ErrNotInstalled],
// or nothing where they return no error.
type Request struct {
	g    *Guard
	x    Exchange
	ctx  requestContext
	line Line
	call callContext // of the first read
	own  Session     // the session as first loaded

	called atomic.Bool // call is taken: later reads, such as a retry or a Lookup, need their own

	// mu guards what follows and every use of x. It is never held while code of the program or a store
	// runs: a function given to Update may ask for the Session.
	mu     sync.Mutex
	closed bool
	found  Found // valid while err is nil
	live   *Session
	err    error
	id     string
	ip     netip.Addr
	turn   chan struct{} // holds one change at a time; made by the first
	traced bool          // a refusal is recorded
	sent   bool          // nguard has answered
}

// requestContext carries a Request without an allocation of its own.
type requestContext struct {
	context.Context
	r *Request
}

type requestKey struct{}

func (c *requestContext) Value(key any) any {
	if key == (requestKey{}) {
		return c.r
	}
	return c.Context.Value(key)
}

// FromContext returns the innermost Request that ctx belongs to.
func FromContext(ctx context.Context) (*Request, bool) {
	r, ok := ctx.Value(requestKey{}).(*Request)
	return r, ok
}

// Of returns the Request of this guard that ctx belongs to, for programs with several guards.
func (g *Guard) Of(ctx context.Context) (*Request, bool) {
	r, ok := FromContext(ctx)
	for ok && r.g != g {
		r, ok = FromContext(r.ctx.Context)
	}
	return r, ok
}

// VersionHeader is the header of every answer in which a session was found. Its value changes whenever
// what the browser knows of the session is out of date.
const VersionHeader = "Nguard-Session-Version"

// ExpiresInHeader is the header of what the endpoints answer to a question for the session: in how many milliseconds
// it ends unless it is used. An answer without a body, a 304, says it in this way only.
const ExpiresInHeader = "Nguard-Session-Expires-In"

// PassiveHeader is a request header by which a page says, with the value "1", that no person has caused a request: a
// timer has, or what the page has heard from the server or from another tab. A safe request with it is served like
// every other one but is no use of the session, so that a page that was left open is idle some day (OWASP ASVS 5.0,
// 7.3.1). Other methods, which change something, are use whatever it says.
const PassiveHeader = "Nguard-Passive"

// books says what bookkeeping the request may do. Browsers ask for a stream of events by themselves whenever a
// connection ends, which is no sign of a person.
func (r *Request) books() books {
	switch {
	case opensStream(r.line):
		return noBooks
	case safeMethod(r.line.Method) && slices.Equal(r.x.Header(PassiveHeader), []string{"1"}):
		return stamps
	}
	return allBooks
}

// Begin is for adapters: it refuses cross-origin writes, finds and judges the session, sets the headers
// that follow, and binds the Request to the exchange's context. A returned error is to be answered with
// [Guard.Fail], and the handler not to be called. That there is no session, or that the store is down,
// is no error here: a page that needs no session still works.
func (g *Guard) Begin(x Exchange) (*Request, error) {
	r := &Request{g: g, x: x, line: x.Line(), err: ErrNoSession}
	r.ctx = requestContext{x.Context(), r}
	x.AddHeader("Vary", "Cookie")
	in := g.cookie.read(x.Header("Cookie"))
	if err := g.origins.check(x, r.line, in.value != "" || in.several || in.tooLarge || in.broken); err != nil {
		x.AddHeader("Vary", "Origin, Sec-Fetch-Site")
		g.observe(&r.ctx, Event{Name: EventCSRF, Outcome: Denied, Action: "origin", Reason: "cross-origin write"})
		return r, err
	}
	if g.cookie.secure && len(g.proxies) > 0 {
		if scheme, certain := g.proxies.scheme(x, r.line); certain && scheme == "http" {
			return r, ErrInsecure // a session never moves between http and https
		}
	}
	x.Bind(&r.ctx)
	r.open(in)
	return r, nil
}

// End is for adapters: the handler has returned, the exchange is not used any more.
func (r *Request) End() {
	if r == nil {
		return
	}
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
}

func (r *Request) open(in shown) {
	g := r.g
	switch {
	case in.several:
		// Nobody can know which one is the victim's: none counts, and both are cleared, so that the person is
		// not stuck with them (checklist C7).
		g.observe(&r.ctx, Event{Name: EventInputInvalid, Outcome: Failure, Action: "load", Reason: "two session cookies"})
		r.clearCookie()
		return
	case in.broken:
		// As with two values: what is left of several tokens is none, and goes (checklist C15).
		g.observe(&r.ctx, Event{Name: EventInputInvalid, Outcome: Failure, Action: "load", Reason: "parts of different session cookies"})
		r.clearCookie()
		return
	case in.tooLarge:
		g.observe(&r.ctx, Event{Name: EventInputInvalid, Outcome: Failure, Action: "load", Reason: "too many cookies"})
		return
	case in.value == "":
		return
	}
	f, err := g.load(&r.ctx, in.value, !safeMethod(r.line.Method), r.books())
	if errors.Is(err, ErrMalformed) {
		r.clearCookie() // never issued, so that no newer login can be lost with it
	}
	if err == nil {
		r.found, r.err = f, nil // hooks find the person in the context
		r.live, err = g.sessionInto(&r.ctx, &r.own, f)
	}
	if err != nil {
		r.found, r.live, r.err = Found{}, nil, noSession(err)
		return
	}
	r.x.SetHeader(VersionHeader, versionOf(r.live))
	if f.Live != in.value {
		// A successor, or what a store that keeps values in the cookie has sealed anew: with the current key, or
		// because bookkeeping fell due. A safe method carries it too, since it takes nothing away: what the
		// browser showed stays valid as long as it was.
		r.setCookie()
	}
}

// session makes the Session that handlers get, and runs the hooks on it.
func (g *Guard) session(ctx context.Context, f Found) (*Session, error) {
	return g.sessionInto(ctx, new(Session), f)
}

func (g *Guard) sessionInto(ctx context.Context, s *Session, f Found) (*Session, error) {
	*s = Session{rec: f.Record, seen: f.LastSeen, fields: g.fields}
	if g.hooks.Validate != nil {
		err := g.guarded(ctx, "Hooks.Validate", func() error { return g.hooks.Validate(ctx, s) })
		if errors.Is(err, ErrNoSession) {
			return nil, g.end(ctx, f, EventSessionExpired, "ended by validation")
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
	}
	if g.hooks.OnLoad != nil {
		err := g.guarded(ctx, "Hooks.OnLoad", func() (err error) {
			s.extra, err = g.hooks.OnLoad(ctx, s)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
	}
	return s, nil
}

func versionOf(s *Session) string {
	var buf [48]byte
	b := append(append(buf[:0], s.rec.ID...), '.')
	return string(strconv.AppendInt(b, s.rec.Version, 10))
}

// Session returns the current session. [ErrNoSession]: nobody is signed in. [ErrUnavailable]: it could
// not be found out; the person is not signed out. [ErrNotInstalled]: the route has no middleware.
func (r *Request) Session() (*Session, error) {
	if r == nil {
		return nil, ErrNotInstalled
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, ErrTooLate
	}
	return r.live, r.err
}

// userID is who is signed in, or empty.
func (r *Request) userID() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.found.Record == nil {
		return ""
	}
	return r.found.Record.User.ID
}

// Guard returns the guard that made r; nil for a nil Request.
func (r *Request) Guard() *Guard {
	if r == nil {
		return nil
	}
	return r.g
}

// IP is the client's address by the guard's rule on proxies; invalid when there is none, as on a Unix
// socket.
func (r *Request) IP() netip.Addr {
	if r == nil {
		return netip.Addr{}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.ip.IsValid() && !r.closed {
		r.ip = r.g.proxies.client(r.x)
	}
	return r.ip
}

// ID identifies the request in logs and audit records. It is the X-Request-Id of a configured proxy, or
// made up.
func (r *Request) ID() string {
	if r == nil {
		return ""
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.id != "" || r.closed {
		return r.id
	}
	if r.g.proxies.peer(r.x) {
		if lines := r.x.Header("X-Request-Id"); len(lines) == 1 && lines[0] != "" {
			r.id = clean(lines[0])
			return r.id
		}
	}
	var b [8]byte
	if _, err := rand.Reader.Read(b[:]); err == nil {
		r.id = hex.EncodeToString(b[:])
	}
	return r.id
}

func requestID(ctx context.Context) string {
	if r, ok := FromContext(ctx); ok {
		return r.ID()
	}
	return ""
}

// describe fills the part of an event that the request knows.
func (r *Request) describe(e *Event) {
	e.RequestID, e.Method, e.Path, e.UserAgent = r.ID(), r.line.Method, r.line.Path, r.userAgent()
	if ip := r.IP(); ip.IsValid() {
		e.IP = ip.String()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if e.Session == "" && r.found.Record != nil {
		e.Session = r.found.ID
	}
	r.traced = r.traced || (e.Outcome != Attempt && e.Outcome != Success)
}

// refused records a refusal that nothing else has recorded (promise P12). Left out are a visitor who is
// not signed in, whom every page asks for, and faults, whose cause is in the log.
func (r *Request) refused(err error) {
	a := Status(err)
	r.mu.Lock()
	skip := r.traced || r.closed || a.Status >= 500 || errors.Is(err, ErrNoSession)
	r.mu.Unlock()
	if skip {
		return
	}
	e := Event{Name: EventInputInvalid, Outcome: Denied, Action: r.line.Method + " " + clean(r.line.Path), Reason: a.Code}
	if a.Status == http.StatusForbidden {
		e.Name, e.Rule = EventAuthzFail, a.Code
	}
	r.g.observe(&r.ctx, e)
}

func (r *Request) userAgent() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return ""
	}
	if lines := r.x.Header("User-Agent"); len(lines) > 0 {
		return clean(lines[0])
	}
	return ""
}

// attach makes sure that ctx, which a handler may have from elsewhere, belongs to r.
func (r *Request) attach(ctx context.Context) context.Context {
	if own, ok := FromContext(ctx); ok && own == r {
		return ctx
	}
	return context.WithValue(ctx, requestKey{}, r)
}

// setCookie hands the live token to the browser. It stands on its own: what an earlier call wrote under
// this name is replaced, and nothing with it is kept by a cache (ASVS 14.2.2).
func (r *Request) setCookie() {
	s := &Session{rec: r.found.Record, seen: r.found.LastSeen}
	r.g.cookie.give(r.x, r.found.Live, s, r.g.now())
	r.x.SetHeader("Cache-Control", "no-store")
}

func (r *Request) clearCookie() {
	r.g.cookie.take(r.x)
	r.x.SetHeader("Cache-Control", "no-store")
}

// adopt makes f the session of the request and of the browser.
func (r *Request) adopt(ctx context.Context, f Found) (*Session, error) {
	s, err := r.g.session(ctx, f)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		err = noSession(err)
		if r.found = f; !errors.Is(err, ErrNoSession) {
			// A hook has failed after the change: that stands, and the browser needs its token for when the hook
			// works again, or an outage would sign the person out (promise P7).
			err = fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
			if f.Live != "" && !r.closed && !r.x.Started() {
				r.setCookie()
			}
		}
		r.found, r.live, r.err = Found{}, nil, err
		return nil, err
	}
	r.found, r.live, r.err = f, s, nil
	if r.closed || r.x.Started() {
		return nil, fmt.Errorf("%w: the change stands, the cookie could not be sent", ErrTooLate)
	}
	if f.Live != "" {
		r.setCookie()
	}
	r.x.SetHeader(VersionHeader, versionOf(s))
	return s, nil
}

// drop makes the request one without a session.
func (r *Request) drop(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.found, r.live, r.err = Found{}, nil, err
}
