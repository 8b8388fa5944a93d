package promises

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
)

// storedBytes is everything that the world keeps but its audit records and the sweeper's notes: sessions
// with their marks and epochs, and people. Two equal strings mean that not one byte has changed.
func storedBytes(w *world) string {
	w.t.Helper()
	var b strings.Builder
	ctx := context.Background()
	if w.back.db != nil {
		for _, query := range []string{"SELECT * FROM nguard_sessions ORDER BY 1", "SELECT * FROM nguard_epochs ORDER BY 1", "SELECT * FROM people ORDER BY 1"} {
			rows, err := w.back.db.QueryContext(ctx, query)
			if err != nil {
				w.t.Fatal(err)
			}
			names, err := rows.Columns()
			if err != nil {
				w.t.Fatal(err)
			}
			for rows.Next() {
				cells := make([]any, len(names))
				for i := range cells {
					cells[i] = new(any)
				}
				if err := rows.Scan(cells...); err != nil {
					w.t.Fatal(err)
				}
				for i, c := range cells {
					if names[i] == "bumped_at" || names[i] == "keep_until" {
						continue // when an epoch was last open: for the sweeper, and of no effect
					}
					if raw, ok := (*c.(*any)).([]byte); ok {
						fmt.Fprintf(&b, "%s=%x ", names[i], raw)
					} else {
						fmt.Fprintf(&b, "%s=%v ", names[i], *c.(*any))
					}
				}
				b.WriteString("\n")
			}
			if err := rows.Err(); err != nil {
				w.t.Fatal(err)
			}
		}
	}
	lister, ok := w.back.store.(nguard.Lister)
	for _, p := range people() {
		if w.back.db == nil {
			if !ok {
				w.t.Fatal("the store of this world cannot be looked into")
			}
			found, err := lister.List(ctx, p.ID, "", 1000)
			if err != nil {
				w.t.Fatal(err)
			}
			for _, f := range found {
				fmt.Fprintf(&b, "%s %v %v %v\n", hex.EncodeToString(f.Record.Encode()), f.LastSeen, f.SeenAt, f.User)
			}
		}
		u, err := w.back.users.User(ctx, p.ID)
		if err != nil {
			w.t.Fatal(err)
		}
		raw, err := json.Marshal(u)
		if err != nil {
			w.t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s\n", raw)
	}
	return b.String()
}

// unchanged fails the test if anything that is stored differs after fn.
func unchanged(t *testing.T, w *world, what string, fn func()) {
	t.Helper()
	before := storedBytes(w)
	fn()
	if after := storedBytes(w); after != before {
		old := strings.Split(before, "\n")
		for _, line := range strings.Split(after, "\n") {
			if !slices.Contains(old, line) {
				t.Errorf("%s: what is stored has changed to %.300s", what, line)
			}
		}
		if len(strings.Split(after, "\n")) != len(old) {
			t.Errorf("%s: what is stored has gone or come", what)
		}
	}
}

// TestP08_StoredBytesNotice proves that the comparison which the tests below rest on sees a change of
// the session and one of the person.
func TestP08_StoredBytesNotice(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
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

// TestP08_Authority_AllPlaces_Refused: authority with another value is refused at the top level, in
// "user" and in "data", alone and beside an innocent change, and nothing of such a request is stored.
func TestP08_Authority_AllPlaces_Refused(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
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

// TestP08_Undeclared_NeverStored: names that nobody declared are dropped, noted and never come back,
// whatever they are called and however deep they hide. Alone they are 400.
func TestP08_Undeclared_NeverStored(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
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

// TestP08_UserID_Immutable: the ID of the user is refused in every place and type when it differs, and
// is no change when it is equal.
func TestP08_UserID_Immutable(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
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

// TestP08_EqualValue_NoChange: whoever sends the whole session back, as applications written for the
// older client do, is not refused, and nothing is written.
func TestP08_EqualValue_NoChange(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.back.put(nguard.User{ID: "user", Name: "Uma User", Email: "user@example.com", Role: "user", Permissions: []string{"posts:edit", "posts:delete"}})
		b := w.loggedIn("user")
		b.post("/api/visits", "").expect(200)
		session := b.get("/api/auth/session").expect(200).at("session").(map[string]any)
		whole, err := json.Marshal(session)
		if err != nil {
			t.Fatal(err)
		}
		user, err := json.Marshal(session["user"])
		if err != nil {
			t.Fatal(err)
		}
		token := b.token()
		for _, body := range []string{
			string(whole), string(user), `{"role":"user"}`, `{"user":{"role":"user"},"data":{"role":"user"},"role":"user"}`,
			`{"permissions":["posts:edit","posts:delete"]}`, `{"data":{"visits":1}}`, `{"data":{"theme":"light"}}`,
		} {
			unchanged(t, w, body, func() {
				a := b.post("/api/auth/update", body).expect(200)
				if a.at("session", "data", "role") != "user" || a.at("session", "data", "visits") != 1.0 {
					t.Errorf("%s: %s", body, a.raw)
				}
			})
		}
		if b.token() != token {
			t.Error("a change that is none gave another token")
		}
		session["data"].(map[string]any)["theme"] = "dark"
		if whole, err = json.Marshal(session); err != nil {
			t.Fatal(err)
		}
		if a := b.post("/api/auth/update", string(whole)).expect(200); a.at("session", "data", "theme") != "dark" {
			t.Errorf("the one thing that changed is lost: %s", a.raw)
		}
		unchanged(t, w, "the same with a role", func() {
			b.post("/api/auth/update", strings.Replace(string(whole), `"role":"user"`, `"role":"admin"`, 1)).expect(400) // twice, with two values
			b.post("/api/auth/update", strings.ReplaceAll(string(whole), `"role":"user"`, `"role":"admin"`)).expect(403)
			// The order of permissions is their value.
			b.post("/api/auth/update", `{"permissions":["posts:delete","posts:edit"]}`).expect(403)
		})
	})
}

// TestP08_Null_MergePatch: null deletes nothing, and a merge patch is no accepted type.
func TestP08_Null_MergePatch(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.loggedIn("user")
		for _, body := range []string{
			`{"role":null}`, `{"user":{"role":null}}`, `{"data":{"permissions":null}}`, `{"data":{"theme":null}}`, `{"user":{"name":null}}`,
			`{"user":null}`, `{"data":null}`, `{"user":null,"data":{"theme":"dark"}}`, `{"user":[],"theme":"dark"}`, `{"data":"x","theme":"dark"}`,
			`{"data":{"theme":"dark","draft":null}}`, `null`, `[]`, `"role"`, `{}`, `{"user":{},"data":{}}`,
			`[{"op":"replace","path":"/role","value":"admin"}]`, `{"op":"replace","path":"/role","value":"admin"}`,
		} {
			unchanged(t, w, body, func() { b.post("/api/auth/update", body).expect(400) })
		}
		for _, kind := range []string{"application/merge-patch+json", "application/json-patch+json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonp"} {
			unchanged(t, w, kind, func() {
				b.do("POST", "/api/auth/update", `{"data":{"theme":"dark"}}`, "Content-Type: "+kind).expect(415)
			})
		}
		unchanged(t, w, "PATCH and PUT", func() {
			b.do("PATCH", "/api/auth/update", `{"data":{"theme":"dark"}}`).expect(405)
			b.do("PUT", "/api/auth/update", `{"data":{"theme":"dark"}}`).expect(405)
		})
	})
}

// TestP08_Spellings_Refused: a name that a lenient reader would take for a declared or protected one is
// refused, with a query string beside it or not (checklist E2).
func TestP08_Spellings_Refused(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
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

// TestP08_Profile_TwoFieldsOnly: the profile endpoint is update for name and email; a person cannot
// reach anything else through it.
func TestP08_Profile_TwoFieldsOnly(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.loggedIn("user")
		for body, status := range map[string]int{
			`{"role":"admin"}`: 400, `{"theme":"dark"}`: 400, `{"permissions":["posts:delete"]}`: 400, `{"id":"admin"}`: 403, `{"isAdmin":true}`: 400,
			`{"name":7}`: 400, `{"user":{"name":"x"}}`: 400, `{"name":"x"},"data":{"theme":"dark"}`: 400, `{"name":"x"},"role":"admin","x":{}`: 400,
			`{"Name":"x"}`: 400,
		} {
			unchanged(t, w, body, func() { b.post("/api/auth/profile", body).expect(status) })
		}
		a := b.post("/api/auth/profile", `{"name":"Una","email":"una@example.com","role":"admin","theme":"dark","isAdmin":true}`).expect(200)
		if a.at("session", "user", "name") != "Una" || a.at("session", "user", "email") != "una@example.com" || a.at("session", "data", "role") != "user" || a.at("session", "data", "theme") != "light" {
			t.Errorf("profile: %s", a.raw)
		}
	})
}

