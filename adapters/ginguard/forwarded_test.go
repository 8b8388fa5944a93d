package ginguard_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/nguard-go/nguard/adapters/ginguard"
	"github.com/nguard-go/nguard/adapters/internal/browsertest"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/policy"
)

// believing are settings with which gin believes forwarded headers: the default is one of them.
var believing = map[string]func(*gin.Engine){
	"default": func(*gin.Engine) {},
	"networks": func(e *gin.Engine) {
		if err := e.SetTrustedProxies([]string{"0.0.0.0/0", "::/0"}); err != nil {
			panic(err)
		}
	},
	"headers":  func(e *gin.Engine) { e.RemoteIPHeaders = []string{"X-Client-Ip", "Cf-Connecting-Ip"} },
	"platform": func(e *gin.Engine) { e.TrustedPlatform = gin.PlatformCloudflare },
}

// TestForwarded: whatever gin has been told to believe, a header counts if and only if it is from a peer that
// Config.Proxies names (I1 to I4).
func TestForwarded(t *testing.T) {
	for name, config := range believing {
		serve := func(g *nguard.Guard) *browsertest.Client {
			app := gin.New()
			config(app)
			app.Use(ginguard.Sessions(g))
			app.GET("/ip", func(c *gin.Context) {
				c.Header("X-Of-Gin", c.ClientIP())
				c.String(http.StatusOK, ginguard.From(c).IP().String())
			})
			app.Any("/", who)
			app.Any("/admin", ginguard.Require(g, browsertest.Admin), who)
			return browsertest.Serve(t, app)
		}
		t.Run(name+"/from anybody", func(t *testing.T) {
			if got := browsertest.FromAnybody(t, serve).Header.Get("X-Of-Gin"); got != "203.0.113.9" {
				t.Errorf("gin itself says %q: this test proves nothing any more", got)
			}
		})
		t.Run(name+"/from a proxy", func(t *testing.T) { browsertest.FromProxy(t, serve) })
	}
}

// TestHost_ForOrigin: the Host is read as gin's server has it (P5).
func TestHost_ForOrigin(t *testing.T) {
	browsertest.Hosts(t, func(g *nguard.Guard) *browsertest.Client {
		app := gin.New()
		app.Any("/", ginguard.Require(g, policy.SignedIn), who)
		return browsertest.Serve(t, app)
	})
}

// TestConnection: TLS and the peer are those of the connection: an Origin with https belongs to an encrypted
// one, and a Unix socket has no address that strangers could share.
func TestConnection(t *testing.T) {
	g := browsertest.NewGuard(t)
	app := gin.New()
	app.Use(ginguard.Sessions(g))
	app.Any("/", who)
	app.GET("/ip", func(c *gin.Context) { c.String(http.StatusOK, ginguard.From(c).IP().String()) })
	s := httptest.NewTLSServer(app)
	defer s.Close()
	c := browsertest.NewClient(t, s.URL, s.Client()).SignIn(g, "bob")
	c.Do("POST", "/", "", "Origin: https://"+c.Host).Expect(200).Says("bob")
	c.Do("POST", "/", "", "Origin: http://"+c.Host).Refused(403, "cross_origin")

	path := filepath.Join(t.TempDir(), "socket")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	local := httptest.NewUnstartedServer(app)
	_ = local.Listener.Close()
	local.Listener = ln
	local.Start()
	defer local.Close()
	u := browsertest.NewClient(t, local.URL, local.Client())
	u.Base = "http://app.example.com"
	u.HTTP.Transport = &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return net.Dial("unix", path) }}
	defer u.HTTP.CloseIdleConnections()
	u.Get("/ip", "X-Forwarded-For: 203.0.113.9").Expect(200).Says("invalid IP")
}
