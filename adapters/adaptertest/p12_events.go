package adaptertest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
)

// p12Event is how one kind of record comes about, and what must stand in it.
type p12Event struct {
	config func(*nguard.Config)
	do     func(w *world, f *faults)
	want   nguard.Event // members that are not empty must be equal
	job    bool         // no request is behind it
	flood  bool         // it takes more records than the backlog holds
}

// notEmitted are the names of records that the guard never makes by itself, and why.
var notEmitted = map[string]string{
	nguard.EventStartup:       "New does no I/O; a program records its own start",
	nguard.EventSensitiveRead: "reading the audit record is the program's own handler",
}

// p12Events are all other names, and at least one way to each.
func p12Events() map[string][]p12Event {
	wrong := `{"id":"user","password":"wrong"}`
	right := `{"id":"user","password":"` + guardtest.Password + `"}`
	handle := func(b *browser) string { return handleOf(b.get("/who")) }
	return map[string][]p12Event{
		nguard.EventLogin: {{do: func(w *world, _ *faults) { w.loggedIn("user") },
			want: nguard.Event{Outcome: nguard.Success, Class: nguard.ClassChange, Actor: "user", Target: "user", Action: "login"}}},
		nguard.EventLoginAfterFail: {{do: func(w *world, _ *faults) {
			b := w.browser()
			for range 3 {
				b.post("/api/auth/login", wrong).expect(401)
			}
			b.login("user")
		}, want: nguard.Event{Outcome: nguard.Success, Actor: "user", Target: "user", Count: 3}}},
		nguard.EventLoginFail: {
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
		nguard.EventLoginFailMax: {{do: func(w *world, _ *faults) {
			b := w.browser()
			for range 100 {
				b.post("/api/auth/login", wrong).expect(401)
			}
		}, want: nguard.Event{Outcome: nguard.Failure, Target: "user", Count: 100}}},
		nguard.EventSessionCreated: {{do: func(w *world, _ *faults) {
			if _, _, err := w.guard.Login(nguard.WithActor(context.Background(), "job:import"), "user", nguard.LoginOptions{}); err != nil {
				w.t.Fatal(err)
			}
		}, want: nguard.Event{Outcome: nguard.Success, Actor: "job:import", Target: "user"}, job: true}},
		nguard.EventSessionRenewed: {
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
		nguard.EventSessionExpired: {
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
		nguard.EventLogout: {
			{do: func(w *world, _ *faults) { w.settled("user").post("/api/auth/logout", "").expect(200) },
				want: nguard.Event{Outcome: nguard.Success, Class: nguard.ClassEnd, Actor: "user", Target: "user", Action: "logout"}},
			{do: func(w *world, _ *faults) { w.settled("other").login("user") },
				want: nguard.Event{Outcome: nguard.Success, Target: "other", Reason: "another person logged in"}},
		},
		nguard.EventExcessSessions: {
			{config: func(c *nguard.Config) { c.MaxSessions = 1 }, do: func(w *world, _ *faults) { w.loggedIn("user"); w.loggedIn("user") },
				want: nguard.Event{Outcome: nguard.Success, Target: "user", Count: 1, Reason: "oldest ended at the cap"}},
			{config: func(c *nguard.Config) { c.MaxSessions, c.RefuseAtCap = 1, true }, do: func(w *world, _ *faults) {
				w.loggedIn("user")
				w.browser().post("/api/auth/login", right).expect(403)
			}, want: nguard.Event{Outcome: nguard.Denied, Target: "user", Count: 1, Reason: "refused at the cap"}},
		},
		nguard.EventTokenRevoked: {
			{do: func(w *world, _ *faults) {
				w.settled("user").do("DELETE", "/api/auth/sessions/"+handle(w.settled("user")), "").expect(200)
			}, want: nguard.Event{Outcome: nguard.Success, Class: nguard.ClassEnd, Actor: "user", Target: "user", Action: "revoke"}},
			{do: func(w *world, _ *faults) {
				w.settled("user")
				w.settled("admin").do("DELETE", "/api/auth/users/user/sessions", "").expect(200)
			}, want: nguard.Event{Outcome: nguard.Success, Actor: "admin", Target: "user", Action: "revoke-all"}},
		},
		nguard.EventTokenReuse: {{do: func(w *world, _ *faults) {
			b := w.settled("user")
			thief := b.copyOf()
			w.clock.Advance(nguard.Grace + time.Second)
			b.post("/api/auth/refresh", "").expect(200)
			b.get("/who").expect(200)
			w.clock.Advance(nguard.Grace + time.Second)
			thief.get("/who").expect(401)
		}, want: nguard.Event{Outcome: nguard.Denied, Class: nguard.ClassEnd, Target: "user"}}},
		nguard.EventUseAfterExpire: {{do: func(w *world, _ *faults) {
			b := w.settled("user")
			late := b.copyOf()
			b.post("/api/auth/logout", "").expect(200)
			late.get("/who").expect(401)
		}, want: nguard.Event{Outcome: nguard.Failure}}},
		nguard.EventAuthzFail: {
			{do: func(w *world, _ *faults) { w.settled("user").get("/admin").expect(403) },
				want: nguard.Event{Outcome: nguard.Denied, Actor: "user", Action: "GET /admin", Rule: "role:admin"}},
			{do: func(w *world, _ *faults) { w.settled("user").post("/api/auth/update", `{"role":"admin"}`).expect(403) },
				want: nguard.Event{Outcome: nguard.Denied, Actor: "user", Target: "user", Action: "update", Rule: "role:admin", Changes: []nguard.Change{{Field: "role", From: "user", To: "admin"}}}},
			{do: func(w *world, _ *faults) {
				w.settled("user").post("/api/auth/update-role", `{"userId":"other","newRole":"admin"}`).expect(403)
			}, want: nguard.Event{Outcome: nguard.Denied, Actor: "user", Target: "other", Action: "update-role", Rule: "role:admin", Changes: []nguard.Change{{Field: "role", From: "user", To: "admin"}}}},
		},
		nguard.EventAuthzChange: {
			{do: func(w *world, _ *faults) {
				w.settled("admin").post("/api/auth/update-role", `{"userId":"user","newRole":"moderator"}`).expect(200)
			}, want: nguard.Event{Outcome: nguard.Success, Class: nguard.ClassChange, Actor: "admin", Target: "user", Action: "update-role", Changes: []nguard.Change{{Field: "role", From: "user", To: "moderator"}}}},
			{do: func(w *world, _ *faults) { // the last admin
				w.back.put(nguard.User{ID: "admin2", Role: "user"})
				w.settled("admin").post("/api/auth/update-role", `{"userId":"admin","newRole":"user"}`).expect(403)
			}, want: nguard.Event{Outcome: nguard.Failure, Actor: "admin", Target: "admin", Reason: "last admin", Changes: []nguard.Change{{Field: "role", From: "admin", To: "user"}}}},
		},
		nguard.EventPermissions: {{do: func(w *world, _ *faults) {
			w.settled("admin").post("/api/auth/update-role", `{"userId":"user","permissions":["posts:edit"]}`).expect(200)
		}, want: nguard.Event{Outcome: nguard.Success, Actor: "admin", Target: "user", Changes: []nguard.Change{{Field: "permissions", From: []string{}, To: []string{"posts:edit"}}}}}},
		nguard.EventUserUpdated: {{do: func(w *world, _ *faults) {
			w.settled("user").post("/api/auth/update", `{"user":{"name":"Uma U."}}`).expect(200)
		}, want: nguard.Event{Outcome: nguard.Success, Actor: "user", Target: "user", Action: "update", Changes: []nguard.Change{{Field: "user.name", From: "Uma User", To: "Uma U."}}}}},
		nguard.EventSessionUpdated: {{do: func(w *world, _ *faults) { w.settled("user").post("/api/auth/update", `{"draft":"a"}`).expect(200) },
			want: nguard.Event{Outcome: nguard.Success, Actor: "user", Target: "user", Changes: []nguard.Change{{Field: "draft", From: nil, To: "a"}}}}},
		nguard.EventInputInvalid: {
			{do: func(w *world, _ *faults) { w.settled("user").post("/api/auth/update", `{"theme":"pink"}`).expect(400) },
				want: nguard.Event{Outcome: nguard.Failure, Actor: "user", Action: "update", Reason: "refused value of theme"}},
			{do: func(w *world, _ *faults) { w.browser().hold("nonsense").get("/who").expect(401) },
				want: nguard.Event{Outcome: nguard.Failure, Action: "load", Reason: "malformed token"}},
		},
		nguard.EventDiscreteInvalid: {
			{do: func(w *world, _ *faults) {
				w.settled("admin").post("/api/auth/update-role", `{"userId":"user","newRole":"ghost"}`).expect(400)
			}, want: nguard.Event{Outcome: nguard.Failure, Actor: "admin", Target: "user", Action: "update-role"}},
			{do: func(w *world, _ *faults) {
				w.settled("admin").post("/api/auth/update-role", `{"userId":"ghost","newRole":"user"}`).expect(404)
			}, want: nguard.Event{Outcome: nguard.Failure, Actor: "admin", Target: "ghost", Action: "update-role", Reason: "no such user"}},
		},
		nguard.EventExtraneous: {{do: func(w *world, _ *faults) {
			w.settled("user").post("/api/auth/update", `{"theme":"dark","bogus":1}`).expect(200)
		}, want: nguard.Event{Outcome: nguard.Denied, Actor: "user", Action: "update", Reason: "undeclared: bogus"}}},
		nguard.EventForeignHandle: {{do: func(w *world, _ *faults) {
			w.settled("user").do("DELETE", "/api/auth/sessions/"+handle(w.settled("other")), "").expect(404)
		}, want: nguard.Event{Outcome: nguard.Denied, Actor: "user", Action: "revoke"}}},
		nguard.EventCSRF: {{do: func(w *world, _ *faults) {
			w.settled("user").do("POST", "/api/auth/logout", "", "Origin: https://evil.example", "Sec-Fetch-Site: cross-site").expect(403)
		}, want: nguard.Event{Outcome: nguard.Denied, Action: "origin"}}},
		nguard.EventLimited: {{config: func(c *nguard.Config) {
			c.Limits.Update = limiterFunc(func() (nguard.Quota, error) { return nguard.Quota{Name: "update-user", RetryAfter: time.Second}, nil })
		}, do: func(w *world, _ *faults) { w.settled("user").post("/api/auth/update", `{"theme":"dark"}`).expect(429) },
			want: nguard.Event{Outcome: nguard.Limited, Actor: "user", Rule: "update-user"}}},
		nguard.EventRecordUnreadable: {{do: func(w *world, f *faults) {
			b := w.settled("user")
			f.set(func(_ context.Context, op string, run func() error) error {
				if op == "load" {
					return nguard.ErrCorrupt
				}
				return run()
			})
			b.get("/who").expect(401)
		}, want: nguard.Event{Outcome: nguard.Failure, Action: "load"}}},
		nguard.EventShutdown: {{do: func(w *world, _ *faults) {
			if err := w.guard.Shutdown(context.Background()); err != nil {
				w.t.Fatal(err)
			}
		}, want: nguard.Event{Outcome: nguard.Success, Class: nguard.ClassSystem}, job: true}},
		nguard.EventCrash: {{config: func(c *nguard.Config) {
			c.Hooks.OnLogout = func(context.Context, *nguard.Session) { panic(innards) }
		}, do: func(w *world, _ *faults) { w.settled("user").post("/api/auth/logout", "").expect(200) },
			want: nguard.Event{Outcome: nguard.Failure, Action: "Hooks.OnLogout"}}},
		nguard.EventMonitorDisabled: {{do: func(w *world, f *faults) {
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
		}, want: nguard.Event{Outcome: nguard.Failure, Class: nguard.ClassSystem}, job: true, flood: true}},
		nguard.EventMonitorEnabled: {{do: func(w *world, f *faults) {
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
