package adaptertest

import (
	"net/http"
	"strings"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
)

var contractCookie = []rule{
	{"contract 5: the cookie", "The cookie has its name and attributes on every answer that sets or clears it, and says how long a remembered session has left.", contractCookieLines},
	{"contract 5: the empty cookie after a logout", "The empty cookie of the same name that a client leaves behind after a logout counts as no cookie, and the next login overwrites it.", contractEmptyCookie},
}

func contractCookieLines(t *testing.T, k *kit) {
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
		w := k.newWorld(t, func(config *nguard.Config) { config.Cookie = c.config })
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

func contractEmptyCookie(t *testing.T, k *kit) {
	w := k.newWorld(t, func(c *nguard.Config) { c.Cookie.Insecure = true })
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
	named := k.newWorld(t, func(c *nguard.Config) { c.Cookie = nguard.Cookie{Insecure: true, Name: "my-app"} })
	b := named.loggedIn("user")
	if b.token() == "" || named.guard.CookieName() != "my-app" {
		t.Errorf("cookie of another name: %q", named.guard.CookieName())
	}
	b.get("/who").expect(200)
}
