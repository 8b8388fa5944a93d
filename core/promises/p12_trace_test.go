package promises

import (
	"bytes"
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nguard-go/nguard/audit"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
)

// p12Event is how one kind of record comes about, and what must stand in it.
type p12Event struct {
	config func(*nguard.Config)
	do     func(w *world, f *faults)
	want   nguard.Event // members that are not empty must be equal
	job    bool         // no request is behind it
}

var never = map[string]string{
	"EventStartup":       "New does no I/O; a program records its own start",
	"EventSensitiveRead": "reading the audit record is the program's own handler",
}

func p12Events() map[string][]p12Event {
	wrong := `{"id":"user","password":"wrong"}`
	right := `{"id":"user","password":"` + guardtest.Password + `"}`
	handle := func(b *browser) string {
		return strings.SplitN(b.get("/who").header.Get(nguard.VersionHeader), ".", 2)[0]
	}
	return map[string][]p12Event{
		"EventLogin": {{do: func(w *world, _ *faults) { w.loggedIn("user") },
			want: nguard.Event{Outcome: nguard.Success, Class: nguard.ClassChange, Actor: "user", Target: "user", Action: "login"}}},
		"EventLoginAfterFail": {{do: func(w *world, _ *faults) {
			b := w.browser()
			for range 3 {
				b.post("/api/auth/login", wrong).expect(401)
			}
			b.login("user")
		}, want: nguard.Event{Outcome: nguard.Success, Actor: "user", Target: "user", Count: 3}}},
		"EventLoginFail": {
			{do: func(w *world, _ *faults) { w.browser().post("/api/auth/login", wrong).expect(401) },
				want: nguard.Event{Outcome: nguard.Failure, Class: nguard.ClassObservation, Target: "user", Action: "login", Reason: "bad credentials"}},
			{do: func(w *world, f *faults) {
				f.broken("authenticate")
				w.browser().post("/api/auth/login", right).expect(503)
			}, want: nguard.Event{Outcome: nguard.Failure, Target: "user", Reason: "unavailable"}},
			{do: func(w *world, f *faults) {
				f.broken("epoch")
				w.browser().post("/api/auth/login", right).expect(503)
			}, want: nguard.Event{Outcome: nguard.Failure, Target: "user", Reason: "unavailable"}},
		},
		"EventLoginFailMax": {{do: func(w *world, _ *faults) {
			b := w.browser()
			for range 100 {
				b.post("/api/auth/login", wrong).expect(401)
			}
		}, want: nguard.Event{Outcome: nguard.Failure, Target: "user", Count: 100}}},
		"EventSessionCreated": {{do: func(w *world, _ *faults) {
			if _, _, err := w.guard.Login(nguard.WithActor(context.Background(), "job:import"), "user", nguard.LoginOptions{}); err != nil {
				w.t.Fatal(err)
			}
		}, want: nguard.Event{Outcome: nguard.Success, Actor: "job:import", Target: "user"}, job: true}},
		"EventSessionRenewed": {
			{do: func(w *world, _ *faults) {
				b := w.settled("user")
				w.clock.Advance(nguard.Grace + time.Second)
				b.post("/api/auth/refresh", "").expect(200)
			}, want: nguard.Event{Outcome: nguard.Success, Actor: "user", Target: "user", Action: "refresh"}},
			{do: func(w *world, _ *faults) { w.settled("user").post("/step-up", "").expect(200) },
				want: nguard.Event{Outcome: nguard.Success, Actor: "user", Target: "user", Action: "reauthenticate"}},
			{do: func(w *world, _ *faults) { w.settled("user").do("DELETE", "/api/auth/sessions", "").expect(200) },
				want: nguard.Event{Outcome: nguard.Success, Actor: "user", Target: "user", Action: "end-others"}},
			{do: func(w *world, _ *faults) {
				b := w.settled("user")
				w.clock.Advance(50 * time.Minute)
				b.get("/who").expect(200)
				w.clock.Advance(50 * time.Minute)
				b.post("/api/auth/update", `{"theme":"light","draft":""}`)
			}, want: nguard.Event{Outcome: nguard.Success, Actor: "user", Target: "user", Action: "rotate"}},
		},
		"EventSessionExpired": {
			{do: func(w *world, f *faults) {
				f.broken("sweep") // which may be faster
				b := w.settled("user")
				w.clock.Advance(2 * time.Hour)
				b.get("/who").expect(401)
			}, want: nguard.Event{Outcome: nguard.Success, Class: nguard.ClassEnd, Target: "user", Reason: "idle limit"}},
			{do: func(w *world, f *faults) {
				f.broken("sweep") // which may be faster
				b := w.settled("user")
				w.clock.Advance(25 * time.Hour)
				b.get("/who").expect(401)
			}, want: nguard.Event{Target: "user", Reason: "absolute limit"}},
			{do: func(w *world, f *faults) {
				f.broken("sweep") // which may be faster
				b := w.settled("user")
				if err := w.guard.RevokeUser(nguard.WithActor(context.Background(), "job"), "user"); err != nil {
					w.t.Fatal(err)
				}
				b.get("/who").expect(401)
			}, want: nguard.Event{Target: "user", Reason: "revoked"}},
			{do: func(w *world, f *faults) {
				f.broken("sweep") // which may be faster
				b := w.settled("user")
				w.back.put(nguard.User{ID: "user", Disabled: true})
				w.touchEpochs("tenant/user")
				b.get("/who").expect(401)
			}, want: nguard.Event{Target: "user", Reason: "user gone or disabled"}},
		},
		"EventLogout": {
			{do: func(w *world, _ *faults) { w.settled("user").post("/api/auth/logout", "").expect(200) },
				want: nguard.Event{Outcome: nguard.Success, Class: nguard.ClassEnd, Actor: "user", Target: "user", Action: "logout"}},
			{do: func(w *world, _ *faults) { w.settled("other").login("user") },
				want: nguard.Event{Outcome: nguard.Success, Target: "other", Reason: "another person logged in"}},
		},
		"EventExcessSessions": {
			{config: func(c *nguard.Config) { c.MaxSessions = 1 }, do: func(w *world, _ *faults) { w.loggedIn("user"); w.loggedIn("user") },
				want: nguard.Event{Outcome: nguard.Success, Target: "user", Count: 1, Reason: "oldest ended at the cap"}},
			{config: func(c *nguard.Config) { c.MaxSessions, c.RefuseAtCap = 1, true }, do: func(w *world, _ *faults) {
				w.loggedIn("user")
				w.browser().post("/api/auth/login", right).expect(403)
			}, want: nguard.Event{Outcome: nguard.Denied, Target: "user", Count: 1, Reason: "refused at the cap"}},
		},
		"EventTokenRevoked": {
			{do: func(w *world, _ *faults) {
				w.settled("user").do("DELETE", "/api/auth/sessions/"+handle(w.settled("user")), "").expect(200)
			}, want: nguard.Event{Outcome: nguard.Success, Class: nguard.ClassEnd, Actor: "user", Target: "user", Action: "revoke"}},
			{do: func(w *world, _ *faults) {
				w.settled("user")
				w.settled("admin").do("DELETE", "/api/auth/users/user/sessions", "").expect(200)
			}, want: nguard.Event{Outcome: nguard.Success, Actor: "admin", Target: "user", Action: "revoke-all"}},
		},
		"EventTokenReuse": {{do: func(w *world, _ *faults) {
			b := w.settled("user")
			thief := b.copyOf()
			w.clock.Advance(nguard.Grace + time.Second)
			b.post("/api/auth/refresh", "").expect(200)
			b.get("/who").expect(200)
			w.clock.Advance(nguard.Grace + time.Second)
			thief.get("/who").expect(401)
		}, want: nguard.Event{Outcome: nguard.Denied, Class: nguard.ClassEnd, Target: "user"}}},
		"EventUseAfterExpire": {{do: func(w *world, _ *faults) {
			b := w.settled("user")
			late := b.copyOf()
			b.post("/api/auth/logout", "").expect(200)
			late.get("/who").expect(401)
		}, want: nguard.Event{Outcome: nguard.Failure}}},
		"EventAuthzFail": {
			{do: func(w *world, _ *faults) { w.settled("user").get("/admin").expect(403) },
				want: nguard.Event{Outcome: nguard.Denied, Actor: "user", Action: "GET /admin", Rule: "role:admin"}},
			{do: func(w *world, _ *faults) { w.settled("user").post("/api/auth/update", `{"role":"admin"}`).expect(403) },
				want: nguard.Event{Outcome: nguard.Denied, Actor: "user", Target: "user", Action: "update", Rule: "role:admin", Changes: []nguard.Change{{Field: "role", From: "user", To: "admin"}}}},
			{do: func(w *world, _ *faults) {
				w.settled("user").post("/api/auth/update-role", `{"userId":"other","newRole":"admin"}`).expect(403)
			}, want: nguard.Event{Outcome: nguard.Denied, Actor: "user", Target: "other", Action: "update-role", Rule: "role:admin", Changes: []nguard.Change{{Field: "role", From: "user", To: "admin"}}}},
		},
		"EventAuthzChange": {
			{do: func(w *world, _ *faults) {
				w.settled("admin").post("/api/auth/update-role", `{"userId":"user","newRole":"moderator"}`).expect(200)
			}, want: nguard.Event{Outcome: nguard.Success, Class: nguard.ClassChange, Actor: "admin", Target: "user", Action: "update-role", Changes: []nguard.Change{{Field: "role", From: "user", To: "moderator"}}}},
			{do: func(w *world, _ *faults) { // the last admin
				w.back.put(nguard.User{ID: "admin2", Role: "user"})
				w.settled("admin").post("/api/auth/update-role", `{"userId":"admin","newRole":"user"}`).expect(403)
			}, want: nguard.Event{Outcome: nguard.Failure, Actor: "admin", Target: "admin", Reason: "last admin", Changes: []nguard.Change{{Field: "role", From: "admin", To: "user"}}}},
		},
		"EventPermissions": {{do: func(w *world, _ *faults) {
			w.settled("admin").post("/api/auth/update-role", `{"userId":"user","permissions":["posts:edit"]}`).expect(200)
		}, want: nguard.Event{Outcome: nguard.Success, Actor: "admin", Target: "user", Changes: []nguard.Change{{Field: "permissions", From: []string{}, To: []string{"posts:edit"}}}}}},
		"EventUserUpdated": {{do: func(w *world, _ *faults) {
			w.settled("user").post("/api/auth/update", `{"user":{"name":"Uma U."}}`).expect(200)
		}, want: nguard.Event{Outcome: nguard.Success, Actor: "user", Target: "user", Action: "update", Changes: []nguard.Change{{Field: "user.name", From: "Uma User", To: "Uma U."}}}}},
		"EventSessionUpdated": {{do: func(w *world, _ *faults) { w.settled("user").post("/api/auth/update", `{"draft":"a"}`).expect(200) },
			want: nguard.Event{Outcome: nguard.Success, Actor: "user", Target: "user", Changes: []nguard.Change{{Field: "draft", From: nil, To: "a"}}}}},
		"EventInputInvalid": {
			{do: func(w *world, _ *faults) { w.settled("user").post("/api/auth/update", `{"theme":"pink"}`).expect(400) },
				want: nguard.Event{Outcome: nguard.Failure, Actor: "user", Action: "update", Reason: "refused value of theme"}},
			{do: func(w *world, _ *faults) { w.browser().hold("nonsense").get("/who").expect(401) },
				want: nguard.Event{Outcome: nguard.Failure, Action: "load", Reason: "malformed token"}},
		},
		"EventDiscreteInvalid": {
			{do: func(w *world, _ *faults) {
				w.settled("admin").post("/api/auth/update-role", `{"userId":"user","newRole":"ghost"}`).expect(400)
			}, want: nguard.Event{Outcome: nguard.Failure, Actor: "admin", Target: "user", Action: "update-role"}},
			{do: func(w *world, _ *faults) {
				w.settled("admin").post("/api/auth/update-role", `{"userId":"ghost","newRole":"user"}`).expect(404)
			}, want: nguard.Event{Outcome: nguard.Failure, Actor: "admin", Target: "ghost", Action: "update-role", Reason: "no such user"}},
		},
		"EventExtraneous": {{do: func(w *world, _ *faults) {
			w.settled("user").post("/api/auth/update", `{"theme":"dark","bogus":1}`).expect(200)
		}, want: nguard.Event{Outcome: nguard.Denied, Actor: "user", Action: "update", Reason: "undeclared: bogus"}}},
		"EventForeignHandle": {{do: func(w *world, _ *faults) {
			w.settled("user").do("DELETE", "/api/auth/sessions/"+handle(w.settled("other")), "").expect(404)
		}, want: nguard.Event{Outcome: nguard.Denied, Actor: "user", Action: "revoke"}}},
		"EventCSRF": {{do: func(w *world, _ *faults) {
			w.settled("user").do("POST", "/api/auth/logout", "", "Origin: https://evil.example", "Sec-Fetch-Site: cross-site").expect(403)
		}, want: nguard.Event{Outcome: nguard.Denied, Action: "origin"}}},
		"EventLimited": {{config: func(c *nguard.Config) {
			c.Limits.Update = limiterFunc(func() (nguard.Quota, error) { return nguard.Quota{Name: "update-user", RetryAfter: time.Second}, nil })
		}, do: func(w *world, _ *faults) { w.settled("user").post("/api/auth/update", `{"theme":"dark"}`).expect(429) },
			want: nguard.Event{Outcome: nguard.Limited, Actor: "user", Rule: "update-user"}}},
		"EventRecordUnreadable": {{do: func(w *world, f *faults) {
			b := w.settled("user")
			f.set(func(_ context.Context, op string, run func() error) error {
				if op == "load" {
					return nguard.ErrCorrupt
				}
				return run()
			})
			b.get("/who").expect(401)
		}, want: nguard.Event{Outcome: nguard.Failure, Action: "load"}}},
		"EventShutdown": {{do: func(w *world, _ *faults) {
			if err := w.guard.Shutdown(context.Background()); err != nil {
				w.t.Fatal(err)
			}
		}, want: nguard.Event{Outcome: nguard.Success, Class: nguard.ClassSystem}, job: true}},
		"EventCrash": {{config: func(c *nguard.Config) {
			c.Hooks.OnLogout = func(context.Context, *nguard.Session) { panic(innards) }
		}, do: func(w *world, _ *faults) { w.settled("user").post("/api/auth/logout", "").expect(200) },
			want: nguard.Event{Outcome: nguard.Failure, Action: "Hooks.OnLogout"}}},
		"EventMonitorDisabled": {{do: func(w *world, f *faults) {
			release := make(chan struct{})
			f.set(func(_ context.Context, op string, run func() error) error {
				if strings.HasPrefix(op, "record") {
					<-release
				}
				return run()
			})
			for range 5000 { // more than the backlog holds
				if err := w.guard.RevokeUser(nguard.WithActor(context.Background(), "job"), "user"); err != nil {
					w.t.Fatal(err)
				}
			}
			close(release)
			gap := w.awaitEvent(nguard.EventMonitorDisabled, nguard.Failure).Count
			if err := w.guard.Shutdown(context.Background()); err != nil {
				w.t.Fatal(err)
			}
			written := 0
			for _, e := range w.back.read() {
				if e.Name == nguard.EventTokenRevoked {
					written++
				}
			}
			if written+gap != 5000 {
				w.t.Errorf("%d records and a gap of %d make %d of 5000", written, gap, written+gap)
			}
		}, want: nguard.Event{Outcome: nguard.Failure, Class: nguard.ClassSystem}, job: true}},
		"EventMonitorEnabled": {{do: func(w *world, f *faults) {
			b := w.settled("user")
			failed := make(chan struct{})
			var once sync.Once
			f.set(func(_ context.Context, op string, run func() error) error {
				if strings.HasPrefix(op, "record") {
					once.Do(func() { close(failed) })
					return errBroken
				}
				return run()
			})
			b.post("/api/auth/logout", "").expect(200)
			<-failed
			f.mend()
		}, want: nguard.Event{Outcome: nguard.Success, Class: nguard.ClassSystem}, job: true}},
	}
}

