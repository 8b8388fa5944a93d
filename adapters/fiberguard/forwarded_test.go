package fiberguard_test

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"testing"

	"github.com/gofiber/fiber/v2"

	"github.com/nguard-go/nguard/adapters/fiberguard"
	"github.com/nguard-go/nguard/adapters/internal/browsertest"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/policy"
)

// believing are settings with which fiber believes forwarded headers of anybody.
var believing = map[string]fiber.Config{
	"default":       {},
	"proxy header":  {ProxyHeader: "X-Forwarded-For"},
	"validated":     {ProxyHeader: "X-Forwarded-For", EnableIPValidation: true},
	"real ip":       {ProxyHeader: "X-Real-Ip"},
	"trusted check": {ProxyHeader: "X-Forwarded-For", EnableTrustedProxyCheck: true, TrustedProxies: []string{"0.0.0.0/0", "127.0.0.1"}},
}

// forged is what a stranger writes to seem another one, from another place.
var forged = []string{"X-Forwarded-For: 203.0.113.9", "X-Real-Ip: 203.0.113.9", "Forwarded: for=203.0.113.9;proto=https;host=evil.example", "X-Forwarded-Proto: https",
	"X-Forwarded-Protocol: https", "X-Forwarded-Ssl: on", "X-Url-Scheme: https", "X-Forwarded-Host: evil.example", "X-Client-Ip: 203.0.113.9", "Cf-Connecting-Ip: 203.0.113.9"}

func forwarding(t *testing.T, config fiber.Config, proxies ...netip.Prefix) (*browsertest.Client, *nguard.Guard, browsertest.Events) {
	sink := make(browsertest.Events, 1000)
	g := browsertest.NewGuard(t, sink.Option, func(c *nguard.Config) { c.Proxies = proxies })
	app := newApp(config)
	app.Use(fiberguard.Sessions(g))
	app.Get("/ip", func(c *fiber.Ctx) error {
		c.Set("X-Of-Fiber", c.IP()+" "+c.Protocol()+" "+c.Hostname())
		return c.SendString(fiberguard.From(c).IP().String())
	})
	app.All("/", who)
	app.All("/admin", fiberguard.Require(g, browsertest.Admin), who)
	return serve(t, app), g, sink
}

// TestForwarded_FromAnybody: whatever fiber has been told to believe, a header from a peer that Config.Proxies
// does not name changes neither the address nor the scheme and host that an Origin is compared with (I1 to
// I4).
func TestForwarded_FromAnybody(t *testing.T) {
	for name, config := range believing {
		t.Run(name, func(t *testing.T) {
			c, g, sink := forwarding(t, config)
			c.SignIn(g, "bob")
			a := c.Get("/ip", forged...).Expect(200).Says("127.0.0.1")
			if name == "proxy header" && a.Header.Get("X-Of-Fiber") != "203.0.113.9 https evil.example" {
				t.Errorf("fiber itself says %q: this test proves nothing any more", a.Header.Get("X-Of-Fiber"))
			}
			c.Get("/admin", forged...).Refused(403, "forbidden")
			if e := sink.Next(t, nguard.EventAuthzFail); e.IP != "127.0.0.1" {
				t.Errorf("the record says %s", e.IP)
			}
			c.Do("POST", "/", "", append(forged, "Origin: "+c.Base)...).Expect(200)
			c.Do("POST", "/", "", append(forged, "Origin: https://"+c.Host)...).Refused(403, "cross_origin")
			c.Do("POST", "/", "", append(forged, "Origin: https://evil.example")...).Refused(403, "cross_origin")
			c.Do("POST", "/", "", append(forged, "Origin: http://evil.example")...).Refused(403, "cross_origin")
		})
	}
}