// TestP08_Nobody_Writes: a field without a write policy takes nothing from outside, not even from an
// admin. An equal value of a private one gets the same answer as another: nobody can guess it.
func TestP08_Nobody_Writes(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.loggedIn("admin")
		ctx := nguard.WithActor(context.Background(), "job:test")
		list, err := w.guard.Sessions(ctx, "admin")
		if err != nil || len(list) != 1 {
			t.Fatalf("sessions: %v, %v", list, err)
		}
		if _, err := w.guard.Update(ctx, "admin", list[0].ID(), func(d *nguard.Draft) error { return secret.Set(d, "hush") }); err != nil {
			t.Fatal(err)
		}
		for _, body := range []string{`{"visits":7}`, `{"data":{"visits":7}}`, `{"data":{"secret":"other"}}`, `{"data":{"secret":"hush"}}`, `{"secret":""}`} {
			unchanged(t, w, body, func() { b.post("/api/auth/update", body).expect(403) })
		}
		for _, path := range []string{"/api/auth/session", "/api/auth/validate", "/api/auth/sessions"} {
			if a := b.get(path).expect(200); strings.Contains(string(a.raw), "hush") || strings.Contains(string(a.raw), `"secret"`) {
				t.Errorf("%s shows the private field: %s", path, a.raw)
			}
		}
		for _, e := range w.back.read() {
			if raw, err := json.Marshal(e); err != nil || strings.Contains(string(raw), "hush") {
				t.Errorf("an audit record shows the private field: %s, %v", raw, err)
			}
		}
	})
}

