package adaptertest

import (
	"strings"
	"sync/atomic"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
)

// crossOrigin are the rules of group H of the checklist: writes that another site makes a browser send.
var crossOrigin = []rule{
	{"H1 forms", "Forms of other sites change nothing.", csrfForms},
	{"H2 simple requests", "Requests of other sites that need no preflight change nothing.", csrfSimple},
	{"H3 JSON from elsewhere", "JSON counts only from this origin: whatever Fetch metadata or Origin say otherwise refuses it.", csrfJSON},
	{"H4 neither header", "A write with a cookie and neither Fetch metadata nor an Origin is refused; one without a cookie is not.", csrfNoHeader},
	{"H8 safe methods", "No safe method changes anything, whatever it says that it stands for.", csrfSafeMethods},
	{"H9 a login from elsewhere", "Another site signs nobody in, neither in the place of somebody nor of a visitor.", csrfLogin},
	{"H10 ends from elsewhere", "Another site ends no session and replaces no token.", csrfEnds},
	{"H12 WebSocket handshakes", "A handshake with a cookie is a write: it is refused from another origin, or with no word on where it is from.", csrfWebSockets},
	{"H13 every path", "No spelling of a path is exempt from the check, nor is an endpoint that the application answers itself.", csrfEveryPath},
}

func csrfForms(t *testing.T, k *kit) {
	f := k.newForged(t)
	for _, kind := range []string{urlencoded, "Content-Type: multipart/form-data; boundary=x"} {
		f.refused("form with both headers", kind, crossSite, evilOrigin)
		f.refused("form with Origin only", kind, evilOrigin)
		f.refused("form with metadata only", kind, crossSite)
	}
	e := f.awaitEvent(nguard.EventCSRF, nguard.Denied)
	if e.Path == "" || e.IP == "" {
		t.Errorf("event %+v", e)
	}
}

func csrfSimple(t *testing.T, k *kit) {
	f := k.newForged(t)
	f.refused("text/plain", textPlain, crossSite, evilOrigin)
	f.refused("no type", crossSite, evilOrigin)
	f.refused("no type, old browser", evilOrigin)
	f.refused("beacon", "Content-Type: text/plain", crossSite, "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: empty", evilOrigin)
}

func csrfJSON(t *testing.T, k *kit) {
	f := k.newForged(t)
	for _, site := range []string{"cross-site", "same-site", "unknown", "", "SAME-ORIGIN", "same-origin, same-origin", "none, cross-site", "same-origin;x", "\"same-origin\"", "cross-origin", "null"} {
		f.refused("Sec-Fetch-Site: "+site, asJSON, "Sec-Fetch-Site: "+site)
		f.refused("own Origin with Sec-Fetch-Site: "+site, asJSON, "Sec-Fetch-Site: "+site, "Origin: "+f.server.URL)
	}
	f.refused("foreign Origin with same-origin metadata", asJSON, sameOrigin, evilOrigin)
	f.refused("foreign Origin with none", asJSON, "Sec-Fetch-Site: none", evilOrigin)
}

func csrfNoHeader(t *testing.T, k *kit) {
	f := k.newForged(t)
	f.roomy(64 << 10)
	f.victim = f.browser().hold(f.token)
	f.refused("neither header", asJSON)
	f.refused("a Referer is no proof", asJSON, "Referer: "+f.server.URL+"/")
	f.refused("nor a custom header", asJSON, "X-Requested-With: XMLHttpRequest")
	// Who shows no cookie is no browser with somebody's authority.
	f.sends(f.written("POST", "/api/auth/login", credentials, asJSON)).expect(200)
	f.sends(f.written("POST", "/api/auth/logout", "")).expect(200)
	f.sends(f.written("POST", "/public", "x")).expect(200)
	// Also a cookie that is too much to read counts as one.
	f.sends(f.written("POST", "/public", "x", "Cookie: a="+strings.Repeat("b", 20<<10)+"; "+f.guard.CookieName()+"="+f.token)).expect(403)
	// An empty one does not: every client leaves one behind after a logout.
	f.sends(f.written("POST", "/api/auth/login", credentials, asJSON, f.by(""))).expect(200)
}

func csrfSafeMethods(t *testing.T, k *kit) {
	f := k.newForged(t)
	for _, c := range crossWrites {
		path := strings.Replace(c.path, "{handle}", f.handle("admin"), 1)
		if path == "/public" {
			continue
		}
		for _, method := range []string{"GET", "HEAD"} {
			for _, override := range []string{"X-HTTP-Method-Override: " + c.method, "X-HTTP-Method: " + c.method, "X-Method-Override: " + c.method, "Accept: */*"} {
				// from another site: a link or an image
				r := f.sends(f.written(method, path+"?_method="+c.method, c.body, f.by(f.token), asJSON, crossSite, override))
				if r.status < 400 && !(path == "/api/auth/sessions" && r.status == 200) && !(strings.HasSuffix(path, "users/user/sessions") && r.status == 200) && r.status != 400 {
					t.Errorf("%s %s with %s: status %d", method, path, override, r.status)
				}
				if len(r.header["Set-Cookie"]) != 0 {
					t.Errorf("%s %s: Set-Cookie %q", method, path, r.header["Set-Cookie"])
				}
			}
		}
	}
	for _, path := range []string{"/api/auth/sessions", "/api/auth/session", "/api/auth/users/user/sessions"} {
		f.sends(f.written("POST", path, "_method=DELETE", f.by(f.token), sameOrigin, urlencoded, "X-HTTP-Method-Override: DELETE")).expect(405)
	}
	if now := f.now(); now != f.state {
		t.Errorf("before %s, now %s", f.state, now)
	}
}

