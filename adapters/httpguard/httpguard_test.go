package httpguard_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nguard-go/nguard/adapters/httpguard"
	"github.com/nguard-go/nguard/audit"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
	"github.com/nguard-go/nguard/policy"
)

var (
	roleUser  = policy.NewRole("user")
	roleAdmin = policy.NewRole("admin", "*").Inherits(roleUser)

	theme  = &nguard.Field[string]{Name: "theme", Default: "light", OneOf: []string{"light", "dark"}, Write: policy.Self, Scope: nguard.InUser}
	visits = &nguard.Field[int]{Name: "visits"}
	role   = &nguard.Field[string]{Name: "role", Write: roleAdmin, Scope: nguard.InUser, Rotate: true}
)

// newGuard is a guard in memory with an admin and two users.
func newGuard(t testing.TB, options ...func(*nguard.Config)) *nguard.Guard {
	t.Helper()
	model, err := policy.NewModel(policy.Config{Roles: []*policy.Role{roleUser, roleAdmin}, Permissions: []policy.Permission{"posts:edit"}})
	if err != nil {
		t.Fatal(err)
	}
	c := nguard.Config{Roles: model, Fields: []nguard.AnyField{theme, visits, role}}
	for _, option := range options {
		option(&c)
	}
	return guardtest.New(t, c, nguard.User{ID: "ann", Role: "admin"}, nguard.User{ID: "bob", Role: "user"}, nguard.User{ID: "eve", Role: "user"})
}

// client sends requests as a page of the application does, and keeps the cookies that it gets.
type client struct {
	t       testing.TB
	base    string
	http    *http.Client
	cookies map[string]string
}

// serve starts h and returns a client of it.
func serve(t testing.TB, h http.Handler) *client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return newClient(t, s)
}

func newClient(t testing.TB, s *httptest.Server) *client {
	c := *s.Client()
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.Timeout = 20 * time.Second
	return &client{t: t, base: s.URL, http: &c, cookies: map[string]string{}}
}

// other is another browser at the same server.
func (c *client) other() *client {
	return &client{t: c.t, base: c.base, http: c.http, cookies: map[string]string{}}
}

// signIn gives the client a session of a guard, without a request.
func (c *client) signIn(g *nguard.Guard, userID string) *client {
	c.t.Helper()
	token, _, err := g.Login(nguard.WithActor(context.Background(), "job:test"), userID, nguard.LoginOptions{})
	if err != nil {
		c.t.Fatal(err)
	}
	c.cookies[g.CookieName()] = token
	return c
}

func (c *client) request(method, path, body string, headers ...string) *http.Request {
	c.t.Helper()
	r, err := http.NewRequest(method, c.base+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, value := range c.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	return r
}

func (c *client) do(method, path, body string, headers ...string) reply {
	c.t.Helper()
	resp, err := c.http.Do(c.request(method, path, body, headers...))
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, cookie := range resp.Cookies() {
		if cookie.Value == "" {
			delete(c.cookies, cookie.Name)
		} else {
			c.cookies[cookie.Name] = cookie.Value
		}
	}
	return reply{c.t, method + " " + path, resp.StatusCode, resp.Header, string(raw)}
}

func (c *client) get(path string, headers ...string) reply {
	c.t.Helper()
	return c.do("GET", path, "", headers...)
}

type reply struct {
	t      testing.TB
	what   string
	status int
	header http.Header
	body   string
}

func (a reply) expect(status int) reply {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("%s: got status %d, want %d: %s", a.what, a.status, status, a.body)
	}
	return a
}

// code is the member of that name, after a look at what every refusal has in common.
func (a reply) code() string {
	a.t.Helper()
	var body struct{ Error, Message, Code string }
	if err := json.Unmarshal([]byte(a.body), &body); err != nil || body.Error == "" || body.Error != body.Message {
		a.t.Errorf("%s: body %q", a.what, a.body)
	}
	if got := a.header.Get("Content-Type"); got != "application/json" {
		a.t.Errorf("%s: type %q", a.what, got)
	}
	if a.header.Get("Cache-Control") != "no-store" || a.header.Get("X-Content-Type-Options") != "nosniff" {
		a.t.Errorf("%s: headers %v", a.what, a.header)
	}
	return body.Code
}

// who answers with the ID of the person.
func who(w http.ResponseWriter, r *http.Request) {
	s, err := httpguard.From(r).Session()
	if err != nil {
		httpguard.Fail(w, r, err)
		return
	}
	fmt.Fprint(w, s.UserID())
}

func TestSessions(t *testing.T) {
	g := newGuard(t)
	c := serve(t, httpguard.Sessions(g)(http.HandlerFunc(who)))
	if got := c.get("/").expect(401).code(); got != "no_session" {
		t.Errorf("code %q", got)
	}
	c.signIn(g, "bob")
	a := c.get("/").expect(200)
	if a.body != "bob" || a.header.Get("Vary") != "Cookie" || a.header.Get(nguard.VersionHeader) == "" {
		t.Errorf("%q %v", a.body, a.header)
	}
	if got := c.do("POST", "/", "", "Sec-Fetch-Site: cross-site").expect(403).code(); got != "cross_origin" {
		t.Errorf("code %q", got)
	}
}

