package fiberguard_test

import (
	"fmt"
	"testing"

	"github.com/gofiber/fiber/v2"

	"github.com/nguard-go/nguard/adapters/fiberguard"
	"github.com/nguard-go/nguard/adapters/internal/browsertest"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/policy"
)

func TestSessions(t *testing.T) {
	g := browsertest.NewGuard(t)
	app := newApp()
	app.Use(fiberguard.Sessions(g))
	app.All("/", who)
	c := serve(t, app)
	c.Get("/").Refused(401, "no_session")
	c.SignIn(g, "bob")
	a := c.Get("/").Expect(200).Says("bob")
	if a.Header.Get("Vary") != "Cookie" || a.Header.Get(nguard.VersionHeader) == "" {
		t.Errorf("headers %v", a.Header)
	}
	c.Do("POST", "/", "", "Sec-Fetch-Site: cross-site").Refused(403, "cross_origin")
}

// TestSessions_HeadersOfOneRequest: fiber gives the lines of a header apart.
func TestSessions_HeadersOfOneRequest(t *testing.T) {
	browsertest.OneRequest(t, func(g *nguard.Guard) *browsertest.Client {
		app := newApp()
		app.Use(fiberguard.Sessions(g))
		app.All("/", who)
		return serve(t, app)
	})
}

func TestRequire_Limit(t *testing.T) {
	browsertest.RequireLimit(t, func(g *nguard.Guard) *browsertest.Client {
		app := newApp()
		app.Get("/admin", fiberguard.Require(g, browsertest.Admin), who)
		app.Get("/limited", fiberguard.Limit(g, browsertest.Full{}), who)
		app.Get("/free", fiberguard.Limit(g, nguard.Unlimited), who)
		return serve(t, app)
	})
}

// TestBuild_Panics: what is wrong with a route is seen when it is built, not by its first visitor.
func TestBuild_Panics(t *testing.T) {
	g := browsertest.NewGuard(t)
	for what, build := range map[string]func() fiber.Handler{
		"nil policy":   func() fiber.Handler { return fiberguard.Require(g, nil) },
		"unknown role": func() fiber.Handler { return fiberguard.Require(g, policy.NewRole("nobody")) },
		"nil limiter":  func() fiber.Handler { return fiberguard.Limit(g, nil) },
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
