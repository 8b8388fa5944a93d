package cookietest

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"

	"github.com/nguard-go/nguard/adapters/httpguard"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
	"github.com/nguard-go/nguard/policy"
	"github.com/nguard-go/nguard/stores/cookiestore"
	"github.com/nguard-go/nguard/stores/memstore"
	"github.com/nguard-go/nguard/stores/servicetest"
)

const cookieName = "__Host-nguard-session"

// Secrets, as openssl rand -base64 32 prints them.
var (
	secretA = []byte("fyHfrCO7ss3cYTy0u6sQF+4QYH2iBkZlHRaaTeSSG9o=")
	secretB = []byte("8zL0qJ3wpa4a2WvB1oYB1uWb8FYl0rA3m4dWm1t9EHc=")
	secretC = []byte("tV1qkqg8m3Ulm4NwQbXoW2c7JrZVdYxT0pHkSgLe5Zk=")
)

func ring(t testing.TB, current []byte, older ...[]byte) *cookiestore.Ring {
	t.Helper()
	r, err := cookiestore.NewRing(current, older...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var (
	roleUser  = policy.NewRole("user")
	roleAdmin = policy.NewRole("admin").Inherits(roleUser)

	note  = &nguard.Field[string]{Name: "note", Write: policy.Self}
	pin   = &nguard.Field[string]{Name: "pin", Private: true}
	theme = &nguard.Field[string]{Name: "theme", Default: "light", OneOf: []string{"light", "dark"}, Write: policy.Self, Scope: nguard.InUser}
	role  = &nguard.Field[string]{Name: "role", Write: roleAdmin, Scope: nguard.InUser, Rotate: true}
)

func fields() []nguard.AnyField { return []nguard.AnyField{note, pin, theme, role} }

// everything is what a store without a companion lacks.
var everything = []nguard.Promise{nguard.NoLostUpdate, nguard.ReachesAll, nguard.CatchesThieves, nguard.StaysDead, nguard.ListsSessions, nguard.CapsSessions}

// site is a program with a guard over sealed cookies, and its server.
type site struct {
	t      testing.TB
	guard  *nguard.Guard
	keys   *cookiestore.Ring
	rows   *memstore.Store
	users  *guardtest.Users
	server *httptest.Server
	extra  func(*http.ServeMux) // routes of a test's own

	mu     sync.Mutex
	events []nguard.Event
}

// option changes a site before it is built.
type option func(s *cookiestore.Config, g *nguard.Config)

func bare(s *cookiestore.Config, _ *nguard.Config) { s.Companion = nil }

// open makes a site and serves it.
func open(t testing.TB, options ...option) *site {
	t.Helper()
	s := program(t, options...)
	s.serve()
	return s
}

// program is a site without a server, for tests that have a clock of their own.
func program(t testing.TB, options ...option) *site {
	t.Helper()
	s := &site{t: t, keys: ring(t, secretA), rows: memstore.New()}
	s.users = guardtest.NewUsers(
		nguard.User{ID: "ann", Name: "Ann", Email: "ann@example.com", Role: "user"},
		nguard.User{ID: "bob", Name: "Bob", Email: "bob@example.com", Role: "user"},
		nguard.User{ID: "root", Name: "Root", Email: "root@example.com", Role: "admin"},
	)
	model, err := policy.NewModel(policy.Config{Roles: []*policy.Role{roleUser, roleAdmin}})
	if err != nil {
		t.Fatal(err)
	}
	c := cookiestore.Config{Keys: s.keys, Companion: s.rows}
	g := nguard.Config{
		Users: s.users, Roles: model, Fields: fields(), Waive: everything,
		Audit: nguard.SinkFunc(s.record),
	}
	for _, o := range options {
		o(&c, &g)
	}
	s.keys = c.Keys
	store, err := cookiestore.New(c)
	if err != nil {
		t.Fatal(err)
	}
	g.Store = store
	s.guard = guardtest.New(t, g)
	return s
}

func (s *site) serve() {
	mux := http.NewServeMux()
	mux.Handle("POST /keep", s.handler(s.keep))
	mux.Handle("POST /stepup", s.handler(func(r *http.Request) error {
		_, err := httpguard.From(r).Reauthenticated(r.Context(), nguard.LoginOptions{Methods: []string{"passkey"}, Level: 2})
		return err
	}))
	mux.Handle("POST /others", s.handler(func(r *http.Request) error {
		_, err := httpguard.From(r).EndOthers(r.Context())
		return err
	}))
	if s.extra != nil {
		s.extra(mux)
	}
	s.server = httptest.NewTLSServer(httpguard.Sessions(s.guard)(httpguard.Endpoints(s.guard)(mux)))
	s.t.Cleanup(s.server.Close)
}

// keep is the program's own change: the note and the PIN of the form, as they are.
func (s *site) keep(r *http.Request) error {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	_, err = httpguard.From(r).Update(r.Context(), func(d *nguard.Draft) error {
		return pin.Set(d, string(raw))
	})
	return err
}

func (s *site) handler(do func(r *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := do(r); err != nil {
			httpguard.Fail(w, r, err)
		}
	})
}

func (s *site) record(_ context.Context, e nguard.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, e)
	return nil
}

// seen counts the records of a name.
func (s *site) seen(name string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		if e.Name == name {
			n++
		}
	}
	return n
}

