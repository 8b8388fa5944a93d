package promises

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nguard-go/nguard/adapters/httpguard"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
	"github.com/nguard-go/nguard/policy"
	"github.com/nguard-go/nguard/stores/memstore"
)

// Each change meets the failure of each single operation of store, users and sink. Either the operation
// was not needed and the change is there, or the answer is 503; then nothing has changed, no cookie was
// touched and the person is still signed in, unless the answer says that the outcome is unknown.
func TestN2_EveryOperationOfEveryChange(t *testing.T) {
	for _, how := range []string{"error", "panic"} {
		t.Run(how, func(t *testing.T) {
			b, f := faulty(memory(t)) // the statements of SQL fail in TestP02_OneDatabaseEveryStatement
			w := newWorld(t, b)
			t.Cleanup(f.mend)
			ids := []string{"user", "other", "admin", "admin2"}
			for _, c := range p02Changes() {
				for _, op := range append(append(append([]string{}, storeOps...), usersOps...), sinkOps...) {
					for _, p := range people() {
						w.back.put(p)
					}
					w.clear(ids...)
					do := c.ready(w)
					before := w.snapshot(ids...)
					var met atomic.Bool
					f.set(func(_ context.Context, o string, run func() error) error {
						if o != op {
							return run()
						}
						met.Store(true)
						if how == "panic" {
							panic(innards)
						}
						return errBroken
					})
					a := do()
					f.mend()
					switch code := codeOf(a); {
					case a.status == 200 && w.snapshot(ids...) == before:
						t.Errorf("%s without %q: 200 and nothing has changed", c.name, op)
					case a.status == 200:
					case !met.Load():
						t.Errorf("%s: %d %s although nothing failed", c.name, a.status, a.raw)
					case code == "unavailable":
						a.outage()
						if after := w.snapshot(ids...); after != before {
							t.Errorf("%s without %q: something has changed:%s", c.name, op, difference(before, after))
						}
					case code == "outcome_unknown" && c.name == "log out all other devices" && len(a.cookies()) == 1:
						a.header.Del("Set-Cookie") // renewed before the others end: the person keeps a session whatever fails
						a.outage()
					case code == "outcome_unknown":
						a.outage()
						half := strings.HasPrefix(c.name, "theme and") && (op == "replace" || op == "bump settle") // the theme stands
						half = half || strings.HasPrefix(c.name, "login over") && op == "delete"                   // nor can the login be taken back
						if op != "update user" && c.name != "log out all other devices" && !half {
							t.Errorf("%s without %q: the outcome is known", c.name, op)
						}
					default:
						t.Errorf("%s without %q: %d %s", c.name, op, a.status, a.raw)
					}
				}
			}
		})
	}
}

// Login when the store is down sets no cookie, and logout never claims what it did not reach.
func TestN2_StoreDownOnLoginAndLogout(t *testing.T) {
	eachFaulty(t, func(t *testing.T, w *world, f *faults) {
		user, visitor := w.settled("user"), w.browser()
		token := user.token()
		f.broken(storeOps...)
		visitor.post("/api/auth/login", `{"id":"user","password":"`+guardtest.Password+`"}`).outage()
		visitor.post("/api/auth/login", `{"id":"user","password":"wrong"}`).outage() // says nothing of the password
		user.post("/api/auth/logout", "").outage()
		f.broken("delete")
		user.post("/api/auth/logout", "").outage()
		f.mend()
		if user.token() != token || visitor.token() != "" {
			t.Errorf("tokens: %q and %q", user.token(), visitor.token())
		}
		user.get("/api/auth/session").expect(200)
		visitor.get("/api/auth/session").expect(401)
		user.post("/api/auth/logout", "").expect(200)
		user.hold(token).get("/api/auth/session").expect(401)
	})
}