// eventNames reads the constants Event... of the engine, name to value.
func eventNames(t *testing.T) map[string]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "audit.go"), nil, 0)
	if err != nil {
		// A run of single files has another working directory.
		if file, err = parser.ParseFile(token.NewFileSet(), filepath.Join("core", "audit.go"), nil, 0); err != nil {
			t.Fatal(err)
		}
	}
	names := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(spec.Names[0].Name, "Event") {
			names[spec.Names[0].Name] = strings.Trim(spec.Values[0].(*ast.BasicLit).Value, `"`)
		}
		return true
	})
	if len(names) < 20 {
		t.Fatalf("only %d event names found", len(names))
	}
	return names
}

// Each event name is emitted, and its record says who did what to whom, with which outcome, by which
// rule, from where.
func TestP12_EveryEvent(t *testing.T) {
	events := p12Events()
	for constant, value := range eventNames(t) {
		if never[constant] != "" {
			if len(events[constant]) > 0 {
				t.Errorf("%s is emitted after all", constant)
			}
			continue
		}
		if len(events[constant]) == 0 {
			t.Errorf("no test for %s", constant)
		}
		for i, test := range events[constant] {
			t.Run(fmt.Sprint(constant, " ", i), func(t *testing.T) {
				for _, make := range []func(testing.TB) backing{memory, sqlite} {
					b, f := faulty(make(t))
					if b.name == "sqlite" && strings.HasPrefix(constant, "EventMonitor") {
						continue // the backlog is the same
					}
					w := newWorld(t, b, func(c *nguard.Config) {
						c.Namespace = "tenant"
						c.Hooks = nguard.Hooks{}
						if test.config != nil {
							test.config(c)
						}
					})
					t.Cleanup(f.mend)
					test.do(w, f)
					f.mend()
					test.want.Name = value
					e := w.await(fmt.Sprintf("%s %+v", constant, test.want), func(e nguard.Event) bool { return like(e, test.want) })
					if e.ID == "" || e.Time.IsZero() || e.Class == "" || e.Outcome == "" || e.Namespace != "tenant" {
						t.Errorf("incomplete: %+v", e)
					}
					if !test.job && (e.RequestID == "" || e.IP != "127.0.0.1" || e.UserAgent == "" || e.Method == "" || e.Path == "") {
						t.Errorf("the request is not described: %+v", e)
					}
				}
			})
		}
	}
}

