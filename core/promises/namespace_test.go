package promises

import (
	"context"
	"slices"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
	"github.com/nguard-go/nguard/policy/ratelimit"
)

// tenants are two guards with one store and tables of people of their own.
func tenants(t *testing.T, fn func(t *testing.T, a, b *world), options ...func(*nguard.Config)) {
	t.Helper()
	for _, names := range [][2]string{{"a", "b"}, {"", "b"}, {"a", "ab"}} {
		for _, make := range []func(testing.TB) backing{memory, split} {
			back := make(t)
			t.Run(names[0]+" and "+names[1]+" in "+back.name, func(t *testing.T) {
				of := func(namespace string) *world {
					own := back
					users := guardtest.NewUsers(people()...)
					own.users, own.put = users, users.Put
					return newWorld(t, own, append(options, func(c *nguard.Config) { c.Namespace = namespace })...)
				}
				fn(t, of(names[0]), of(names[1]))
			})
		}
	}
}

// TestG5_Namespaces_TokensAndHandles: a token or handle of one guard is unknown to the other, which
// neither serves nor ends what it leads to. The user has the same ID in both.
func TestG5_Namespaces_TokensAndHandles(t *testing.T) {
	tenants(t, func(t *testing.T, a, b *world) {
		inA, inB := a.loggedIn("user"), b.loggedIn("user")
		idA, idB := handles(a, "user"), handles(b, "user")
		if len(idA) != 1 || len(idB) != 1 || idA[0] == idB[0] {
			t.Fatalf("sessions of one: %v, of the other: %v", idA, idB)
		}
		token := inA.token()
		stranger := b.browser().hold(token)
		stranger.get("/who").expect(401)
		stranger.post("/api/auth/refresh", "").expect(401)
		stranger.post("/api/auth/update", `{"data":{"theme":"dark"}}`).expect(401)
		stranger.do("DELETE", "/api/auth/sessions", "").expect(401)
		stranger.post("/api/auth/logout", "").expect(200)
		if got := inB.post("/api/auth/validate", `{"token":"`+token+`"}`).expect(200); got.at("valid") != false {
			t.Errorf("validate of a foreign token: %s", got.raw)
		}
		inB.do("DELETE", "/api/auth/sessions/"+idA[0], "").expect(404)
		b.loggedIn("admin").do("DELETE", "/api/auth/users/user/sessions/"+idA[0], "").expect(404)
		job := nguard.WithActor(context.Background(), "job:test")
		if err := b.guard.Revoke(job, "user", idA[0]); nguard.Status(err).Status != 404 {
			t.Errorf("revoke of a foreign handle: %v", err)
		}
		if _, err := b.guard.Update(job, "user", idA[0], func(d *nguard.Draft) error { return visits.Set(d, 9) }); nguard.Status(err).Status != 401 {
			t.Errorf("update of a foreign handle: %v", err)
		}
		// A login on top of another tenant's session is a stranger's login.
		onTop := b.browser().hold(inA.token())
		onTop.login("user")
		onTop.get("/who").expect(200)
		if got := inA.get("/who").expect(200).text(); got != "user" {
			t.Errorf("the first tenant's session belongs to %q", got)
		}
		if got := handles(a, "user"); !slices.Equal(got, idA) {
			t.Errorf("sessions of the first tenant: %v, were %v", got, idA)
		}
	})
}

// TestG5_Namespaces_EpochsAndLists: ending, changing or disabling somebody in one namespace is nothing
// to the other, and no list shows both.
func TestG5_Namespaces_EpochsAndLists(t *testing.T) {
	tenants(t, func(t *testing.T, a, b *world) {
		job := nguard.WithActor(context.Background(), "job:test")
		inA, inB := a.loggedIn("user"), b.loggedIn("user")
		version := inB.get("/api/auth/session").expect(200).header.Get(nguard.VersionHeader)
		a.loggedIn("admin").post("/api/auth/update-role", `{"userId":"user","newRole":"moderator"}`).expect(200)
		inA.post("/api/auth/update", `{"data":{"theme":"dark","draft":"a"}}`).expect(200)
		got := inB.get("/api/auth/session").expect(200)
		if got.at("session", "role") != "user" || got.at("session", "data", "theme") != "light" || got.at("session", "data", "draft") != "" || got.header.Get(nguard.VersionHeader) != version {
			t.Errorf("the other tenant's session: %s, version %s, was %s", got.raw, got.header.Get(nguard.VersionHeader), version)
		}
		if n := len(entries(inB.get("/api/auth/sessions").expect(200))); n != 1 {
			t.Errorf("list of the other tenant has %d entries", n)
		}
		if err := a.guard.RevokeUser(job, "user"); err != nil {
			t.Fatal(err)
		}
		inA.get("/who").expect(401)
		inB.get("/who").expect(200)
		inA.login("user")
		if _, err := b.guard.ChangeUser(job, "user", func(u *nguard.User) error { u.Disabled = true; return nil }); err != nil {
			t.Fatal(err)
		}
		inB.get("/who").expect(401)
		inA.get("/who").expect(200)
		b.browser().post("/api/auth/login", `{"id":"user","password":"`+guardtest.Password+`"}`).expect(401)
		if n := len(handles(b, "user")); n != 0 {
			t.Errorf("%d sessions are left of the disabled person", n)
		}
	})
}

