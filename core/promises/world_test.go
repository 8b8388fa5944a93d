package promises

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/nguard-go/nguard/adapters/httpguard"
	"github.com/nguard-go/nguard/audit"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
	"github.com/nguard-go/nguard/policy"
	"github.com/nguard-go/nguard/stores/memstore"
	"github.com/nguard-go/nguard/stores/sqlstore"
)

// The roles and fields of the world. Those of a guard are made anew for each, as a program's are.
var (
	roleUser      = policy.NewRole("user")
	roleModerator = policy.NewRole("moderator", "posts:edit").Inherits(roleUser)
	roleAdmin     = policy.NewRole("admin", "*").Inherits(roleModerator)

	theme    = &nguard.Field[string]{Name: "theme", Default: "light", OneOf: []string{"light", "dark"}, Write: policy.Self, Scope: nguard.InUser}
	language = &nguard.Field[string]{Name: "language", Default: "en", OneOf: []string{"en", "tr", "de"}, Write: policy.Self, Scope: nguard.InUser}
	name     = &nguard.Field[string]{Name: "user.name", Write: policy.Self, Scope: nguard.InUser}
	email    = &nguard.Field[string]{Name: "user.email", Write: policy.Self, Scope: nguard.InUser}
	role     = &nguard.Field[string]{Name: "role", Write: roleAdmin, Scope: nguard.InUser, Rotate: true}
	perms    = &nguard.Field[[]string]{Name: "permissions", Write: roleAdmin, Scope: nguard.InUser, Rotate: true}
	visits   = &nguard.Field[int]{Name: "visits"}
	draftBox = &nguard.Field[string]{Name: "draft", Write: policy.Self}
	secret   = &nguard.Field[string]{Name: "secret", Private: true}
)

func fields() []nguard.AnyField {
	return []nguard.AnyField{theme, language, name, email, role, perms, visits, draftBox, secret}
}