// TestFrom_NotInstalled: on a route without middleware the Request is nil, and each of its methods says
// so instead of "no session" or a panic. New methods are covered as they come.
func TestFrom_NotInstalled(t *testing.T) {
	r := httpguard.From(httptest.NewRequest("GET", "/", nil))
	if r != nil {
		t.Fatalf("From gives %v", r)
	}
	v := reflect.ValueOf(r)
	for i := range v.NumMethod() {
		name, m := v.Type().Method(i).Name, v.Method(i)
		if name == "End" {
			continue // for adapters
		}
		var args []reflect.Value
		for j := range m.Type().NumIn() {
			in := reflect.New(m.Type().In(j)).Elem()
			if in.Type() == reflect.TypeFor[context.Context]() {
				in.Set(reflect.ValueOf(context.Background()))
			}
			args = append(args, in)
		}
		if m.Type().IsVariadic() {
			args = args[:len(args)-1]
		}
		func() {
			defer func() {
				if p := recover(); p != nil {
					t.Errorf("%s panics: %v", name, p)
				}
			}()
			for _, out := range m.Call(args) {
				if err, ok := out.Interface().(error); out.Type() == reflect.TypeFor[error]() && (!ok || !errors.Is(err, nguard.ErrNotInstalled)) {
					t.Errorf("%s says %v", name, err)
				}
			}
		}()
	}
	if s := r.Subject(); s == nil || s.UserID != "" {
		t.Errorf("subject: %+v", s)
	}
	c := serve(t, http.HandlerFunc(who))
	if got := c.get("/").expect(500).code(); got != "internal" {
		t.Errorf("code %q", got)
	}
}

// TestEndpoints_Except: the application's own login handler stands beside the endpoints; what it does
// with the session is what they see.
func TestEndpoints_Except(t *testing.T) {
	g := newGuard(t)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/auth/login", func(w http.ResponseWriter, r *http.Request) {
		s, err := httpguard.From(r).Login(r.Context(), r.FormValue("name"), nguard.LoginOptions{Methods: []string{"sso"}, Level: 2})
		if err != nil {
			httpguard.Fail(w, r, err)
			return
		}
		fmt.Fprint(w, "welcome ", s.UserID(), s.Methods())
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "own ", r.URL.Path) })
	c := serve(t, httpguard.Sessions(g)(httpguard.Endpoints(g, "login")(mux)))
	if got := c.do("POST", "/api/auth/login?name=bob", "").expect(200).body; got != "welcome bob[sso]" {
		t.Errorf("own login: %q", got)
	}
	c.get("/api/auth/session").expect(200)
	if got := c.do("POST", "/api/auth/login?name=nobody", "").expect(401).code(); got != "bad_credentials" {
		t.Errorf("code %q", got)
	}
	if got := c.get("/api/auth/login/").expect(404).code(); got != "not_found" {
		t.Errorf("only the name itself is excepted: %q", got)
	}
	c.get("/api/auth/logins").expect(404)
	for _, path := range []string{"/", "/api/auth", "/api/authentic/login", "/api/x"} {
		if got := c.get(path).expect(200).body; got != "own "+path {
			t.Errorf("%s: %q", path, got)
		}
	}
	c.do("POST", "/api/auth/logout", "").expect(200)
	c.get("/api/auth/session").expect(401)
}

// TestEndpoints_Alone: Endpoints, Require and Limit work without Sessions around them, and give the
// handler its Request.
func TestEndpoints_Alone(t *testing.T) {
	g := newGuard(t)
	mux := http.NewServeMux()
	mux.Handle("/required", httpguard.Require(g, policy.SignedIn)(http.HandlerFunc(who)))
	mux.Handle("/limited", httpguard.Limit(g, nguard.Unlimited)(http.HandlerFunc(who)))
	c := serve(t, httpguard.Endpoints(g)(mux))
	c.do("POST", "/api/auth/login", `{"id":"bob","password":"`+guardtest.Password+`"}`).expect(200)
	for _, path := range []string{"/required", "/limited"} {
		if got := c.get(path).expect(200).body; got != "bob" {
			t.Errorf("%s: %q", path, got)
		}
	}
	if got := c.get("/api/auth/nothing").expect(404).code(); got != "not_found" {
		t.Errorf("code %q", got)
	}
	a := c.do("PROPFIND", "/api/auth/validate", "").expect(405)
	if a.code() != "method_not_allowed" || a.header.Get("Allow") != "GET, HEAD, POST" {
		t.Errorf("Allow %q", a.header.Get("Allow"))
	}
	c.do("POST", "/required", "", "Sec-Fetch-Site: cross-site").expect(403)
	c.do("POST", "/limited", "", "Sec-Fetch-Site: cross-site").expect(403)
	c.do("POST", "/api/auth/logout", "", "Sec-Fetch-Site: cross-site").expect(403)
	c.get("/required").expect(200)
}

