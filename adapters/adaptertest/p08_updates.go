package adaptertest

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
)

// smuggledUpdates are the rules of promise P8 about what an update is.
var smuggledUpdates = []rule{
	{"P8 equal values", "Whoever sends the whole session back, as applications written for the older client do, is not refused, and nothing is written.", smuggleEqual},
	{"P8 null and merge patches", "null deletes nothing, and a merge patch is no accepted type.", smuggleNull},
	{"P8 profile", "The profile endpoint is update for name and email; a person cannot reach anything else through it.", smuggleProfile},
	{"P8 fields of the program", "A field without a write policy takes nothing from outside, not even from an admin. An equal value of a private one gets the same answer as another: nobody can guess it.", smuggleNobody},
	{"P8 one step", "Of a request with one value that is refused, no other value is stored, wherever in the order it stands.", smuggleOneStep},
	{"F5 the login body", "What a login body claims beside the credentials counts nothing, and is neither stored nor shown.", smuggleLogin},
}

func smuggleEqual(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
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

func smuggleNull(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
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
				body := `{"data":{"theme":"dark"}}`
				if strings.HasPrefix(kind, "multipart") { // a framework may read forms itself, and refuse what is none
					body = "--x\r\nContent-Disposition: form-data; name=\"theme\"\r\n\r\ndark\r\n--x--\r\n"
				}
				b.do("POST", "/api/auth/update", body, "Content-Type: "+kind).expect(415)
			})
		}
		unchanged(t, w, "PATCH and PUT", func() {
			b.do("PATCH", "/api/auth/update", `{"data":{"theme":"dark"}}`).expect(405)
			b.do("PUT", "/api/auth/update", `{"data":{"theme":"dark"}}`).expect(405)
		})
	})
}

func smuggleProfile(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
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

func smuggleNobody(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
		b := w.loggedIn("admin")
		b.keepsSecret("admin", "hush")
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

func smuggleOneStep(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
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

func smuggleLogin(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
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
