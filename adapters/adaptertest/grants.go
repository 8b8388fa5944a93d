package adaptertest

import (
	"testing"

	nguard "github.com/nguard-go/nguard/core"
)

var grants = []rule{
	{"P12 grants name their rule", "What was allowed says by which rule, as what was refused does, and what the program changed itself says so.", grantsNameTheirRule},
}

func grantsNameTheirRule(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
		user, admin := w.loggedIn("user"), w.loggedIn("admin")
		user.post("/api/auth/update", `{"theme":"dark"}`).expect(200)
		admin.post("/api/auth/update-role", `{"userId":"user","newRole":"moderator"}`).expect(200)
		user.post("/api/visits", "").expect(200)
		if _, err := w.guard.ChangeUser(byJob, "user", func(u *nguard.User) error { u.Name = "Uma"; return nil }); err != nil {
			t.Fatal(err)
		}
		for field, rule := range map[string]string{"theme": "self", "role": "role:admin", "visits": "program", "user.name": "program"} {
			e := w.await("the change of "+field, func(e nguard.Event) bool {
				return e.Outcome == nguard.Success && len(e.Changes) == 1 && e.Changes[0].Field == field
			})
			if e.Rule != rule {
				t.Errorf("the change of %s names the rule %q, want %q", field, e.Rule, rule)
			}
		}
	})
}