func csrfLogin(t *testing.T, k *kit) {
	w := k.newWorld(t)
	for what, lines := range map[string][]string{
		"JSON": {asJSON, crossSite, evilOrigin}, "text/plain": {textPlain, crossSite}, "form": {urlencoded, evilOrigin}, "no type": {evilOrigin}, "sibling": {asJSON, "Sec-Fetch-Site: same-site", "Origin: http://sibling.example.com"}, "null": {textPlain, "Origin: null"},
	} {
		for _, cookie := range []string{"X: y", w.by(w.loggedIn("user").token())} {
			r := w.sends(w.written("POST", "/api/auth/login", `{"id":"other","password":"`+guardtest.Password+`"}`, append(lines, cookie)...)).expect(403)
			if len(r.header["Set-Cookie"]) != 0 {
				t.Errorf("%s: Set-Cookie %q", what, r.header["Set-Cookie"])
			}
		}
	}
	if n := w.count("other"); n != 0 {
		t.Errorf("%d sessions of the attacker's account", n)
	}
}

func csrfEnds(t *testing.T, k *kit) {
	f := k.newForged(t)
	for _, c := range [][2]string{{"POST", "logout"}, {"POST", "refresh"}, {"DELETE", "sessions"}, {"DELETE", "sessions/" + f.handle("admin")}, {"DELETE", "users/admin/sessions"}, {"DELETE", "users/admin/sessions/" + f.handle("admin")}} {
		for _, lines := range [][]string{{crossSite}, {evilOrigin}, {crossSite, evilOrigin}, {"Sec-Fetch-Site: same-site"}, {"Origin: null"}, {}} {
			f.sends(f.written(c[0], "/api/auth/"+c[1], "", append(lines, f.by(f.token))...)).expect(403)
		}
	}
	if f.now() != f.state {
		t.Error("something has changed")
	}
	f.victim.get("/who").expect(200)
}

func csrfWebSockets(t *testing.T, k *kit) {
	f := k.newForged(t)
	ws := func(upgrade string, lines ...string) reply {
		return f.sends(f.written("GET", "/public", "", append([]string{f.by(f.token), "Connection: Upgrade", "Upgrade: " + upgrade, "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="}, lines...)...))
	}
	for _, upgrade := range []string{"websocket", "WebSocket", "WEBSOCKET", "h2c, websocket", "websocket/13"} {
		for _, lines := range [][]string{{evilOrigin}, {"Origin: null"}, {crossSite}, {"Sec-Fetch-Site: same-site"}, {evilOrigin, sameOrigin}, {"Origin: " + f.server.URL, evilOrigin}, {}} {
			if r := ws(upgrade, lines...); r.status != 403 {
				t.Errorf("%s with %q: status %d", upgrade, lines, r.status)
			}
		}
		ws(upgrade, "Origin: "+f.server.URL).expect(200)
		ws(upgrade, "Origin: "+f.server.URL, sameOrigin).expect(200)
	}
	if r := f.sends(f.written("GET", "/public", "", f.by(f.token), "Connection: Upgrade", "Upgrade: h2c", "Upgrade: websocket", evilOrigin)); r.status != 403 {
		t.Errorf("in the second line: status %d", r.status)
	}
	f.sends(f.written("GET", "/public", "", f.by(f.token), evilOrigin)).expect(200) // a link from another site
}

// There are no exempt patterns. The names given to Endpoints as exceptions are checked as well.
func csrfEveryPath(t *testing.T, k *kit) {
	f := k.newForged(t)
	var reached atomic.Bool
	s := f.serve(App{Guard: f.guard, Except: []string{"login", "webhook"}, Fallback: func(Ctx) { reached.Store(true) }})
	addr := strings.TrimPrefix(s.URL, "http://")
	for _, path := range append(append(spellings("/api/auth/logout"), spellings("/api/auth/login")...), "/api/auth/webhook", "/api/auth/webhook/", "/webhook", "*", "http://"+addr+"/api/auth/logout") {
		raw := "POST " + path + " HTTP/1.1\r\nHost: " + addr + "\r\n" + f.by(f.token) + "\r\n" + crossSite + "\r\nContent-Length: 0\r\n\r\n"
		if r := dialWire(t, addr).ask(raw); r.status != 403 && r.status != 400 {
			t.Errorf("POST %q: status %d", path, r.status)
		}
	}
	if reached.Load() {
		t.Error("the application was reached")
	}
	f.victim.get("/who").expect(200)
}