func TestRequire(t *testing.T) {
	g := newGuard(t)
	reached := 0
	guarded := func(p nguard.Policy) http.Handler {
		return httpguard.Sessions(g)(httpguard.Require(g, p)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			reached++
			who(w, r)
		})))
	}
	anyone := nguard.PolicyFunc(func(context.Context, nguard.Access) nguard.Decision {
		return nguard.Decision{Effect: nguard.Allow, Rule: "anyone"}
	})
	down := nguard.PolicyFunc(func(context.Context, nguard.Access) nguard.Decision {
		return nguard.Decision{Effect: nguard.Allow, Rule: "down", Err: errors.New("lookup of admin@db failed")}
	})
	bad := nguard.PolicyFunc(func(context.Context, nguard.Access) nguard.Decision { panic("bad policy") })
	abstains := nguard.PolicyFunc(func(context.Context, nguard.Access) nguard.Decision { return nguard.Decision{} })
	for _, c := range []struct {
		name         string
		p            nguard.Policy
		nobody, user int
		admin        int
	}{
		{"signed in", policy.SignedIn, 401, 200, 200}, {"admin", roleAdmin, 401, 403, 200}, {"down", down, 503, 503, 503},
		{"panic", bad, 503, 503, 503}, {"abstains", abstains, 401, 403, 403}, {"fresh", policy.All(roleAdmin, policy.Fresh(time.Hour)), 401, 403, 200},
	} {
		browser := serve(t, guarded(c.p))
		for b, want := range map[*client]int{browser: c.nobody, browser.other().signIn(g, "bob"): c.user, browser.other().signIn(g, "ann"): c.admin} {
			before := reached
			a := b.get("/").expect(want)
			if passed := reached > before; passed != (want == 200) {
				t.Errorf("%s: status %d, and the handler was called: %v", c.name, want, passed)
			}
			if want != 200 && (a.code() == "" || strings.Contains(a.body, "admin@db") || strings.Contains(a.body, "bad policy")) {
				t.Errorf("%s: %s", c.name, a.body)
			}
		}
	}
	// Everybody may be allowed; the session is still there for who has one.
	c := serve(t, httpguard.Require(g, anyone)(http.HandlerFunc(who)))
	c.get("/").expect(401)
	if got := c.signIn(g, "bob").get("/").expect(200).body; got != "bob" {
		t.Errorf("body %q", got)
	}
}

// TestRequire_BadPolicy_DoesNotStart: a route without a rule, or with one that names an unknown role,
// panics when it is built (checklist P9).
func TestRequire_BadPolicy_DoesNotStart(t *testing.T) {
	g := newGuard(t)
	for name, p := range map[string]nguard.Policy{
		"nil": nil, "unknown role": policy.NewRole("owner"), "unknown permission": policy.Permission("posts:delete"), "nested": policy.Any(policy.SignedIn, policy.NewRole("owner")),
		"no age": policy.Fresh(0),
	} {
		func() {
			defer func() {
				if p := recover(); p == nil || !strings.Contains(fmt.Sprint(p), "httpguard: Require: ") {
					t.Errorf("%s: panic value %v", name, p)
				}
			}()
			httpguard.Require(g, p)
		}()
	}
}

// TestPolicies_InHandlers: a nil policy refuses, an error is an outage, a panic stops neither the request
// nor the process; each leaves a record (checklist P9).
func TestPolicies_InHandlers(t *testing.T) {
	sink := audit.NewMemory(0)
	g := newGuard(t, func(c *nguard.Config) { c.Audit = sink })
	policies := map[string]nguard.Policy{
		"/nil":   nil,
		"/panic": nguard.PolicyFunc(func(context.Context, nguard.Access) nguard.Decision { panic("bad policy") }),
		"/error": policy.Func("down", func(context.Context, nguard.Access) (bool, error) { return true, errors.New("down") }),
		"/owner": policy.On("owner", func(a nguard.Access, owner string) bool { return a.Subject.UserID == owner }),
	}
	c := serve(t, httpguard.Sessions(g)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := httpguard.From(r).Authorize(r.Context(), policies[r.URL.Path], r.URL.Query().Get("owner")); err != nil {
			httpguard.Fail(w, r, err)
			return
		}
		fmt.Fprint(w, "allowed")
	}))).signIn(g, "bob")
	for path, status := range map[string]int{"/nil": 403, "/panic": 503, "/error": 503, "/owner?owner=ann": 403, "/owner": 403, "/owner?owner=bob": 200} {
		c.get(path).expect(status)
	}
	if err := g.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	rules := map[string]string{}
	crashed := false
	for _, e := range sink.Events() {
		if e.Name == nguard.EventAuthzFail && e.Actor == "bob" {
			rules[e.Action] += e.Rule + " "
		}
		crashed = crashed || e.Name == nguard.EventCrash
	}
	if len(rules) != 4 || !crashed || rules["GET /owner"] != "on:owner on:owner " || rules["GET /nil"] != "none " {
		t.Errorf("rules on record: %v, crash on record: %v", rules, crashed)
	}
}

