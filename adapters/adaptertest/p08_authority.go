package adaptertest

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
)

// smuggledAuthority are the rules of promise P8 about what an update may not bring along: authority, identity,
// names that nobody declared.
var smuggledAuthority = []rule{
	{"P8 the comparison", "The comparison of what is stored, on which the other rules rest, sees a change of a session and one of a person.", smuggleNotice},
	{"P8 authority", "Authority with another value is refused at the top level, in \"user\" and in \"data\", alone and beside an innocent change, and nothing of such a request is stored.", smuggleAuthority},
	{"P8 undeclared names", "Names that nobody declared are dropped, noted and never come back, whatever they are called and however deep they hide. Alone they are 400.", smuggleUndeclared},
	{"P8 the user's ID", "The ID of the user is refused in every place and type when it differs, and is no change when it is equal.", smuggleUserID},
	{"P8 spellings", "A name that a lenient reader would take for a declared or protected one is refused, with a query string beside it or not (checklist E2).", smuggleSpellings},
}

func smuggleNotice(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
		b := w.loggedIn("user")
		before := storedBytes(w)
		b.post("/api/auth/update", `{"data":{"draft":"x"}}`).expect(200)
		between := storedBytes(w)
		b.post("/api/auth/update", `{"user":{"name":"Una"}}`).expect(200)
		if after := storedBytes(w); before == between || between == after {
			t.Error("a change is not seen")
		}
	})
}

func smuggleAuthority(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
		b := w.loggedIn("user")
		mod := w.loggedIn("mod")
		for _, m := range []string{`"role":"admin"`, `"role":"moderator"`, `"role":""`, `"permissions":["posts:delete"]`, `"permissions":["posts:edit"]`} {
			for place, body := range map[string]string{
				"top":    `{%s}`,
				"user":   `{"user":{%s}}`,
				"data":   `{"data":{%s}}`,
				"both":   `{"user":{%[1]s},"data":{%[1]s}}`,
				"beside": `{"data":{"theme":"dark","draft":"x"},"user":{"name":"Una",%s}}`,
			} {
				body = fmt.Sprintf(body, m)
				for who, browser := range map[string]*browser{"user": b, "mod": mod} {
					if who == "mod" && m == `"role":"moderator"` {
						continue // no change
					}
					unchanged(t, w, place+" "+body, func() {
						a := browser.post("/api/auth/update", body)
						if a.status != 403 && a.status != 400 || a.at("success") != false {
							t.Errorf("%s as %s: %d %s, want a refusal", body, who, a.status, a.raw)
						}
						// An unknown role is refused by its value, which tells no more than the declaration.
						if a.status == 400 && m != `"role":""` {
							t.Errorf("%s as %s: %d %s, want 403", body, who, a.status, a.raw)
						}
					})
				}
			}
		}
		e := w.awaitEvent(nguard.EventAuthzFail, nguard.Denied)
		if e.Actor == "" || e.Target != e.Actor || len(e.Changes) != 1 {
			t.Errorf("record of the refusal: %+v", e)
		}
	})
}

func smuggleUndeclared(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
		b := w.loggedIn("user")
		members := []string{
			`"roles":["admin"]`, `"isAdmin":true`, `"isSuperAdmin":true`, `"isAdmin":1`, `"admin":true`, `"canary":"canary"`,
			`"sessionId":"canary"`, `"id":"admin"`, `"userId":"admin"`, `"subject":"admin"`, `"tenant":"canary"`,
			`"expires":99999999999999`, `"exp":99999999999`, `"iat":1`, `"created":1`, `"version":99`, `"level":9`, `"authAt":1`,
			`"methods":["totp"]`, `"csrf":"canary"`, `"disabled":false`, `"__proto__":{"role":"admin"}`, `"constructor":{"role":"admin"}`,
			`"user.role":"admin"`, `"data.role":"admin"`, `"user.permissions":["posts:delete"]`, `"":"canary"`,
			`"profile":{"role":"admin"}`, `"$set":{"role":"admin"}`, `"name":"canary"`, `"email":"canary@example.com"`,
		}
		for _, m := range members {
			unchanged(t, w, m, func() {
				for _, form := range []string{`{%s}`, `{"user":{%s}}`, `{"data":{%s}}`, `{"data":{"user":{%s}}}`, `{"user":{"data":{%s}}}`, `{"session":{"user":{%s}}}`} {
					body := fmt.Sprintf(form, m)
					// These name a declared field or the ID: they are tested where they belong.
					if form == `{"user":{%s}}` && (strings.HasPrefix(m, `"name"`) || strings.HasPrefix(m, `"email"`) || strings.HasPrefix(m, `"id"`)) {
						continue
					}
					if a := b.post("/api/auth/update", body); a.status != 400 || a.at("success") != false {
						t.Errorf("%s: %d %s, want 400", body, a.status, a.raw)
					}
				}
			})
		}
		w.awaitEvent(nguard.EventExtraneous, nguard.Denied)
		for i, m := range members {
			theme := []string{"dark", "light"}[i%2]
			a := b.post("/api/auth/update", fmt.Sprintf(`{"data":{"theme":%q,%s}}`, theme, m)).expect(200)
			if a.at("session", "data", "theme") != theme || a.at("session", "user", "id") != "user" || a.at("session", "data", "role") != "user" {
				t.Errorf("with %s: %s", m, a.raw)
			}
		}
		stored := storedBytes(w)
		for _, never := range []string{"canary", "isAdmin", "isSuperAdmin", "__proto__", "tenant", "sessionId"} {
			if strings.Contains(stored, never) || strings.Contains(stored, hex.EncodeToString([]byte(never))) {
				t.Errorf("%q was stored", never)
			}
			if got := b.get("/api/auth/session").expect(200); strings.Contains(string(got.raw), never) {
				t.Errorf("%q came back: %s", never, got.raw)
			}
		}
	})
}

