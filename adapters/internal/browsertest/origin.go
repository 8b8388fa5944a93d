package browsertest

import (
	"testing"

	nguard "github.com/nguard-go/nguard/core"
)

// OneRequest asks an application behind Sessions whose "/" says who it is: browsers send Sec-Fetch-Site and Origin with
// a write, and what one header says must not stand in the place of the other.
func OneRequest(t *testing.T, serve func(*nguard.Guard) *Client) {
	g := NewGuard(t)
	c := serve(g).SignIn(g, "bob")
	own, foreign := "Origin: "+c.Base, "Origin: http://evil.example"
	c.Do("POST", "/", "", own).Expect(200).Says("bob")
	c.Do("POST", "/", "", own, "Sec-Fetch-Site: cross-site").Refused(403, "cross_origin")
	c.Do("POST", "/", "", foreign).Refused(403, "cross_origin")
	w := c.Dial()
	for _, lines := range [][]string{{own, own}, {own, foreign}, {foreign, own}, {"Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: cross-site"}, {"Origin: same-origin"}, {"Origin: null"}} {
		if a := w.Do("POST", "/", "", append(lines, "Content-Length: 0", c.Cookie(g))...); a.Status != 403 {
			t.Errorf("%q: status %d", lines, a.Status)
		}
	}
	w.Do("POST", "/", "", own, "Content-Length: 0", c.Cookie(g)).Expect(200)
}

// Hosts asks an application in which one must be signed in for "/": the Host of the request is what an Origin is
// compared with, and a target that names another one is read like net/http reads it.
func Hosts(t *testing.T, serve func(*nguard.Guard) *Client) {
	g := NewGuard(t)
	c := serve(g).SignIn(g, "bob")
	for _, test := range []struct {
		target string
		lines  []string
		want   int
	}{
		{"/", []string{"Host: app.example.com", "Origin: http://app.example.com"}, 200},
		{"/", []string{"Host: APP.example.com", "Origin: http://app.example.com"}, 200},
		{"/", []string{"Host: app.example.com", "Origin: http://app.example.com:8080"}, 403},
		{"/", []string{"Host: app.example.com:8080", "Origin: http://app.example.com:8080"}, 200},
		{"/", []string{"Host: evil.example", "Origin: http://app.example.com"}, 403},
		{"http://app.example.com/", []string{"Host: evil.example", "Origin: http://app.example.com"}, 200},
		{"http://app.example.com/", []string{"Host: evil.example", "Origin: http://evil.example"}, 403},
		{"/", []string{"Host: app.example.com", "Host: evil.example", "Origin: http://evil.example"}, 0},
	} {
		a := c.Dial().Do("POST", test.target, "", append(test.lines, c.Cookie(g), "Content-Length: 0")...)
		if a.Status != test.want && (test.want != 0 || a.Status == 200) {
			t.Errorf("%s %q: status %d", test.target, test.lines, a.Status)
		}
	}
}

// RequireLimit asks an application in which "/admin" is for admins, "/limited" has a [Full] limiter and "/free" an
// unlimited one, and which says who it is.
func RequireLimit(t *testing.T, serve func(*nguard.Guard) *Client) {
	g := NewGuard(t)
	c := serve(g)
	c.Get("/admin").Refused(401, "no_session")
	c.SignIn(g, "bob").Get("/admin").Refused(403, "forbidden")
	c.SignIn(g, "ann").Get("/admin").Expect(200).Says("ann")
	if a := c.Get("/limited").Refused(429, "rate_limited"); a.Header.Get("Retry-After") != "2" {
		t.Errorf("headers %v", a.Header)
	}
	c.Get("/free").Expect(200).Says("ann")
}
