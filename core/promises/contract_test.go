package promises

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
	"github.com/nguard-go/nguard/policy"
)

// These tests follow the page "HTTP contract that existing nguard browser clients expect", section by section.

// storedSession is what a client keeps: {user, data, expires, role, permissions} with the types of section 7.
func (a answer) storedSession(id, role string) map[string]any {
	a.t.Helper()
	s, ok := a.at("session").(map[string]any)
	if !ok {
		a.t.Fatalf("%s: no session object in %s", a.what, a.raw)
	}
	user, _ := s["user"].(map[string]any)
	data, _ := s["data"].(map[string]any)
	if user["id"] != id || user["role"] != role || data["role"] != role || s["role"] != role {
		a.t.Errorf("%s: not the session of %s, %s: %s", a.what, id, role, a.raw)
	}
	for _, name := range []string{"name", "email"} {
		if _, ok := user[name].(string); !ok {
			a.t.Errorf("%s: user.%s is %T", a.what, name, user[name])
		}
	}
	for _, v := range []any{data["permissions"], s["permissions"]} {
		if _, ok := v.([]any); !ok {
			a.t.Errorf("%s: permissions is %T: %s", a.what, v, a.raw)
		}
	}
	expires, ok := s["expires"].(float64)
	if !ok || expires != math.Trunc(expires) || expires < 1e12 || expires > 1e14 {
		a.t.Errorf("%s: expires is %v: milliseconds since 1970 are wanted", a.what, s["expires"])
	}
	if s["token"] != nil || user["token"] != nil || data["token"] != nil || data["secret"] != nil || a.at("token") != nil {
		a.t.Errorf("%s: a token or private field in %s", a.what, a.raw)
	}
	return s
}

// failed is the body of a failure: error and message with one text, at the top level.
func (a answer) failed(status int) answer {
	a.t.Helper()
	a.expect(status)
	text, _ := a.at("error").(string)
	if a.header.Get("Content-Type") != "application/json" || text == "" || a.at("message") != text {
		a.t.Errorf("%s: Content-Type %q, body %s", a.what, a.header.Get("Content-Type"), a.raw)
	}
	return a
}

func (a answer) cookies() []*http.Cookie {
	return (&http.Response{Header: a.header}).Cookies()
}

func TestContract1_RequestsOfTheClientCode(t *testing.T) {
	w := newWorld(t, memory(t))
	b := w.browser()
	if a := b.get("/api/auth/validate").expect(200); a.at("valid") != false || a.at("session") != nil || a.at("error") == nil {
		t.Errorf("validate before login: %s", a.raw)
	}
	a := b.post("/api/auth/login", `{"email":"user@example.com","password":"`+guardtest.Password+`"}`).expect(200)
	if a.at("success") != true || a.at("message") == nil || len(a.cookies()) != 1 {
		t.Errorf("login: %s, Set-Cookie %q", a.raw, a.header["Set-Cookie"])
	}
	a.storedSession("user", "user")
	if strings.Contains(string(a.raw), b.token()) {
		t.Error("the token is in the body of login")
	}
	a = b.get("/api/auth/validate").expect(200)
	if a.at("valid") != true {
		t.Errorf("validate: %s", a.raw)
	}
	s := a.storedSession("user", "user")
	a = b.post("/api/auth/update", `{"user":{"name":"Nova"},"data":{"theme":"dark"}}`).expect(200)
	if next := a.storedSession("user", "user"); a.at("session", "user", "name") != "Nova" || len(next) != len(s) {
		t.Errorf("update answers %s", a.raw)
	}
	a = b.do("POST", "/api/auth/logout", "", "Content-Type:").expect(200) // no body, no type
	if a.at("ok") != true || a.at("success") != true || a.at("message") == nil || !w.clears(a.header["Set-Cookie"]) || b.token() != "" {
		t.Errorf("logout: %s, Set-Cookie %q", a.raw, a.header["Set-Cookie"])
	}
	again := b.do("POST", "/api/auth/logout", "", "Content-Type:").expect(200)
	if string(again.raw) != string(a.raw) || !w.clears(again.header["Set-Cookie"]) {
		t.Errorf("logout without a session: %s", again.raw)
	}
	for body, status := range map[string]int{attempt("user", "wrong"): 401, attempt("nobody", "x"): 401, `{"id":"user"}`: 400, `{"password":"x"}`: 400, `{}`: 400, `{"id":"","password":""}`: 400, `no json`: 400} {
		b.post("/api/auth/login", body).failed(status)
	}
}