// quota is a limiter with one answer.
type quota struct {
	q      nguard.Quota
	err    error
	caller func(nguard.Caller)
}

func (l quota) Take(_ context.Context, c nguard.Caller, n int) (nguard.Quota, error) {
	if l.caller != nil {
		l.caller(c)
	}
	return l.q, l.err
}

func TestLimit(t *testing.T) {
	g := newGuard(t, func(c *nguard.Config) {
		c.Namespace = "shop"
		c.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	var seen nguard.Caller
	allowed := nguard.Quota{Allowed: true, Name: "search", Limit: 5, Remaining: 4, Reset: 1500 * time.Millisecond, Policy: `"search";q=5;w=60`}
	refused := nguard.Quota{Name: "search", Limit: 5, Reset: time.Minute, RetryAfter: 1200 * time.Millisecond, Policy: `"search";q=5;w=60`}
	limited := func(l nguard.Limiter) *client {
		return serve(t, httpguard.Sessions(g)(httpguard.Limit(g, l)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "ok") }))))
	}
	c := limited(quota{q: allowed, caller: func(c nguard.Caller) { seen = c }})
	a := c.get("/", "X-Forwarded-For: 203.0.113.5").expect(200)
	if a.header.Get("RateLimit") != `"search";r=4;t=2` || a.header.Get("RateLimit-Policy") != `"search";q=5;w=60` || a.header.Get("Retry-After") != "" {
		t.Errorf("headers %v", a.header)
	}
	if seen.User != "" || seen.IP != netip.MustParseAddr("203.0.113.5") || seen.Account != "" {
		t.Errorf("caller %+v", seen)
	}
	c.signIn(g, "bob").get("/").expect(200)
	if seen.User != "shop/bob" {
		t.Errorf("caller %+v", seen)
	}
	a = limited(quota{q: refused}).get("/").expect(429)
	if a.code() != "rate_limited" || a.header.Get("Retry-After") != "2" || a.header.Get("RateLimit") != `"search";r=0;t=60` {
		t.Errorf("headers %v", a.header)
	}
	a = limited(quota{q: allowed, err: errors.New("down")}).get("/").expect(503)
	if a.code() != "unavailable" || a.header.Get("Retry-After") == "" {
		t.Errorf("headers %v", a.header)
	}
	limited(quota{}).get("/").expect(429) // the zero Quota refuses
	defer func() {
		if recover() == nil {
			t.Error("a route with a nil limiter was built")
		}
	}()
	httpguard.Limit(g, nil)
}

// left is a limiter that waits until the client has left, as a store does that is asked in vain.
type left struct{ asked chan struct{} }

func (l left) Take(ctx context.Context, _ nguard.Caller, _ int) (nguard.Quota, error) {
	close(l.asked)
	<-ctx.Done()
	return nguard.Quota{}, ctx.Err()
}

// TestFail_ClientHasLeft: whoever sends a request and hangs up is no error in the log.
func TestFail_ClientHasLeft(t *testing.T) {
	var log bytes.Buffer
	g := newGuard(t, func(c *nguard.Config) {
		c.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	l := left{make(chan struct{})}
	answered := make(chan struct{})
	limited := httpguard.Limit(g, l)(http.NotFoundHandler())
	c := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(answered)
		limited.ServeHTTP(w, r)
	}))
	ctx, leave := context.WithCancel(t.Context())
	go func() {
		<-l.asked
		leave()
	}()
	if _, err := c.http.Do(c.request("GET", "/", "").WithContext(ctx)); err == nil {
		t.Fatal("an answer to nobody")
	}
	<-answered
	if strings.Contains(log.String(), "ERROR") || strings.Count(log.String(), "level=DEBUG") != 2 {
		t.Errorf("the log says %s", &log)
	}
}

