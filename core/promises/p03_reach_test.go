package promises

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
)

var byJob = nguard.WithActor(context.Background(), "job:test")

// fileOf is the file that a SQLite database lives in.
func fileOf(t testing.TB, w *world) string {
	t.Helper()
	var seq int
	var schema, file string
	if err := w.back.db.QueryRow("PRAGMA database_list").Scan(&seq, &schema, &file); err != nil {
		t.Fatal(err)
	}
	return filepath.Clean(file)
}

// another is a second process on the same store: a guard of its own, and for SQLite the file opened again.
// What a service keeps elsewhere than in SQLite, both processes reach.
func another(t testing.TB, w *world) *world {
	t.Helper()
	b := w.back
	if b.db != nil {
		b = sqliteAt(t, openSQLite(t, fileOf(t, w)))
		if _, ok := w.back.users.(*sqlUsers); !ok {
			b.name, b.users, b.put, b.sink, b.read = w.back.name, w.back.users, w.back.put, w.back.sink, w.back.read
		}
	}
	return newWorld(t, b, func(c *nguard.Config) {
		c.Now, c.Lifetime, c.MaxSessions, c.RefuseAtCap = w.config.Now, w.config.Lifetime, w.config.MaxSessions, w.config.RefuseAtCap
	})
}

// via is the same browser, talking to another process of the service.
func (b *browser) via(w *world) *browser {
	return &browser{w: w, base: w.server.URL, client: b.client}
}

// remove deletes a person from the users table, as another program would.
func (w *world) remove(id string) {
	w.t.Helper()
	switch u := w.back.users.(type) {
	case *guardtest.Users:
		u.Remove(id)
	case *sqlUsers:
		if _, err := u.db.Exec("DELETE FROM people WHERE id = ?", id); err != nil {
			w.t.Fatal(err)
		}
	default:
		w.t.Fatalf("cannot remove from %T", u)
	}
}

func TestP03_EverySessionByItsNextRequest(t *testing.T) {
	changeUser := func(fn func(u *nguard.User)) func(*testing.T, *world) {
		return func(t *testing.T, w *world) {
			t.Helper()
			if _, err := w.guard.ChangeUser(byJob, "user", func(u *nguard.User) error { fn(u); return nil }); err != nil {
				t.Fatal(err)
			}
		}
	}
	member := func(path ...string) func(answer) string {
		return func(a answer) string { return fmt.Sprint(a.expect(200).at(path...)) }
	}
	status := func(a answer) string { return fmt.Sprint(a.status) }
	for _, c := range []struct {
		what   string
		change func(*testing.T, *world)
		page   string
		see    func(answer) string
		want   string
	}{
		{"role by an admin", func(t *testing.T, w *world) {
			w.loggedIn("admin").post("/api/auth/update-role", `{"userId":"user","newRole":"admin"}`).expect(200)
		}, "/admin", status, "200"},
		{"permissions by an admin", func(t *testing.T, w *world) {
			w.loggedIn("admin").post("/api/auth/update-role", `{"userId":"user","permissions":["posts:edit"]}`).expect(200)
		}, "/api/auth/session", member("session", "permissions"), "[posts:edit]"},
		{"theme on another device", func(t *testing.T, w *world) {
			w.loggedIn("user").post("/api/auth/update", `{"theme":"dark"}`).expect(200)
		}, "/api/auth/session", member("session", "data", "theme"), "dark"},
		{"name on another device", func(t *testing.T, w *world) {
			w.loggedIn("user").post("/api/auth/profile", `{"name":"Una","email":"una@example.com"}`).expect(200)
		}, "/api/auth/session", member("session", "user", "name"), "Una"},
		{"role by a job", changeUser(func(u *nguard.User) { u.Role = "admin" }), "/admin", status, "200"},
		{"name by a job", changeUser(func(u *nguard.User) { u.Name = "Una" }), "/api/auth/session", member("session", "user", "name"), "Una"},
		{"disabled", changeUser(func(u *nguard.User) { u.Disabled = true }), "/who", status, "401"},
		{"deleted and revoked", func(t *testing.T, w *world) {
			w.remove("user")
			if err := w.guard.RevokeUser(byJob, "user"); err != nil {
				t.Fatal(err)
			}
		}, "/who", status, "401"},
		{"deleted, a change is noticed", func(t *testing.T, w *world) {
			changeUser(func(u *nguard.User) { u.Name = "last words" })(t, w)
			w.remove("user")
		}, "/who", status, "401"},
		{"disabled behind its back, a change is noticed", func(t *testing.T, w *world) {
			changeUser(func(u *nguard.User) { u.Name = "last words" })(t, w)
			w.back.put(nguard.User{ID: "user", Role: "user", Disabled: true})
		}, "/who", status, "401"},
	} {
		t.Run(c.what, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				second := another(t, w)
				var devices []*browser
				for i := range 6 {
					b := w.loggedIn("user")
					if i%2 == 1 {
						b = b.via(second)
					}
					b.get("/who").expect(200)
					devices = append(devices, b)
				}
				stranger := w.loggedIn("other")
				c.change(t, w)
				for i, b := range devices {
					if got := c.see(b.get(c.page)); got != c.want {
						t.Errorf("device %d: got %s, want %s", i, got, c.want)
					}
				}
				stranger.get("/who").expect(200)
				if got := stranger.get("/api/auth/session").at("session", "user", "name"); got != "Otto Other" {
					t.Errorf("the change reached another person: %v", got)
				}
			})
		})
	}
}