// A stored record that cannot be read, or that names another key, is nobody's: 401, an event, the row
// stays for inspection, and a new login works.
func TestN8_CorruptRecord(t *testing.T) {
	for name, statement := range map[string]string{
		"garbage":            `UPDATE nguard_sessions SET record = x'ff00ff' WHERE owner = 'user'`,
		"empty":              `UPDATE nguard_sessions SET record = x'' WHERE owner = 'user'`,
		"cut":                `UPDATE nguard_sessions SET record = substr(record, 1, length(record) - 7) WHERE owner = 'user'`,
		"another's":          `UPDATE nguard_sessions SET record = (SELECT record FROM nguard_sessions WHERE owner = 'admin') WHERE owner = 'user'`,
		"of a later version": `UPDATE nguard_sessions SET version = version + 1 WHERE owner = 'user'`,
	} {
		t.Run(name, func(t *testing.T) {
			b := sqlite(t)
			w := newWorld(t, b)
			user, admin := w.settled("user"), w.settled("admin")
			if _, err := b.db.Exec(statement); err != nil {
				t.Fatal(err)
			}
			a := user.get("/who")
			a.expect(401).discreet()
			user.get("/admin").expect(401)
			user.post("/api/visits", "").expect(401)
			w.awaitEvent(nguard.EventRecordUnreadable, nguard.Failure)
			admin.get("/admin").expect(200)
			var rows int
			if err := b.db.QueryRow(`SELECT count(*) FROM nguard_sessions WHERE owner = 'user'`).Scan(&rows); err != nil || rows != 1 {
				t.Errorf("%d rows are left, %v", rows, err)
			}
			user.login("user")
			if got := user.get("/who").expect(200).text(); got != "user" {
				t.Errorf("%q is signed in", got)
			}
		})
	}
}

