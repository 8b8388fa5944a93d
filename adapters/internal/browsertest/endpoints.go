package browsertest

import (
	"net/http"
	"strings"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/endpoints"
)

// Plays goes through the endpoints below a prefix.
func (c *Client) Plays(t testing.TB, prefix string) {
	t.Helper()
	at := prefix + endpoints.Prefix
	c.Get(at+"session").Refused(401, "no_session")
	c.Do("POST", at+"login", `{"id":"bob","password":"x"}`).Refused(401, "bad_credentials")
	c.Do("POST", at+"login", Credentials("bob")).Expect(200)
	if a := c.Do("POST", at+"update", `{"theme":"dark"}`).Expect(200); !strings.Contains(a.Body, `"dark"`) || a.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%s: %v %s", at, a.Header, a.Body)
	}
	c.Do("HEAD", at+"validate", "").Expect(200).Says("")
	a := c.Get(at + "session").Expect(200)
	c.Get(at+"session", "If-None-Match: "+a.Header.Get("Etag")).Expect(304)
	c.Do("POST", at+"update", strings.Repeat(" ", 11<<10)).Refused(413, "too_large")
	c.Do("POST", at+"update", "a=b", "Content-Type: application/x-www-form-urlencoded").Refused(415, "media_type")
	if a := c.Do("PUT", at+"update", "").Refused(405, "method_not_allowed"); a.Header.Get("Allow") != "POST" {
		t.Errorf("%s: Allow %q", at, a.Header.Get("Allow"))
	}
	for _, path := range []string{"", "nothing", "users/x", "login/", "users/ann/sessions/x"} {
		c.Get(at+path).Refused(404, "not_found")
	}
	if a := c.Do("HEAD", at+"nothing", "").Expect(404).Says(""); a.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%sHEAD nothing: %v", at, a.Header)
	}
	c.Get(at+"users/ann/sessions").Refused(403, "forbidden")
	c.Do("POST", at+"logout", "").Expect(200)
	c.Get(at+"session").Refused(401, "no_session")
}

// Except asks an application that answers login itself, below these prefixes, by a login of eve that says "own login".
func (c *Client) Except(t testing.TB, prefixes ...string) {
	t.Helper()
	for _, prefix := range prefixes {
		c.Do("POST", prefix+"/api/auth/login", "").Expect(200).Says("own login")
		if a := c.Get(prefix + "/api/auth/session").Expect(200); !strings.Contains(a.Body, `"eve"`) {
			t.Errorf("%q: %s", prefix, a.Body)
		}
		c.Do("POST", prefix+"/api/auth/logout", "").Expect(200)
	}
}

// LoginPage asks for "/page", for which one must be signed in, and which says who one is, by any method: a person
// who opens a page is sent to log in, also by HEAD; a script gets the 401.
func LoginPage(t *testing.T, serve func(g *nguard.Guard) *Client) {
	g := NewGuard(t, func(c *nguard.Config) { c.LoginPage = "/login?next=x" })
	c := serve(g)
	for _, method := range []string{"GET", "HEAD"} {
		a := c.Do(method, "/page", "", "Accept: text/html").Expect(http.StatusSeeOther).Says("")
		if a.Header.Get("Location") != "/login?next=x" || a.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("header %v", a.Header)
		}
	}
	c.Do("POST", "/page", "", "Accept: text/html").Refused(401, "no_session")
	c.Get("/page", "Accept: application/json").Refused(401, "no_session")
	c.SignIn(g, "bob").Get("/page", "Accept: text/html").Expect(200).Says("bob")
}
