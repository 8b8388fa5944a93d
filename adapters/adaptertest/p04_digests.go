package adaptertest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// The rules of promise P4: what is stored is no token.
var digests = []rule{
	{"P4 the store holds no token", "No token, and no part of one, stands in a store or in the records, in any spelling.", digestsNoToken},
	{"P4 B12 G8 a dump is no cookie", "Whatever stands in a database dump is no cookie, and showing it ends nobody's session.", digestsDumpIsNoCookie},
	{"P4 answers hold no token", "No answer but Set-Cookie carries a token, and lists show handles only.", digestsAnswers},
}

// busyDay makes a store that has seen everything: logins, rotations, a step-up, updates, a theft. It
// returns the tokens that browsers hold now, and all tokens that there ever were.
func busyDay(t *testing.T, w *world, c *frozen) (live, all []string) {
	t.Helper()
	user, phone, admin := w.loggedIn("user"), w.loggedIn("user"), w.loggedIn("admin")
	note := func() { all = append(all, user.token(), phone.token(), admin.token()) }
	note()
	c.Advance(11 * time.Second)
	user.post("/api/auth/refresh", "").expect(200)
	note()
	user.get("/who").expect(200)
	c.Advance(11 * time.Second)
	user.post("/api/auth/refresh", "").expect(200)
	admin.post("/api/auth/update-role", `{"userId":"admin","newRole":"moderator"}`).expect(200)
	phone.post("/api/auth/update", `{"theme":"dark","draft":"x"}`).expect(200)
	phone.post("/api/visits", "").expect(200)
	note()
	phone.post("/step-up", "").expect(200)
	note()
	stolen := w.loggedIn("other")
	first := stolen.token()
	stolen.post("/api/auth/refresh", "").expect(200)
	stolen.get("/who").expect(200)
	c.Advance(11 * time.Second)
	w.show(first, "GET", "/who").expect(401)
	w.awaitEvent(nguard.EventTokenReuse, nguard.Denied)
	w.browser().post("/api/auth/validate", `{"token":"`+user.token()+`"}`).expect(200)
	w.browser().get("/who?token=" + first).expect(401)
	all = append(all, first, stolen.token())
	return []string{user.token(), phone.token(), admin.token()}, all
}

func digestsNoToken(t *testing.T, k *kit) {
	k.eachFrozen(t, func(t *testing.T, w *world, c *frozen) {
		if w.back.dump == nil {
			t.Skip("not for this backing: there is no looking into this backing")
		}
		live, all := busyDay(t, w, c)
		secrets := map[string]string{}
		for i, token := range append(all, live...) {
			locator, secret := parts(t, w.tokenIn(token))
			raw, _ := base64.RawURLEncoding.DecodeString(w.tokenIn(token))
			for what, bytes := range map[string][]byte{"cookie": []byte(token), "token": []byte(w.tokenIn(token)), "decoded token": raw, "locator": locator, "secret": secret} {
				for form, spell := range map[string]func([]byte) string{
					"raw": func(b []byte) string { return string(b) }, "hex": hex.EncodeToString,
					"base64url": base64.RawURLEncoding.EncodeToString, "base64": base64.RawStdEncoding.EncodeToString,
				} {
					secrets[spell(bytes)] = fmt.Sprintf("%s %d as %s", what, i, form)
				}
			}
		}
		values := w.back.dump(t, "user", "admin", "other")
		if len(values) < 30 {
			t.Fatalf("only %d values dumped: this test sees nothing", len(values))
		}
		found := false
		for _, v := range values {
			found = found || bytes.Contains(v, []byte("Uma User"))
			for s, what := range secrets {
				if bytes.Contains(v, []byte(s)) {
					t.Errorf("the store or sink holds the %s", what)
				}
			}
		}
		if found == (w.back.sealed != nil) { // values are in the cookie, and nowhere else
			t.Errorf("the dump holds a name: %v", found)
		}
	})
}

