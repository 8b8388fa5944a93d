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

// TestSessions_HeadersOfOneRequest: gin gives the lines of a header apart.
func TestSessions_HeadersOfOneRequest(t *testing.T) {
	browsertest.OneRequest(t, func(g *nguard.Guard) *browsertest.Client {
		app := gin.New()
		app.Use(ginguard.Sessions(g))
		app.Any("/", who)
		return browsertest.Serve(t, app)
	})
}

func TestRequire_Limit(t *testing.T) {
	browsertest.RequireLimit(t, func(g *nguard.Guard) *browsertest.Client {
		app := gin.New()
		app.GET("/admin", ginguard.Require(g, browsertest.Admin), who)
		app.GET("/limited", ginguard.Limit(g, browsertest.Full{}), who)
		app.GET("/free", ginguard.Limit(g, nguard.Unlimited), who)
		return browsertest.Serve(t, app)
	})
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
