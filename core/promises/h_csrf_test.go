package promises

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/nguard-go/nguard/adapters/httpguard"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
)

// writes is every request that changes something, in the words of a person who may make it.
var crossWrites = []struct{ method, path, body string }{
	{"POST", "/api/auth/login", `{"id":"other","password":"` + guardtest.Password + `"}`},
	{"POST", "/api/auth/logout", ""}, {"POST", "/api/auth/refresh", ""},
	{"POST", "/api/auth/update", `{"theme":"dark"}`}, {"POST", "/api/auth/profile", `{"name":"Mallory"}`},
	{"POST", "/api/auth/update-role", `{"userId":"user","newRole":"admin"}`},
	{"DELETE", "/api/auth/sessions", ""}, {"DELETE", "/api/auth/sessions/{handle}", ""}, {"DELETE", "/api/auth/users/user/sessions", ""},
	{"POST", "/api/visits", ""}, {"POST", "/step-up", ""}, {"PUT", "/public", "x"}, {"PATCH", "/public", "x"}, {"DELETE", "/public", ""}, {"POST", "/public", "x"},
	{"BREW", "/public", ""}, {"PROPFIND", "/public", ""},
}

// forged is a victim with a session, whom other sites send requests of.
type forged struct {
	*world
	victim *browser
	token  string
	state  string
}

func newForged(t *testing.T, options ...func(*nguard.Config)) *forged {
	w := newWorld(t, memory(t), options...)
	f := &forged{world: w}
	for _, id := range []string{"user", "admin"} {
		token, _, err := w.guard.Login(nguard.WithActor(t.Context(), "test"), id, nguard.LoginOptions{})
		if err != nil {
			t.Fatal(err)
		}
		f.token = token
	}
	f.victim = w.browser().hold(f.token)
	f.state = f.now()
	return f
}