// TestFail_LoginPage: a person who opens a page is sent to the login page; everything else gets JSON.
func TestFail_LoginPage(t *testing.T) {
	g := newGuard(t, func(c *nguard.Config) { c.LoginPage = "/login?then=back" })
	mux := http.NewServeMux()
	mux.Handle("/who", http.HandlerFunc(who))
	mux.Handle("/required", httpguard.Require(g, policy.SignedIn)(http.HandlerFunc(who)))
	mux.Handle("/admin", httpguard.Require(g, roleAdmin)(http.HandlerFunc(who)))
	c := serve(t, httpguard.Sessions(g)(httpguard.Endpoints(g)(mux)))
	page := "Accept: text/html,application/xhtml+xml,*/*;q=0.8"
	for _, path := range []string{"/who", "/required", "/admin"} {
		for _, method := range []string{"GET", "HEAD"} {
			a := c.do(method, path, "", page).expect(303)
			if a.header.Get("Location") != "/login?then=back" || a.body != "" || a.header.Get("Cache-Control") != "no-store" || a.header.Get("Vary") == "" {
				t.Errorf("%s %s: %v %q", method, path, a.header, a.body)
			}
		}
		for _, accept := range []string{"Accept: application/json", "Accept: */*", "X-None: x"} {
			if got := c.get(path, accept).expect(401).code(); got != "no_session" {
				t.Errorf("%s with %s: %q", path, accept, got)
			}
		}
		c.do("POST", path, "", page).expect(401)
	}
	c.get("/api/auth/session", page).expect(401)
	c.get("/api/auth/nothing", page).expect(404)
	c.signIn(g, "bob").get("/admin", page).expect(403)
}

func TestFail(t *testing.T) {
	g := newGuard(t)
	errs := map[string]error{
		"/conflict": nguard.ErrConflict, "/denied": &nguard.DeniedError{Action: "x", Decision: nguard.Decision{Code: "step_up_required"}},
		"/field": &nguard.FieldError{Field: "theme", Problem: "must be one of light, dark"}, "/fault": errors.New("table people: secret detail"),
		"/wrapped": fmt.Errorf("outer: %w", nguard.ErrNotFound), "/down": fmt.Errorf("%w: dial tcp 10.0.0.1", nguard.ErrUnavailable), "/late": nguard.ErrTooLate,
	}
	fail := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { httpguard.Fail(w, r, errs[r.URL.Path]) })
	installed, bare := serve(t, httpguard.Sessions(g)(fail)), serve(t, fail)
	for path, want := range map[string]struct {
		status int
		code   string
	}{
		"/conflict": {409, "conflict"}, "/denied": {403, "step_up_required"}, "/field": {400, "invalid_value"}, "/fault": {500, "internal"},
		"/wrapped": {404, "not_found"}, "/down": {503, "unavailable"}, "/late": {500, "internal"},
	} {
		for _, c := range []*client{installed, bare} {
			a := c.get(path).expect(want.status)
			if got := a.code(); got != want.code || strings.Contains(a.body, "secret") || strings.Contains(a.body, "10.0.0.1") {
				t.Errorf("%s: %s", path, a.body)
			}
			if (a.header.Get("Retry-After") != "") != (want.status == 503) {
				t.Errorf("%s: Retry-After %q", path, a.header.Get("Retry-After"))
			}
			if got := c.do("HEAD", path, "").expect(want.status); got.body != "" {
				t.Errorf("HEAD %s: %q", path, got.body)
			}
		}
		if installed.get(path).header.Get("X-Request-Id") == "" && want.status >= 500 {
			t.Errorf("%s: no request ID to find the cause by", path)
		}
	}
}

// TestServeMux_PathValues: patterns, path values and r.Pattern work on both sides of the middleware.
func TestServeMux_PathValues(t *testing.T) {
	g := newGuard(t)
	mux := http.NewServeMux()
	show := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, err := httpguard.From(r).Session()
		if err != nil {
			httpguard.Fail(w, r, err)
			return
		}
		fmt.Fprint(w, s.UserID(), " ", r.PathValue("id"), " ", r.PathValue("rest"), " ", r.Pattern)
	})
	mux.Handle("GET /outer/{id}/{rest...}", show)
	mux.Handle("GET /inner/{id}/{rest...}", httpguard.Sessions(g)(httpguard.Require(g, policy.SignedIn)(show)))
	c := serve(t, httpguard.Sessions(g)(mux)).signIn(g, "bob")
	if got := c.get("/outer/a%2fb/c/d").expect(200).body; got != "bob a/b c/d GET /outer/{id}/{rest...}" {
		t.Errorf("outer: %q", got)
	}
	bare := serve(t, mux)
	bare.cookies = c.cookies
	if got := bare.get("/inner/x/y").expect(200).body; got != "bob x y GET /inner/{id}/{rest...}" {
		t.Errorf("inner: %q", got)
	}
	bare.get("/outer/x/y").expect(500) // no middleware: a fault of the program, not a person without a session
	c.do("DELETE", "/outer/x/y", "").expect(405)
}

