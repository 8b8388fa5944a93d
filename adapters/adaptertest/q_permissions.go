package adaptertest

import (
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/policy"
)

func livePermissions(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
		b := w.settled("user")
		give(w, "user", "moderator", "posts:delete")
		for _, path := range []string{"/api/auth/session", "/api/auth/validate"} {
			a := b.get(path).expect(200)
			held, _ := a.at("permissions").([]any)
			if len(held) != 2 || held[0] != "posts:delete" || held[1] != "posts:edit" {
				t.Errorf("%s: permissions %v", path, held)
			}
			left, _ := a.at("expiresIn").(float64)
			if left <= 0 || left > float64(time.Hour.Milliseconds()) {
				t.Errorf("%s: expiresIn %v", path, left)
			}
			tag := "If-None-Match: " + a.header.Get("Etag")
			if again := b.do("GET", path, "", tag).expect(304); len(again.raw) > 0 || again.header.Get("Etag") != a.header.Get("Etag") {
				t.Errorf("%s: 304 with %q", path, again.raw)
			}
			give(w, "user", "user")
			if again := b.do("GET", path, "", tag).expect(200); again.at("session", "role") != "user" {
				t.Errorf("%s: %s", path, again.raw)
			}
			give(w, "user", "moderator", "posts:delete")
		}
		// The same session at a version of the program in which a role holds more.
		admin := w.settled("admin")
		tag := admin.get("/api/auth/validate").expect(200).header.Get("Etag")
		newer := newWorld(t, w.back, func(c *nguard.Config) {
			c.Now = w.config.Now
			m, err := policy.NewModel(policy.Config{Roles: []*policy.Role{roleUser, roleModerator, roleAdmin}, Permissions: []policy.Permission{"posts:edit", "posts:delete", "posts:read"}})
			if err != nil {
				t.Fatal(err)
			}
			c.Roles = m
		})
		if a := admin.via(newer).do("GET", "/api/auth/validate", "", "If-None-Match: "+tag).expect(200); len(a.at("permissions").([]any)) != 3 {
			t.Errorf("a role that holds more: %s", a.raw)
		}
		first := b.get("/api/auth/validate").expect(200)
		b.post("/api/auth/logout", "").expect(200)
		a := b.do("GET", "/api/auth/validate", "", "If-None-Match: "+first.header.Get("Etag")).expect(200)
		if a.at("valid") != false || a.at("permissions") != nil || a.header.Get("Etag") != "" {
			t.Errorf("without a session: %s", a.raw)
		}
	})
}