func model(t testing.TB) *policy.Model {
	t.Helper()
	m, err := policy.NewModel(policy.Config{Roles: []*policy.Role{roleUser, roleModerator, roleAdmin}, Permissions: []policy.Permission{"posts:edit", "posts:delete"}})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// people are in every world. Passwords are guardtest.Password.
func people() []nguard.User {
	return []nguard.User{
		{ID: "admin", Name: "Ada Admin", Email: "admin@example.com", Role: "admin"},
		{ID: "admin2", Name: "Abe Admin", Email: "admin2@example.com", Role: "admin"},
		{ID: "mod", Name: "Mo Derator", Email: "moderator@example.com", Role: "moderator"},
		{ID: "user", Name: "Uma User", Email: "user@example.com", Role: "user"},
		{ID: "other", Name: "Otto Other", Email: "other@example.com", Role: "user"},
	}
}

// backing is where a world keeps its things.
type backing struct {
	name  string
	store nguard.Store
	users nguard.Users
	put   func(nguard.User) // changes the users table behind nguard's back
	sink  nguard.Sink
	read  func() []nguard.Event // what the sink has, oldest first
	db    *sql.DB               // nil in memory
}

// memory is a memory store with people and records in memory.
func memory(t testing.TB) backing {
	t.Helper()
	users, sink := guardtest.NewUsers(people()...), audit.NewMemory(100_000)
	return backing{name: "memory", store: memstore.New(), users: users, put: users.Put, sink: sink, read: sink.Events}
}

// sqlite keeps sessions, people and records in one database, so that a change is one transaction.
func sqlite(t testing.TB) backing {
	t.Helper()
	return sqliteAt(t, openSQLite(t, filepath.Join(t.TempDir(), "world.db")))
}

// split keeps sessions in SQLite, and people and records elsewhere: the way with marked epochs.
func split(t testing.TB) backing {
	t.Helper()
	b, m := sqlite(t), memory(t)
	b.name, b.users, b.put, b.sink, b.read = "sqlite, users elsewhere", m.users, m.put, m.sink, m.read
	return b
}

func openSQLite(t testing.TB, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// sqliteAt uses a database that may hold a world already, as after a restart.
func sqliteAt(t testing.TB, db *sql.DB) backing {
	t.Helper()
	ctx := context.Background()
	store := sqlstore.New(db, sqlstore.SQLite)
	if err := store.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	sink, err := audit.NewSQL(db, audit.SQLite)
	if err != nil {
		t.Fatal(err)
	}
	if err := sink.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	users := &sqlUsers{db: db}
	if err := users.migrate(ctx); err != nil {
		t.Fatal(err)
	}
	read := func() []nguard.Event {
		entries, err := sink.List(ctx, audit.Filter{Limit: 1000})
		if err != nil {
			t.Error(err)
		}
		events := make([]nguard.Event, len(entries))
		for i, e := range entries {
			events[len(entries)-1-i] = e.Event
		}
		return events
	}
	put := func(u nguard.User) {
		if err := users.put(ctx, u); err != nil {
			t.Error(err)
		}
	}
	return backing{name: "sqlite", store: store, users: users, put: put, sink: sink, read: read, db: db}
}

// each runs a test on every backing.
func each(t *testing.T, fn func(t *testing.T, w *world), options ...func(*nguard.Config)) {
	t.Helper()
	for _, make := range []func(testing.TB) backing{memory, sqlite, split} {
		b := make(t)
		t.Run(b.name, func(t *testing.T) { fn(t, newWorld(t, b, options...)) })
	}
}

// world is one running service and its clock.
type world struct {
	t      testing.TB
	guard  *nguard.Guard
	config nguard.Config
	back   backing
	server *httptest.Server
	clock  *clock
}

// clock is the guard's clock: the real one, moved by hand.
type clock struct {
	mu     sync.Mutex
	offset time.Duration
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.offset)
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset += d
}

// newWorld starts a service on b. Options change its Config before.
func newWorld(t testing.TB, b backing, options ...func(*nguard.Config)) *world {
	t.Helper()
	w := &world{t: t, back: b, clock: &clock{}}
	w.config = nguard.Config{
		Store: b.store, Users: b.users, Roles: model(t), Fields: fields(), Audit: b.sink, Now: w.clock.Now,
		Limits: nguard.Limits{Login: nguard.Unlimited, Update: nguard.Unlimited},
	}
	for _, option := range options {
		option(&w.config)
	}
	w.guard = newGuard(t, w.config)
	w.server = httptest.NewServer(w.handler())
	t.Cleanup(w.server.Close)
	return w
}

func newGuard(t testing.TB, c nguard.Config) *nguard.Guard {
	t.Helper()
	g, err := nguard.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = g.Shutdown(ctx) // stores of fault tests may be down for good
	})
	return g
}

// handler is the application: endpoints, a counter, a page for admins, an update by the program.
func (w *world) handler() http.Handler { return handlerOf(w.guard) }

func handlerOf(g *nguard.Guard) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/visits", func(rw http.ResponseWriter, r *http.Request) {
		s, err := httpguard.From(r).Update(r.Context(), func(d *nguard.Draft) error {
			return visits.Modify(d, func(n int) int { return n + 1 })
		})
		if err != nil {
			httpguard.Fail(rw, r, err)
			return
		}
		fmt.Fprint(rw, visits.Get(s))
	})
	mux.HandleFunc("GET /who", func(rw http.ResponseWriter, r *http.Request) {
		s, err := httpguard.From(r).Session()
		if err != nil {
			httpguard.Fail(rw, r, err)
			return
		}
		fmt.Fprint(rw, s.UserID())
	})
	mux.HandleFunc("POST /step-up", func(rw http.ResponseWriter, r *http.Request) {
		if _, err := httpguard.From(r).Reauthenticated(r.Context(), nguard.LoginOptions{Methods: []string{"totp"}, Level: 2}); err != nil {
			httpguard.Fail(rw, r, err)
		}
	})
	mux.HandleFunc("/public", func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprint(rw, "hello") })
	mux.Handle("/admin", httpguard.Require(g, roleAdmin)(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(rw, "for admins")
	})))
	mux.Handle("/fresh", httpguard.Require(g, policy.All(policy.SignedIn, policy.Fresh(5*time.Minute)))(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(rw, "fresh")
	})))
	return httpguard.Sessions(g)(httpguard.Endpoints(g)(mux))
}

// browser is one client with its own cookie jar.
type browser struct {
	w      *world
	base   string
	client *http.Client
}

func (w *world) browser() *browser { return w.browserAt(w.server.URL) }

