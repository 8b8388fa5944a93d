package ginguard_test

import (
	"fmt"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/nguard-go/nguard/adapters/ginguard"
	"github.com/nguard-go/nguard/adapters/internal/browsertest"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/policy"
)

func TestSessions(t *testing.T) {
	g := browsertest.NewGuard(t)
	app := gin.New()
	app.Use(ginguard.Sessions(g))
	app.Any("/", who)
	c := browsertest.Serve(t, app)
	c.Get("/").Refused(401, "no_session")
	c.SignIn(g, "bob")
	a := c.Get("/").Expect(200).Says("bob")
	if a.Header.Get("Vary") != "Cookie" || a.Header.Get(nguard.VersionHeader) == "" {
		t.Errorf("headers %v", a.Header)
	}
	c.Do("POST", "/", "", "Sec-Fetch-Site: cross-site").Refused(403, "cross_origin")
}

// TestSessions_HeadersOfOneRequest: browsers send Sec-Fetch-Site and Origin with a write, and what one header
// says must not stand in the place of the other.
func TestSessions_HeadersOfOneRequest(t *testing.T) {
	g := browsertest.NewGuard(t)
	app := gin.New()
	app.Use(ginguard.Sessions(g))
	app.Any("/", who)
	c := browsertest.Serve(t, app).SignIn(g, "bob")
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

func TestEndpoints(t *testing.T) {
	g := browsertest.NewGuard(t)
	app := gin.New()
	app.Use(ginguard.Sessions(g), ginguard.Endpoints(g))
	app.GET("/", who)
	c := browsertest.Serve(t, app)
	c.Do("POST", "/api/auth/login", `{"id":"bob","password":"wrong"}`).Refused(401, "bad_credentials")
	c.Do("POST", "/api/auth/login", browsertest.Credentials("bob")).Expect(200)
	c.Get("/").Expect(200).Says("bob")
	c.Do("POST", "/api/auth/update", `{"theme":"dark"}`).Expect(200)
	c.Get("/api/auth/nothing").Refused(404, "not_found")
	c.Do("PUT", "/api/auth/update", "").Refused(405, "method_not_allowed")
	c.Do("POST", "/api/auth/logout", "").Expect(200)
	c.Get("/").Refused(401, "no_session")
}

func TestRequire_Limit(t *testing.T) {
	g := browsertest.NewGuard(t)
	app := gin.New()
	app.GET("/admin", ginguard.Require(g, browsertest.Admin), who)
	app.GET("/limited", ginguard.Limit(g, browsertest.Full{}), who)
	app.GET("/free", ginguard.Limit(g, nguard.Unlimited), who)
	c := browsertest.Serve(t, app)
	c.Get("/admin").Refused(401, "no_session")
	c.SignIn(g, "bob").Get("/admin").Refused(403, "forbidden")
	c.SignIn(g, "ann").Get("/admin").Expect(200).Says("ann")
	if a := c.Get("/limited").Refused(429, "rate_limited"); a.Header.Get("Retry-After") != "2" {
		t.Errorf("headers %v", a.Header)
	}
	c.Get("/free").Expect(200).Says("ann")
}

// TestBuild_Panics: what is wrong with a route is seen when it is built, not by its first visitor.
func TestBuild_Panics(t *testing.T) {
	g := browsertest.NewGuard(t)
	for what, build := range map[string]func() gin.HandlerFunc{
		"nil policy":   func() gin.HandlerFunc { return ginguard.Require(g, nil) },
		"unknown role": func() gin.HandlerFunc { return ginguard.Require(g, policy.NewRole("nobody")) },
		"nil limiter":  func() gin.HandlerFunc { return ginguard.Limit(g, nil) },
	} {
		func() {
			defer func() {
				if p := fmt.Sprint(recover()); p == "<nil>" {
					t.Errorf("%s: no panic", what)
				}
			}()
			build()
		}()
	}
}
