package fiberguard_test

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
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

// TestForwarded: whatever fiber has been told to believe, a header counts if and only if it is from a peer that
// Config.Proxies names (I1 to I4).
func TestForwarded(t *testing.T) {
	for name, config := range believing {
		start := func(g *nguard.Guard) *browsertest.Client {
			app := newApp(config)
			app.Use(fiberguard.Sessions(g))
			app.Get("/ip", func(c *fiber.Ctx) error {
				c.Set("X-Of-Fiber", c.IP()+" "+c.Protocol()+" "+c.Hostname())
				return c.SendString(fiberguard.From(c).IP().String())
			})
			app.All("/", who)
			app.All("/admin", fiberguard.Require(g, browsertest.Admin), who)
			return serve(t, app)
		}
		t.Run(name+"/from anybody", func(t *testing.T) {
			got := browsertest.FromAnybody(t, start).Header.Get("X-Of-Fiber")
			if name == "proxy header" && got != "203.0.113.9 https evil.example" {
				t.Errorf("fiber itself says %q: this test proves nothing any more", got)
			}
		})
		t.Run(name+"/from a proxy", func(t *testing.T) { browsertest.FromProxy(t, start) })
	}
}

// TestHost_ForOrigin: the Host is read as fiber's server has it (P5).
func TestHost_ForOrigin(t *testing.T) {
	browsertest.Hosts(t, func(g *nguard.Guard) *browsertest.Client {
		app := newApp()
		app.All("/", fiberguard.Require(g, policy.SignedIn), who)
		return serve(t, app)
	})
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