// TestStripPrefix: the application may live below a prefix, with the middleware on either side of it.
func TestStripPrefix(t *testing.T) {
	g := newGuard(t)
	app := http.NewServeMux()
	app.HandleFunc("GET /who", who)
	all := func(h http.Handler) http.Handler { return httpguard.Sessions(g)(httpguard.Endpoints(g)(h)) }
	for name, h := range map[string]http.Handler{
		"inside": http.StripPrefix("/app", all(app)),
		"around": httpguard.Sessions(g)(http.StripPrefix("/app", httpguard.Endpoints(g)(app))),
		"mounted": func() http.Handler {
			m := http.NewServeMux()
			m.Handle("/app/", http.StripPrefix("/app", all(app)))
			return m
		}(),
	} {
		t.Run(name, func(t *testing.T) {
			c := serve(t, h)
			c.do("POST", "/app/api/auth/login", `{"id":"bob","password":"`+guardtest.Password+`"}`).expect(200)
			if got := c.get("/app/who").expect(200).body; got != "bob" {
				t.Errorf("body %q", got)
			}
			c.get("/app/api/auth/session").expect(200)
			if got := c.get("/app/api/auth/nothing").expect(404).code(); got != "not_found" {
				t.Errorf("code %q", got)
			}
			a := c.do("POST", "/app/api/auth/update", `{"theme":"dark"}`).expect(200)
			if !strings.Contains(a.header.Get("Set-Cookie"), "; Path=/;") {
				t.Errorf("cookie %q", a.header.Get("Set-Cookie"))
			}
			c.do("POST", "/app/api/auth/logout", "").expect(200)
			c.get("/app/who").expect(401)
		})
	}
}

// TestTwoGuards: two guards live in one program, side by side and inside each other; each answers for its
// own sessions, and Of tells them apart.
func TestTwoGuards(t *testing.T) {
	shop := newGuard(t, func(c *nguard.Config) { c.Cookie.Name = "shop" })
	staff := newGuard(t, func(c *nguard.Config) { c.Cookie.Name = "staff" })
	mux := http.NewServeMux()
	mux.HandleFunc("/both", func(w http.ResponseWriter, r *http.Request) {
		for _, g := range []*nguard.Guard{shop, staff} {
			req, ok := g.Of(r.Context())
			if !ok || req.Guard() != g {
				t.Errorf("Of gives %v, %v", req, ok)
			}
			if s, err := req.Session(); err == nil {
				fmt.Fprint(w, s.UserID(), " ")
			} else {
				fmt.Fprint(w, "nobody ")
			}
		}
		if inner := httpguard.From(r); inner.Guard() != staff {
			t.Error("From gives another Request than the innermost")
		}
	})
	mux.HandleFunc("POST /visits", func(w http.ResponseWriter, r *http.Request) {
		req, _ := shop.Of(r.Context())
		s, err := req.Update(r.Context(), func(d *nguard.Draft) error { return visits.Modify(d, func(n int) int { return n + 1 }) })
		if err != nil {
			httpguard.Fail(w, r, err)
			return
		}
		fmt.Fprint(w, s.UserID(), visits.Get(s))
	})
	mux.Handle("/shop", httpguard.Require(shop, policy.SignedIn)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "shop") })))
	mux.Handle("/staff", httpguard.Require(staff, roleAdmin)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "staff") })))
	c := serve(t, httpguard.Sessions(shop)(httpguard.Sessions(staff)(mux)))
	c.get("/shop").expect(401)
	c.signIn(shop, "bob")
	if got := c.get("/both").body; got != "bob nobody " {
		t.Errorf("one session: %q", got)
	}
	c.get("/shop").expect(200)
	c.get("/staff").expect(401)
	c.signIn(staff, "ann")
	if got := c.get("/both").body; got != "bob ann " {
		t.Errorf("two sessions: %q", got)
	}
	c.get("/staff").expect(200)
	a := c.do("POST", "/visits", "").expect(200)
	if a.body != "bob1" || len(a.header.Values("Set-Cookie")) != 1 || !strings.HasPrefix(a.header.Get("Set-Cookie"), shop.CookieName()+"=") {
		t.Errorf("%q, cookies %q", a.body, a.header.Values("Set-Cookie"))
	}
	// A token of one is nothing to the other.
	thief := c.other()
	thief.cookies[staff.CookieName()] = c.cookies[shop.CookieName()]
	if got := thief.get("/both").body; got != "nobody nobody " {
		t.Errorf("a token of the other guard: %q", got)
	}
	// Beside each other, each with its endpoints below its own prefix.
	apps := http.NewServeMux()
	for name, g := range map[string]*nguard.Guard{"/shop": shop, "/staff": staff} {
		apps.Handle(name+"/", http.StripPrefix(name, httpguard.Sessions(g)(httpguard.Endpoints(g)(http.HandlerFunc(who)))))
	}
	beside := serve(t, apps)
	beside.do("POST", "/shop/api/auth/login", `{"id":"bob","password":"`+guardtest.Password+`"}`).expect(200)
	beside.do("POST", "/staff/api/auth/login", `{"id":"ann","password":"`+guardtest.Password+`"}`).expect(200)
	if a, b := beside.get("/shop/").body, beside.get("/staff/").body; a != "bob" || b != "ann" {
		t.Errorf("%q and %q", a, b)
	}
	beside.do("POST", "/shop/api/auth/logout", "").expect(200)
	beside.get("/shop/").expect(401)
	beside.get("/staff/").expect(200)
}