func TestContract2_RequestsOfApplications(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		nobody, user, admin := w.browser(), w.loggedIn("user"), w.loggedIn("admin")

		if a := nobody.get("/api/auth/session").failed(401); !strings.Contains(string(a.raw), `"session":null`) {
			t.Errorf("session without one: %s", a.raw)
		}
		user.get("/api/auth/session").expect(200).storedSession("user", "user")

		if a := nobody.post("/api/auth/refresh", "").failed(401); a.at("error") != "No session to refresh" {
			t.Errorf("refresh without a session: %s", a.raw)
		}
		w.clock.Advance(nguard.Grace + time.Second)
		before := user.token()
		if a := user.post("/api/auth/refresh", "").expect(200); a.at("ok") != true || len(a.cookies()) != 1 || user.token() == before {
			t.Errorf("refresh: %s, Set-Cookie %q", a.raw, a.header["Set-Cookie"])
		}

		a := user.get("/api/auth/validate").expect(200)
		left, _ := a.at("expiresIn").(float64)
		if left < 59*60e3 || left > 60*60e3 {
			t.Errorf("expiresIn is %v ms of an idle limit of an hour", a.at("expiresIn"))
		}
		a = nobody.post("/api/auth/validate", `{"token":"`+user.token()+`"}`).expect(200)
		a.storedSession("user", "user")
		if _, ok := a.at("expiresIn").(float64); !ok || a.at("valid") != true {
			t.Errorf("POST validate: %s", a.raw)
		}
		for _, body := range []string{`{"token":"x"}`, `{"token":""}`, `{}`} {
			if a := nobody.post("/api/auth/validate", body).expect(200); a.at("valid") != false || a.at("error") == nil || a.at("session") != nil {
				t.Errorf("POST validate %s: %s", body, a.raw)
			}
		}
		if a := user.do("HEAD", "/api/auth/validate", "").expect(200); len(a.raw) != 0 {
			t.Errorf("HEAD validate has a body: %s", a.raw)
		}
		if a := nobody.do("HEAD", "/api/auth/validate", "").expect(401); len(a.raw) != 0 {
			t.Errorf("HEAD validate has a body: %s", a.raw)
		}

		a = user.post("/api/auth/profile", `{"name":"Nova","email":"nova@example.com"}`).expect(200)
		if a.at("session", "user", "name") != "Nova" || a.at("session", "user", "email") != "nova@example.com" {
			t.Errorf("profile: %s", a.raw)
		}
		nobody.post("/api/auth/profile", `{"name":"x","email":"y"}`).failed(401)

		a = admin.post("/api/auth/update-role", `{"userId":"user","newRole":"moderator"}`).expect(200)
		if a.at("ok") != true || a.at("success") != true || a.at("message") == nil || a.at("user", "id") != "user" || a.at("user", "role") != "moderator" || a.at("user", "name") != "Nova" {
			t.Errorf("update-role: %s", a.raw)
		}
		if a.at("session") != nil || len(a.cookies()) != 0 {
			t.Errorf("update-role of another changes the caller's session: %s, %q", a.raw, a.header["Set-Cookie"])
		}
		user.get("/api/auth/session").expect(200).storedSession("user", "moderator")
		a = admin.post("/api/auth/update-role", `{"userId":"admin","newRole":"moderator"}`).expect(200)
		a.storedSession("admin", "moderator")
		if len(a.cookies()) != 1 || a.at("user", "role") != "moderator" {
			t.Errorf("update-role of oneself: %s, %q", a.raw, a.header["Set-Cookie"])
		}
		root := w.loggedIn("admin2")
		for body, status := range map[string]int{
			`{"userId":"user"}`: 400, `{"newRole":"user"}`: 400, `{"userId":"user","newRole":"emperor"}`: 400, `{"userId":"user","newRole":""}`: 400, `{"userId":"","newRole":"user"}`: 400,
			`{"userId":"nobody","newRole":"user"}`: 404, `{}`: 400,
		} {
			if a := root.post("/api/auth/update-role", body).failed(status); a.at("success") != false {
				t.Errorf("update-role %s: %s", body, a.raw)
			}
		}
		user.post("/api/auth/update-role", `{"userId":"user","newRole":"admin"}`).failed(403)
		nobody.post("/api/auth/update-role", `{"userId":"user","newRole":"admin"}`).failed(401)

		// validate answers 200 also for a session that has ended.
		w.clock.Advance(2 * time.Hour)
		if a := user.get("/api/auth/validate").expect(200); a.at("valid") != false || a.at("error") != a.at("message") {
			t.Errorf("validate after the end: %s", a.raw)
		}
	})
}

