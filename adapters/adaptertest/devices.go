package adaptertest

import (
	"fmt"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

var devices = []rule{
	{"devices: the list", "The list shows each device with where and when it signed in, the newest first, and marks the one that asks.", devicesList},
	{"devices: end one", "A device that its owner ends is signed out by its next request, and ending the current one is a logout.", devicesEndOne},
	{"devices: admins", "Who gives roles lists and ends the sessions of others, one or all, and everybody else is refused.", devicesAdmins},
	{"devices: Config.Admin", "The policy in Config.Admin is asked about the devices of others, and not the one for roles.", devicesOtherPolicy},
	{"devices: ending the others", "Ending the other devices proves nothing about who the person is: it neither makes the sign-in recent nor moves the end of the session.", devicesNoYounger},
}

// entries are the sessions in a device list.
func entries(a answer) []map[string]any {
	a.t.Helper()
	list, ok := a.at("sessions").([]any)
	if !ok {
		a.t.Fatalf("%s: no list: %s", a.what, a.raw)
	}
	out := make([]map[string]any, len(list))
	for i, e := range list {
		out[i] = e.(map[string]any)
	}
	return out
}

func devicesList(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
		b := w.browser()
		b.do("POST", "/api/auth/login", `{"id":"user","password":"guardtest-password"}`, "User-Agent: Laptop <script>").expect(200)
		w.clock.Advance(time.Second)
		phone := w.browser()
		phone.do("POST", "/api/auth/login", `{"id":"user","password":"guardtest-password"}`, "User-Agent: Phone").expect(200)
		for i, side := range []*browser{phone, b} {
			list := entries(side.get("/api/auth/sessions").expect(200))
			if len(list) != 2 || list[0]["device"] != "Phone" || list[1]["device"] != "Laptop <script>" {
				t.Fatalf("list: %v", list)
			}
			for j, e := range list {
				if e["current"] != (i == j) {
					t.Errorf("browser %d: entry %d has current=%v", i, j, e["current"])
				}
				created, seen, expires := e["created"].(float64), e["lastSeen"].(float64), e["expires"].(float64)
				if e["ip"] != "127.0.0.1" || created > seen || seen > expires || expires < float64(w.clock.Now().UnixMilli()) {
					t.Errorf("entry: %v", e)
				}
			}
		}
		// A new token is the same device; the marker stays with it.
		b.post("/api/auth/refresh", "").expect(200)
		if list := entries(b.get("/api/auth/sessions").expect(200)); len(list) != 2 || list[1]["current"] != true {
			t.Errorf("after a refresh: %v", list)
		}
		w.browser().get("/api/auth/sessions").expect(401)
		b.do("HEAD", "/api/auth/sessions", "").expect(405)
		b.post("/api/auth/sessions", "").expect(405)
	})
}

func devicesEndOne(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
		laptop, phone := w.loggedIn("user"), w.loggedIn("user")
		phone.get("/who").expect(200)
		list := entries(laptop.get("/api/auth/sessions").expect(200))
		var own, other string
		for _, e := range list {
			if e["current"] == true {
				own = e["id"].(string)
			} else {
				other = e["id"].(string)
			}
		}
		laptop.do("DELETE", "/api/auth/sessions/"+other, "").expect(200)
		phone.get("/who").expect(401)
		phone.get("/api/auth/session").expect(401)
		laptop.do("DELETE", "/api/auth/sessions/"+other, "").expect(404)
		e := w.awaitEvent(nguard.EventTokenRevoked, nguard.Success)
		if e.Actor != "user" || e.Target != "user" || e.Session != other {
			t.Errorf("record: %+v", e)
		}
		thief := laptop.copyOf()
		a := laptop.do("DELETE", "/api/auth/sessions/"+own, "").expect(200)
		if laptop.token() != "" || a.header.Get("Set-Cookie") == "" {
			t.Error("the browser still holds a cookie")
		}
		laptop.get("/who").expect(401)
		thief.get("/who").expect(401)
		w.awaitEvent(nguard.EventLogout, nguard.Success)
	})
}

func devicesAdmins(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
		laptop, phone, admin, mod := w.loggedIn("user"), w.loggedIn("user"), w.loggedIn("admin"), w.loggedIn("mod")
		list := entries(admin.get("/api/auth/users/user/sessions").expect(200))
		if len(list) != 2 || list[0]["current"] != false || list[1]["current"] != false {
			t.Fatalf("list: %v", list)
		}
		own := entries(admin.get("/api/auth/users/admin/sessions").expect(200))
		if len(own) != 1 || own[0]["current"] != true {
			t.Errorf("an admin's list of their own: %v", own)
		}
		for _, b := range []*browser{mod, laptop} {
			for _, path := range []string{"/api/auth/users/user/sessions", "/api/auth/users/user/sessions/" + fmt.Sprint(list[0]["id"])} {
				b.do("DELETE", path, "").expect(403)
			}
			b.get("/api/auth/users/user/sessions").expect(403)
		}
		phone.get("/who").expect(200) // newest: list[0]
		admin.do("DELETE", "/api/auth/users/user/sessions/"+fmt.Sprint(list[0]["id"]), "").expect(200)
		phone.get("/who").expect(401)
		laptop.get("/who").expect(200)
		admin.do("DELETE", "/api/auth/users/user/sessions", "").expect(200)
		laptop.get("/who").expect(401)
		w.await("who ended whose sessions", func(e nguard.Event) bool {
			return e.Name == nguard.EventTokenRevoked && e.Action == "revoke-all" && e.Actor == "admin" && e.Target == "user"
		})
		if left := entries(admin.get("/api/auth/users/user/sessions").expect(200)); len(left) != 0 {
			t.Errorf("left: %v", left)
		}
		admin.do("DELETE", "/api/auth/users/nobody/sessions", "").expect(404)
		admin.get("/who").expect(200)
		// A person who has been demoted looks after nobody from their next request on.
		give(w, "admin", "moderator")
		admin.get("/api/auth/users/user/sessions").expect(403)
		laptop.login("user")
		laptop.get("/who").expect(200)
	})
}

func devicesOtherPolicy(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
		w.loggedIn("user")
		w.loggedIn("mod").get("/api/auth/users/user/sessions").expect(200)
		w.loggedIn("other").get("/api/auth/users/user/sessions").expect(403)
		w.loggedIn("other").get("/api/auth/users/other/sessions").expect(403)
	}, func(c *nguard.Config) { c.Admin = roleModerator })
}

func devicesNoYounger(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
		b := w.loggedIn("user")
		b.get("/fresh").expect(200)
		w.clock.Advance(6 * time.Minute)
		if a := b.get("/fresh").expect(403); a.at("code") != "step_up_required" {
			t.Errorf("stale: %s", a.raw)
		}
		before, err := w.guard.Lookup(t.Context(), b.token())
		if err != nil {
			t.Fatal(err)
		}
		b.do("DELETE", "/api/auth/sessions", "").expect(200)
		after, err := w.guard.Lookup(t.Context(), b.token())
		if err != nil {
			t.Fatal(err)
		}
		if after.ID() == before.ID() || !after.AuthAt().Equal(before.AuthAt()) {
			t.Errorf("session %s of %v became %s of %v", before.ID(), before.AuthAt(), after.ID(), after.AuthAt())
		}
		b.get("/fresh").expect(403)
		for range 30 { // 25 hours
			w.clock.Advance(50 * time.Minute)
			if a := b.do("DELETE", "/api/auth/sessions", ""); a.status == 401 {
				break
			}
		}
		b.get("/who").expect(401)
	})
}