func (w *world) browserAt(base string) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	w.t.Cleanup(transport.CloseIdleConnections)
	return &browser{w: w, base: base, client: &http.Client{Jar: jar, Transport: transport, Timeout: 30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// loggedIn is a browser in which the person has logged in.
func (w *world) loggedIn(userID string) *browser {
	w.t.Helper()
	b := w.browser()
	b.login(userID)
	return b
}

func (b *browser) login(userID string) answer {
	b.w.t.Helper()
	return b.post("/api/auth/login", `{"id":"`+userID+`","password":"`+guardtest.Password+`"}`).expect(200)
}

// token is the session cookie that the browser holds, or "".
func (b *browser) token() string {
	u, _ := url.Parse(b.base)
	for _, c := range b.client.Jar.Cookies(u) {
		if c.Name == b.w.guard.CookieName() {
			return c.Value
		}
	}
	return ""
}

// hold puts a token into the browser, as a thief would.
func (b *browser) hold(token string) *browser {
	u, _ := url.Parse(b.base)
	b.client.Jar.SetCookies(u, []*http.Cookie{{Name: b.w.guard.CookieName(), Value: token, Path: "/", Secure: true}})
	return b
}

// copyOf is another browser with the same token.
func (b *browser) copyOf() *browser { return b.w.browserAt(b.base).hold(b.token()) }

func (b *browser) get(path string) answer        { b.w.t.Helper(); return b.do("GET", path, "") }
func (b *browser) post(path, body string) answer { b.w.t.Helper(); return b.do("POST", path, body) }

// do sends a request as the application's own page would. Header lines are "Name: value"; an empty value
// removes the header.
func (b *browser) do(method, path, body string, headers ...string) answer {
	b.w.t.Helper()
	a, err := b.try(method, path, body, headers...)
	if err != nil {
		b.w.t.Fatal(err)
	}
	return a
}

func (b *browser) try(method, path, body string, headers ...string) (answer, error) {
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r, err := http.NewRequest(method, b.base+path, reader)
	if err != nil {
		return answer{}, err
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if method != "GET" && method != "HEAD" {
		r.Header.Set("Origin", b.base)
	}
	seen := map[string]bool{}
	for _, h := range headers {
		key, value, _ := strings.Cut(h, ": ")
		if key = http.CanonicalHeaderKey(strings.TrimSuffix(key, ":")); !seen[key] {
			r.Header.Del(key)
			seen[key] = true
		}
		if value != "" {
			r.Header.Add(key, value)
		}
	}
	resp, err := b.client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	return answer{t: b.w.t, what: method + " " + path, status: resp.StatusCode, header: resp.Header, raw: raw}, err
}

// answer is what came back.
type answer struct {
	t      testing.TB
	what   string
	status int
	header http.Header
	raw    []byte
}

// expect fails the test when the status is another.
func (a answer) expect(status int) answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("%s: got status %d, want %d; body %s", a.what, a.status, status, a.raw)
	}
	return a
}

// json is the body as an object.
func (a answer) json() map[string]any {
	a.t.Helper()
	var m map[string]any
	if err := json.Unmarshal(a.raw, &m); err != nil {
		a.t.Fatalf("%s: body is not a JSON object: %q", a.what, a.raw)
	}
	return m
}

// at walks into the body by member names, such as at("session", "data", "theme").
func (a answer) at(path ...string) any {
	a.t.Helper()
	var v any = a.json()
	for _, p := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[p]
	}
	return v
}

// text is the body.
func (a answer) text() string { return string(bytes.TrimSpace(a.raw)) }

// await returns the first record that matches, waiting for the backlog if it must.
func (w *world) await(what string, match func(nguard.Event) bool) nguard.Event {
	w.t.Helper()
	deadline := time.NewTimer(5 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		for _, e := range w.back.read() {
			if match(e) {
				return e
			}
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			w.t.Fatalf("no audit record: %s; there are: %s", what, describe(w.back.read()))
		}
	}
}

// awaitEvent waits for a record by name and outcome.
func (w *world) awaitEvent(name string, o nguard.Outcome) nguard.Event {
	w.t.Helper()
	return w.await(name+" "+string(o), func(e nguard.Event) bool { return e.Name == name && e.Outcome == o })
}