// A fault of the program: the client learns nothing, and the log has the cause under the request ID that
// the client was told.
func TestN9_CauseInLogOnly(t *testing.T) {
	var mu sync.Mutex
	var logged bytes.Buffer
	w := newWorld(t, memory(t), func(c *nguard.Config) {
		c.Log = slog.New(slog.NewJSONHandler(writerFunc(func(p []byte) (int, error) {
			mu.Lock()
			defer mu.Unlock()
			return logged.Write(p)
		}), nil))
	})
	mux := http.NewServeMux()
	mux.HandleFunc("/fault", func(rw http.ResponseWriter, r *http.Request) { httpguard.Fail(rw, r, errBroken) })
	mux.HandleFunc("/update", func(rw http.ResponseWriter, r *http.Request) {
		_, err := httpguard.From(r).Update(r.Context(), func(*nguard.Draft) error { panic(innards) })
		httpguard.Fail(rw, r, err)
	})
	server := httptest.NewServer(httpguard.Sessions(w.guard)(httpguard.Endpoints(w.guard)(mux)))
	t.Cleanup(server.Close)
	user := w.browserAt(server.URL)
	user.login("user")
	for _, path := range []string{"/fault", "/update"} {
		a := user.post(path, "").expect(500)
		a.discreet()
		id := a.header.Get("X-Request-Id")
		if id == "" || codeOf(a) != "internal" {
			t.Errorf("%s: request ID %q, code %q", path, id, codeOf(a))
		}
		mu.Lock()
		found := false
		for _, line := range strings.Split(logged.String(), "\n") {
			found = found || strings.Contains(line, id) && strings.Contains(line, "10.0.0.7")
		}
		mu.Unlock()
		if !found {
			t.Errorf("%s: the log does not join cause and request ID %q:\n%s", path, id, logged.String())
		}
	}
	user.get("/api/auth/session").expect(200)
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// What is wrong in a Config does not start, and the error names the field (checklist N10, O4, H11).
func TestN10_BadConfig(t *testing.T) {
	users := guardtest.NewUsers(people()...)
	limits := nguard.Limits{Login: nguard.Unlimited, Update: nguard.Unlimited}
	unknown := policy.NewRole("ghost")
	tests := map[string]struct {
		c    nguard.Config
		want string
	}{
		"no store":                 {nguard.Config{}, "Config.Store"},
		"no login limit":           {nguard.Config{Users: users, Limits: nguard.Limits{Update: nguard.Unlimited}}, "Config.Limits.Login"},
		"no update limit":          {nguard.Config{Users: users, Limits: nguard.Limits{Login: nguard.Unlimited}}, "Config.Limits.Update"},
		"SameSite None, no reason": {nguard.Config{Cookie: nguard.Cookie{SameSite: nguard.SameSiteNone}}, "Config.Cookie.SameSite"},
		"SameSite None, insecure":  {nguard.Config{Cookie: nguard.Cookie{SameSite: nguard.SameSiteNone, CrossSite: "embedded", Insecure: true}}, "Config.Cookie.SameSite"},
		"SameSite out of range":    {nguard.Config{Cookie: nguard.Cookie{SameSite: 9}}, "Config.Cookie.SameSite"},
		"cookie name with prefix":  {nguard.Config{Cookie: nguard.Cookie{Name: "__Host-x"}}, "Config.Cookie.Name"},
		"cookie name with CRLF":    {nguard.Config{Cookie: nguard.Cookie{Name: "a\r\nSet-Cookie: b"}}, "Config.Cookie.Name"},
		"cookie domain with ;":     {nguard.Config{Cookie: nguard.Cookie{Domain: "a.example; Path=/x"}}, "Config.Cookie.Domain"},
		"proxies: all of IPv4":     {nguard.Config{Proxies: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}}, "Config.Proxies"},
		"proxies: all of IPv6":     {nguard.Config{Proxies: []netip.Prefix{netip.MustParsePrefix("::/0")}}, "Config.Proxies"},
		"proxies: invalid":         {nguard.Config{Proxies: []netip.Prefix{{}}}, "Config.Proxies"},
		"origin: any":              {nguard.Config{Origins: []string{"*"}}, "Config.Origins"},
		"origin: wildcard":         {nguard.Config{Origins: []string{"https://*.example.com"}}, "Config.Origins"},
		"origin: null":             {nguard.Config{Origins: []string{"null"}}, "Config.Origins"},
		"origin: http twin":        {nguard.Config{Origins: []string{"https://a.example", "http://a.example"}}, "Config.Origins"},
		"origin: with path":        {nguard.Config{Origins: []string{"https://a.example/"}}, "Config.Origins"},
		"origin: user info":        {nguard.Config{Origins: []string{"https://a@b.example"}}, "Config.Origins"},
		"idle negative":            {nguard.Config{Lifetime: nguard.Lifetime{Idle: -1}}, "Config.Lifetime.Idle"},
		"idle enormous":            {nguard.Config{Lifetime: nguard.Lifetime{Idle: math.MaxInt64}}, "Config.Lifetime.Idle"},
		"idle above absolute":      {nguard.Config{Lifetime: nguard.Lifetime{Idle: 2 * time.Hour, Absolute: time.Hour}}, "Config.Lifetime.Idle"},
		"absolute negative":        {nguard.Config{Lifetime: nguard.Lifetime{Absolute: -time.Second}}, "Config.Lifetime.Absolute"},
		"absolute enormous":        {nguard.Config{Lifetime: nguard.Lifetime{Absolute: math.MaxInt64}}, "Config.Lifetime.Absolute"},
		"remember enormous":        {nguard.Config{Lifetime: nguard.Lifetime{Remember: math.MaxInt64}}, "Config.Lifetime.Remember"},
		"remember below absolute":  {nguard.Config{Lifetime: nguard.Lifetime{Remember: time.Hour}}, "Config.Lifetime.Remember"},
		"rotation in the grace":    {nguard.Config{Lifetime: nguard.Lifetime{RotateEvery: time.Second}}, "Config.Lifetime.RotateEvery"},
		"rotation negative":        {nguard.Config{Lifetime: nguard.Lifetime{RotateEvery: -1}}, "Config.Lifetime.RotateEvery"},
		"timeout negative":         {nguard.Config{Timeout: -1}, "Config.Timeout"},
		"timeout enormous":         {nguard.Config{Timeout: math.MaxInt64}, "Config.Timeout"},
		"namespace with slash":     {nguard.Config{Namespace: "a/b"}, "Config.Namespace"},
		"sessions negative":        {nguard.Config{MaxSessions: -1}, "Config.MaxSessions"},
		"login page elsewhere":     {nguard.Config{LoginPage: "//evil.example"}, "Config.LoginPage"},
		"login page backslash":     {nguard.Config{LoginPage: `/\evil.example`}, "Config.LoginPage"},
		"login page absolute":      {nguard.Config{LoginPage: "https://evil.example"}, "Config.LoginPage"},
		"field nil":                {nguard.Config{Fields: []nguard.AnyField{nil}}, "Config.Fields[0]"},
		"field twice":              {nguard.Config{Fields: []nguard.AnyField{&nguard.Field[int]{Name: "a"}, &nguard.Field[int]{Name: "a"}}}, `"a"`},
		"fields fold":              {nguard.Config{Fields: []nguard.AnyField{&nguard.Field[int]{Name: "a"}, &nguard.Field[int]{Name: "A"}}}, `"A"`},
		"field of user.id":         {nguard.Config{Fields: []nguard.AnyField{&nguard.Field[string]{Name: "user.id"}}}, "Config.Fields[0]"},
		"field without name":       {nguard.Config{Fields: []nguard.AnyField{&nguard.Field[string]{}}}, "Config.Fields[0]"},
		"role in the session":      {nguard.Config{Fields: []nguard.AnyField{&nguard.Field[string]{Name: "role"}}}, `"role"`},
		"role without roles":       {nguard.Config{Users: users, Limits: limits, Fields: []nguard.AnyField{role}}, "Config.Roles"},
		"user field, no updater":   {nguard.Config{Users: readOnly{users}, Limits: limits, Fields: []nguard.AnyField{theme}}, "UserUpdater"},
		"policy of an unknown role": {nguard.Config{Users: users, Limits: limits, Roles: model(t),
			Fields: []nguard.AnyField{&nguard.Field[string]{Name: "role", Scope: nguard.InUser, Write: unknown}}}, `"role"`},
		"admin of an unknown role": {nguard.Config{Users: users, Limits: limits, Roles: model(t), Admin: unknown}, "Config.Admin"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if test.c.Store == nil && name != "no store" {
				test.c.Store = memstore.New()
			}
			g, err := nguard.New(test.c)
			if err == nil || g != nil {
				t.Fatal("it starts")
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("the error does not name %s: %v", test.want, err)
			}
		})
	}
	g, err := nguard.New(nguard.Config{Store: memstore.New()}) // the table proves nothing if nothing starts
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

