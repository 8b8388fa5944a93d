package adaptertest

import (
	"context"
	"strings"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
)

// issuance are the rules of group A of the checklist: who gets a token, from whom, and where one counts.
var issuance = []rule{
	{"A1 a planted token", "A token that was put into a browser is not what a login gives out, and leads to nothing.", issuancePlanted},
	{"A1 a token of another guard", "A token of one guard is nothing to another on the same store.", issuanceOtherGuard},
	{"A2 visitors", "Visitors have nothing that a login could take over: no cookie, no row.", issuanceVisitors},
	{"A3 a login on a session", "A login in a browser that holds a session ends that one, and takes nothing of it along.", issuanceLoginOnASession},
	{"A4 the cookie only", "A token counts in the cookie, and nowhere else in a request.", issuanceCookieOnly},
	{"A4 validate is limited", "Asking about a token in a body counts at the limit for reads.", issuanceValidateLimit},
	{"A4 validate beside a session", "A token in the cookie and another in the body of POST validate are two questions on one request.", issuanceValidateBeside},
	{"A5 new tokens", "A step-up, ending all others and a new role replace the token, and the earlier one ends.", issuanceReplaced},
	{"A6 safe methods", "A safe method neither makes nor ends a session, nor writes anything but an idle clock that is due.", issuanceSafeMethods},
}

// issuedElsewhere is a well-formed token that this world never gave out: another program's.
func issuedElsewhere(t testing.TB, w *world, userID string) string {
	t.Helper()
	if w.routed() {
		return issuedLocally(t, w)
	}
	g := guardtest.New(t, nguard.Config{}, People()...)
	token, _, err := g.Login(nguard.WithActor(context.Background(), userID), userID, nguard.LoginOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// count is how many live sessions the person has.
func (w *world) count(userID string) int {
	w.t.Helper()
	list, err := w.guard.Sessions(context.Background(), userID)
	if err != nil {
		w.t.Fatal(err)
	}
	return len(list)
}

func issuancePlanted(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
		planted := issuedElsewhere(t, w, "user")
		victim := w.browser().hold(planted)
		victim.get("/who").expect(401)
		w.await("the unknown token", func(e nguard.Event) bool { return e.Name == nguard.EventUseAfterExpire })
		a := victim.login("user")
		if victim.token() == planted || strings.Contains(string(a.raw), planted) {
			t.Error("the planted token was adopted")
		}
		victim.get("/who").expect(200)
		w.browser().hold(planted).get("/who").expect(401)
		if n := w.count("user"); n != 1 {
			t.Errorf("%d sessions after one login", n)
		}
	})
}

func issuanceOtherGuard(t *testing.T, k *kit) {
	b := k.open(t)
	tenant := func(ns string) *world { return newWorld(t, b, func(c *nguard.Config) { c.Namespace = ns }) }
	one, two := tenant("a"), tenant("b")
	token, _, err := one.guard.Login(nguard.WithActor(context.Background(), "test"), "user", nguard.LoginOptions{})
	if err != nil {
		t.Fatal(err)
	}
	one.show(token, "GET", "/api/auth/session").expect(200)
	two.show(token, "GET", "/api/auth/session").expect(401)
}

// A2 needs anonymous sessions, which do not exist yet: no visitor has anything that could move over.
func issuanceVisitors(t *testing.T, k *kit) {
	w, store := k.tallied(t)
	visitor := w.browser()
	for _, path := range []string{"/public", "/who", "/api/auth/session", "/api/auth/validate"} {
		if a := visitor.get(path); len(a.header["Set-Cookie"]) != 0 || a.header.Get(nguard.VersionHeader) != "" {
			t.Errorf("GET %s gave a visitor Set-Cookie %q", path, a.header["Set-Cookie"])
		}
	}
	visitor.post("/api/visits", "").expect(401)
	visitor.post("/api/auth/update", `{"theme":"dark"}`).expect(401)
	if n := store.writes(); n != 0 {
		t.Errorf("%d writes for a visitor", n)
	}
}

