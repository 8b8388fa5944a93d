package adaptertest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
)

// hosts are the rules P5 to P8 of the checklist: hosts, the login page, HTTP/2 and caches.
var hosts = []rule{
	{"checklist P5 hosts", "No answer repeats a Host, and no URL is made of one.", hostsNoURL},
	{"checklist P6 HTTP/2", "The cookie lines that HTTP/2 splits are one, and two values in them are two.", hostsHTTP2},
	{"checklist P7 the login page", "The login page is a path of this origin and nothing else, and no query leads elsewhere.", hostsLoginPage},
	{"checklist P8 a shared cache", "A shared cache gives nobody another person's session, and keeps no page that hands out a token.", hostsCache},
}

func hostsNoURL(t *testing.T, k *kit) {
	w := k.newWorld(t, func(c *nguard.Config) { c.LoginPage = "/login" })
	user := w.loggedIn("user")
	const evil = "evil.example"
	for _, raw := range []string{
		"GET http://" + evil + "/admin HTTP/1.1\r\nHost: " + evil + "\r\nAccept: text/html\r\n\r\n",
		"GET /admin HTTP/1.1\r\nHost: " + evil + "\r\nAccept: text/html\r\nX-Forwarded-Host: " + evil + "\r\n\r\n",
		"GET /admin HTTP/1.1\r\nHost: " + evil + "\r\nAccept: text/html\r\n" + w.by(user.token()) + "\r\n\r\n",
		"GET http://" + evil + "/api/auth/session HTTP/1.1\r\nHost: " + w.addr() + "\r\n" + w.by(user.token()) + "\r\n\r\n",
		"POST /api/auth/login HTTP/1.1\r\nHost: " + evil + "\r\n" + asJSON + "\r\nContent-Length: 50\r\n\r\n" + `{"id":"user","password":"` + guardtest.Password + `"}` + strings.Repeat(" ", 50-len(`{"id":"user","password":"`+guardtest.Password+`"}`)),
		"POST /api/auth/update HTTP/1.1\r\nHost: " + evil + "\r\nOrigin: https://" + evil + "\r\n" + w.by(user.token()) + "\r\nContent-Length: 2\r\n\r\n{}",
	} {
		r := w.sends(raw)
		if strings.Contains(r.head+r.body, evil) {
			t.Errorf("%q: the answer repeats the Host: %s%s", raw, r.head, r.body)
		}
		if r.status == 303 && r.header.Get("Location") != "/login" {
			t.Errorf("Location is %q", r.header.Get("Location"))
		}
	}
}

func hostsHTTP2(t *testing.T, k *kit) {
	if !k.h.HTTP2 {
		t.Skip("not for this framework: it speaks no HTTP/2")
	}
	w := k.newWorld(t)
	victim, thief := w.loggedIn("user"), w.loggedIn("other")
	app := w.app()
	app.TLS = true
	s := w.serve(app)
	name := w.guard.CookieName() + "="
	for _, c := range []struct {
		what  string
		lines []string
		want  int
	}{
		{"one line, split at each pair", []string{"a=1; " + name + victim.token() + "; b=2"}, 200},
		{"three lines", []string{"a=1", name + victim.token(), "b=2"}, 200},
		{"two values in two lines", []string{name + victim.token(), name + thief.token()}, 401},
		{"two values in one line", []string{name + thief.token() + "; a=1; " + name + victim.token()}, 401},
	} {
		r, err := http.NewRequest("GET", s.URL+"/who", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header["Cookie"] = c.lines
		resp, err := s.Client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.ProtoMajor != 2 {
			t.Fatalf("HTTP/%d was spoken", resp.ProtoMajor)
		}
		if resp.StatusCode != c.want || (c.want == 200 && string(body) != "user") {
			t.Errorf("%s: status %d, body %q", c.what, resp.StatusCode, body)
		}
		if c.want == 401 && !w.clears(resp.Header["Set-Cookie"]) {
			t.Errorf("%s: the cookies are not cleared", c.what)
		}
	}
}

func hostsLoginPage(t *testing.T, k *kit) {
	b := k.open(t)
	for _, page := range []string{"//evil", `/\evil`, `\\evil`, "https:evil", "https://evil/", "javascript:alert(1)", "evil", "/\tevil", "/a\r\nSet-Cookie: a=b", "/\x00", "/ü"} {
		c := nguard.Config{Store: b.store, Waive: waived(b.store), LoginPage: page}
		if _, err := nguard.New(c); err == nil || !strings.Contains(err.Error(), "LoginPage") {
			t.Errorf("LoginPage %q: error is %v", page, err)
		}
	}
	w := newWorld(t, b, func(c *nguard.Config) { c.LoginPage = "/login" })
	for _, query := range []string{"", "?return_to=//evil", `?next=/\evil`, "?url=https:evil", "?callback=x", "//evil"} {
		a := w.browser().do("GET", "/admin"+query, "", "Accept: text/html")
		if loc := a.header.Get("Location"); a.status == 303 && loc != "/login" || a.status == 200 {
			t.Errorf("GET /admin%s: status %d, Location %q", query, a.status, loc)
		}
		if a.status == 303 && a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("a cache may keep the way to the login page")
		}
	}
}

func hostsCache(t *testing.T, k *kit) {
	w := k.newWorld(t)
	cache := &sharedCache{origin: w.server.URL, next: &http.Transport{}, kept: map[string][]*cached{}}
	s := httptest.NewServer(cache)
	t.Cleanup(func() {
		s.Close()
		cache.next.CloseIdleConnections()
	})
	ann, ben, nobody := w.browserAt(s.URL), w.browserAt(s.URL), w.browserAt(s.URL)
	ann.login("user")
	ben.login("other")
	for _, path := range []string{"/api/auth/session", "/api/auth/validate", "/api/auth/sessions", "/who"} {
		for range 2 {
			a, b, n := ann.get(path), ben.get(path), nobody.get(path)
			if a.text() == b.text() || a.text() == n.text() {
				t.Errorf("%s: two people get the same answer: %s", path, a.text())
			}
		}
		if a := ann.get(path); path != "/who" && a.header.Get("X-Cache") == "hit" {
			t.Errorf("%s was kept by a cache", path)
		}
	}
	ann.get("/api/auth/validate.css").expect(404)
	// A public page that hands out a successor token must not be kept with it, and says that it depends on
	// the cookie even where nobody asks for the session.
	old := ann.copyOf()
	old.base = s.URL
	w.clock.Advance(time.Minute)
	ann.post("/api/auth/refresh", "").expect(200)
	page := old.get("/public").expect(200)
	if len(page.header["Set-Cookie"]) != 1 || page.header.Get("Cache-Control") != "no-store" {
		t.Errorf("public page with Set-Cookie %q has Cache-Control %q", page.header["Set-Cookie"], page.header.Get("Cache-Control"))
	}
	if got := nobody.get("/public").expect(200); len(got.header["Set-Cookie"]) != 0 || got.header.Get("Vary") != "Cookie" {
		t.Errorf("a visitor got Set-Cookie %q, Vary %q", got.header["Set-Cookie"], got.header.Get("Vary"))
	}
}