// await waits until the records of a name are written, which happens beside the request, and checks that
// there are just so many.
func (s *site) await(name string, n int) {
	s.t.Helper()
	servicetest.Until(s.t, "the records of "+name, func() bool { return s.seen(name) >= n })
	if got := s.seen(name); got != n {
		s.t.Errorf("%d records of %s, want %d", got, name, n)
	}
}

// answer is what came back.
type answer struct {
	status  int
	body    string
	header  http.Header
	cookies []*http.Cookie // of Set-Cookie
}

// session is the session in an answer, or nil.
func (a answer) session() *view {
	var body struct{ Session *view }
	if json.Unmarshal([]byte(a.body), &body) != nil {
		return nil
	}
	return body.Session
}

type view struct {
	User map[string]any
	Data map[string]any
	Role string
}

// set is the value that an answer gives the session cookie; ok says that there is one.
func (a answer) set() (value string, ok bool) {
	for _, c := range a.cookies {
		if c.Name == cookieName {
			return c.Value, true
		}
	}
	return "", false
}

// clears says whether an answer deletes the session cookie.
func (a answer) clears() bool {
	return slices.ContainsFunc(a.cookies, func(c *http.Cookie) bool { return c.Name == cookieName && c.Value == "" && c.MaxAge < 0 })
}

// send sends a request with these lines of Cookie headers, written as they are.
func (s *site) send(method, path, body string, lines ...string) answer {
	s.t.Helper()
	return s.with(s.server.Client(), method, path, body, lines...)
}

func (s *site) with(client *http.Client, method, path, body string, lines ...string) answer {
	s.t.Helper()
	r, err := http.NewRequest(method, s.server.URL+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	for _, line := range lines {
		r.Header.Add("Cookie", line)
	}
	resp, err := client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{resp.StatusCode, string(raw), resp.Header, resp.Cookies()}
}

// session asks for the session of a cookie value.
func (s *site) session(value string) answer {
	s.t.Helper()
	return s.send("GET", "/api/auth/session", "", cookieName+"="+value)
}

// browser keeps cookies as browsers do.
type browser struct {
	*site
	client *http.Client
}

func (s *site) browser() *browser {
	s.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	client := *s.server.Client()
	client.Jar = jar
	return &browser{s, &client}
}

// login signs somebody in, in a browser of their own.
func (s *site) login(id string) *browser {
	s.t.Helper()
	b := s.browser()
	b.ok(b.do("POST", "/api/auth/login", fmt.Sprintf(`{"id":%q,"password":%q}`, id, guardtest.Password)))
	return b
}

func (b *browser) do(method, path, body string) answer {
	b.t.Helper()
	return b.with(b.client, method, path, body)
}

func (b *browser) ok(a answer) answer {
	b.t.Helper()
	if a.status != http.StatusOK {
		b.t.Fatalf("got %d: %s", a.status, a.body)
	}
	return a
}

// fill gives somebody the longest PIN, of fewer than most letters, that their session has room for.
func (b *browser) fill(most int) {
	b.t.Helper()
	keep := func(n int) answer { return b.do("POST", "/keep", strings.Repeat("x", n)) }
	b.ok(keep(sort.Search(most, func(n int) bool { return keep(n).status != http.StatusOK }) - 1))
}

func (b *browser) url() *url.URL {
	u, err := url.Parse(b.server.URL)
	if err != nil {
		b.t.Fatal(err)
	}
	return u
}

// cookies is what the browser holds for the site, by name.
func (b *browser) cookies() map[string]string {
	held := map[string]string{}
	for _, c := range b.client.Jar.Cookies(b.url()) {
		held[c.Name] = c.Value
	}
	return held
}

// value is the session cookie that the browser holds.
func (b *browser) value() string { return b.cookies()[cookieName] }

// put gives the browser another value for the session cookie, as its owner or a thief can.
func (b *browser) put(value string) {
	b.client.Jar.SetCookies(b.url(), []*http.Cookie{{Name: cookieName, Value: value, Path: "/", Secure: true}})
}

// me is the session that the browser has.
func (b *browser) me() *view {
	b.t.Helper()
	s := b.ok(b.do("GET", "/api/auth/session", "")).session()
	if s == nil {
		b.t.Fatal("no session in the answer")
	}
	return s
}

// refused checks the answer to what was never issued: 401, and the cookie goes.
func (s *site) refused(what string, a answer) {
	s.t.Helper()
	if a.status != http.StatusUnauthorized || !a.clears() {
		s.t.Errorf("%s: got %d, clears %v: %s", what, a.status, a.clears(), a.body)
	}
}

var dates = regexp.MustCompile(`(?m)^Date: .*$`)

// raw sends a cookie value that no client would send, and returns the whole answer but for its date.
func (s *site) raw(value string) string {
	s.t.Helper()
	conn, err := tls.Dial("tcp", s.server.Listener.Addr().String(), s.server.Client().Transport.(*http.Transport).TLSClientConfig)
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "GET /api/auth/session HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\nSec-Fetch-Site: same-origin\r\nCookie: %s=%s\r\n\r\n", cookieName, value); err != nil {
		s.t.Fatal(err)
	}
	got, err := io.ReadAll(conn)
	if err != nil {
		s.t.Fatal(err)
	}
	return dates.ReplaceAllString(string(got), "")
}