// A person who is shut out and let in again has no session that was alive before.
func TestP03_ShutOutForGood(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		seen, unseen := w.loggedIn("user"), w.loggedIn("user")
		for _, disabled := range []bool{true, false} {
			if _, err := w.guard.ChangeUser(byJob, "user", func(u *nguard.User) error { u.Disabled = disabled; return nil }); err != nil {
				t.Fatal(err)
			}
			seen.get("/who").expect(401)
		}
		unseen.get("/who").expect(401)
		seen.get("/who").expect(401)
		w.loggedIn("user").get("/who").expect(200)
	})
}

// What a change of a user costs does not depend on how many sessions they have.
func TestP03_ConstantWrites(t *testing.T) {
	var s *spy
	each(t, func(t *testing.T, w *world) {
		var first map[string]map[string]int
		for _, sessions := range []int{1, 40} {
			for range sessions {
				if _, _, err := w.guard.Login(byJob, "user", nguard.LoginOptions{}); err != nil {
					t.Fatal(err)
				}
			}
			s.took()
			cost := map[string]map[string]int{}
			if _, err := w.guard.ChangeUser(byJob, "user", func(u *nguard.User) error { u.Name += "!"; return nil }); err != nil {
				t.Fatal(err)
			}
			cost["change"] = s.took()
			if err := w.guard.RevokeUser(byJob, "user"); err != nil {
				t.Fatal(err)
			}
			cost["revoke"] = s.took()
			if first == nil {
				first = cost
			}
			if !maps.Equal(cost["change"], first["change"]) || cost["change"]["bump"] == 0 || cost["change"]["bump"] > 2 || len(cost["change"]) != 1 {
				t.Errorf("change with %d sessions: %v, with one: %v; want one or two bumps", sessions, cost["change"], first["change"])
			}
			if !maps.Equal(cost["revoke"], map[string]int{"bump": 1}) {
				t.Errorf("revoke with %d sessions: %v, want one bump", sessions, cost["revoke"])
			}
		}
	}, watched(&s))
}

// gatedUsers verifies, and then waits at a gate before it says so: what is verified is old by then.
type gatedUsers struct {
	nguard.Users
	password atomic.Value
	verified atomic.Int32
	mu       sync.Mutex
	gate     func() // runs once, before the next verification is answered
	lookup   func() // runs once, before the next user is answered
}