func issuanceLoginOnASession(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
		b := w.loggedIn("user")
		b.post("/api/auth/update", `{"draft":"of user","theme":"dark"}`).expect(200)
		b.post("/api/visits", "").expect(200)
		old := b.copyOf()
		a := b.login("other")
		if strings.Contains(string(a.raw), "of user") || a.at("session", "data", "visits") != 0.0 || a.at("session", "data", "theme") != "light" {
			t.Errorf("data of the old session in the new one: %s", a.raw)
		}
		old.get("/who").expect(401)
		if got := b.get("/who").text(); got != "other" {
			t.Errorf("signed in as %q", got)
		}
		if n := w.count("user"); n != 0 {
			t.Errorf("%d sessions of the first person live", n)
		}
		w.await("the end of the first session", func(e nguard.Event) bool { return e.Name == nguard.EventLogout && e.Target == "user" })

		// The same person again: the old session ends too, and does not count twice.
		old = b.copyOf()
		b.login("other")
		old.get("/who").expect(401)
		if n := w.count("other"); n != 1 {
			t.Errorf("%d sessions after logging in twice in one browser", n)
		}
	})
}

func issuanceCookieOnly(t *testing.T, k *kit) {
	w := k.newWorld(t)
	victim := w.loggedIn("user")
	token, name := victim.token(), w.guard.CookieName()
	thief := w.browser()
	for _, query := range []string{"token=", "session=", "nguard-session=", name + "=", "access_token=", "sid="} {
		thief.get("/who?" + query + token).expect(401)
		thief.get("/api/auth/session?" + query + token).expect(401)
		if a := thief.get("/api/auth/validate?" + query + token).expect(200); a.at("valid") != false {
			t.Errorf("valid by query %s", query)
		}
	}
	for _, header := range []string{"Authorization: Bearer ", "Authorization: ", "X-Session-Token: ", "X-Auth-Token: ", "X-Session: ", "Nguard-Session: ", "Cookie2: " + name + "=", "Set-Cookie: " + name + "=", name + ": "} {
		w.sends(w.written("GET", "/who", "", header+token)).expect(401)
	}
	thief.get("/" + token).expect(404)
	thief.get("/api/auth/session/" + token).expect(404)
	thief.get("/api/auth/sessions/" + token).expect(404)
	form := name + "=" + token + "&token=" + token
	thief.do("POST", "/api/visits", form, "Content-Type: application/x-www-form-urlencoded").expect(401)
	for _, path := range []string{"logout", "refresh", "update", "profile", "update-role"} {
		a := thief.post("/api/auth/"+path, `{"token":"`+token+`","`+name+`":"`+token+`","theme":"dark","name":"x"}`)
		if path == "logout" && a.status != 200 || path != "logout" && a.status != 401 {
			t.Errorf("%s with a token in its body: status %d", path, a.status)
		}
	}
	a := thief.post("/api/auth/validate", `{"token":"`+token+`"}`).expect(200)
	if a.at("valid") != true || a.at("session", "user", "id") != "user" {
		t.Errorf("POST validate: %s", a.raw)
	}
	if len(a.header["Set-Cookie"]) != 0 || a.header.Get(nguard.VersionHeader) != "" || thief.token() != "" {
		t.Error("POST validate signed the caller in")
	}
	thief.do("POST", "/api/auth/validate", `{"token":"`+token+`"}`, "Sec-Fetch-Site: cross-site", "Origin: https://evil.example").expect(403)
	victim.get("/who").expect(200)
}

func issuanceValidateLimit(t *testing.T, k *kit) {
	w := k.newWorld(t, func(c *nguard.Config) { c.Limits.Read = refusing{} })
	w.browser().post("/api/auth/validate", `{"token":"`+issuedElsewhere(t, w, "user")+`"}`).expect(429)
}