func TestContract3_StatusCodesAndBodiesOfUpdate(t *testing.T) {
	w, store := tallied(t, func(c *nguard.Config) {
		c.Hooks.BeforeUpdate = func(_ context.Context, u nguard.Update) error {
			if u.Changes[0].To == "canary" {
				panic("canary: relation people does not exist")
			}
			return nil
		}
	})
	b := w.loggedIn("user")
	a := b.post("/api/auth/update", `{"theme":"dark"}`).expect(200)
	if a.at("success") != true || a.at("message") == nil || len(a.cookies()) != 1 || a.cookies()[0].Value != b.token() {
		t.Errorf("update: %s, %q", a.raw, a.header["Set-Cookie"])
	}
	for body, status := range map[string]int{
		`{`: 400, `[]`: 400, `{}`: 400, `{"x":1}`: 400, `{"user":{}}`: 400, `{"data":{}}`: 400, `{"theme":"pink"}`: 400, `{"theme":7}`: 400, `{"role":"admin"}`: 403, `{"permissions":["posts:edit"]}`: 403,
		`{"user":{"id":"admin"}}`: 403, `{"visits":9}`: 403, `{"theme":"dark","x":"` + strings.Repeat("x", 10<<10) + `"}`: 413, `{"user":{"name":"canary"}}`: 500,
	} {
		a := b.post("/api/auth/update", body).failed(status)
		if a.at("success") != false || a.at("session") != nil || strings.Contains(string(a.raw), "canary") {
			t.Errorf("update %.40s: %s", body, a.raw)
		}
	}
	if a := w.browser().post("/api/auth/update", `{"theme":"dark"}`).failed(401); a.at("success") != false {
		t.Errorf("update without a session: %s", a.raw)
	}
	limited := newWorld(t, memory(t), func(c *nguard.Config) { c.Limits.Update = refusing{} }).loggedIn("user")
	if a := limited.post("/api/auth/update", `{"theme":"dark"}`).failed(429); a.at("success") != false || a.header.Get("Retry-After") != "2" {
		t.Errorf("update at the limit: %s, Retry-After %q", a.raw, a.header.Get("Retry-After"))
	}
	store.down.Store(true)
	if a := b.post("/api/auth/update", `{"theme":"dark"}`).failed(503); a.at("success") != false {
		t.Errorf("update in an outage: %s", a.raw)
	}
	if a := b.get("/api/auth/validate").failed(503); a.at("valid") != false {
		t.Errorf("validate in an outage: %s", a.raw)
	}
}

// localMerge is what a client of generation B does with an answer to update: whether it takes a refusal for a
// success, and the change for made.
func localMerge(a answer) bool {
	if !strings.Contains(a.header.Get("Content-Type"), "application/json") {
		return true
	}
	var body map[string]any
	if err := json.Unmarshal(a.raw, &body); err != nil {
		return true
	}
	_, session := body["session"].(map[string]any)
	return a.status < 300 && !session
}

