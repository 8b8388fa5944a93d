package adaptertest

import (
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

// framing are the rules P1 to P4 of the checklist: what a request is, and which paths and methods there are.
var framing = []rule{
	{"checklist P1 slow headers", "Slow headers and idle connections end at the limits of the server, which nguard leaves alone.", framingSlow},
	{"checklist P2 framing", "A message that two servers could read in two ways is refused, or has one effect.", framingOneMeaning},
	{"checklist P3 spellings of paths", "Another spelling of a path gets the rule of the path, or nothing.", framingPaths},
	{"checklist P4 methods", "An endpoint answers its methods; every other one gets 405 and their list.", framingMethods},
}

func framingSlow(t *testing.T, k *kit) {
	w := k.newWorld(t)
	app := w.app()
	app.ReadHeaderTimeout, app.IdleTimeout = 100*time.Millisecond, 100*time.Millisecond
	addr := strings.TrimPrefix(w.serve(app).URL, "http://")
	slow := dialWire(t, addr)
	if _, err := io.WriteString(slow.conn, "GET /api/auth/session HTTP/1.1\r\nHost: x\r\nX-Slow: "); err != nil {
		t.Fatal(err)
	}
	idle := dialWire(t, addr)
	idle.ask("GET /api/auth/session HTTP/1.1\r\nHost: x\r\n\r\n").expect(401)
	for name, c := range map[string]*wire{"slow headers": slow, "idle connection": idle} {
		if !closedWithin(c.conn, 5*time.Second) {
			t.Errorf("%s: still open after 5 s", name)
		}
	}
	dialWire(t, addr).ask("GET /public HTTP/1.1\r\nHost: x\r\n\r\n").expect(200)
}

func framingOneMeaning(t *testing.T, k *kit) {
	w := k.newWorld(t)
	victim := w.loggedIn("user")
	host, cookie := "Host: "+w.addr()+"\r\n", w.by(victim.token())+"\r\n"
	for name, raw := range map[string]string{
		"two hosts":              "GET /who HTTP/1.1\r\n" + host + "Host: evil.example\r\n" + cookie + "\r\n",
		"no host":                "GET /who HTTP/1.1\r\n" + cookie + "\r\n",
		"two lengths":            "POST /api/auth/update HTTP/1.1\r\n" + host + cookie + sameOrigin + "\r\nContent-Length: 16\r\nContent-Length: 2\r\n\r\n{\"theme\":\"dark\"}",
		"negative length":        "POST /api/auth/update HTTP/1.1\r\n" + host + cookie + sameOrigin + "\r\nContent-Length: -1\r\n\r\n{\"theme\":\"dark\"}",
		"signed length":          "POST /api/auth/update HTTP/1.1\r\n" + host + cookie + sameOrigin + "\r\nContent-Length: +16\r\n\r\n{\"theme\":\"dark\"}",
		"unknown coding":         "POST /api/auth/update HTTP/1.1\r\n" + host + cookie + sameOrigin + "\r\nTransfer-Encoding: xchunked\r\nContent-Length: 16\r\n\r\n{\"theme\":\"dark\"}",
		"space before the colon": "GET /who HTTP/1.1\r\n" + host + "Cookie : " + strings.TrimPrefix(cookie, "Cookie: ") + "\r\n",
		"folded first line":      "GET /who HTTP/1.1\r\n " + host + cookie + "\r\n",
		"bare CR in a value":     "GET /who HTTP/1.1\r\n" + host + "X-A: a\rSet-Cookie: b\r\n" + cookie + "\r\n",
	} {
		if r := w.sends(raw); r.status < 400 || r.status >= 600 {
			t.Errorf("%s: got status %d, want a refusal", name, r.status)
		}
	}
	// A length beside chunks: a server may take the chunks. The length must then count for nothing: the body is
	// neither cut to it nor prolonged by it.
	both := "POST /api/auth/update HTTP/1.1\r\n" + host + cookie + sameOrigin + "\r\n" + asJSON + "\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n11\r\n{\"language\":\"de\"}\r\n0\r\n\r\n"
	c := dialWire(t, w.addr())
	if r := c.ask(both); r.status == 200 {
		c.ask(w.written("GET", "/who", "", w.by(victim.token()))).expect(200) // what follows is read as a request
		if got := victim.get("/api/auth/session").at("session", "data", "language"); got != "de" {
			t.Errorf("accepted, but language is %v", got)
		}
	} else if r.status < 400 {
		t.Errorf("length beside chunks: status %d", r.status)
	}
	victim.get("/who").expect(200)
	if got := victim.get("/api/auth/session").at("session", "data", "theme"); got != "light" {
		t.Errorf("a refused request changed the theme to %v", got)
	}
}

func framingPaths(t *testing.T, k *kit) {
	w := k.newWorld(t)
	user := w.loggedIn("user")
	for _, path := range spellings("/admin") {
		r := w.sends(w.written("GET", path, "", w.by(user.token())))
		if strings.Contains(r.body, "for admins") {
			t.Errorf("GET %q: a user got the page for admins", path)
		}
		if r.status == 200 {
			t.Errorf("GET %q: status 200", path)
		}
	}
	for _, path := range spellings("/api/auth/session") {
		r := w.sends(w.written("GET", path, ""))
		if r.status == 200 {
			t.Errorf("GET %q without a session: status 200: %s", path, r.body)
		}
	}
	for _, path := range spellings("/api/auth/logout") {
		r := w.sends(w.written("POST", path, "", w.by(user.token()), "Sec-Fetch-Site: cross-site"))
		if r.status < 300 {
			t.Errorf("cross-site POST %q: status %d", path, r.status)
		}
		for name := range r.header {
			if name == "Access-Control-Allow-Origin" {
				t.Errorf("POST %q: CORS header", path)
			}
		}
	}
	user.get("/who").expect(200)
	// Everything under the prefix that is no endpoint is the endpoints' own 404, as JSON.
	for _, path := range []string{"", "session/", "sessio", "Session", "session.css", "sessions/", "sessions/*", "sessions/%2e%2e", "users//sessions", "users/a", "%6cogin/", "x%0d%0ay"} {
		r := w.sends(w.written("GET", "/api/auth/"+path, "", w.by(user.token()))).expect(404)
		if ct := r.header.Get("Content-Type"); ct != "application/json" {
			t.Errorf("GET /api/auth/%s: Content-Type %q", path, ct)
		}
	}
}

func framingMethods(t *testing.T, k *kit) {
	w := k.newWorld(t)
	user := w.loggedIn("user")
	for path, allow := range map[string]string{
		"login": "POST", "logout": "POST", "session": "GET, HEAD", "validate": "GET, HEAD, POST", "update": "POST", "profile": "POST",
		"update-role": "POST", "refresh": "POST", "sessions": "DELETE, GET", "sessions/0123456789012345678901": "DELETE",
		"users/user/sessions": "DELETE, GET", "users/user/sessions/0123456789012345678901": "DELETE",
	} {
		for _, method := range []string{"TRACE", "PUT", "PATCH", "OPTIONS", "PROPFIND", "CONNECT", "post", "get", "Delete", "HEAD", "GET", "POST", "DELETE"} {
			if slices.Contains(strings.Split(allow, ", "), method) || method == "CONNECT" { // CONNECT has no path in HTTP/1.1
				continue
			}
			r := w.sends(w.written(method, "/api/auth/"+path, "", w.by(user.token()), sameOrigin))
			if w.unheard(r, method, "") {
				continue
			}
			r.expect(405)
			if got := r.header.Get("Allow"); got != allow {
				t.Errorf("%s %s: Allow is %q, want %q", method, path, got, allow)
			}
			if r.header.Get("Content-Type") != "application/json" {
				t.Errorf("%s %s: Content-Type %q", method, path, r.header.Get("Content-Type"))
			}
			if strings.Contains(r.body, user.token()) {
				t.Errorf("%s %s: the answer repeats the token", method, path)
			}
		}
	}
	user.get("/who").expect(200)
}
