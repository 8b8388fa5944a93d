package adaptertest

import (
	"net/netip"
	"strings"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
)

// origins are the rules H5 to H7 and H11 of the checklist: which origins are this one.
var origins = []rule{
	{"H5 null origins", "A null or empty Origin is no origin, also where the Host is as empty.", csrfNullOrigins},
	{"H6 look-alike origins", "An origin is this one when its scheme, host and port are equal to the letter, and it is said once.", csrfLookAlikes},
	{"H7 public origins", "With Config.Origins only these count, whatever the Host and forwarded headers say.", csrfPublicOrigins},
	{"H7 the scheme", "The scheme is a trusted proxy's to tell, and nobody else's.", csrfScheme},
	{"H11 no CORS", "No answer has a word of CORS, and Config.Origins takes origins only.", csrfNoCORS},
}

func csrfNullOrigins(t *testing.T, k *kit) {
	f := k.newForged(t)
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

func csrfLookAlikes(t *testing.T, k *kit) {
	f := k.newForged(t)
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

func csrfPublicOrigins(t *testing.T, k *kit) {
	f := k.newForged(t, func(c *nguard.Config) {
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

func csrfScheme(t *testing.T, k *kit) {
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
		f := k.newForged(t)
		g := newGuard(t, nguard.Config{Store: f.back.store, Waive: waived(f.back.store), Proxies: c.proxies, Now: f.clock.Now})
		s := f.serve(App{Guard: g, NoEndpoints: true, Routes: []Route{{Method: "POST", Path: "/", Handle: func(Ctx) {}}}})
		addr := strings.TrimPrefix(s.URL, "http://")
		raw := "POST / HTTP/1.1\r\nHost: " + addr + "\r\n" + f.by(f.token) + "\r\n" + strings.ReplaceAll(strings.Join(c.lines, "\r\n"), "{host}", addr) + "\r\nContent-Length: 0\r\n\r\n"
		if r := dialWire(t, addr).ask(raw); r.status != c.want {
			t.Errorf("proxies %v, %q: status %d, want %d", c.proxies, c.lines, r.status, c.want)
		}
	}
}

func csrfNoCORS(t *testing.T, k *kit) {
	f := k.newForged(t, func(c *nguard.Config) { c.Origins = []string{"https://app.example.com"} })
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
		if _, err := nguard.New(nguard.Config{Store: f.back.store, Waive: waived(f.back.store), Origins: list}); err == nil || !strings.Contains(err.Error(), "Origins") {
			t.Errorf("Origins %q: error %v", list, err)
		}
	}
	if _, err := nguard.New(nguard.Config{Store: f.back.store, Waive: waived(f.back.store), Origins: []string{"https://app.example.com:8443", "https://[2001:db8::1]", "http://[::1]:8080", "http://localhost:3000", "https://xn--bcher-kva.example"}}); err != nil {
		t.Error(err)
	}
}
