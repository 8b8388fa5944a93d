package adaptertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
)

var hooks = []rule{
	{"hooks: AfterAuthenticate", "AfterAuthenticate stands between verified credentials and a session, at login and at step-up: what it refuses changes nothing.", hooksAfterAuthenticate},
	{"hooks: OnLoad", "What OnLoad adds is seen in the request, stands below declared fields and authority, and is not stored.", hooksOnLoad},
	{"hooks: Validate", "Validate may end a session, and when it cannot know, the session is kept and the request refused.", hooksValidate},
	{"hooks: a failure after the change", "A hook that fails only after a change leaves the change and the browser's token, and the answer says that the outcome is not known.", hooksFailLate},
	{"hooks: BeforeUpdate", "BeforeUpdate sees what would change and may refuse it: then nothing changes, with the same answer whatever the store.", hooksBeforeUpdate},
	{"hooks: after the fact", "AfterUpdate and OnLogout run once for each change and logout, not for what was refused, and their panic changes nothing.", hooksAfterTheFact},
}

func hooksAfterAuthenticate(t *testing.T, k *kit) {
	k.hooked(t, func(t *testing.T, w *world, f *faults, h *hookSwitch) {
		body := `{"id":"user","password":"` + guardtest.Password + `"}`
		visitor, other := w.browser(), w.settled("other")
		var seen []string
		for name, hook := range map[string]struct {
			fn     func() error
			status int
		}{
			"refuses":             {func() error { return errBroken }, 403},
			"says bad credential": {func() error { return nguard.ErrBadCredentials }, 401},
			"panics":              {func() error { panic(innards) }, 500},
		} {
			h.set(nguard.Hooks{AfterAuthenticate: func(_ context.Context, u nguard.User) error {
				seen = append(seen, u.ID+" "+u.Role)
				return hook.fn()
			}})
			before := w.snapshot("user", "other")
			for _, b := range []*browser{visitor, other} {
				a := b.post("/api/auth/login", body).expect(hook.status)
				if a.discreet(); len(a.header.Values("Set-Cookie")) > 0 {
					t.Errorf("%s: a refused login sets a cookie", name)
				}
			}
			other.post("/step-up", "").expect(hook.status)
			if _, _, err := w.guard.Login(nguard.WithActor(t.Context(), "job"), "user", nguard.LoginOptions{}); err == nil {
				t.Errorf("%s: Guard.Login passes it", name)
			}
			if after := w.snapshot("user", "other"); after != before {
				t.Errorf("%s: something has changed:%s", name, difference(before, after))
			}
			other.get("/api/auth/session").expect(200)
		}
		visitor.post("/api/auth/login", `{"id":"user","password":"wrong"}`).expect(401)
		if !slices.Contains(seen, "user user") || !slices.Contains(seen, "other user") || len(seen) != 12 {
			t.Errorf("the hook saw %q; it is for verified people only", seen)
		}
		w.crash("Hooks.AfterAuthenticate")
		w.await("the refusal and its rule", func(e nguard.Event) bool {
			return e.Name == nguard.EventLoginFail && e.Outcome == nguard.Denied && e.Rule == "hook:after-authenticate" && e.Target == "user"
		})
	})
}

func hooksOnLoad(t *testing.T, k *kit) {
	k.hooked(t, func(t *testing.T, w *world, f *faults, h *hookSwitch) {
		user := w.settled("user")
		before := w.snapshot("user")
		h.set(nguard.Hooks{OnLoad: func(_ context.Context, s *nguard.Session) (map[string]any, error) {
			return map[string]any{"plan": "gold of " + s.UserID(), "theme": "pink", "role": "admin", "permissions": []string{"*"}}, nil
		}})
		a := user.get("/api/auth/session").expect(200)
		if a.at("session", "data", "plan") != "gold of user" || a.at("session", "data", "theme") != "light" ||
			a.at("session", "data", "role") != "user" || a.at("session", "role") != "user" || fmt.Sprint(a.at("session", "data", "permissions")) != "[]" {
			t.Errorf("session: %s", a.raw)
		}
		user.get("/admin").expect(403)
		if after := w.snapshot("user"); after != before {
			t.Errorf("something is stored:%s", difference(before, after))
		}
		a = user.post("/api/auth/update", `{"theme":"dark"}`).expect(200) // also of the answer to an update
		if a.at("session", "data", "plan") != "gold of user" || strings.Contains(w.snapshot("user"), "gold") {
			t.Errorf("after an update: %s %s", a.raw, w.snapshot("user"))
		}
		for _, fn := range []func() error{func() error { return errBroken }, func() error { panic(innards) }} {
			h.set(nguard.Hooks{OnLoad: func(context.Context, *nguard.Session) (map[string]any, error) { return nil, fn() }})
			user.get("/api/auth/session").outage()
			user.get("/admin").outage()
			user.post("/api/auth/update", `{"theme":"light"}`).outage()
			user.get("/public").expect(200)
		}
		h.set(nguard.Hooks{})
		if got := user.get("/api/auth/session").expect(200).at("session", "data", "theme"); got != "dark" {
			t.Errorf("theme is %v", got)
		}
		w.crash("Hooks.OnLoad")
	})
}