func smuggleUserID(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
		b := w.loggedIn("user")
		for _, body := range []string{
			`{"user":{"id":"admin"}}`, `{"user":{"id":"User"}}`, `{"user":{"id":"user "}}`, `{"user":{"id":7}}`, `{"user":{"id":null}}`, `{"user":{"id":["user"]}}`,
			`{"user":{"id":""}}`, `{"user.id":"admin"}`, `{"data":{"user.id":"admin"}}`, `{"user":{"id":"admin","name":"Una"},"data":{"theme":"dark"}}`,
			`{"user":{"id":"user"},"user.id":"admin"}`, `{"user.id":"admin","user":{"id":"user"}}`, `{"data":{"user.id":"admin"},"user":{"id":"user"},"theme":"dark"}`,
		} {
			unchanged(t, w, body, func() {
				if a := b.post("/api/auth/update", body); a.status != 403 && a.status != 400 {
					t.Errorf("%s: %d %s, want a refusal", body, a.status, a.raw)
				}
			})
		}
		b.post("/api/auth/update", `{"user":{"id":"user"}}`).expect(200)
		b.post("/api/auth/update", `{"user":{"id":"user","name":"Una"}}`).expect(200)
		if got := b.get("/who").expect(200).text(); got != "user" {
			t.Errorf("the session belongs to %q", got)
		}
	})
}

func smuggleSpellings(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
		b := w.loggedIn("user")
		for _, name := range []string{"ROLE", "Role", "rolE", "roleſ", "ROLES", "Permissions", "permiſſions", "ISADMIN", "isadmin", "iſAdmin", "isSuperadmin", "Theme", "THEME", "user.Name", "USER.NAME"} {
			unchanged(t, w, name, func() {
				for _, form := range []string{`{%q:"admin"}`, `{"data":{%q:"admin"}}`, `{"data":{"theme":"dark",%q:"admin"}}`} {
					b.post("/api/auth/update", fmt.Sprintf(form, name)).expect(400)
				}
			})
		}
		for _, body := range []string{
			`{"data":{"role":"user","role":"admin"}}`, `{"role":"user","role":"admin"}`, `{"role":"user","ROLE":"admin"}`, `{"data":{"theme":"dark"},"data":{"theme":"light"}}`,
			`{"role":"user","user":{"role":"admin"}}`, `{"theme":"dark","data":{"theme":"light"}}`, `{"\u0072ole":"user","role":"admin"}`, `{"User":{"role":"admin"},"user":{"role":"user"}}`,
			`{"data":{"theme":"dark"}} {"role":"admin"}`, "\ufeff" + `{"theme":"dark"}`, `{"theme":"dark"},`, `{"theme":"da` + "\x00" + `rk"}`,
		} {
			unchanged(t, w, body, func() { b.post("/api/auth/update", body).expect(400) })
		}
		// Escapes are only another way to write the same name.
		unchanged(t, w, "escaped role", func() { b.post("/api/auth/update", `{"\u0072\u006f\u006c\u0065":"admin"}`).expect(403) })
		unchanged(t, w, "query", func() {
			b.post("/api/auth/update?role=admin", `{"data":{"theme":"light"}}`).expect(200)
			b.post("/api/auth/update?theme=dark&data[theme]=dark", `{}`).expect(400)
		})
	})
}