func describe(events []nguard.Event) string {
	var b strings.Builder
	for _, e := range events {
		fmt.Fprintf(&b, "\n  %s %s actor=%s target=%s action=%s rule=%s reason=%q %v", e.Name, e.Outcome, e.Actor, e.Target, e.Action, e.Rule, e.Reason, e.Changes)
	}
	return b.String()
}

// sqlUsers is a users table in the database of the sessions, as an application would write it.
type sqlUsers struct{ db *sql.DB }

func (u *sqlUsers) Database() *sql.DB { return u.db }

type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

func (u *sqlUsers) on(ctx context.Context) querier {
	if tx, ok := nguard.TxOf(ctx, u.db); ok {
		return tx
	}
	return u.db
}

func (u *sqlUsers) migrate(ctx context.Context) error {
	if _, err := u.db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS people (id TEXT PRIMARY KEY, name TEXT, email TEXT, role TEXT, permissions TEXT, disabled INTEGER, data TEXT)`); err != nil {
		return err
	}
	for _, p := range people() {
		if _, err := u.User(ctx, p.ID); errors.Is(err, nguard.ErrNoUser) {
			if err := u.put(ctx, p); err != nil {
				return err
			}
		}
	}
	return nil
}

func columns(p nguard.User) []any {
	permissions, _ := json.Marshal(append([]string{}, p.Permissions...))
	data := p.Data
	if data == nil {
		data = map[string]any{}
	}
	raw, _ := json.Marshal(data)
	return []any{p.Name, p.Email, p.Role, string(permissions), p.Disabled, string(raw)}
}

func (u *sqlUsers) put(ctx context.Context, p nguard.User) error {
	_, err := u.on(ctx).ExecContext(ctx, `INSERT OR REPLACE INTO people (id, name, email, role, permissions, disabled, data) VALUES (?,?,?,?,?,?,?)`, append([]any{p.ID}, columns(p)...)...)
	return err
}

func (u *sqlUsers) User(ctx context.Context, id string) (p nguard.User, err error) {
	p.ID = id
	var permissions, data string
	err = u.on(ctx).QueryRowContext(ctx, `SELECT name, email, role, permissions, disabled, data FROM people WHERE id = ?`, id).
		Scan(&p.Name, &p.Email, &p.Role, &permissions, &p.Disabled, &data)
	if errors.Is(err, sql.ErrNoRows) {
		return p, nguard.ErrNoUser
	}
	if err != nil {
		return p, err
	}
	return p, errors.Join(json.Unmarshal([]byte(permissions), &p.Permissions), json.Unmarshal([]byte(data), &p.Data))
}

func (u *sqlUsers) Identify(_ context.Context, c nguard.Credentials) (string, error) {
	if c.Get("id") == "" || c.Get("password") == "" {
		return "", nguard.ErrMissingCredentials
	}
	return c.Get("id"), nil
}

func (u *sqlUsers) Authenticate(ctx context.Context, c nguard.Credentials) (nguard.User, error) {
	p, err := u.User(ctx, c.Get("id"))
	if errors.Is(err, nguard.ErrNoUser) || (err == nil && (p.Disabled || c.Get("password") != guardtest.Password)) {
		return nguard.User{}, nguard.ErrBadCredentials
	}
	return p, err
}

func (u *sqlUsers) UpdateUser(ctx context.Context, before, after nguard.User) error {
	args := append(columns(after), before.ID)
	args = append(args, columns(before)...)
	args = append(args, after.Role, after.Disabled, before.ID)
	res, err := u.on(ctx).ExecContext(ctx, `UPDATE people SET name = ?, email = ?, role = ?, permissions = ?, disabled = ?, data = ?
		WHERE id = ? AND name = ? AND email = ? AND role = ? AND permissions = ? AND disabled = ? AND data = ?
		AND (role <> 'admin' OR (? = 'admin' AND NOT ?) OR EXISTS (SELECT 1 FROM people p WHERE p.role = 'admin' AND NOT p.disabled AND p.id <> ?))`, args...)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 1 {
		return err
	}
	now, err := u.User(ctx, before.ID)
	if err != nil {
		return err
	}
	if now.Role == before.Role && now.Role == "admin" && (after.Role != "admin" || after.Disabled) {
		return nguard.ErrLastAdmin
	}
	return nguard.ErrConflict
}