// TestContext_CarriesRequest: the context that a handler passes on leads to the Request, also when it is
// derived, and calls with it are the person's.
func TestContext_CarriesRequest(t *testing.T) {
	sink := audit.NewMemory(0)
	g := newGuard(t, func(c *nguard.Config) { c.Audit = sink })
	type key struct{}
	c := serve(t, httpguard.Sessions(g)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(context.WithValue(r.Context(), key{}, "x"), time.Minute)
		defer cancel()
		req, ok := nguard.FromContext(ctx)
		if !ok || req != httpguard.From(r) || ctx.Value(key{}) != "x" || ctx.Value(http.ServerContextKey) == nil {
			t.Errorf("context gives %v, %v", req, ok)
		}
		if err := g.Revoke(ctx, "eve", "AAAAAAAAAAAAAAAAAAAAAA"); !errors.Is(err, nguard.ErrNotFound) {
			t.Errorf("a call of the guard with the request's context: %v", err) // and not ErrNoActor
		}
		if err := req.Record(ctx, nguard.Event{Name: "own_event", Outcome: nguard.Success, Class: nguard.ClassObservation}); err != nil {
			t.Error(err)
		}
		if err := req.Authorize(context.Background(), roleAdmin, nil); !errors.Is(err, nguard.ErrDenied) {
			t.Errorf("with a context from elsewhere: %v", err)
		}
	}))).signIn(g, "bob")
	c.get("/page").expect(200)
	for _, e := range sink.Events() {
		if e.Name == "own_event" {
			if e.Actor != "bob" || e.Path != "/page" || e.IP != "127.0.0.1" || e.RequestID == "" {
				t.Errorf("record: %+v", e)
			}
			return
		}
	}
	t.Error("no record of the program's own event")
}

// TestRequest_ManyGoroutines: one Request may be used by many goroutines of its handler.
func TestRequest_ManyGoroutines(t *testing.T) {
	const workers, rounds = 16, 10
	g := newGuard(t)
	c := serve(t, httpguard.Sessions(g)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		req := httpguard.From(r)
		var done sync.WaitGroup
		for i := range workers {
			done.Add(1)
			go func() {
				defer done.Done()
				for range rounds {
					if _, err := req.Update(r.Context(), func(d *nguard.Draft) error { return visits.Modify(d, func(n int) int { return n + 1 }) }); err != nil {
						t.Errorf("update: %v", err)
					}
					if s, err := req.Session(); err != nil || visits.Get(s) == 0 {
						t.Errorf("session: %v", err)
					}
					if err := req.Authorize(r.Context(), policy.SignedIn, nil); err != nil {
						t.Errorf("authorize: %v", err)
					}
					if i == 0 {
						if _, err := req.Apply(r.Context(), []byte(`{"theme":"dark"}`), nguard.ApplyOptions{}); err != nil {
							t.Errorf("apply: %v", err)
						}
					}
					if req.Subject().UserID != "bob" || req.ID() == "" || !req.IP().IsValid() {
						t.Error("the request does not know itself")
					}
				}
			}()
		}
		done.Wait()
		s, err := req.Session()
		if err != nil {
			httpguard.Fail(w, r, err)
			return
		}
		fmt.Fprint(w, visits.Get(s), theme.Get(s))
	}))).signIn(g, "bob")
	a := c.do("POST", "/", "").expect(200)
	if a.body != fmt.Sprint(workers*rounds, "dark") || len(a.header.Values("Set-Cookie")) != 1 {
		t.Errorf("%q, cookies %q", a.body, a.header.Values("Set-Cookie"))
	}
}

// TestUpdate_InsideUpdate: a function that changes the session again would wait for itself. It is told so
// in bounded time, may read the session, and the outer change goes on.
func TestUpdate_InsideUpdate(t *testing.T) {
	g := newGuard(t, func(c *nguard.Config) { c.Timeout = 300 * time.Millisecond })
	for name, set := range map[string]func(d *nguard.Draft) error{
		"in the session": func(d *nguard.Draft) error { return visits.Set(d, 3) }, "in the user": func(d *nguard.Draft) error { return theme.Set(d, "dark") },
	} {
		t.Run(name, func(t *testing.T) {
			c := serve(t, httpguard.Sessions(g)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				req := httpguard.From(r)
				inner := 0
				_, err := req.Update(r.Context(), func(d *nguard.Draft) error {
					if s, err := req.Session(); err != nil || s.UserID() != "bob" {
						t.Errorf("session inside: %v", err)
					}
					if inner++; inner == 1 { // once is enough: each waits for the timeout
						_, err := req.Update(r.Context(), func(*nguard.Draft) error { t.Error("the inner function ran"); return nil })
						if !errors.Is(err, nguard.ErrConflict) {
							t.Errorf("inner update: %v", err)
						}
						if err := req.Logout(r.Context()); !errors.Is(err, nguard.ErrConflict) {
							t.Errorf("inner logout: %v", err)
						}
					}
					return set(d)
				})
				if err != nil {
					httpguard.Fail(w, r, err)
				}
			}))).signIn(g, "bob")
			if a := c.do("POST", "/", "").expect(200); a.header.Get("Set-Cookie") == "" {
				t.Error("the outer change set no cookie")
			}
			c.get("/").expect(200)
		})
	}
}