func (u *gatedUsers) User(ctx context.Context, id string) (nguard.User, error) {
	user, err := u.Users.User(ctx, id)
	u.mu.Lock()
	gate := u.lookup
	u.lookup = nil
	u.mu.Unlock()
	if gate != nil {
		gate()
	}
	return user, err
}

func (u *gatedUsers) Unwrap() any { return u.Users }

func (u *gatedUsers) Identify(ctx context.Context, c nguard.Credentials) (string, error) {
	return u.Users.(nguard.Authenticator).Identify(ctx, c)
}

func (u *gatedUsers) UpdateUser(ctx context.Context, before, after nguard.User) error {
	return u.Users.(nguard.UserUpdater).UpdateUser(ctx, before, after)
}

func (u *gatedUsers) Authenticate(ctx context.Context, c nguard.Credentials) (nguard.User, error) {
	user, err := u.Users.(nguard.Authenticator).Authenticate(ctx, c)
	if err == nil && c.Get("password") != u.password.Load() {
		err = nguard.ErrBadCredentials
	}
	u.verified.Add(1)
	u.mu.Lock()
	gate := u.gate
	u.gate = nil
	u.mu.Unlock()
	if gate != nil {
		gate()
	}
	return user, err
}

// racedLogin logs the user in while change happens: after the credentials were verified, before a session
// exists. It returns the answer, and how often the credentials were verified.
func racedLogin(t *testing.T, w *world, b *browser, change func()) (answer, int) {
	t.Helper()
	users := w.config.Users.(*gatedUsers)
	users.verified.Store(0)
	entered, release := make(chan struct{}), make(chan struct{})
	users.mu.Lock()
	users.gate = func() {
		close(entered)
		<-release
	}
	users.mu.Unlock()
	done := make(chan answer, 1)
	go func() {
		a, err := b.try("POST", "/api/auth/login", `{"id":"user","password":"`+guardtest.Password+`"}`)
		if err != nil {
			t.Error(err)
		}
		done <- a
	}()
	<-entered
	change()
	close(release)
	return <-done, int(users.verified.Load())
}

// gated puts a gate before the users table.
func gated(c *nguard.Config) {
	u := &gatedUsers{Users: c.Users}
	u.password.Store(guardtest.Password)
	c.Users, c.Timeout = u, 20*time.Second
}

func TestP03_LoginThatRaced(t *testing.T) {
	for _, elsewhere := range []bool{false, true} {
		t.Run(fmt.Sprintf("second process %v", elsewhere), func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				at := w
				if elsewhere {
					at = another(t, w)
				}
				must := func(err error) {
					t.Helper()
					if err != nil {
						t.Fatal(err)
					}
				}
				setUser := func(fn func(u *nguard.User)) {
					t.Helper()
					_, err := at.guard.ChangeUser(byJob, "user", func(u *nguard.User) error { fn(u); return nil })
					must(err)
				}

				w.loggedIn("user") // so that the store has an epoch of the user: without one every change starts it
				b := w.browser()
				a, n := racedLogin(t, w, b, func() { setUser(func(u *nguard.User) { u.Role = "admin" }) })
				if a.expect(200); n != 1 {
					t.Errorf("role change: credentials were verified %d times, want once", n)
				}
				b.get("/admin").expect(200)
				b = w.browser()
				a, _ = racedLogin(t, w, b, func() { setUser(func(u *nguard.User) { u.Role = "user" }) })
				a.expect(200)
				b.get("/admin").expect(403)

				b = w.browser()
				a, n = racedLogin(t, w, b, func() { must(at.guard.RevokeUser(byJob, "user")) })
				if a.expect(200); n != 2 {
					t.Errorf("revocation: credentials were verified %d times, want twice", n)
				}
				b.get("/who").expect(200)

				b = w.browser()
				a, n = racedLogin(t, w, b, func() {
					w.config.Users.(*gatedUsers).password.Store("another password")
					must(at.guard.RevokeUser(byJob, "user"))
				})
				if a.expect(401); n != 2 {
					t.Errorf("password change: credentials were verified %d times, want twice", n)
				}
				b.get("/who").expect(401)
				w.config.Users.(*gatedUsers).password.Store(guardtest.Password)

				b = w.browser()
				a, _ = racedLogin(t, w, b, func() { setUser(func(u *nguard.User) { u.Disabled = true }) })
				a.expect(401)
				b.get("/who").expect(401)
				live, err := w.guard.Sessions(context.Background(), "user")
				if must(err); len(live) != 0 {
					t.Errorf("a disabled person has %d live sessions", len(live))
				}
			}, gated)
		})
	}
}