// readOnly is Users without the rest.
type readOnly struct{ nguard.Users }

// The reply to a refresh is lost, for good or for a while: the old token leads to the same successor.
func TestN11_LostReplyOfARotation(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		user := w.settled("user")
		w.clock.Advance(nguard.Grace + time.Second)
		lost := user.copyOf()
		lost.post("/api/auth/refresh", "").expect(200) // its reply never reaches user
		successor := lost.token()
		w.clock.Advance(30 * time.Minute)
		user.get("/api/auth/session").expect(200)
		if user.token() != successor {
			t.Error("the retry leads to another successor")
		}
		user.get("/api/auth/session").expect(200)
		lost.get("/api/auth/session").expect(200)
	})
}

// A client that leaves in the middle of a change leaves no half of it behind.
func TestN11_ClientLeavesMidWrite(t *testing.T) {
	ops := []string{"bump open", "record attempt", "update user", "bump settle", "bump change", "replace", "record success"}
	eachFaulty(t, func(t *testing.T, w *world, f *faults) {
		for _, op := range ops {
			if (w.back.name == "sqlite") == (op == "bump open" || op == "record attempt" || op == "bump settle") ||
				w.back.name != "sqlite" && op == "bump change" {
				continue // not on this way
			}
			w.back.put(people()[3])
			user, phone := w.settled("user"), w.settled("user")
			session := strings.SplitN(user.get("/who").header.Get(nguard.VersionHeader), ".", 2)[0]
			gone := make(chan struct{})
			ctx, leave := context.WithCancel(t.Context())
			var once sync.Once
			f.set(func(callCtx context.Context, o string, run func() error) error {
				if o == op {
					once.Do(func() { leave(); <-gone })
				}
				if err := callCtx.Err(); err != nil {
					t.Errorf("%s: %s is cancelled with the client: %v", op, o, err)
				}
				return run()
			})
			r, err := http.NewRequestWithContext(ctx, "POST", w.server.URL+"/api/auth/update", strings.NewReader(`{"theme":"dark","draft":"x"}`))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Origin", w.server.URL)
			if resp, err := user.client.Do(r); !errors.Is(err, context.Canceled) {
				t.Fatalf("%s: the client did not leave: %v %v", op, resp, err)
			}
			close(gone)
			w.await("the change is complete", func(e nguard.Event) bool {
				return e.Name == nguard.EventUserUpdated && e.Outcome == nguard.Success && e.Session == session
			})
			f.mend()
			for _, b := range []*browser{phone, user} {
				s := b.get("/api/auth/session").expect(200)
				if s.at("session", "data", "theme") != "dark" || b == user && s.at("session", "data", "draft") != "x" {
					t.Errorf("client left at %s: %s", op, s.raw)
				}
			}
			if open := w.epoch("user").Open; open != 0 {
				t.Errorf("client left at %s: epoch is open %d times", op, open)
			}
		}
	})
}