// like compares the members of want that are not empty.
func like(e, want nguard.Event) bool {
	for _, pair := range [][2]string{{e.Name, want.Name}, {string(e.Outcome), string(want.Outcome)}, {string(e.Class), string(want.Class)}, {e.Actor, want.Actor},
		{e.Target, want.Target}, {e.Action, want.Action}, {e.Rule, want.Rule}, {e.Reason, want.Reason}} {
		if pair[1] != "" && pair[0] != pair[1] {
			return false
		}
	}
	if want.Count != 0 && e.Count != want.Count {
		return false
	}
	return len(want.Changes) == 0 || fmt.Sprint(e.Changes) == fmt.Sprint(want.Changes)
}

// Whatever an endpoint decides leaves a record of that very request.
func TestP12_EveryRefusalLeavesARecord(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.back.put(nguard.User{ID: "admin2", Name: "Abe", Role: "user"})
		user, admin, visitor := w.settled("user"), w.settled("admin"), w.browser()
		id := strings.SplitN(user.get("/who").header.Get(nguard.VersionHeader), ".", 2)[0]
		big := `{"theme":"` + strings.Repeat("x", 11<<10) + `"}`
		for i, r := range []struct {
			b                  *browser
			method, path, body string
			headers            []string
			status             int
		}{
			{visitor, "POST", "/api/auth/login", `{"id":"user","password":"wrong"}`, nil, 401},
			{visitor, "POST", "/api/auth/login", `{"id":"user"}`, nil, 400},
			{visitor, "POST", "/api/auth/login", `{"id":`, nil, 400},
			{visitor, "POST", "/api/auth/login", `{"id":"user","password":"p","remember":"yes"}`, nil, 400},
			{visitor, "POST", "/api/auth/login", `id=user`, []string{"Content-Type: application/x-www-form-urlencoded"}, 415},
			{visitor, "POST", "/api/auth/login", big, nil, 413},
			{user, "POST", "/api/auth/update", `{"theme":`, nil, 400},
			{user, "POST", "/api/auth/update", `{"bogus":1}`, nil, 400},
			{user, "POST", "/api/auth/update", `{}`, nil, 400},
			{user, "POST", "/api/auth/update", `{"theme":"pink"}`, nil, 400},
			{user, "POST", "/api/auth/update", `{"role":"admin"}`, nil, 403},
			{user, "POST", "/api/auth/update", `{"user":{"id":"admin"}}`, nil, 403},
			{user, "POST", "/api/auth/update", big, nil, 413},
			{user, "POST", "/api/auth/update", `{"theme":"dark"}`, []string{"Content-Type: text/html"}, 415},
			{user, "POST", "/api/auth/update", `{"theme":"dark"}`, []string{`If-Match: "` + id + `.77"`}, 409},
			{user, "POST", "/api/auth/update", `{"theme":"dark"}`, []string{`If-Match: "x"`}, 400},
			{user, "POST", "/api/auth/update", `{"theme":"dark"}`, []string{"Origin: https://evil.example"}, 403},
			{user, "POST", "/api/auth/profile", `[]`, nil, 400},
			{user, "POST", "/api/auth/update-role", `{"userId":"other","newRole":"admin"}`, nil, 403},
			{user, "POST", "/api/auth/update-role", `{"userId":"ghost","newRole":"admin"}`, nil, 403},
			{admin, "POST", "/api/auth/update-role", `{"userId":"ghost","newRole":"user"}`, nil, 404},
			{admin, "POST", "/api/auth/update-role", `{"userId":"user","newRole":"ghost"}`, nil, 400},
			{admin, "POST", "/api/auth/update-role", `{"userId":["user"],"newRole":"user"}`, nil, 400},
			{admin, "POST", "/api/auth/update-role", `{"userId":"admin","newRole":"user"}`, nil, 403},
			{admin, "POST", "/api/auth/update-role", `nonsense`, nil, 400},
			{user, "GET", "/api/auth/users/admin/sessions", "", nil, 403},
			{user, "DELETE", "/api/auth/users/admin/sessions", "", nil, 403},
			{user, "DELETE", "/api/auth/sessions/AAAAAAAAAAAAAAAAAAAAAA", "", nil, 404},
			{admin, "GET", "/api/auth/users/ghost/sessions", "", nil, 404},
			{user, "GET", "/api/auth/nothing", "", nil, 404},
			{user, "PUT", "/api/auth/update", "", nil, 405},
			{user, "GET", "/admin", "", nil, 403},
			{visitor, "GET", "/admin", "", nil, 401},
		} {
			request := fmt.Sprintf("request-%d", i)
			r.b.do(r.method, r.path, r.body, append(r.headers, "X-Request-Id: "+request, "User-Agent: tester/1.0")...).expect(r.status)
			w.clock.Advance(time.Minute / 4) // so that nothing is taken for a repetition
			w.await(fmt.Sprintf("%s %s %.40s (%d)", r.method, r.path, r.body, r.status), func(e nguard.Event) bool {
				return e.RequestID == request && e.Outcome != nguard.Success && e.Outcome != nguard.Attempt &&
					e.IP == "127.0.0.1" && e.UserAgent == "tester/1.0" && e.Method == r.method && e.Action != "" &&
					(r.b == visitor || e.Name == nguard.EventCSRF || e.Actor != "")
			})
		}
	}, func(c *nguard.Config) { c.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
}