// TestForwarded_FromProxy: the headers of a peer that Config.Proxies names count, whatever fiber thinks of
// it: the address is the rightmost that is no proxy, and Forwarded and X-Real-IP are not read.
func TestForwarded_FromProxy(t *testing.T) {
	for name, config := range believing {
		t.Run(name, func(t *testing.T) {
			c, g, sink := forwarding(t, config, netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("10.0.0.0/8"))
			c.SignIn(g, "bob")
			w := c.Dial()
			for _, test := range []struct {
				lines []string
				want  string
			}{
				{forged, "203.0.113.9"},
				{[]string{"X-Forwarded-For: 198.51.100.7, 203.0.113.9, 10.1.1.1"}, "203.0.113.9"},
				{[]string{"X-Forwarded-For: 203.0.113.9", "X-Forwarded-For: 198.51.100.7"}, "198.51.100.7"},
				{[]string{"X-Forwarded-For: 198.51.100.7", "x-forwarded-for: 203.0.113.9 , 10.1.1.1"}, "203.0.113.9"},
				{[]string{"X-Forwarded-For: 198.51.100.7, junk, 10.1.1.1"}, "10.1.1.1"},
				{[]string{"X-Real-Ip: 203.0.113.9", "Forwarded: for=203.0.113.9"}, "127.0.0.1"},
				{[]string{"X-Forwarded-For: 2001:db8::7"}, "2001:db8::7"},
			} {
				w.Do("GET", "/ip", "", test.lines...).Expect(200).Says(test.want)
			}
			c.Get("/admin", append(forged, "X-Request-Id: of-the-proxy")...).Refused(403, "forbidden")
			if e := sink.Next(t, nguard.EventAuthzFail); e.IP != "203.0.113.9" || e.RequestID != "of-the-proxy" {
				t.Errorf("the record says %s, %s", e.IP, e.RequestID)
			}
			c.Do("POST", "/", "", "X-Forwarded-Proto: https", "Origin: https://"+c.Host).Expect(200)
			c.Do("POST", "/", "", "X-Forwarded-Proto: https", "Origin: http://"+c.Host).Refused(403, "cross_origin")
			c.Do("POST", "/", "", append(forged, "Origin: https://evil.example")...).Refused(403, "cross_origin")
			c.Get("/", "X-Forwarded-Proto: http").Refused(403, "https_required")
		})
	}
}

// TestHost_ForOrigin: the Host of the request is what an Origin is compared with, and a target that names
// another one is read like net/http reads it (P5).
func TestHost_ForOrigin(t *testing.T) {
	g := browsertest.NewGuard(t)
	app := newApp()
	app.All("/", fiberguard.Require(g, policy.SignedIn), who)
	c := serve(t, app).SignIn(g, "bob")
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

// TestConnection: TLS and the peer are those of the connection: an Origin with https belongs to an encrypted
// one, and a Unix socket has no address that strangers could share.
func TestConnection(t *testing.T) {
	g := browsertest.NewGuard(t)
	app := newApp()
	app.Use(fiberguard.Sessions(g))
	app.All("/", who)
	app.Get("/ip", func(c *fiber.Ctx) error { return c.SendString(fiberguard.From(c).IP().String()) })
	certified := httptest.NewTLSServer(nil) // for its certificate
	defer certified.Close()
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: certified.TLS.Certificates})
	if err != nil {
		t.Fatal(err)
	}
	c := serveOn(t, app, ln).SignIn(g, "bob")
	c.Base, c.HTTP.Transport = "https://"+c.Host, certified.Client().Transport
	c.Do("POST", "/", "", "Origin: https://"+c.Host).Expect(200).Says("bob")
	c.Do("POST", "/", "", "Origin: http://"+c.Host).Refused(403, "cross_origin")

	other := newApp()
	other.Get("/ip", fiberguard.Sessions(g), func(c *fiber.Ctx) error { return c.SendString(fiberguard.From(c).IP().String()) })
	path := filepath.Join(t.TempDir(), "socket")
	if ln, err = net.Listen("unix", path); err != nil {
		t.Fatal(err)
	}
	u := serveOn(t, other, ln)
	u.Base = "http://app.example.com"
	u.HTTP.Transport.(*http.Transport).DialContext = func(context.Context, string, string) (net.Conn, error) { return net.Dial("unix", path) }
	u.Get("/ip", "X-Forwarded-For: 203.0.113.9").Expect(200).Says("invalid IP")
}
