package adaptertest

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// privilege are the rules F1 to F6 of the checklist: who gives roles and permissions, to whom, and up to where.
var privilege = []rule{
	{"F1-F4 update cannot raise", "Whatever a person posts to update, they cannot do afterwards what they could not before, and the refusal is on record with what was tried.", privilegeUpdate},
	{"F6 moderators and users", "Who may not write roles gets 403 for everybody, themselves and people who do not exist included, so that the answer tells nothing about who exists.", privilegeNobody},
	{"F6 admins", "An admin changes others and themselves; unknown people are 404, unknown roles and permissions are 400 and leave the record as it was.", privilegeAdmins},
	{"F6 rank", "Whoever may write roles and permissions by policy still cannot give a role above their own or a permission that they do not hold, take one away, or touch who stands above.", privilegeRank},
	{"F6 the last admin", "The last admin keeps the role, by whichever way it is to be taken, and so does the session.", privilegeLastAdmin},
	{"F6 two admins", "Of two admins who demote each other at once, one stays, always.", privilegeTwoAdmins},
}

func privilegeUpdate(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
		b := w.loggedIn("user")
		unchanged(t, w, "raising oneself", func() {
			for _, body := range []string{
				`{"role":"admin"}`, `{"user":{"role":"admin"}}`, `{"data":{"role":"admin"}}`, `{"data":{"permissions":["*"]}}`, `{"data":{"permissions":["posts:*"]}}`,
				`{"roles":["admin"],"role":"admin"}`, `{"isAdmin":true,"data":{"role":"admin"}}`, `{"user":{"role":["admin"]}}`, `{"user":{"role":{"name":"admin"}}}`,
				`{"user":{"role":true}}`, `{"user":{"role":1}}`, `{"data":{"permissions":"*"}}`, `{"data":{"permissions":[1]}}`, `{"data":{"permissions":[["*"]]}}`,
			} {
				if a := b.post("/api/auth/update", body); a.status != 403 && a.status != 400 {
					t.Errorf("%s: %d %s", body, a.status, a.raw)
				}
				b.get("/admin").expect(403)
			}
		})
		e := w.await("a refused role with its values", func(e nguard.Event) bool {
			return e.Name == nguard.EventAuthzFail && e.Action == "update" && len(e.Changes) == 1 && e.Changes[0].Field == "role"
		})
		if e.Changes[0].From != "user" || e.Changes[0].To != "admin" || e.Actor != "user" || e.Rule == "" {
			t.Errorf("record: %+v", e)
		}
	})
}

func privilegeNobody(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
		for _, who := range []string{"mod", "user"} {
			b := w.loggedIn(who)
			unchanged(t, w, who, func() {
				for _, target := range []string{"user", "mod", "other", "admin", "nobody", "*", "Admin"} {
					for _, change := range []string{`"newRole":"admin"`, `"newRole":"moderator"`, `"newRole":"user"`, `"permissions":["posts:edit"]`, `"newRole":"ghost"`} {
						b.post("/api/auth/update-role", fmt.Sprintf(`{"userId":%q,%s}`, target, change)).expect(403)
					}
				}
			})
		}
		if e := w.awaitEvent(nguard.EventAuthzFail, nguard.Denied); e.Action != "update-role" || e.Actor == "" {
			t.Errorf("record: %+v", e)
		}
	})
}