// What must stay secret is in no record of any sink: passwords right and wrong, every token that was
// ever given out, values of private fields, and what stood in refused bodies.
func TestP12_M8_Canaries(t *testing.T) {
	dir, b := t.TempDir(), sqlite(t)
	file, err := audit.OpenFile(filepath.Join(dir, "audit.jsonl"), audit.FileOptions{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var lines, raw bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(writerFunc(func(p []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return lines.Write(p)
	}), &slog.HandlerOptions{Level: slog.LevelDebug}))
	plain := nguard.SinkFunc(func(_ context.Context, e nguard.Event) error {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(&raw, "%+v\n", e)
		return nil
	})
	sink, err := audit.NewFanout(audit.FanoutOptions{}, audit.Durable(b.sink), audit.Durable(file), audit.BestEffort(audit.NewSlog(logger)), audit.BestEffort(plain))
	if err != nil {
		t.Fatal(err)
	}
	b.sink = sink
	w := newWorld(t, b, func(c *nguard.Config) { c.Log = logger })
	var canaries []string
	tokens := func(bs ...*browser) {
		for _, b := range bs {
			if token := b.token(); token != "" && !slices.Contains(canaries, token) {
				canaries = append(canaries, token)
			}
		}
	}
	const wrong, private, refused, number = "canary-wrong-password", "canary-private-value", "canary-refused-value", "424242424242"
	canaries = append(canaries, guardtest.Password, wrong, private, refused, number)

	user, admin := w.settled("user"), w.settled("admin")
	tokens(user, admin)
	for range 12 {
		w.browser().post("/api/auth/login", `{"id":"user","password":"`+wrong+`","otp":`+number+`}`).expect(401)
	}
	s, err := w.guard.Lookup(t.Context(), user.token())
	if err != nil {
		t.Fatal(err)
	}
	ctx := nguard.WithActor(t.Context(), "job")
	if _, err := w.guard.Update(ctx, "user", s.ID(), func(d *nguard.Draft) error { return secret.Set(d, private) }); err != nil {
		t.Fatal(err)
	}
	user.post("/api/auth/update", `{"secret":"`+refused+`"}`).expect(403)
	user.post("/api/auth/update", `{"theme":"`+refused+`","language":"`+refused+`"}`).expect(400)
	user.post("/api/auth/update", `{"theme":"dark","bogus":"`+refused+`"}`).expect(200)
	user.post("/api/auth/validate", `{"token":"`+user.token()+`"}`).expect(200)
	user.post("/api/auth/validate", `{"token":"`+refused+`"}`).expect(200)
	user.do("GET", "/api/auth/session?token="+user.token(), "", "Authorization: Bearer "+user.token(), "X-Token: "+user.token()).expect(200)
	w.clock.Advance(nguard.Grace + time.Second)
	thief := user.copyOf()
	for range 2 {
		user.post("/api/auth/refresh", "").expect(200)
		tokens(user)
		user.get("/who").expect(200)
		w.clock.Advance(nguard.Grace + time.Second)
	}
	thief.get("/who").expect(401)
	user.login("user")
	tokens(user)
	user.post("/step-up", "").expect(200)
	tokens(user)
	user.post("/api/auth/logout", "").expect(200)
	user.hold(canaries[len(canaries)-1]).get("/who").expect(401)
	admin.post("/api/auth/update-role", `{"userId":"user","newRole":"moderator"}`).expect(200)
	w.browser().hold("canary-malformed-token").get("/who").expect(401)
	canaries = append(canaries, "canary-malformed-token")
	if err := w.guard.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}

	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile(filepath.Join(dir, "audit.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := b.db.Query(`SELECT record FROM nguard_audit`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var stored bytes.Buffer
	for rows.Next() {
		var record string
		if err := rows.Scan(&record); err != nil {
			t.Fatal(err)
		}
		stored.WriteString(record + "\n")
	}
	mu.Lock()
	defer mu.Unlock()
	for name, text := range map[string]string{"file": string(written), "SQL": stored.String(), "slog and log": lines.String(), "values": raw.String()} {
		for _, must := range []string{nguard.EventLoginFail, nguard.EventTokenReuse, nguard.EventAuthzChange, nguard.EventShutdown, "[redacted]"} {
			if name == "values" && must == "[redacted]" {
				continue // %+v of Redacted prints by its String, or as {}
			}
			if !strings.Contains(text, must) {
				t.Errorf("%s: has no %q, so that its silence proves nothing", name, must)
			}
		}
		for _, canary := range canaries {
			if i := strings.Index(text, canary); i >= 0 {
				t.Errorf("%s: has the secret %q in: %.300s", name, canary, text[max(0, i-200):])
			}
			if len(canary) > 60 && strings.Contains(text, canary[:22]) { // not a part of a token either
				t.Errorf("%s: has the head of a token", name)
			}
		}
	}
}

// A session that a sweep removes in the moment in which it is judged leaves its record all the same.
func TestP12_EndBesideASweep(t *testing.T) {
	eachFaulty(t, func(t *testing.T, w *world, f *faults) {
		user := w.settled("user")
		f.set(func(_ context.Context, op string, run func() error) error {
			switch op {
			case "sweep":
				return nil // this one comes later, just before the delete
			case "delete":
				if err := run(); err != nil {
					t.Errorf("nothing to sweep: %v", err)
				}
			}
			return run()
		})
		w.clock.Advance(2 * time.Hour)
		user.get("/who").expect(401)
		w.await("the end", func(e nguard.Event) bool {
			return e.Name == nguard.EventSessionExpired && e.Target == "user" && e.Reason == "idle limit" && e.RequestID != ""
		})
	})
}

// Repetitions are counted, not written one by one, and no count is lost: neither when the minute is over
// nor when the process ends (checklist M10).
func TestP12_M10_RepetitionsAreCounted(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sum := func() (records, total int) {
			for _, e := range w.back.read() {
				if e.Name == nguard.EventAuthzFail && e.Actor == "user" {
					records++
					total += 1 + e.Count
				}
			}
			return records, total
		}
		user, other := w.settled("user"), w.settled("other")
		for range 37 {
			user.get("/admin").expect(403)
		}
		other.get("/admin").expect(403) // another person's is not drowned
		w.await("the other's", func(e nguard.Event) bool { return e.Name == nguard.EventAuthzFail && e.Actor == "other" })
		if records, _ := sum(); records != 10 {
			t.Errorf("%d records of 37 denials in a minute, want 10", records)
		}
		w.clock.Advance(time.Minute)
		user.get("/admin").expect(403)
		w.await("the count", func(e nguard.Event) bool { return e.Name == nguard.EventAuthzFail && e.Count == 27 })
		if records, total := sum(); records != 11 || total != 38 {
			t.Errorf("%d records stand for %d denials, want 11 for 38", records, total)
		}
		for range 24 {
			user.get("/admin").expect(403)
		}
		if err := w.guard.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		if records, total := sum(); total != 38+24 || records != 21 {
			t.Errorf("after the end %d records stand for %d denials, want 21 for 62", records, total)
		}
	})
}

