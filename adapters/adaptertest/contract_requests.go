package adaptertest

import (
	"strings"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
)

// The cases of the files contract_*.go follow the page "HTTP contract that existing nguard browser clients expect",
// section by section.
var contractRequests = []rule{
	{"contract 1: requests of the client code", "Each request that the browser client makes gets the status and the members that the client reads.", contractClientCode},
	{"contract 2: requests of applications", "Each request that applications make beside the client gets the status and the members that they read.", contractApplications},
}

func contractClientCode(t *testing.T, k *kit) {
	w := k.newWorld(t)
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

func contractApplications(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
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
		if a := user.post("/api/auth/refresh", "").expect(200); a.at("ok") != true || len(a.cookies()) != 1 || w.sameToken(user.token(), before) {
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