func hooksValidate(t *testing.T, k *kit) {
	k.hooked(t, func(t *testing.T, w *world, f *faults, h *hookSwitch) {
		user, other := w.settled("user"), w.settled("other")
		before := w.snapshot("user", "other")
		for _, fn := range []func() error{func() error { return errBroken }, func() error { panic(innards) }} {
			h.set(nguard.Hooks{Validate: func(context.Context, *nguard.Session) error { return fn() }})
			user.get("/who").outage()
			user.post("/api/visits", "").outage()
		}
		h.set(nguard.Hooks{})
		user.get("/who").expect(200)
		if after := w.snapshot("user", "other"); after != before {
			t.Errorf("something has changed:%s", difference(before, after))
		}
		h.set(nguard.Hooks{Validate: func(_ context.Context, s *nguard.Session) error {
			if s.UserID() == "user" {
				return fmt.Errorf("contract over: %w", nguard.ErrNoSession)
			}
			return nil
		}})
		token := user.token()
		user.get("/who").expect(401).discreet()
		other.get("/who").expect(200)
		h.set(nguard.Hooks{})
		user.hold(token).get("/who").expect(401) // ended, not only hidden
		w.await("the end", func(e nguard.Event) bool {
			return e.Name == nguard.EventSessionExpired && e.Target == "user" && e.Reason == "ended by validation"
		})
		w.crash("Hooks.Validate")
	})
}

func hooksFailLate(t *testing.T, k *kit) {
	k.hooked(t, func(t *testing.T, w *world, f *faults, h *hookSwitch) {
		for _, r := range [][2]string{{"/api/auth/update", `{"theme":"dark"}`}, {"/api/auth/refresh", ""}, {"/step-up", ""},
			{"/api/auth/login", `{"id":"user","password":"` + guardtest.Password + `"}`}} {
			user := w.settled("user")
			calls := 0
			h.set(nguard.Hooks{OnLoad: func(context.Context, *nguard.Session) (map[string]any, error) {
				if calls++; calls > 1 {
					return nil, errBroken
				}
				return nil, nil
			}})
			a := user.post(r[0], r[1]).expect(503)
			if a.discreet(); codeOf(a) != "outcome_unknown" {
				t.Errorf("%s: code is %q", r[0], codeOf(a))
			}
			h.set(nguard.Hooks{})
			if got := user.get("/who").expect(200).text(); got != "user" {
				t.Errorf("%s: %q is signed in", r[0], got)
			}
		}
		if got := w.loggedIn("user").get("/api/auth/session").at("session", "data", "theme"); got != "dark" {
			t.Errorf("theme is %v", got)
		}
	})
}

