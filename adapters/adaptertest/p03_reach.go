package adaptertest

import (
	"fmt"
	"maps"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
)

// The rules of promise P3: a change reaches every session of a person by its next request.
var reach = []rule{
	{"P3 every session by its next request", "A change of a person, whoever makes it, is what every session of theirs shows at its next request, on every process, and nobody else's.", reachEverySession},
	{"P3 shut out for good", "A person who is shut out and let in again has no session that was alive before.", reachShutOut},
	{"P3 constant writes", "What a change of a user costs does not depend on how many sessions they have.", reachConstantWrites},
}

func reachEverySession(t *testing.T, k *kit) {
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
			w.back.remove("user")
			if err := w.guard.RevokeUser(byJob, "user"); err != nil {
				t.Fatal(err)
			}
		}, "/who", status, "401"},
		{"deleted, a change is noticed", func(t *testing.T, w *world) {
			changeUser(func(u *nguard.User) { u.Name = "last words" })(t, w)
			w.back.remove("user")
		}, "/who", status, "401"},
		{"disabled behind its back, a change is noticed", func(t *testing.T, w *world) {
			changeUser(func(u *nguard.User) { u.Name = "last words" })(t, w)
			w.back.put(nguard.User{ID: "user", Role: "user", Disabled: true})
		}, "/who", status, "401"},
	} {
		t.Run(c.what, func(t *testing.T) {
			k.each(t, func(t *testing.T, w *world) {
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

func reachShutOut(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
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

func reachConstantWrites(t *testing.T, k *kit) {
	var s *spy
	k.each(t, func(t *testing.T, w *world) {
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