func TestContract4_NoRefusalIsTakenForASuccess(t *testing.T) {
	w, store := tallied(t, func(c *nguard.Config) {
		c.LoginPage = "/login" // sends pages away, never a call of an endpoint
		c.Limits.Update = &every{n: 3}
	})
	b := w.loggedIn("user")
	const path = "/api/auth/update"
	for _, accept := range []string{"Accept:", "Accept: application/json", "Accept: text/html", "Accept: application/problem+json", "Accept: text/plain"} {
		for _, c := range []struct {
			method, path, body string
			lines              []string
		}{
			{"POST", path, `{"role":"admin"}`, nil}, {"POST", path, `{"role":"admin"`, nil}, {"POST", path, "", nil}, {"POST", path, strings.Repeat("x", 20<<10), nil}, {"POST", path, `{"role":"admin"}`, []string{"Sec-Fetch-Site: cross-site"}},
			{"POST", path, `{"role":"admin"}`, []string{"Content-Type: text/html"}}, {"POST", path, `{"role":"admin"}`, []string{"Content-Encoding: gzip"}}, {"PUT", path, `{"role":"admin"}`, nil}, {"GET", path, "", nil},
			{"POST", path + "/", `{"role":"admin"}`, nil}, {"POST", path + ".json", `{"role":"admin"}`, nil}, {"POST", "/api/auth/Update", `{"role":"admin"}`, nil}, {"POST", path, `{"theme":"dark"}`, []string{`If-Match: "x.1"`}},
			{"POST", path, `{"role":"admin"}`, []string{"Sec-Fetch-Dest: iframe"}},
		} {
			for _, who := range []*browser{b, w.browser()} {
				for range 3 { // every third meets the limit
					if a := who.do(c.method, c.path, c.body, append([]string{accept}, c.lines...)...); localMerge(a) || a.status < 400 {
						t.Errorf("%s %s %.30s, %s: status %d, Content-Type %q, %.80s", c.method, c.path, c.body, accept, a.status, a.header.Get("Content-Type"), a.raw)
					}
				}
			}
		}
		store.down.Store(true)
		if a := b.do("POST", path, `{"role":"admin"}`, accept); localMerge(a) || a.status != 503 {
			t.Errorf("in an outage, %s: status %d, %s", accept, a.status, a.raw)
		}
		store.down.Store(false)
	}
	if a := b.post(path, `{"theme":"dark"}`); localMerge(a) && a.status == 200 {
		t.Errorf("a success without a session: %s", a.raw)
	}
}

// every refuses each nth call.
type every struct{ n, calls int }

func (e *every) Take(context.Context, nguard.Caller, int) (nguard.Quota, error) {
	e.calls++
	return nguard.Quota{Name: "every", Allowed: e.calls%e.n != 0, RetryAfter: time.Second}, nil
}