func privilegeAdmins(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
		admin, user := w.loggedIn("admin"), w.loggedIn("user")
		for _, role := range []string{" Admin", "Admin", "ADMIN", "admin ", "admın", "аdmin", "ghost", "", "*", "user,admin", "admin/user", `admin\u0000`, `admin\u200b`, `\u0000`} {
			for _, target := range []string{"user", "admin"} {
				body := fmt.Sprintf(`{"userId":%q,"newRole":"%s"}`, target, role)
				unchanged(t, w, body, func() { admin.post("/api/auth/update-role", body).expect(400) })
			}
			body := fmt.Sprintf(`{"role":"%s"}`, role)
			unchanged(t, w, body, func() { admin.post("/api/auth/update", body).expect(400) })
		}
		w.awaitEvent(nguard.EventDiscreteInvalid, nguard.Failure)
		for _, list := range []string{`["ghost"]`, `["posts:*"]`, `["*"]`, `["posts:edit","posts:edi"]`, `["POSTS:EDIT"]`, `[""]`} {
			unchanged(t, w, list, func() {
				admin.post("/api/auth/update-role", `{"userId":"user","permissions":`+list+`}`).expect(400)
			})
		}
		for _, nobody := range []string{"nobody", "*", "User", "user ", " user", "user/../admin", "us%65r", "user,other"} {
			unchanged(t, w, nobody, func() {
				a := admin.post("/api/auth/update-role", fmt.Sprintf(`{"userId":%q,"newRole":"moderator"}`, nobody)).expect(404)
				if a.at("code") != "no_such_user" {
					t.Errorf("%q: %s", nobody, a.raw)
				}
			})
		}
		a := admin.post("/api/auth/update-role", `{"userId":"user","newRole":"moderator","permissions":["posts:delete"]}`).expect(200)
		if a.at("user", "role") != "moderator" || a.at("ok") != true || a.at("session") != nil {
			t.Errorf("answer: %s", a.raw)
		}
		if got := user.get("/api/auth/session").expect(200); got.at("session", "role") != "moderator" || fmt.Sprint(got.at("session", "permissions")) != "[posts:delete]" {
			t.Errorf("the person's own session: %s", got.raw)
		}
		a = admin.post("/api/auth/update-role", `{"userId":"admin","newRole":"moderator"}`).expect(200)
		if a.at("session", "role") != "moderator" || a.at("user", "role") != "moderator" {
			t.Errorf("own change: %s", a.raw)
		}
		admin.get("/admin").expect(403)
		admin.post("/api/auth/update-role", `{"userId":"admin","newRole":"admin"}`).expect(403)
	})
}

// writableByModerators is a world in which moderators may write roles and permissions, so that what
// keeps them below admins is their rank alone.
func writableByModerators(c *nguard.Config) {
	c.Fields = []nguard.AnyField{theme, language, name, email, visits, draftBox, secret,
		&nguard.Field[string]{Name: "role", Write: roleModerator, Scope: nguard.InUser, Rotate: true},
		&nguard.Field[[]string]{Name: "permissions", Write: roleModerator, Scope: nguard.InUser, Rotate: true},
	}
}

func privilegeRank(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
		give(w, "other", "user", "posts:delete", "posts:edit")
		mod := w.loggedIn("mod")
		for body, rule := range map[string]string{
			`{"userId":"user","newRole":"admin"}`:                                                       "rank:role",
			`{"userId":"mod","newRole":"admin"}`:                                                        "rank:role",
			`{"userId":"admin","newRole":"user"}`:                                                       "rank:person",
			`{"userId":"admin","newRole":"moderator"}`:                                                  "rank:person",
			`{"userId":"admin","permissions":["posts:edit"]}`:                                           "rank:person",
			`{"userId":"user","permissions":["posts:delete"]}`:                                          "rank:permission",
			`{"userId":"mod","permissions":["posts:delete"]}`:                                           "rank:permission",
			`{"userId":"user","newRole":"moderator","permissions":["posts:edit","posts:delete"]}`:       "rank:permission",
			`{"userId":"user","newRole":"admin","permissions":["posts:edit"]}`:                          "rank:role",
			`{"userId":"other","permissions":["posts:edit"]}`:                                           "rank:permission",
			`{"userId":"user","permissions":["posts:delete","posts:delete"]}`:                           "rank:permission",
			`{"userId":"user","permissions":["posts:edit","posts:delete","posts:delete","posts:edit"]}`: "rank:permission",
			`{"userId":"other","permissions":[]}`:                                                       "rank:permission",
		} {
			w.clock.Advance(2 * time.Minute) // the same refusal is written ten times a minute only
			mod.get("/who").expect(200)      // the idle clock is written now, not below
			unchanged(t, w, body, func() { mod.post("/api/auth/update-role", body).expect(403) })
			w.await(rule+" for "+body, func(e nguard.Event) bool {
				return e.Name == nguard.EventAuthzFail && e.Rule == rule && strings.Contains(body, `"`+e.Target+`"`)
			})
		}
		for _, body := range []string{`{"role":"admin"}`, `{"user":{"role":"admin"},"data":{"theme":"dark"}}`, `{"data":{"permissions":["posts:delete"]}}`} {
			unchanged(t, w, body, func() { mod.post("/api/auth/update", body).expect(403) })
		}
		// What is at or below their own rank, they may do.
		mod.post("/api/auth/update-role", `{"userId":"user","newRole":"moderator","permissions":["posts:edit"]}`).expect(200)
		mod.post("/api/auth/update-role", `{"userId":"user","newRole":"user"}`).expect(200)
		mod.post("/api/auth/update-role", `{"userId":"user","permissions":[]}`).expect(200)
		mod.post("/api/auth/update-role", `{"userId":"other","permissions":["posts:delete"]}`).expect(200)
		mod.post("/api/auth/update", `{"role":"user"}`).expect(200)
		mod.post("/api/auth/update", `{"role":"moderator"}`).expect(403)
		if u := w.person("other"); u.Role != "user" || len(u.Permissions) != 1 {
			t.Errorf("other: %+v", u)
		}
	}, writableByModerators)
}