// TestG5_Namespaces_Caps: the sessions in one namespace do not count in the other.
func TestG5_Namespaces_Caps(t *testing.T) {
	tenants(t, func(t *testing.T, a, b *world) {
		first := a.loggedIn("user")
		second := b.loggedIn("user")
		a.browser().post("/api/auth/login", `{"id":"user","password":"`+guardtest.Password+`"}`).expect(403)
		b.browser().post("/api/auth/login", `{"id":"user","password":"`+guardtest.Password+`"}`).expect(403)
		first.get("/who").expect(200)
		second.get("/who").expect(200)
		first.post("/api/auth/logout", "").expect(200)
		b.browser().post("/api/auth/login", `{"id":"user","password":"`+guardtest.Password+`"}`).expect(403)
		first.login("user")
	}, func(c *nguard.Config) { c.MaxSessions, c.RefuseAtCap = 1, true })
}

// TestG5_Namespaces_Limits: one limiter may serve both: neither uses up the other's counts by account
// and by user.
func TestG5_Namespaces_Limits(t *testing.T) {
	login, err := ratelimit.New(ratelimit.PerAccount("login", 3, time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	update, err := ratelimit.New(ratelimit.PerUser("update", 2, time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	back := memory(t)
	of := func(namespace string) *world {
		return newWorld(t, back, func(c *nguard.Config) {
			c.Namespace, c.Limits = namespace, nguard.Limits{Login: login, Update: update}
		})
	}
	a, b := of("a"), of("b")
	inA, inB := a.loggedIn("user"), b.loggedIn("user")
	for range 2 {
		inA.post("/api/auth/refresh", "").expect(200)
	}
	inA.post("/api/auth/refresh", "").expect(429)
	inB.post("/api/auth/refresh", "").expect(200)
	for range 3 {
		a.browser().post("/api/auth/login", `{"id":"other","password":"wrong"}`).expect(401)
	}
	a.browser().post("/api/auth/login", `{"id":"other","password":"`+guardtest.Password+`"}`).expect(429)
	b.loggedIn("other").get("/who").expect(200)
}

// TestG5_Namespaces_SlashesInIDs: IDs that look like the key of another tenant's user are other people.
func TestG5_Namespaces_SlashesInIDs(t *testing.T) {
	type person struct{ namespace, id string }
	all := []person{{"", "user"}, {"", "b/user"}, {"", "/user"}, {"", "/b/user"}, {"", "//user"}, {"b", "user"}, {"b", "/user"}, {"b", "b/user"}, {"b", "user/"}, {"a", "b/user"}, {"a", "user"}, {"a-b", "user"}}
	for _, make := range []func(testing.TB) backing{memory, split} {
		back := make(t)
		t.Run(back.name, func(t *testing.T) {
			guards := map[string]*world{}
			browsers := map[person]*browser{}
			for _, p := range all {
				if guards[p.namespace] == nil {
					own := back
					users := guardtest.NewUsers(people()...)
					own.users, own.put = users, users.Put
					guards[p.namespace] = newWorld(t, own, func(c *nguard.Config) { c.Namespace = p.namespace })
				}
				w := guards[p.namespace]
				w.back.put(nguard.User{ID: p.id, Role: "user"})
				browsers[p] = w.loggedIn(p.id)
			}
			for _, p := range all {
				if n := len(handles(guards[p.namespace], p.id)); n != 1 {
					t.Errorf("%+v has %d sessions", p, n)
				}
			}
			// One by one they are signed out everywhere; the others never notice.
			for i, p := range all {
				if err := guards[p.namespace].guard.RevokeUser(nguard.WithActor(context.Background(), "job:test"), p.id); err != nil {
					t.Fatal(err)
				}
				for j, q := range all {
					want := 200
					if j <= i {
						want = 401
					}
					a := browsers[q].get("/who").expect(want)
					if want == 200 && a.text() != q.id {
						t.Errorf("%+v is %q", q, a.text())
					}
					for _, r := range all {
						if r.namespace != q.namespace && want == 200 && i == 0 {
							guards[r.namespace].browser().hold(browsers[q].token()).get("/who").expect(401)
						}
					}
				}
			}
		})
	}
}