func TestContract5_Cookie(t *testing.T) {
	const remember = `{"id":"user","password":"` + guardtest.Password + `","remember":true}`
	for _, c := range []struct {
		what, name string
		config     nguard.Cookie
		attributes string
	}{
		{"default", "__Host-nguard-session", nguard.Cookie{}, "; Path=/; Secure; HttpOnly; SameSite=Lax"},
		{"insecure", "nguard-session", nguard.Cookie{Insecure: true}, "; Path=/; HttpOnly; SameSite=Lax"},
		{"domain", "__Secure-nguard-session", nguard.Cookie{Domain: "example.com"}, "; Path=/; Domain=example.com; Secure; HttpOnly; SameSite=Lax"},
		{"strict, named", "__Host-sid", nguard.Cookie{Name: "sid", SameSite: nguard.SameSiteStrict}, "; Path=/; Secure; HttpOnly; SameSite=Strict"},
	} {
		w := newWorld(t, memory(t), func(config *nguard.Config) { config.Cookie = c.config })
		if w.guard.CookieName() != c.name {
			t.Errorf("%s: name %s", c.what, w.guard.CookieName())
		}
		login := w.sends(w.written("POST", "/api/auth/login", credentials, sameOrigin, asJSON)).expect(200)
		line := login.header["Set-Cookie"][0]
		pair, attributes, _ := strings.Cut(line, ";")
		if !strings.HasPrefix(pair, c.name+"=") || ";"+attributes != c.attributes {
			t.Errorf("%s: login sets %q", c.what, line)
		}
		token := strings.TrimPrefix(pair, c.name+"=")
		if strings.Trim(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			t.Errorf("%s: percent-encoding would change the token %q", c.what, token)
		}
		for _, path := range []string{"update", "refresh"} {
			r := w.sends(w.written("POST", "/api/auth/"+path, `{"theme":"dark"}`, sameOrigin, asJSON, w.by(token))).expect(200)
			if len(r.header["Set-Cookie"]) != 1 || !strings.HasSuffix(r.header["Set-Cookie"][0], c.attributes) {
				t.Errorf("%s: %s sets %q", c.what, path, r.header["Set-Cookie"])
			}
		}
		logout := w.sends(w.written("POST", "/api/auth/logout", "", sameOrigin, w.by(token))).expect(200)
		if want := c.name + "=" + c.attributes + "; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT"; len(logout.header["Set-Cookie"]) != 1 || logout.header["Set-Cookie"][0] != want {
			t.Errorf("%s: logout sets %q, want %q", c.what, logout.header["Set-Cookie"], want)
		}

		// Remembered sessions carry what is left of them, on every answer that sets the cookie.
		got := w.sends(w.written("POST", "/api/auth/login", remember, sameOrigin, asJSON)).expect(200)
		persistent := answer{t: t, header: got.header}.cookies()[0]
		w.clock.Advance(24 * time.Hour)
		updated := w.sends(w.written("POST", "/api/auth/update", `{"theme":"light"}`, sameOrigin, asJSON, w.by(persistent.Value))).expect(200)
		stepped := w.sends(w.written("POST", "/step-up", "", sameOrigin, w.by(persistent.Value))).expect(200) // a new session, remembered like the old one
		for i, set := range []*http.Cookie{persistent, answer{t: t, header: updated.header}.cookies()[0], answer{t: t, header: stepped.header}.cookies()[0]} {
			left := [...]time.Duration{30, 29, 30}[i] * 24 * time.Hour
			end := w.guard.Now().Add([...]time.Duration{29, 29, 30}[i] * 24 * time.Hour)
			if d := time.Duration(set.MaxAge)*time.Second - left; d > time.Second || d < -time.Minute {
				t.Errorf("%s: Max-Age is %d, %v are left", c.what, set.MaxAge, left)
			}
			if d := set.Expires.Sub(end); d > time.Minute || d < -time.Minute {
				t.Errorf("%s: Expires is %v, the session ends at %v", c.what, set.Expires, end)
			}
		}
	}
}

// After a logout every client leaves an empty cookie of the same name behind, which scripts can read.
func TestContract5_TheEmptyCookieAfterALogout(t *testing.T) {
	w := newWorld(t, memory(t), func(c *nguard.Config) { c.Cookie.Insecure = true })
	const left = "Cookie: nguard-session="
	if r := w.sends(w.written("GET", "/api/auth/validate", "", left)).expect(200); len(r.header["Set-Cookie"]) != 0 || !strings.Contains(r.body, `"valid":false`) {
		t.Errorf("validate: %s%s", r.head, r.body)
	}
	w.sends(w.written("GET", "/api/auth/session", "", left)).expect(401)
	w.sends(w.written("POST", "/api/auth/logout", "", left)).expect(200) // no cookie, so no proof of origin is asked
	r := w.sends(w.written("POST", "/api/auth/login", credentials, asJSON, sameOrigin, left)).expect(200)
	set := answer{t: t, header: r.header}.cookies()
	if len(set) != 1 || set[0].Value == "" || set[0].Name != "nguard-session" || set[0].Path != "/" {
		t.Errorf("the next login does not overwrite it: %q", r.header["Set-Cookie"])
	}
	for _, e := range w.back.read() {
		if e.Name == nguard.EventInputInvalid {
			t.Errorf("an empty cookie was taken for a malformed token: %+v", e)
		}
	}
	// Name and value of the client's cookieName.
	named := newWorld(t, memory(t), func(c *nguard.Config) { c.Cookie = nguard.Cookie{Insecure: true, Name: "my-app"} })
	b := named.loggedIn("user")
	if b.token() == "" || named.guard.CookieName() != "my-app" {
		t.Errorf("cookie of another name: %q", named.guard.CookieName())
	}
	b.get("/who").expect(200)
}