// A panic in any call is a refusal: the process lives, and the record says where.
func TestN4_PanicsAnywhere(t *testing.T) {
	eachFaulty(t, func(t *testing.T, w *world, f *faults) {
		for op, where := range map[string]string{
			"load": "store.load", "replace": "store.replace", "delete": "store.delete", "create": "store.create", "epoch": "store.epoch",
			"list": "store.list", "identify": "users.identify", "authenticate": "users.authenticate", "user": "users.user", "update user": "users.update",
		} {
			user := w.settled("user")
			before := w.snapshot("user")
			f.set(func(_ context.Context, o string, run func() error) error {
				if o == op {
					panic(innards)
				}
				return run()
			})
			switch op {
			case "load":
				user.get("/who").outage()
			case "replace":
				user.post("/api/visits", "").outage()
			case "delete":
				user.post("/api/auth/logout", "").outage()
			case "list":
				user.get("/api/auth/sessions").outage()
			case "user", "update user":
				user.post("/api/auth/update", `{"theme":"dark"}`).outage()
			default:
				w.browser().post("/api/auth/login", `{"id":"user","password":"`+guardtest.Password+`"}`).outage()
			}
			f.mend()
			if after := w.snapshot("user"); op != "update user" && after != before {
				t.Errorf("%s: something has changed:%s", op, difference(before, after))
			}
			w.await("the panic in "+where, func(e nguard.Event) bool {
				return e.Name == nguard.EventCrash && e.Action == where && e.RequestID != ""
			})
			w.clock.Advance(2 * time.Minute) // for the next ten
			if _, err := ability[nguard.Epochs](w.back.store).Bump(t.Context(), "user", nguard.BumpClose); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// Config.Observe that panics or returns nothing costs its spans and no request, also in the background,
// where a panic would end the process.
func TestN4_ObserverPanics(t *testing.T) {
	for name, observe := range map[string]func(context.Context, string) (context.Context, func(error)){
		"before": func(context.Context, string) (context.Context, func(error)) { panic(innards) },
		"after": func(ctx context.Context, _ string) (context.Context, func(error)) {
			return ctx, func(error) { panic(innards) }
		},
		"nil": func(context.Context, string) (context.Context, func(error)) { return nil, nil },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, sqlite(t), func(c *nguard.Config) { c.Observe = observe })
			user := w.settled("user")
			user.post("/api/auth/update", `{"theme":"dark"}`).expect(200)
			user.post("/api/auth/logout", "").expect(200)
			w.awaitEvent(nguard.EventLogout, nguard.Success)
			if name != "nil" {
				w.await("the panic", func(e nguard.Event) bool { return e.Name == nguard.EventCrash && e.Action == "Observe" })
			}
		})
	}
}