// TestP08_OneStep: of a request with one value that is refused, no other value is stored, wherever in
// the order it stands.
func TestP08_OneStep(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.loggedIn("user")
		good := []string{`"theme":"dark"`, `"language":"tr"`, `"draft":"x"`, `"user.name":"Una"`}
		for bad, status := range map[string]int{`"role":"admin"`: 403, `"visits":3`: 403, `"notatheme":1,"user.email":7`: 400, `"permissions":"posts:edit"`: 400} {
			for i := range len(good) + 1 {
				members := slices.Insert(slices.Clone(good), i, bad)
				body := "{" + strings.Join(members, ",") + "}"
				unchanged(t, w, body, func() { b.post("/api/auth/update", body).expect(status) })
			}
		}
		b.post("/api/auth/update", "{"+strings.Join(good, ",")+"}").expect(200)
	})
}

// TestF5_LoginBody_OnlyCredentialsCount: what a login body claims beside the credentials counts nothing,
// and is neither stored nor shown.
func TestF5_LoginBody_OnlyCredentialsCount(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		a := b.post("/api/auth/login", `{"id":"user","password":"`+guardtest.Password+`","role":"admin","roles":["admin"],"permissions":["posts:delete"],"isAdmin":true,
			"userId":"admin","user":{"id":"admin","role":"admin"},"data":{"theme":"dark","visits":99},"session":{"role":"admin"},
			"ttl":999999999,"expires":99999999999999,"level":9,"methods":["canary"],"device":"canary","ip":"1.2.3.4"}`).expect(200)
		if a.at("session", "user", "id") != "user" || a.at("session", "data", "role") != "user" || a.at("session", "data", "theme") != "light" || a.at("session", "data", "visits") != 0.0 {
			t.Errorf("session after login: %s", a.raw)
		}
		if life := a.at("session", "expires").(float64) - float64(w.clock.Now().UnixMilli()); life > 3_600_000 {
			t.Errorf("the session lives %v ms", life)
		}
		list, err := w.guard.Sessions(context.Background(), "user")
		if err != nil || len(list) != 1 {
			t.Fatalf("sessions: %v, %v", list, err)
		}
		if s := list[0]; s.Level() != 0 || !slices.Equal(s.Methods(), []string{"password"}) || s.IP() != "127.0.0.1" || strings.Contains(s.Device(), "canary") || s.Remembered() {
			t.Errorf("session: level %d, methods %v, ip %s, device %q, remembered %v", s.Level(), s.Methods(), s.IP(), s.Device(), s.Remembered())
		}
		if stored := storedBytes(w); strings.Contains(stored, "canary") || strings.Contains(stored, hex.EncodeToString([]byte("canary"))) {
			t.Error("a claim of the login body was stored")
		}
		b.get("/admin").expect(403)
		for _, remember := range []string{`"yes"`, `1`, `null`, `{"x":1}`} {
			w.browser().post("/api/auth/login", `{"id":"user","password":"`+guardtest.Password+`","remember":`+remember+`}`).expect(400)
		}
		w.browser().post("/api/auth/login", `{"id":"user","id":"admin","password":"`+guardtest.Password+`"}`).expect(400)
		w.browser().post("/api/auth/login", `{"id":["admin"],"password":"`+guardtest.Password+`"}`).expect(400)
	})
}