// A flood of observations by made-up people costs bounded memory, and the counts of all are kept.
func TestP12_M10_FloodOfStrangers(t *testing.T) {
	w := newWorld(t, memory(t))
	b := w.browser()
	const strangers = 300
	for i := range strangers {
		b.post("/api/auth/login", fmt.Sprintf(`{"id":"stranger-%d","password":"x"}`, i)).expect(401)
	}
	if err := w.guard.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, e := range w.back.read() {
		if e.Name == nguard.EventLoginFail {
			total += 1 + e.Count
		}
	}
	if total != strangers {
		t.Errorf("records stand for %d failures, want %d", total, strangers)
	}
}

// Records are in UTC whatever the clock's zone, and attempt and outcome carry one ID.
func TestP12_UTCAndOneID(t *testing.T) {
	zone := time.FixedZone("far", 5*3600+1800)
	var mu sync.Mutex
	var events []nguard.Event
	b := memory(t)
	inner := b.sink
	b.sink = nguard.SinkFunc(func(ctx context.Context, e nguard.Event) error {
		mu.Lock()
		defer mu.Unlock()
		events = append(events, e)
		return inner.Record(ctx, e)
	})
	w := newWorld(t, b, func(c *nguard.Config) {
		now := c.Now
		c.Now = func() time.Time { return now().In(zone) }
	})
	user, admin := w.settled("user"), w.settled("admin")
	user.get("/admin").expect(403)
	admin.post("/api/auth/update-role", `{"userId":"user","newRole":"moderator"}`).expect(200)
	user.post("/api/auth/update", `{"draft":"a"}`).expect(200)
	user.post("/api/auth/logout", "").expect(200)
	if err := w.guard.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	attempts := map[string]string{}
	for _, e := range events {
		if e.Time.Location() != time.UTC {
			t.Errorf("%s is in the zone %v", e.Name, e.Time.Location())
		}
		if e.Outcome == nguard.Attempt {
			attempts[e.ID] = e.Name
		} else if attempts[e.ID] == e.Name {
			delete(attempts, e.ID)
		}
	}
	if len(attempts) > 0 || len(events) < 10 {
		t.Errorf("%d records; attempts without an outcome: %v", len(events), attempts)
	}
}