func hooksBeforeUpdate(t *testing.T, k *kit) {
	k.hooked(t, func(t *testing.T, w *world, f *faults, h *hookSwitch) {
		user, admin := w.settled("user"), w.settled("admin")
		before := w.snapshot("user", "admin")
		for _, hook := range []struct {
			fn     func() error
			status int
		}{
			{func() error { return errors.New("not on a Sunday") }, 403},
			{func() error { return fmt.Errorf("not on a Sunday: %w", nguard.ErrDenied) }, 403},
			{func() error { return &nguard.FieldError{Field: "theme", Problem: "is frozen"} }, 400},
			{func() error { return nguard.ErrUnavailable }, 503},
			{func() error { panic(innards) }, 500},
		} {
			h.set(nguard.Hooks{BeforeUpdate: func(context.Context, nguard.Update) error { return hook.fn() }})
			user.post("/api/auth/update", `{"theme":"dark"}`).expect(hook.status).discreet()
			user.post("/api/auth/update", `{"draft":"a"}`).expect(hook.status).discreet()
			user.post("/api/visits", "").expect(hook.status).discreet()
			admin.post("/api/auth/update-role", `{"userId":"user","newRole":"moderator"}`).expect(hook.status).discreet()
			if _, err := w.guard.ChangeUser(nguard.WithActor(t.Context(), "job"), "user", func(u *nguard.User) error { u.Name = "x"; return nil }); err == nil {
				t.Error("ChangeUser passes the hook")
			}
			if after := w.snapshot("user", "admin"); after != before {
				t.Errorf("something has changed:%s", difference(before, after))
			}
		}
		for _, e := range w.back.read() {
			if e.Outcome == nguard.Success && e.Class == nguard.ClassChange && len(e.Changes) > 0 {
				t.Errorf("a change is recorded that was refused: %s", describe([]nguard.Event{e}))
			}
		}
		w.crash("Hooks.BeforeUpdate")

		var mu sync.Mutex
		var seen []nguard.Update
		h.set(nguard.Hooks{BeforeUpdate: func(_ context.Context, u nguard.Update) error {
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, u)
			return nil
		}})
		user.post("/api/auth/update", `{"theme":"dark"}`).expect(200)
		admin.post("/api/auth/update-role", `{"userId":"user","newRole":"moderator"}`).expect(200)
		s, err := w.guard.Lookup(t.Context(), user.token())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.guard.Update(nguard.WithActor(t.Context(), "job"), "user", s.ID(), func(d *nguard.Draft) error { return secret.Set(d, "canary") }); err != nil {
			t.Fatal(err)
		}
		user.post("/api/auth/update", `{"theme":"dark"}`).expect(200) // changes nothing
		mu.Lock()
		defer mu.Unlock()
		want := "[{update user user [{theme <nil> dark}]} {update-role admin user [{role user moderator}]} {update job user [{secret [redacted] [redacted]}]}]"
		if got := fmt.Sprint(seen); got != want {
			t.Errorf("the hook saw %s\nwant %s", got, want)
		}
	})
}

func hooksAfterTheFact(t *testing.T, k *kit) {
	k.hooked(t, func(t *testing.T, w *world, f *faults, h *hookSwitch) {
		user := w.settled("user")
		var mu sync.Mutex
		var seen []string
		note := func(s string) { mu.Lock(); defer mu.Unlock(); seen = append(seen, s) }
		h.set(nguard.Hooks{
			AfterUpdate: func(ctx context.Context, u nguard.Update) {
				note(fmt.Sprint(u.Action, " ", u.Actor, " ", u.UserID, " ", u.Changes))
				if w.person("user").Data["theme"] != "dark" {
					t.Error("AfterUpdate runs before the change stands")
				}
				panic(innards)
			},
			OnLogout: func(_ context.Context, s *nguard.Session) {
				note("logout " + s.UserID())
				panic(innards)
			},
		})
		f.broken("update user", "replace")
		user.post("/api/auth/update", `{"theme":"dark"}`).expect(503)
		f.mend()
		user.post("/api/auth/update", `{"theme":"pink"}`).expect(400)
		user.post("/api/auth/update", `{"role":"admin"}`).expect(403)
		a := user.post("/api/auth/update", `{"theme":"dark"}`).expect(200)
		if a.at("session", "data", "theme") != "dark" {
			t.Errorf("answer: %s", a.raw)
		}
		token := user.token()
		f.broken("delete")
		user.post("/api/auth/logout", "").expect(503)
		f.mend()
		user.post("/api/auth/logout", "").expect(200)
		user.post("/api/auth/logout", "").expect(200) // nobody is signed in
		user.hold(token).get("/who").expect(401)
		mu.Lock()
		defer mu.Unlock()
		if got := strings.Join(seen, "; "); got != "update user user [{theme <nil> dark}]; logout user" {
			t.Errorf("hooks ran: %s", got)
		}
		w.crash("Hooks.AfterUpdate")
		w.crash("Hooks.OnLogout")
	})
}