func TestContract8_BothFormsOfUpdate(t *testing.T) {
	for what, body := range map[string]string{
		"nested": `{"user":{"name":"Nova"},"data":{"theme":"dark","language":"tr"}}`, "flat": `{"theme":"dark","language":"tr","user":{"name":"Nova"}}`, "mixed": `{"theme":"dark","data":{"language":"tr"},"user":{"name":"Nova"}}`,
		"with unknown keys": `{"theme":"dark","notifications":true,"twoFactorEnabled":false,"data":{"language":"tr","x":1},"user":{"name":"Nova","avatar":"y"}}`,
		"both alike":        `{"theme":"dark","data":{"theme":"dark","language":"tr"},"user":{"name":"Nova"}}`,
	} {
		for _, line := range []string{asJSON, textPlain, "Content-Type:"} {
			w := newWorld(t, memory(t))
			b := w.loggedIn("user")
			a := b.do("POST", "/api/auth/update", body, line).expect(200)
			s := a.storedSession("user", "user")
			if a.at("session", "data", "theme") != "dark" || a.at("session", "data", "language") != "tr" || a.at("session", "user", "name") != "Nova" || a.at("session", "user", "email") != "user@example.com" {
				t.Errorf("%s: %s", what, a.raw)
			}
			if stored := b.get("/api/auth/session").storedSession("user", "user"); !reflect.DeepEqual(stored["data"], s["data"]) || !reflect.DeepEqual(stored["user"], s["user"]) {
				t.Errorf("%s: answered %v, stored %v", what, s, stored)
			}
			if len(a.cookies()) != 1 || a.cookies()[0].Value != b.token() {
				t.Errorf("%s: Set-Cookie %q", what, a.header["Set-Cookie"])
			}
		}
	}
}

