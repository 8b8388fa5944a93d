package adaptertest

import (
	"context"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// The rules of promise P5 about what rotates and what does not.
var rotationByChange = []rule{
	{"P5 a change of the own role", "A change of the own role replaces the token in the answer.", rotateOwnRole},
	{"P5 a change of role by others", "Another person's change of one's role rotates at the next request that can carry the token.", rotateRoleByOthers},
	{"P5 other updates", "Updates that change no authority keep the token.", rotateNotByUpdates},
	{"P5 renewals", "A login, a step-up and the end of all others make a new session: no earlier token opens it or can end it.", rotateRenewals},
	{"P5 jobs", "A job holds no token: its change of authority makes a rotation due, and the next unsafe request rotates, once.", rotateJobs},
}

func rotateOwnRole(t *testing.T, k *kit) {
	k.eachFrozen(t, func(t *testing.T, w *world, c *frozen) {
		admin := w.loggedIn("admin")
		first := admin.token()
		c.Advance(11 * time.Second)
		a := admin.post("/api/auth/update-role", `{"userId":"admin","newRole":"moderator"}`).expect(200)
		second := admin.token()
		if w.sameToken(second, first) || given(w, a) != second {
			t.Fatalf("a change of the own role kept the token: %q", a.header["Set-Cookie"])
		}
		admin.get("/admin").expect(403)
		w.show(first, "GET", "/admin").expect(403)
		c.Advance(10 * time.Second)
		w.show(first, "GET", "/who").expect(200)
		c.Advance(time.Second)
		w.show(first, "GET", "/who").expect(401)
	})
}

func rotateRoleByOthers(t *testing.T, k *kit) {
	k.eachFrozen(t, func(t *testing.T, w *world, c *frozen) {
		admin, user := w.loggedIn("admin"), w.loggedIn("user")
		first := user.token()
		c.Advance(11 * time.Second)
		admin.post("/api/auth/update-role", `{"userId":"user","newRole":"moderator"}`).expect(200)
		restamped(t, user, first, user.get("/who").expect(200))
		user.post("/public", "").expect(200)
		if w.sameToken(user.token(), first) {
			t.Error("the token outlived the role")
		}
	})
}

func rotateNotByUpdates(t *testing.T, k *kit) {
	k.eachFrozen(t, func(t *testing.T, w *world, c *frozen) {
		b := w.loggedIn("user")
		first := b.token()
		c.Advance(11 * time.Second)
		for _, body := range []string{`{"theme":"dark"}`, `{"draft":"x"}`, `{"user":{"name":"Una"}}`} {
			if a := b.post("/api/auth/update", body).expect(200); !w.sameToken(given(w, a), first) {
				t.Errorf("update %s: Set-Cookie %q, want the live token again", body, a.header["Set-Cookie"])
			}
		}
	})
}

func rotateRenewals(t *testing.T, k *kit) {
	renewals := map[string]func(b *browser) answer{
		"login":      func(b *browser) answer { return b.login("user") },
		"step-up":    func(b *browser) answer { return b.post("/step-up", "") },
		"end others": func(b *browser) answer { return b.do("DELETE", "/api/auth/sessions", "") },
	}
	for what, renew := range renewals {
		t.Run(what, func(t *testing.T) {
			k.eachFrozen(t, func(t *testing.T, w *world, c *frozen) {
				b, first, second := rotated(t, w, c)
				b.get("/who").expect(200) // the grace of the first is open
				w.show(first, "GET", "/who").expect(200)
				id := handleOf(b.get("/who"))
				a := renew(b).expect(200)
				third := b.token()
				if w.sameToken(third, second) || given(w, a) != third || handleOf(a) == id || handleOf(a) == "" {
					t.Fatalf("no new session: cookie %q, handle %s after %s", given(w, a), handleOf(a), id)
				}
				for _, old := range []string{first, second} {
					w.show(old, "GET", "/who").expect(401)
				}
				b.get("/who").expect(200) // and no earlier token can end it
				for _, old := range []string{first, second} {
					w.show(old, "POST", "/api/visits").expect(401)
				}
				b.get("/who").expect(200)
			})
		})
	}
}

func rotateJobs(t *testing.T, k *kit) {
	job := nguard.WithActor(context.Background(), "job:test")
	jobs := map[string]func(w *world, id string) error{
		"session": func(w *world, id string) error {
			_, err := w.guard.Update(job, "user", id, func(d *nguard.Draft) error { return role.Set(d, "moderator") })
			return err
		},
		"user": func(w *world, _ string) error {
			_, err := w.guard.ChangeUser(job, "user", func(u *nguard.User) error { u.Permissions = []string{"posts:edit"}; return nil })
			return err
		},
	}
	for what, change := range jobs {
		t.Run(what, func(t *testing.T) {
			k.eachFrozen(t, func(t *testing.T, w *world, c *frozen) {
				b := w.loggedIn("user")
				first, id := b.token(), handleOf(b.get("/who"))
				c.Advance(11 * time.Second)
				if err := change(w, id); err != nil {
					t.Fatal(err)
				}
				restamped(t, b, first, b.get("/who").expect(200))
				first = b.token() // the same token: that a cookie from before the change is shown, is another change
				b.post("/public", "").expect(200)
				second := b.token()
				if w.sameToken(second, first) {
					t.Fatal("the next unsafe request did not rotate")
				}
				c.Advance(30 * time.Minute) // not seen yet
				w.show(first, "GET", "/who").expect(200)
				b.post("/public", "").expect(200)
				c.Advance(11 * time.Second)
				b.post("/public", "").expect(200)
				if !w.sameToken(b.token(), second) {
					t.Error("one change rotated twice")
				}
				w.show(first, "GET", "/who").expect(401)
			})
		})
	}
}