// TestUpdate_Refused_ChangesNothing: an error or panic of the function leaves the session, and no cookie.
func TestUpdate_Refused_ChangesNothing(t *testing.T) {
	g := newGuard(t)
	own := errors.New("own error")
	c := serve(t, httpguard.Sessions(g)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		before, _ := httpguard.From(r).Session()
		_, err := httpguard.From(r).Update(r.Context(), func(d *nguard.Draft) error {
			if err := visits.Set(d, 5); err != nil {
				return err
			}
			if r.URL.Path == "/panic" {
				panic("in the function")
			}
			return own
		})
		if r.URL.Path == "/error" && !errors.Is(err, own) || r.URL.Path == "/panic" && !errors.Is(err, nguard.ErrHook) {
			t.Errorf("%s: %v", r.URL.Path, err)
		}
		if after, _ := httpguard.From(r).Session(); after != before || visits.Get(after) != 0 {
			t.Errorf("the session is %v, was %v", after, before)
		}
	}))).signIn(g, "bob")
	for _, path := range []string{"/error", "/panic"} {
		if a := c.do("POST", path, "").expect(200); a.header.Get("Set-Cookie") != "" {
			t.Errorf("%s set a cookie", path)
		}
	}
}

// TestHandlerPanics: a panic passes through to net/http as it does without nguard, and the request is
// over with it.
func TestHandlerPanics(t *testing.T) {
	g := newGuard(t)
	var kept *nguard.Request
	h := httpguard.Sessions(g)(httpguard.Require(g, policy.SignedIn)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		kept = httpguard.From(r)
		panic(http.ErrAbortHandler)
	})))
	r := guardtest.SignedIn(t, g, "bob", httptest.NewRequest("GET", "/", nil))
	func() {
		defer func() {
			if p := recover(); p != http.ErrAbortHandler {
				t.Errorf("panic value %v", p)
			}
		}()
		h.ServeHTTP(httptest.NewRecorder(), r)
	}()
	if _, err := kept.Session(); !errors.Is(err, nguard.ErrTooLate) {
		t.Errorf("after the panic: %v", err)
	}
}

// TestRequestWithoutBody: requests that a test makes by http.NewRequest have no body at all.
func TestRequestWithoutBody(t *testing.T) {
	g := newGuard(t)
	h := httpguard.Sessions(g)(httpguard.Endpoints(g)(http.NotFoundHandler()))
	for path, status := range map[string]int{"/api/auth/login": 400, "/api/auth/logout": 200} {
		r, err := http.NewRequest("POST", path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != status {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

// TestOwnCookies_Stay: cookies and headers of the program stand beside nguard's, and several changes in
// one request leave one session cookie.
func TestOwnCookies_Stay(t *testing.T) {
	g := newGuard(t)
	c := serve(t, httpguard.Sessions(g)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "before", Value: "1"})
		w.Header().Add("Vary", "Accept")
		for range 3 {
			if _, err := httpguard.From(r).Update(r.Context(), func(d *nguard.Draft) error { return visits.Modify(d, func(n int) int { return n + 1 }) }); err != nil {
				t.Error(err)
			}
		}
		http.SetCookie(w, &http.Cookie{Name: "after", Value: "1"})
		if _, err := httpguard.From(r).Login(r.Context(), "eve", nguard.LoginOptions{}); err != nil {
			t.Error(err)
		}
		if s, err := httpguard.From(r).Session(); err != nil || s.UserID() != "eve" {
			t.Errorf("after the login: %v", err)
		}
		fmt.Fprint(w, "ok")
	}))).signIn(g, "bob")
	old := c.other()
	old.cookies[g.CookieName()] = c.cookies[g.CookieName()]
	a := c.do("POST", "/", "").expect(200)
	var names []string
	for _, line := range a.header.Values("Set-Cookie") {
		name, _, _ := strings.Cut(line, "=")
		names = append(names, name)
	}
	if fmt.Sprint(names) != fmt.Sprint([]string{"before", g.CookieName(), "after"}) || !strings.Contains(strings.Join(a.header.Values("Vary"), ","), "Accept") || !strings.Contains(strings.Join(a.header.Values("Vary"), ","), "Cookie") {
		t.Errorf("cookies %q, Vary %q", names, a.header.Values("Vary"))
	}
	if s, err := g.Lookup(context.Background(), c.cookies[g.CookieName()]); err != nil || s.UserID() != "eve" {
		t.Errorf("the cookie leads to %v, %v", s, err)
	}
	if _, err := g.Lookup(context.Background(), old.cookies[g.CookieName()]); !errors.Is(err, nguard.ErrNoSession) {
		t.Errorf("the session before the login: %v", err)
	}
}