// now is all that a forged request might change.
func (f *forged) now() string {
	f.t.Helper()
	ctx := f.t.Context()
	var b strings.Builder
	for _, id := range []string{"admin", "user", "other"} {
		list, err := f.guard.Sessions(ctx, id)
		if err != nil {
			f.t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s %d:", id, len(list))
		for _, s := range list {
			fmt.Fprint(&b, s.ID(), s.Version(), s.User(), visits.Get(s))
		}
	}
	return b.String()
}

// refused sends every write with these header lines, and wants 403 and no effect.
func (f *forged) refused(what string, lines ...string) {
	f.t.Helper()
	for _, c := range crossWrites {
		path := strings.Replace(c.path, "{handle}", f.handle("admin"), 1)
		r := f.sends(f.written(c.method, path, c.body, append([]string{f.by(f.token)}, lines...)...))
		if r.status != 403 {
			f.t.Errorf("%s: %s %s: status %d", what, c.method, path, r.status)
		}
		if r.header.Get("Content-Type") != "application/json" || len(r.header["Set-Cookie"]) != 0 {
			f.t.Errorf("%s: %s %s: Content-Type %q, Set-Cookie %q", what, c.method, path, r.header.Get("Content-Type"), r.header["Set-Cookie"])
		}
	}
	if now := f.now(); now != f.state {
		f.t.Fatalf("%s: before %s, now %s", what, f.state, now)
	}
	f.victim.get("/who").expect(200)
}

const (
	urlencoded = "Content-Type: application/x-www-form-urlencoded"
	textPlain  = "Content-Type: text/plain;charset=UTF-8"
	crossSite  = "Sec-Fetch-Site: cross-site"
	evilOrigin = "Origin: https://evil.example"
)

func TestH1_FormsOfOtherSites(t *testing.T) {
	f := newForged(t)
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

func TestH2_SimpleRequestsOfOtherSites(t *testing.T) {
	f := newForged(t)
	f.refused("text/plain", textPlain, crossSite, evilOrigin)
	f.refused("no type", crossSite, evilOrigin)
	f.refused("no type, old browser", evilOrigin)
	f.refused("beacon", "Content-Type: text/plain", crossSite, "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: empty", evilOrigin)
}

func TestH3_JSONFromElsewhere(t *testing.T) {
	f := newForged(t)
	for _, site := range []string{"cross-site", "same-site", "unknown", "", "SAME-ORIGIN", "same-origin, same-origin", "none, cross-site", "same-origin;x", "\"same-origin\"", "cross-origin", "null"} {
		f.refused("Sec-Fetch-Site: "+site, asJSON, "Sec-Fetch-Site: "+site)
		f.refused("own Origin with Sec-Fetch-Site: "+site, asJSON, "Sec-Fetch-Site: "+site, "Origin: "+f.server.URL)
	}
	f.refused("foreign Origin with same-origin metadata", asJSON, sameOrigin, evilOrigin)
	f.refused("foreign Origin with none", asJSON, "Sec-Fetch-Site: none", evilOrigin)
}

func TestH4_ACookieWithoutEitherHeader(t *testing.T) {
	f := newForged(t)
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

func TestH5_NullOrigins(t *testing.T) {
	f := newForged(t)
	for _, origin := range []string{"null", "NULL", "", "file://", "about:blank", "data:"} {
		f.refused("Origin: "+origin, asJSON, "Origin: "+origin)
		f.refused("Origin: "+origin+" with same-origin metadata", asJSON, sameOrigin, "Origin: "+origin)
	}
	for _, origin := range []string{"null", "http://", "https://", "http:///", ""} {
		raw := "POST /api/auth/logout HTTP/1.0\r\n" + f.by(f.token) + "\r\nOrigin: " + origin + "\r\n\r\n"
		f.sends(raw).expect(403)
		f.sends(strings.Replace(raw, "\r\n\r\n", "\r\nHost: \r\n\r\n", 1)).expect(403)
	}
	if f.now() != f.state {
		t.Error("something has changed")
	}
}

func TestH6_LookAlikeOrigins(t *testing.T) {
	f := newForged(t)
	host := f.addr()
	name, port, _ := strings.Cut(host, ":")
	var origins []string
	for _, h := range []string{
		host + ".evil.example", "evil" + host, "evil-" + host, "evil." + host, host + "@evil.example", "user@" + host, "user:pass@" + host, name, name + ":1", name + ":" + port + "0", name + ".:" + port,
		host + "/", host + "/path", host + "?", host + "#", host + `\`, host + "%00", host + ",http://evil.example", host + " ", " " + host, host + "\t", "[" + name + "]:" + port, "127.1:" + port,
		"0x7f000001:" + port, "2130706433:" + port, "localhost:" + port, "[::1]:" + port, "[::ffff:127.0.0.1]:" + port, "0:" + port, "127.0.0.1:0" + port, "127.0.0.1:+" + port, "127.000.000.001:" + port, "127.0.0.1%00:" + port,
	} {
		if strings.TrimSpace(h) == host { // the server trims the line, not the origin
			continue
		}
		origins = append(origins, "http://"+h)
	}
	origins = append(origins, "https://"+host, "HTTP://"+host, "ws://"+host, "//"+host, host, "http:"+host, "http:/"+host, "http:///"+host, "http:\\\\"+host, "http://"+host+" http://evil.example", "https://evil.example, http://"+host)
	for _, origin := range origins {
		f.sends(f.written("POST", "/api/auth/update", `{"theme":"dark"}`, f.by(f.token), asJSON, "Origin: "+origin)).expect(403)
		f.sends(f.written("POST", "/api/auth/update", `{"theme":"dark"}`, f.by(f.token), asJSON, sameOrigin, "Origin: "+origin)).expect(403)
	}
	own := "Origin: http://" + host
	f.refused("two Origin lines", asJSON, own, evilOrigin)
	f.refused("two Origin lines, other way", asJSON, evilOrigin, own)
	f.refused("two equal Origin lines", asJSON, own, own)
	f.refused("two metadata lines", asJSON, sameOrigin, crossSite)
	f.refused("two equal metadata lines", asJSON, sameOrigin, sameOrigin)
	f.sends(f.written("POST", "/api/auth/update", `{"theme":"dark"}`, f.by(f.token), asJSON, own)).expect(200)
}

func TestH7_AForgedHostDoesNotMatchAPublicOrigin(t *testing.T) {
	f := newForged(t, func(c *nguard.Config) {
		c.Origins = []string{"https://app.example.com", "https://admin.example.com:8443"}
	})
	send := func(host string, lines ...string) reply {
		return f.sends("POST /api/auth/update HTTP/1.1\r\nHost: " + host + "\r\n" + f.by(f.token) + "\r\n" + asJSON + "\r\n" + strings.Join(lines, "\r\n") + "\r\nContent-Length: 17\r\n\r\n{\"language\":\"de\"}")
	}
	for _, lines := range [][]string{
		{evilOrigin}, {evilOrigin, "X-Forwarded-Host: evil.example"}, {evilOrigin, "X-Forwarded-Host: app.example.com"}, {evilOrigin, "Forwarded: host=evil.example"},
		{"Origin: https://evil.example", "X-Forwarded-Proto: https"}, {"Origin: http://app.example.com"}, {"Origin: https://app.example.com:443"}, {"Origin: https://APP.example.com"},
		{"Origin: https://app.example.com."}, {"Origin: https://app.example.com:8443"}, {"Origin: https://admin.example.com"}, {"Origin: http://evil.example", sameOrigin},
		{"Origin: https://xapp.example.com", crossSite}, {"Origin: null"}, {crossSite}, {"Sec-Fetch-Site: same-site"},
	} {
		for _, host := range []string{"evil.example", "app.example.com", f.addr(), "app.example.com, evil.example"} {
			if r := send(host, lines...); r.status != 403 && r.status != 400 {
				t.Errorf("Host %s, %q: status %d", host, lines, r.status)
			}
		}
	}
	f.refused("the server's own address is not one of its public origins", asJSON, "Origin: "+f.server.URL)
	if f.now() != f.state {
		t.Error("something has changed")
	}
	for _, lines := range [][]string{{"Origin: https://app.example.com"}, {"Origin: https://admin.example.com:8443", "Sec-Fetch-Site: same-site"}, {"Origin: https://app.example.com", sameOrigin}} {
		send(f.addr(), lines...).expect(200)
	}
}

// Behind a proxy that forwards the scheme, and behind anybody who says so.
func TestH7_TheSchemeIsTheProxysToTellAndNobodyElses(t *testing.T) {
	https := []string{"Origin: https://{host}", "X-Forwarded-Proto: https"}
	for _, c := range []struct {
		proxies []netip.Prefix
		lines   []string
		want    int
	}{
		{nil, https, 403}, {nil, []string{"Origin: http://{host}", "X-Forwarded-Proto: https"}, 200},
		{[]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, https, 200},
		{[]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, https, 403},
		{[]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, []string{"Origin: http://{host}", "X-Forwarded-Proto: https"}, 403},
		{[]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, []string{"Origin: http://{host}", "X-Forwarded-Proto: http"}, 403}, // a Secure cookie over http (ASVS 4.1.2)
		{[]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, []string{"Origin: https://{host}", "X-Forwarded-Proto: https", "X-Forwarded-Proto: https"}, 403},
	} {
		f := newForged(t)
		g := newGuard(t, nguard.Config{Store: f.back.store, Proxies: c.proxies, Now: f.clock.Now})
		s := f.serve(httpguard.Sessions(g)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})), nil)
		addr := s.Listener.Addr().String()
		raw := "POST / HTTP/1.1\r\nHost: " + addr + "\r\n" + f.by(f.token) + "\r\n" + strings.ReplaceAll(strings.Join(c.lines, "\r\n"), "{host}", addr) + "\r\nContent-Length: 0\r\n\r\n"
		if r := dialWire(t, addr).ask(raw); r.status != c.want {
			t.Errorf("proxies %v, %q: status %d, want %d", c.proxies, c.lines, r.status, c.want)
		}
	}
}

func TestH8_NoChangeByASafeMethod(t *testing.T) {
	f := newForged(t)
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

func TestH9_LoginOfTheAttackersAccount(t *testing.T) {
	w := newWorld(t, memory(t))
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

func TestH10_LogoutRefreshAndRevokeFromElsewhere(t *testing.T) {
	f := newForged(t)
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

func TestH11_NoCORS(t *testing.T) {
	f := newForged(t, func(c *nguard.Config) { c.Origins = []string{"https://app.example.com"} })
	for _, origin := range []string{"https://evil.example", "null", "http://app.example.com", "https://app.example.com", "*"} {
		for _, path := range []string{"/api/auth/session", "/api/auth/validate", "/api/auth/login", "/api/auth/update", "/public", "/who"} {
			for _, method := range []string{"GET", "OPTIONS", "POST"} {
				r := f.sends(f.written(method, path, "", f.by(f.token), "Origin: "+origin, "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: content-type"))
				for name := range r.header {
					if strings.HasPrefix(name, "Access-Control-") {
						t.Errorf("%s %s for %s: %s: %q", method, path, origin, name, r.header[name])
					}
				}
			}
		}
	}
	for _, list := range [][]string{
		{"*"}, {"https://*.example.com"}, {"null"}, {"https://app.example.com", "http://app.example.com"}, {"https://app.example.com/"}, {"app.example.com"}, {"https://APP.example.com"}, {"https://u@app.example.com"},
		{"https://app.example.com."}, {"https://app.example.com:443:1"}, {"https://app.example.com:443"}, {"http://app.example.com:80"}, {"https://app.example.com:"}, {"https://bücher.example"}, {"ftp://app.example.com"}, {"https://"}, {""}, {"https://app.example.com?x"}, {"https://app.example.com#x"}, {" https://app.example.com"}, {"https://a\r\nb"},
	} {
		if _, err := nguard.New(nguard.Config{Store: f.back.store, Origins: list}); err == nil || !strings.Contains(err.Error(), "Origins") {
			t.Errorf("Origins %q: error %v", list, err)
		}
	}
	if _, err := nguard.New(nguard.Config{Store: f.back.store, Origins: []string{"https://app.example.com:8443", "https://[2001:db8::1]", "http://[::1]:8080", "http://localhost:3000", "https://xn--bcher-kva.example"}}); err != nil {
		t.Error(err)
	}
}

func TestH12_WebSocketHandshakesFromElsewhere(t *testing.T) {
	f := newForged(t)
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
func TestH13_NoSpellingOfAPathIsExempt(t *testing.T) {
	f := newForged(t)
	reached := ""
	app := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { reached = r.Method + " " + r.URL.Path })
	s := httptest.NewServer(httpguard.Sessions(f.guard)(httpguard.Endpoints(f.guard, "login", "webhook")(app)))
	t.Cleanup(s.Close)
	addr := s.Listener.Addr().String()
	for _, path := range append(append(spellings("/api/auth/logout"), spellings("/api/auth/login")...), "/api/auth/webhook", "/api/auth/webhook/", "/webhook", "*", "http://"+addr+"/api/auth/logout") {
		raw := "POST " + path + " HTTP/1.1\r\nHost: " + addr + "\r\n" + f.by(f.token) + "\r\n" + crossSite + "\r\nContent-Length: 0\r\n\r\n"
		if r := dialWire(t, addr).ask(raw); r.status != 403 && r.status != 400 {
			t.Errorf("POST %q: status %d", path, r.status)
		}
	}
	if reached != "" {
		t.Errorf("the application was reached by %s", reached)
	}
	f.victim.get("/who").expect(200)
}