func privilegeLastAdmin(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
		give(w, "admin2", "user")
		admin := w.loggedIn("admin")
		unchanged(t, w, "the last admin", func() {
			for path, body := range map[string]string{
				"/api/auth/update-role": `{"userId":"admin","newRole":"user"}`, "/api/auth/update": `{"data":{"role":"user","theme":"dark"}}`,
			} {
				if a := admin.post(path, body).expect(403); path == "/api/auth/update-role" && a.at("code") != "last_admin" {
					t.Errorf("%s: %s", path, a.raw)
				}
			}
			_, err := w.guard.ChangeUser(byJob, "admin", func(u *nguard.User) error {
				u.Disabled = true
				return nil
			})
			if status := nguard.Status(err); status.Code != "last_admin" {
				t.Errorf("disabling the last admin: %v", err)
			}
		})
		admin.get("/admin").expect(200)
		admin.post("/api/auth/update-role", `{"userId":"admin2","newRole":"admin"}`).expect(200)
		admin.post("/api/auth/update-role", `{"userId":"admin","newRole":"user"}`).expect(200)
	})
}

func privilegeTwoAdmins(t *testing.T, k *kit) {
	const rounds = 12
	k.each(t, func(t *testing.T, w *world) {
		one, two := w.loggedIn("admin"), w.loggedIn("admin2")
		for round := range rounds {
			var ready, done sync.WaitGroup
			ready.Add(2)
			start := make(chan struct{})
			answers := make([]answer, 2)
			errs := make([]error, 2)
			for i, side := range []struct {
				b      *browser
				target string
			}{{one, "admin2"}, {two, "admin"}} {
				done.Add(1)
				go func() {
					defer done.Done()
					ready.Done()
					<-start
					answers[i], errs[i] = side.b.try("POST", "/api/auth/update-role", `{"userId":"`+side.target+`","newRole":"user"}`)
				}()
			}
			ready.Wait()
			close(start)
			done.Wait()
			admins, won := 0, 0
			for i, id := range []string{"admin", "admin2"} {
				if errs[i] != nil {
					t.Fatal(errs[i])
				}
				if answers[i].status == 200 {
					won++
				} else if answers[i].status != 403 && answers[i].status != 409 {
					t.Errorf("round %d: the loser got %d %s", round, answers[i].status, answers[i].raw)
				}
				if w.person(id).Role == "admin" {
					admins++
				}
			}
			if admins != 1 || won != 1 {
				t.Fatalf("round %d: %d admins are left and %d changes succeeded, want 1 and 1", round, admins, won)
			}
			give(w, "admin", "admin")
			give(w, "admin2", "admin")
			one.get("/admin").expect(200)
			two.get("/admin").expect(200)
		}
	})
}