func issuanceValidateBeside(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
		b, other := w.loggedIn("user"), w.loggedIn("other")
		for range 2 {
			a := b.post("/api/auth/validate", `{"token":"`+other.token()+`"}`).expect(200)
			if a.at("session", "user", "id") != "other" {
				t.Errorf("POST validate: %s", a.raw)
			}
		}
		if b.get("/who").text() != "user" {
			t.Error("the caller has become another")
		}
	})
}

func issuanceReplaced(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
		b := w.loggedIn("user")
		old := b.copyOf()
		b.post("/step-up", "").expect(200)
		if w.sameToken(b.token(), old.token()) {
			t.Error("step-up kept the token")
		}
		old.get("/who").expect(401)
		b.get("/who").expect(200)

		old = b.copyOf()
		b.do("DELETE", "/api/auth/sessions", "").expect(200)
		if w.sameToken(b.token(), old.token()) {
			t.Error("ending all others kept the token")
		}
		old.get("/who").expect(401)
		b.get("/who").expect(200)

		// One's own role: the earlier token works until the later one was seen, and 10 s more.
		admin := w.loggedIn("admin2")
		w.clock.Advance(nguard.Grace + time.Second)
		old = admin.copyOf()
		a := admin.post("/api/auth/update-role", `{"userId":"admin2","newRole":"moderator"}`).expect(200)
		if w.sameToken(admin.token(), old.token()) || len(a.header["Set-Cookie"]) != 1 {
			t.Fatal("a change of one's own role kept the token")
		}
		old.copyOf().get("/who").expect(200)
		old.copyOf().get("/admin").expect(403)
		admin.get("/who").expect(200)
		w.clock.Advance(nguard.Grace - 2*time.Second)
		old.copyOf().get("/who").expect(200)
		w.clock.Advance(3 * time.Second)
		old.get("/who").expect(401)

		// Somebody else's: their token is replaced at their next write.
		person, root := w.loggedIn("other"), w.loggedIn("admin")
		root.post("/api/auth/update-role", `{"userId":"other","newRole":"moderator"}`).expect(200)
		w.clock.Advance(nguard.Grace + time.Second)
		before := person.token()
		person.post("/api/visits", "").expect(200)
		if w.sameToken(person.token(), before) {
			t.Error("the token of a person with a new role was kept at their next write")
		}
	})
}

func issuanceSafeMethods(t *testing.T, k *kit) {
	w, store := k.tallied(t)
	b := w.loggedIn("admin")
	b.get("/who").expect(200)
	w.clock.Advance(2 * time.Hour / 3) // an aged token, an idle clock that is due
	token, handle := b.token(), w.handle("admin")
	created, deleted := store.creates.Load(), store.deletes.Load()
	for _, path := range []string{"login", "logout", "session", "validate", "update", "profile", "update-role", "refresh", "sessions", "sessions/" + handle,
		"users/admin/sessions", "users/admin/sessions/" + handle} {
		for _, method := range []string{"GET", "HEAD", "OPTIONS"} {
			for name, who := range map[string]*browser{"signed in": b, "visitor": w.browser()} {
				for _, extra := range [][]string{nil, {"Sec-Purpose: prefetch", "Purpose: prefetch"}, {"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors"}} {
					a := who.do(method, "/api/auth/"+path+"?id=user&password="+guardtest.Password, "", extra...)
					if len(a.header["Set-Cookie"]) != 0 {
						t.Errorf("%s %s, %s: Set-Cookie %q", method, path, name, a.header["Set-Cookie"])
					}
				}
			}
		}
	}
	if store.creates.Load() != created || store.deletes.Load() != deleted || store.replaces.Load() != 0 || store.bumps.Load() != 0 {
		t.Errorf("safe methods wrote: %d created, %d deleted, %d replaced, %d bumped", store.creates.Load()-created, store.deletes.Load()-deleted, store.replaces.Load(), store.bumps.Load())
	}
	if n := store.touches.Load(); n > 1 {
		t.Errorf("the idle clock was written %d times", n)
	}
	b.get("/who").expect(200)
	if b.token() != token || w.count("admin") != 1 {
		t.Error("the session is not what it was")
	}
}
