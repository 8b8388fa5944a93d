package adaptertest

import (
	"context"
	"fmt"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
)

// The rules of promise P3 about what happens while a session is being made.
var reachRaces = []rule{
	{"P3 a login that raced", "A change that comes after the credentials were verified, and before the session exists, holds for that session; after an end to all, the credentials are verified again.", reachRacedLogin},
	{"P3 revocation beats renewal", "An end to all sessions that comes while a session is being renewed ends the renewed one as well: the request proved itself before the end.", reachRenewal},
	{"P3 revocation beats renewal at the last moment", "An end that comes while the person is being looked up for the renewed session is not undone by the renewal.", reachLastMoment},
}

func reachRacedLogin(t *testing.T, k *kit) {
	for _, elsewhere := range []bool{false, true} {
		t.Run(fmt.Sprintf("second process %v", elsewhere), func(t *testing.T) {
			k.each(t, func(t *testing.T, w *world) {
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

func reachRenewal(t *testing.T, k *kit) {
	for what, renew := range map[string][2]string{"end others": {"DELETE", "/api/auth/sessions"}, "step-up": {"POST", "/step-up"}} {
		t.Run(what, func(t *testing.T) {
			var s *spy
			k.each(t, func(t *testing.T, w *world) {
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

func reachLastMoment(t *testing.T, k *kit) {
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
			k.each(t, func(t *testing.T, w *world) {
				if c.renew == endOthers && w.back.oneDatabase() {
					t.Skip("not for this backing: sessions and people are in one database: a renewal is one transaction, and nothing comes between")
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
