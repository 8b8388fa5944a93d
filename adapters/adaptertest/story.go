package adaptertest

import (
	"testing"

	nguard "github.com/nguard-go/nguard/core"
)

var story = []rule{
	{"story", "A person changes their theme, an admin changes the person's role, it takes effect at the next request, and the record says who changed what from what to what.", storyOfTheProject},
}

func storyOfTheProject(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
		user, admin := w.loggedIn("user"), w.loggedIn("admin")
		phone := w.loggedIn("user")

		a := user.post("/api/auth/update", `{"data":{"theme":"dark"}}`).expect(200)
		if got := a.at("session", "data", "theme"); got != "dark" {
			t.Errorf("theme after update is %v", got)
		}
		if got := phone.get("/api/auth/session").expect(200).at("session", "data", "theme"); got != "dark" {
			t.Errorf("theme on the other device is %v", got)
		}

		user.get("/admin").expect(403)
		admin.post("/api/auth/update-role", `{"userId":"user","newRole":"admin"}`).expect(200)
		user.get("/admin").expect(200)
		phone.get("/admin").expect(200)

		e := w.awaitEvent(nguard.EventAuthzChange, nguard.Success)
		if e.Actor != "admin" || e.Target != "user" || len(e.Changes) != 1 || e.Changes[0].From != "user" || e.Changes[0].To != "admin" {
			t.Errorf("record of the role change: %+v", e)
		}

		user.post("/api/auth/logout", "").expect(200)
		user.get("/api/auth/session").expect(401)
		phone.get("/api/auth/session").expect(200)
		w.awaitEvent(nguard.EventLogout, nguard.Success)
	})
}
