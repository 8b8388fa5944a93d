package cookietest

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
	"github.com/nguard-go/nguard/stores/cookiestore"
)

// handleOf is the only session of somebody.
func (s *site) handleOf(id string) string {
	s.t.Helper()
	list, err := s.guard.Sessions(s.t.Context(), id)
	if err != nil || len(list) != 1 {
		s.t.Fatalf("%d sessions, %v", len(list), err)
	}
	return list[0].ID()
}

// The row of a session has no person in it. A job decides on who the person is, so they are looked up for it.
func TestJobs_SeeThePerson(t *testing.T) {
	s := open(t)
	s.users.Put(nguard.User{ID: "eve", Name: "Eve", Role: "admin", Permissions: []string{}})
	eve := s.login("eve")
	eve.me()
	ctx := nguard.WithActor(t.Context(), "job:test")
	got, err := s.guard.Update(ctx, "eve", s.handleOf("eve"), func(d *nguard.Draft) error {
		if u := d.User(); u.Name != "Eve" || u.Role != "admin" {
			t.Errorf("a job sees %+v", u)
		}
		if role.Get(d) == "admin" {
			return role.Set(d, "user")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if r := role.Get(got); r != "user" || got.User().Name != "Eve" {
		t.Errorf("the job got %+v", got.User())
	}
	if me := eve.me(); me.Role != "user" {
		t.Errorf("the role is %q", me.Role)
	}
}

// A job that changes nothing does nothing, and one that changes no authority replaces no token.
func TestJobs_LeaveTheRest(t *testing.T) {
	var strict atomic.Bool
	s := open(t, func(_ *cookiestore.Config, g *nguard.Config) {
		g.Hooks.Validate = func(_ context.Context, v *nguard.Session) error {
			if strict.Load() && (v.User().Role == "" || pin.Get(v) == "") {
				return nguard.ErrNoSession
			}
			return nil
		}
	})
	root := s.login("root")
	root.ok(root.do("POST", "/keep", "1234"))
	strict.Store(true)
	root.me()
	ctx := nguard.WithActor(t.Context(), "job:test")
	version := func() string {
		return root.ok(root.do("GET", "/api/auth/session", "")).header.Get(nguard.VersionHeader)
	}
	before := version()
	got, err := s.guard.Update(ctx, "root", s.handleOf("root"), func(*nguard.Draft) error { return nil })
	if err != nil || got.User().Role != "admin" {
		t.Fatalf("nothing: %v, %v", got, err)
	}
	if now := version(); now != before {
		t.Errorf("nothing made %s of %s", now, before)
	}
	if _, err := s.guard.Update(ctx, "root", s.handleOf("root"), func(d *nguard.Draft) error { return theme.Set(d, "dark") }); err != nil {
		t.Fatal(err)
	}
	root.ok(root.do("POST", "/api/auth/update", `{"note":"new"}`))
	if me := root.me(); me.Data["theme"] != "dark" || me.Data["note"] != "new" {
		t.Errorf("after a theme: %v", me.Data)
	}
	if n := s.seen(nguard.EventSessionRenewed); n != 0 {
		t.Errorf("%d records of another token", n)
	}
}

// A person who is gone or disabled has no session to be changed, and a job learns of an outage of the users table
// before it decides anything.
func TestJobs_NobodyThere(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(u *moody)
		want error
	}{
		"gone":     {func(u *moody) { u.Remove("ann") }, nguard.ErrNoSession},
		"disabled": {func(u *moody) { u.Put(nguard.User{ID: "ann", Role: "user", Disabled: true}) }, nguard.ErrNoSession},
		"outage":   {func(u *moody) { u.down.Store(true) }, nguard.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			var users *moody
			s := open(t, func(_ *cookiestore.Config, g *nguard.Config) {
				users = &moody{Users: g.Users.(*guardtest.Users)}
				g.Users = users
			})
			ann := s.login("ann")
			id := s.handleOf("ann")
			c.do(users)
			_, err := s.guard.Update(nguard.WithActor(t.Context(), "job:test"), "ann", id, func(d *nguard.Draft) error {
				t.Errorf("a job decides on %+v", d.User())
				return nil
			})
			if !errors.Is(err, c.want) {
				t.Errorf("got %v", err)
			}
			users.down.Store(false)
			status := http.StatusUnauthorized
			if name == "outage" {
				status = http.StatusOK
			}
			if a := ann.do("GET", "/api/auth/session", ""); a.status != status {
				t.Errorf("afterwards the session got %d", a.status)
			}
		})
	}
}

// moody is a users table that can be down.
type moody struct {
	*guardtest.Users
	down atomic.Bool
}

func (m *moody) User(ctx context.Context, id string) (nguard.User, error) {
	if m.down.Load() {
		return nguard.User{}, nguard.ErrUnavailable
	}
	return m.Users.User(ctx, id)
}
