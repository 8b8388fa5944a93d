package ginguard_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nguard-go/nguard/adapters/ginguard"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/policy"
)

func TestSessions(t *testing.T) {
	g := newGuard(t)
	app := gin.New()
	app.Use(ginguard.Sessions(g))
	app.Any("/", who)
	c := serve(t, app)
	c.get("/").refused(401, "no_session")
	c.signIn(g, "bob")
	a := c.get("/").expect(200).says("bob")
	if a.header.Get("Vary") != "Cookie" || a.header.Get(nguard.VersionHeader) == "" {
		t.Errorf("headers %v", a.header)
	}
	c.do("POST", "/", "", "Sec-Fetch-Site: cross-site").refused(403, "cross_origin")
}

// TestSessions_HeadersOfOneRequest: browsers send Sec-Fetch-Site and Origin with a write, and what one header
// says must not stand in the place of the other.
func TestSessions_HeadersOfOneRequest(t *testing.T) {
	g := newGuard(t)
	app := gin.New()
	app.Use(ginguard.Sessions(g))
	app.Any("/", who)
	c := serve(t, app).signIn(g, "bob")
	own, foreign := "Origin: "+c.base, "Origin: http://evil.example"
	c.do("POST", "/", "", own).expect(200).says("bob")
	c.do("POST", "/", "", own, "Sec-Fetch-Site: cross-site").refused(403, "cross_origin")
	c.do("POST", "/", "", foreign).refused(403, "cross_origin")
	w := c.dial()
	for _, lines := range [][]string{{own, own}, {own, foreign}, {foreign, own}, {"Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: cross-site"}, {"Origin: same-origin"}, {"Origin: null"}} {
		if a := w.do("POST", "/", "", append(lines, "Content-Length: 0", c.cookie(g))...); a.status != 403 {
			t.Errorf("%q: status %d", lines, a.status)
		}
	}
	w.do("POST", "/", "", own, "Content-Length: 0", c.cookie(g)).expect(200)
}

func TestEndpoints(t *testing.T) {
	g := newGuard(t)
	app := gin.New()
	app.Use(ginguard.Sessions(g), ginguard.Endpoints(g))
	app.GET("/", who)
	c := serve(t, app)
	c.do("POST", "/api/auth/login", `{"id":"bob","password":"wrong"}`).refused(401, "bad_credentials")
	c.do("POST", "/api/auth/login", `{"id":"bob",`+password).expect(200)
	c.get("/").expect(200).says("bob")
	c.do("POST", "/api/auth/update", `{"theme":"dark"}`).expect(200)
	c.get("/api/auth/nothing").refused(404, "not_found")
	c.do("PUT", "/api/auth/update", "").refused(405, "method_not_allowed")
	c.do("POST", "/api/auth/logout", "").expect(200)
	c.get("/").refused(401, "no_session")
}

func TestRequire_Limit(t *testing.T) {
	g := newGuard(t)
	app := gin.New()
	app.GET("/admin", ginguard.Require(g, roleAdmin), who)
	app.GET("/limited", ginguard.Limit(g, refusing{}), who)
	app.GET("/free", ginguard.Limit(g, nguard.Unlimited), who)
	c := serve(t, app)
	c.get("/admin").refused(401, "no_session")
	c.signIn(g, "bob").get("/admin").refused(403, "forbidden")
	c.signIn(g, "ann").get("/admin").expect(200).says("ann")
	if a := c.get("/limited").refused(429, "rate_limited"); a.header.Get("Retry-After") != "2" {
		t.Errorf("headers %v", a.header)
	}
	c.get("/free").expect(200).says("ann")
}

// TestBuild_Panics: what is wrong with a route is seen when it is built, not by its first visitor.
func TestBuild_Panics(t *testing.T) {
	g := newGuard(t)
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

// refusing is a limiter that is full.
type refusing struct{}

func (refusing) Take(context.Context, nguard.Caller, int) (nguard.Quota, error) {
	return nguard.Quota{Name: "full", Limit: 5, Window: time.Minute, RetryAfter: 1500 * time.Millisecond}, nil
}