// Denials beside changes: when 40 logins meet failures at random places, each leaves one record of its
// outcome (16.3.1: the number of events is the number of requests).
func TestP12_LoginCountUnderFailure(t *testing.T) {
	eachFaulty(t, func(t *testing.T, w *world, f *faults) {
		ops := []string{"identify", "epoch", "authenticate", "create", "record attempt", "none"}
		var n atomic.Int64
		b := w.browser()
		want := 0
		for i := range 42 {
			op := ops[i%len(ops)]
			if w.back.name == "sqlite" && op == "record attempt" {
				op = "record success" // in the transaction
			}
			f.set(func(ctx context.Context, o string, run func() error) error {
				if o == op && counted(ctx) {
					n.Add(1)
					return errBroken
				}
				return run()
			})
			status := 503
			if op == "none" {
				status = 200
			}
			b.post("/api/auth/login", `{"id":"user","password":"`+guardtest.Password+`"}`).expect(status)
			want++
			w.clock.Advance(time.Minute)
			f.mend()
		}
		if err := w.guard.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		requests := map[string]bool{}
		for _, e := range w.back.read() {
			if e.Outcome != nguard.Attempt && e.RequestID != "" && (strings.HasPrefix(e.Name, "authn_login") || e.Name == nguard.EventInputInvalid) {
				requests[e.RequestID] = true
			}
		}
		if len(requests) != want || n.Load() != 35 {
			t.Errorf("%d of %d logins left a record, %d failed", len(requests), want, n.Load())
		}
	})
}
