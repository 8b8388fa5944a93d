package adaptertest

import (
	"context"
	"slices"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
)

var namespaces = []rule{
	{"G5 namespaces: tokens and handles", "A token or handle of one guard is unknown to another on the same store, which neither serves nor ends what it leads to, although the user has the same ID in both.", namespaceTokens},
	{"G5 namespaces: epochs and lists", "Ending, changing or disabling somebody in one namespace is nothing to the other, and no list shows both.", namespaceEpochs},
	{"G5 namespaces: caps", "The sessions in one namespace do not count in the other.", namespaceCaps},
	{"G5 namespaces: limits", "One limiter may serve two namespaces: neither uses up the counts of the other by account and by user.", namespaceLimits},
	{"G5 namespaces: slashes in IDs", "IDs that look like the key of a user in another namespace are other people.", namespaceSlashes},
}

// tenants are two guards with one store and tables of people of their own.
func (k *kit) tenants(t *testing.T, fn func(t *testing.T, a, b *world), options ...func(*nguard.Config)) {
	t.Helper()
	for _, names := range [][2]string{{"a", "b"}, {"", "b"}, {"a", "ab"}} {
		t.Run(names[0]+" and "+names[1], func(t *testing.T) {
			back := k.open(t)
			of := func(namespace string) *world {
				return newWorld(t, back.ofTenant(), append(slices.Clone(options), func(c *nguard.Config) { c.Namespace = namespace })...)
			}
			fn(t, of(names[0]), of(names[1]))
		})
	}
}

// ofTenant is b with a table of people of its own.
func (b backing) ofTenant() backing {
	users := guardtest.NewUsers(People()...)
	b.users, b.put, b.remove = users, users.Put, users.Remove
	return b
}

func namespaceTokens(t *testing.T, k *kit) {
	k.tenants(t, func(t *testing.T, a, b *world) {
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

func namespaceEpochs(t *testing.T, k *kit) {
	k.tenants(t, func(t *testing.T, a, b *world) {
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

func namespaceCaps(t *testing.T, k *kit) {
	k.tenants(t, func(t *testing.T, a, b *world) {
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

func namespaceLimits(t *testing.T, k *kit) {
	limits := k.limits(t, time.Now)
	login, update := limits.PerAccount("login", 3, time.Hour), limits.PerUser("update", 2, time.Hour)
	back := k.open(t)
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

func namespaceSlashes(t *testing.T, k *kit) {
	type person struct{ namespace, id string }
	all := []person{{"", "user"}, {"", "b/user"}, {"", "/user"}, {"", "/b/user"}, {"", "//user"}, {"b", "user"}, {"b", "/user"}, {"b", "b/user"}, {"b", "user/"}, {"a", "b/user"}, {"a", "user"}, {"a-b", "user"}}
	back := k.open(t)
	guards := map[string]*world{}
	browsers := map[person]*browser{}
	for _, p := range all {
		if guards[p.namespace] == nil {
			guards[p.namespace] = newWorld(t, back.ofTenant(), func(c *nguard.Config) { c.Namespace = p.namespace })
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
}