// Rule 2: one level deep. What is not named stays; arrays and nested objects are replaced as a whole.
func TestContract8_MergeIsOneLevelDeep(t *testing.T) {
	w := newWorld(t, memory(t), func(c *nguard.Config) {
		c.Fields = append(fields(), &nguard.Field[map[string]int]{Name: "prefs", Write: policy.Self}, &nguard.Field[[]string]{Name: "tags", Write: policy.Self, Scope: nguard.InUser},
			&nguard.Field[map[string]string]{Name: "user.address", Write: policy.Self, Scope: nguard.InUser})
	})
	b := w.loggedIn("user")
	b.post("/api/auth/update", `{"data":{"prefs":{"a":1,"b":2},"tags":["x","y"],"theme":"dark"},"user":{"address":{"city":"Izmir","street":"1"}}}`).expect(200)
	a := b.post("/api/auth/update", `{"data":{"prefs":{"c":3},"tags":["z"]},"user":{"address":{"city":"Bonn"}}}`).expect(200)
	for path, want := range map[string]any{
		"data prefs": map[string]any{"c": 3.0}, "data tags": []any{"z"}, "data theme": "dark", "user address": map[string]any{"city": "Bonn"}, "user email": "user@example.com", "user name": "Uma User",
	} {
		if got := a.at(append([]string{"session"}, strings.Fields(path)...)...); !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
	a = b.post("/api/auth/update", `{"data":{"tags":[],"prefs":{}}}`).expect(200)
	if got := a.at("session", "data", "tags"); !reflect.DeepEqual(got, []any{}) {
		t.Errorf("tags is %v", got)
	}
}

// Rules 3 and 4: what never changes, and what is protected in all three places.
func TestContract8_ProtectedMembers(t *testing.T) {
	w := newWorld(t, memory(t))
	b := w.loggedIn("user")
	before := b.get("/api/auth/session").storedSession("user", "user")
	id := w.handle("user")
	places := []string{`{%s}`, `{"user":{%s}}`, `{"data":{%s}}`}
	for _, place := range places {
		for _, member := range []string{`"role":"admin"`, `"role":"moderator"`, `"permissions":["posts:edit"]`, `"permissions":["*"]`} {
			b.post("/api/auth/update", fmt.Sprintf(place, member)).failed(403)
			b.post("/api/auth/update", fmt.Sprintf(strings.Replace(place, "%s", `%s,"x":1`, 1), member)).failed(403)
		}
		for _, member := range []string{`"roles":["admin"]`, `"isAdmin":true`, `"isSuperAdmin":true`, `"isAdmin":1`, `"sessionId":"x"`, `"iat":1`, `"exp":99999999999`, `"expires":99999999999999`, `"version":9`, `"created":1`, `"level":9`, `"authAt":1`, `"secret":"x"`} {
			a := b.post("/api/auth/update", fmt.Sprintf(place, member))
			if a.status != 400 && a.status != 403 {
				t.Errorf("%s in %s: status %d, %s", member, place, a.status, a.raw)
			}
		}
	}
	for _, body := range []string{`{"user":{"id":"admin"}}`, `{"user":{"id":"admin","name":"Nova"}}`, `{"user":{"id":""}}`, `{"user":{"id":7}}`, `{"user":{"id":null}}`} {
		if a := b.post("/api/auth/update", body); a.status != 403 && a.status != 400 {
			t.Errorf("%s: status %d", body, a.status)
		}
	}
	// Beside a change that is allowed: refused as a whole, or dropped.
	b.post("/api/auth/update", `{"theme":"dark","role":"admin"}`).failed(403)
	after := b.get("/api/auth/session").storedSession("user", "user")
	before["expires"] = after["expires"] // the idle end moves with use
	if !reflect.DeepEqual(before, after) || w.handle("user") != id {
		t.Errorf("before %v, after %v", before, after)
	}
	end := w.devices("user")[0].Expires()
	a := b.post("/api/auth/update", `{"theme":"dark","isAdmin":true,"expires":99999999999999,"sessionId":"x","data":{"isSuperAdmin":true,"roles":["admin"],"exp":1}}`).expect(200)
	for _, name := range []string{"isAdmin", "isSuperAdmin", "roles", "sessionId", "exp\""} {
		if strings.Contains(string(a.raw), name) {
			t.Errorf("%s was kept: %s", name, a.raw)
		}
	}
	if got := w.devices("user")[0]; got.Expires().After(end.Add(time.Minute)) || got.ID() != id {
		t.Errorf("the end moved from %v to %v", end, got.Expires())
	}
	b.get("/admin").expect(403)
}

// Rule 5: applications send back all that they hold.
func TestContract8_WhatIsEqualIsNoChange(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, id := range []string{"user", "mod", "admin"} {
			b := w.loggedIn(id)
			b.post("/api/auth/update", `{"theme":"dark","draft":"mine"}`).expect(200)
			b.post("/api/visits", "").expect(200)
			s, _ := b.get("/api/auth/session").at("session").(map[string]any)
			version := b.get("/api/auth/session").header.Get(nguard.VersionHeader)
			for _, body := range []any{
				map[string]any{"user": s["user"], "data": s["data"]}, s, map[string]any{"user": s["user"]}, map[string]any{"data": s["data"]},
				s["user"], s["data"], map[string]any{"role": s["role"], "permissions": s["permissions"]},
			} {
				raw, err := json.Marshal(body)
				if err != nil {
					t.Fatal(err)
				}
				a := b.post("/api/auth/update", string(raw))
				if a.status != 200 {
					t.Errorf("%s sends back %s: status %d, %s", id, raw, a.status, a.raw)
					continue
				}
				a.storedSession(id, s["role"].(string))
				if got := a.header.Get(nguard.VersionHeader); got != version || len(a.cookies()) != 1 {
					t.Errorf("%s: no change, but version %s, before %s; Set-Cookie %q", id, got, version, a.header["Set-Cookie"])
				}
			}
			// With one member changed the rest is still no change.
			s["user"].(map[string]any)["name"] = "Nova " + id
			raw, _ := json.Marshal(map[string]any{"user": s["user"], "data": s["data"]})
			if a := b.post("/api/auth/update", string(raw)).expect(200); a.at("session", "user", "name") != "Nova "+id {
				t.Errorf("%s: %s", id, a.raw)
			}
		}
		for _, e := range w.back.read() {
			if e.Name == nguard.EventAuthzFail {
				t.Errorf("refused: %+v", e)
			}
		}
	})
}