// An end to all sessions that comes while a session is being renewed ends the renewed one as well: the
// request proved itself before the end.
func TestP03_RevocationBeatsRenewal(t *testing.T) {
	for what, renew := range map[string][2]string{"end others": {"DELETE", "/api/auth/sessions"}, "step-up": {"POST", "/step-up"}} {
		t.Run(what, func(t *testing.T) {
			var s *spy
			each(t, func(t *testing.T, w *world) {
				thief := w.loggedIn("user")
				entered, release := s.hold()
				done := make(chan answer, 1)
				go func() {
					a, err := thief.try(renew[0], renew[1], "")
					if err != nil {
						t.Error(err)
					}
					done <- a
				}()
				<-entered
				if err := w.guard.RevokeUser(byJob, "user"); err != nil {
					t.Fatal(err)
				}
				close(release)
				a := <-done
				thief.get("/who").expect(401)
				if a.status == 200 {
					t.Errorf("a renewal answered 200 after the session was revoked: %s", a.raw)
				}
				live, err := w.guard.Sessions(context.Background(), "user")
				if err != nil || len(live) != 0 {
					t.Errorf("%d live sessions after a revocation, error %v", len(live), err)
				}
			}, watched(&s))
		})
	}
}

// The same at the last moment: the person is being looked up for the renewed session when the old one ends.
func TestP03_RevocationBeatsRenewal_LastMoment(t *testing.T) {
	stepUp, endOthers := [2]string{"POST", "/step-up"}, [2]string{"DELETE", "/api/auth/sessions"}
	for _, c := range []struct {
		what  string
		renew [2]string
		end   func(w *world, b *browser) error
	}{
		{"step-up, all revoked", stepUp, func(w *world, _ *browser) error { return w.guard.RevokeUser(byJob, "user") }},
		{"step-up, logged out", stepUp, func(_ *world, b *browser) error { b.post("/api/auth/logout", "").expect(200); return nil }},
		{"end others, all revoked", endOthers, func(w *world, _ *browser) error { return w.guard.RevokeUser(byJob, "user") }},
	} {
		t.Run(c.what, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				if c.renew == endOthers && w.back.name == "sqlite" {
					return // one transaction: nothing comes between
				}
				owner := w.loggedIn("user")
				thief := owner.copyOf()
				users := w.config.Users.(*gatedUsers)
				entered, release := make(chan struct{}), make(chan struct{})
				users.mu.Lock()
				users.lookup = func() { close(entered); <-release }
				users.mu.Unlock()
				done := make(chan answer, 1)
				go func() {
					a, err := thief.try(c.renew[0], c.renew[1], "")
					if err != nil {
						t.Error(err)
					}
					done <- a
				}()
				<-entered
				if err := c.end(w, owner); err != nil {
					t.Error(err)
				}
				close(release)
				(<-done).expect(401)
				thief.get("/who").expect(401)
				if live, err := w.guard.Sessions(context.Background(), "user"); err != nil || len(live) != 0 {
					t.Errorf("%d live sessions after a revocation, error %v", len(live), err)
				}
			}, gated)
		})
	}
}