func digestsDumpIsNoCookie(t *testing.T, k *kit) {
	k.eachFrozen(t, func(t *testing.T, w *world, c *frozen) {
		if w.back.dump == nil {
			t.Skip("not for this backing: there is no looking into this backing")
		}
		live, _ := busyDay(t, w, c)
		var handles []string
		for _, user := range []string{"user", "admin"} {
			list, err := w.guard.Sessions(context.Background(), user)
			if err != nil || len(list) == 0 {
				t.Fatalf("sessions of %s: %d, %v", user, len(list), err)
			}
			for _, s := range list {
				handles = append(handles, s.ID())
			}
		}
		guesses := map[string]bool{}
		like := w.tokenIn(live[0])
		_, strangers := parts(t, like)
		values := w.back.dump(t, "user", "admin", "other")
		for _, handle := range handles {
			id, err := base64.RawURLEncoding.DecodeString(handle)
			if err != nil || len(id) != 16 {
				t.Fatalf("handle %q has %d bytes, want 128 random bits", handle, len(id))
			}
			guesses[handle] = true
			guesses[forge(like, id, strangers)] = true // the right secret, below the wrong locator
			for _, v := range values {
				switch len(v) {
				case 16:
					guesses[forge(like, id, append(append([]byte{}, v...), v...))] = true
				case 26: // what a row keeps of a token, filled up to the length of a secret
					guesses[forge(like, id, append(append([]byte{}, v...), v[:6]...))] = true
					guesses[forge(like, id, append(append([]byte{}, v[:6]...), v...))] = true
				case 32:
					guesses[forge(like, id, v)] = true
					guesses[forge(like, v[:16], v)] = true
				}
			}
		}
		for _, v := range values {
			if len(v) > 0 && len(v) <= 64 {
				guesses[base64.RawURLEncoding.EncodeToString(v)] = true
				guesses[hex.EncodeToString(v)] = true
				if s := string(v); strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`";,\`, r) }) < 0 {
					guesses[s] = true
				}
			}
		}
		if len(guesses) < 30 {
			t.Fatalf("only %d guesses", len(guesses))
		}
		client := w.bare(1)
		for g := range guesses {
			if a := client.do("GET", "/who", "", w.by(g)); a.status != 401 || given(w, a) == g {
				t.Errorf("the value %q from a dump, used as a cookie: status %d", g, a.status)
			}
		}
		for i, token := range live {
			if a := client.do("GET", "/who", "", w.by(token)); a.status != 200 {
				t.Errorf("guesses ended session %d: status %d", i, a.status)
			}
		}
	})
}

func digestsAnswers(t *testing.T, k *kit) {
	k.eachFrozen(t, func(t *testing.T, w *world, c *frozen) {
		b, admin := w.loggedIn("user"), w.loggedIn("admin")
		c.Advance(11 * time.Second)
		for _, step := range [][3]string{
			{"POST", "/api/auth/login", `{"id":"user","password":"guardtest-password"}`},
			{"GET", "/api/auth/session", ""}, {"GET", "/api/auth/validate", ""}, {"GET", "/api/auth/sessions", ""},
			{"POST", "/api/auth/refresh", ""}, {"POST", "/api/auth/update", `{"theme":"dark"}`}, {"POST", "/api/auth/update", `{"role":"admin"}`},
			{"DELETE", "/api/auth/sessions", ""}, {"GET", "/nowhere", ""}, {"PUT", "/api/auth/session", ""}, {"POST", "/api/auth/logout", ""},
		} {
			before := b.token()
			a := b.do(step[0], step[1], step[2])
			header := a.header.Clone()
			header.Del("Set-Cookie")
			shown := fmt.Sprint(header) + string(a.raw)
			for _, token := range []string{before, b.token(), admin.token()} {
				if token == "" {
					continue
				}
				locator, secret := parts(t, w.tokenIn(token))
				for _, s := range []string{token, w.tokenIn(token), base64.RawURLEncoding.EncodeToString(secret), hex.EncodeToString(secret), hex.EncodeToString(locator)} {
					if strings.Contains(shown, s) {
						t.Errorf("%s %s: the answer holds a token: %s", step[0], step[1], shown)
					}
				}
			}
		}
		list := admin.get("/api/auth/users/user/sessions").expect(200)
		if !strings.Contains(string(list.raw), `"id"`) && !strings.Contains(string(list.raw), `"sessions":[]`) {
			t.Errorf("list: %s", list.raw)
		}
	})
}