// Rule 6: which changes replace the token.
func TestContract8_WhichChangesReplaceTheToken(t *testing.T) {
	w := newWorld(t, memory(t))
	b := w.loggedIn("admin2")
	w.clock.Advance(nguard.Grace + time.Second)
	for _, c := range []struct {
		path, body string
		replaced   bool
	}{
		{"update", `{"theme":"dark"}`, false}, {"update", `{"theme":"dark"}`, false}, {"profile", `{"name":"x"}`, false}, {"refresh", "", true},
		{"update-role", `{"userId":"admin2","permissions":["posts:edit"]}`, true}, {"update-role", `{"userId":"admin2","newRole":"admin"}`, false}, {"update", `{"role":"moderator"}`, true}, {"login", attempt("admin2", guardtest.Password), true},
	} {
		before := b.token()
		a := b.post("/api/auth/"+c.path, c.body).expect(200)
		if set := a.cookies(); len(set) != 1 || set[0].Value != b.token() || b.token() != before != c.replaced {
			t.Errorf("%s %s: Set-Cookie %q, replaced %v, want %v", c.path, c.body, a.header["Set-Cookie"], b.token() != before, c.replaced)
		}
		if s := b.get("/api/auth/session").expect(200); c.path != "refresh" && s.at("session", "data", "theme") != a.at("session", "data", "theme") && a.at("session") != nil {
			t.Errorf("%s %s answers %s, stored is %s", c.path, c.body, a.raw, s.raw)
		}
		w.clock.Advance(nguard.Grace + time.Second)
	}
}

// Section 9: origin checks alone, so that these requests of existing applications pass.
func TestContract9_WhatBrowsersOfOldClientsSend(t *testing.T) {
	w := newWorld(t, memory(t))
	own := "Origin: " + w.server.URL
	for _, proof := range [][]string{{own}, {own, sameOrigin}, {sameOrigin}} {
		b := w.loggedIn("user")
		me := w.by(b.token())
		w.sends(w.written("POST", "/api/auth/update", `{"theme":"dark"}`, append(slices.Clone(proof), textPlain, me)...)).expect(200)
		w.sends(w.written("POST", "/api/auth/update", `{"theme":"light"}`, append(slices.Clone(proof), me)...)).expect(200)
		w.sends(w.written("POST", "/api/auth/update-role", `{"userId":"user","newRole":"user"}`, append(slices.Clone(proof), me)...)).expect(403)
		w.sends(w.written("POST", "/api/auth/refresh", "", append(slices.Clone(proof), me)...)).expect(200)
		w.sends(w.written("POST", "/api/auth/logout", "", append(slices.Clone(proof), me, "Content-Length: 0")...)).expect(200)
		w.sends(w.written("POST", "/api/auth/login", credentials, append(slices.Clone(proof), asJSON, me)...)).expect(200)
	}
	// A person who types the address, and a page of another site that only links.
	b := w.loggedIn("user")
	b.do("GET", "/api/auth/session", "", "Sec-Fetch-Site: none", "Sec-Fetch-Dest: document").expect(200)
	b.do("GET", "/api/auth/session", "", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Dest: document").expect(200)
	for _, dest := range []string{"iframe", "frame", "embed", "object", "script", "style", "image"} {
		if a := b.do("GET", "/api/auth/session", "", "Sec-Fetch-Dest: "+dest).expect(403); strings.Contains(string(a.raw), "user@example.com") {
			t.Errorf("data in a %s: %s", dest, a.raw)
		}
		b.do("GET", "/api/auth/sessions", "", "Sec-Fetch-Dest: "+dest).expect(403)
	}
	// No callback, no JavaScript.
	if a := b.get("/api/auth/session?callback=alert"); a.status == 200 && (a.raw[0] != '{' || a.header.Get("Content-Type") != "application/json") {
		t.Errorf("JSONP: %s", a.raw)
	}
}
