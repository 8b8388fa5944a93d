package fiberguard_test

import (
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"

	"github.com/nguard-go/nguard/adapters/fiberguard"
	"github.com/nguard-go/nguard/adapters/internal/browsertest"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/endpoints"
)

// spellings are ways to write /admin that some part of a server might take for it.
var spellings = []string{"/ADMIN", "/admin/", "/Admin/", "/%61dmin", "/admin%2f", "//admin", "/./admin", "/x/../admin", "/admin;x", "/admin%00", "/admin?x", "/admin%20", "/%2561dmin", "/admin/.", "/admin//"}

// TestPaths_RuleHoldsForEachSpelling: fiber matches without case and last slash. A rule hangs on the matched
// route, so that each spelling is refused or leads nowhere (P3).
func TestPaths_RuleHoldsForEachSpelling(t *testing.T) {
	g := browsertest.NewGuard(t)
	for _, config := range []fiber.Config{{}, {CaseSensitive: true, StrictRouting: true}, {UnescapePath: true}} {
		app := newApp(config)
		app.Use(fiberguard.Sessions(g))
		app.Get("/admin", fiberguard.Require(g, browsertest.Admin), who)
		app.Group("/area", fiberguard.Require(g, browsertest.Admin)).Get("/admin", who)
		c := serve(t, app).SignIn(g, "bob")
		w := c.Dial()
		for _, path := range append(spellings, "/admin") {
			for _, target := range []string{path, "/area" + path, "/AREA" + path} {
				if a := w.Do("GET", target, "", c.Cookie(g)); a.Status != 403 && a.Status != 404 {
					t.Errorf("%+v: %s: status %d: %s", config.UnescapePath, target, a.Status, a.Body)
				}
			}
		}
		w.Do("GET", "/admin", "", c.Cookie(g)).Refused(403, "forbidden")
	}
}

// TestPaths_EndpointsHaveOneSpelling: what is not spelled like an endpoint is none, so that no limit or rule
// in front of one is gone round: neither does it log in, nor is it answered as if it had.
func TestPaths_EndpointsHaveOneSpelling(t *testing.T) {
	g := browsertest.NewGuard(t)
	for name, mount := range map[string]func(*fiber.App){
		"use":   func(app *fiber.App) { app.Use(fiberguard.Endpoints(g)) },
		"route": func(app *fiber.App) { app.All("/api/auth/*", fiberguard.Endpoints(g)) },
		"both":  func(app *fiber.App) { app.Use(fiberguard.Sessions(g), fiberguard.Endpoints(g)) },
	} {
		t.Run(name, func(t *testing.T) {
			for _, config := range []fiber.Config{{}, {CaseSensitive: true, StrictRouting: true}, {UnescapePath: true}} {
				app := newApp(config)
				mount(app)
				c := serve(t, app)
				w := c.Dial()
				login := func(path string) browsertest.Reply {
					return w.Do("POST", path, browsertest.Credentials("bob"), "Sec-Fetch-Site: same-origin")
				}
				for _, path := range []string{"/API/AUTH/login", "/api/auth/LOGIN", "/api/auth/login/", "/api/auth/login//", "//api/auth/login", "/api//auth/login", "/api/auth//login", "/api/auth/./login",
					"/api/auth/x/../login", "/api/auth/login%2f", "/api/auth/login;x", "/api/auth/login%00", "/api/auth/login%20", "/api/auth/%256cogin", "/api/auth/lo\u0131gin", "/api%2fauth/login%2f"} {
					if a := login(path); a.Status != 404 || len(a.Names()) > 0 {
						t.Errorf("%s: status %d, cookies %q: %s", path, a.Status, a.Names(), a.Body)
					} else if strings.HasPrefix(path, endpoints.Prefix) && a.Code() != "not_found" {
						t.Errorf("%s: %s", path, a.Body)
					}
				}
				if a := login("/api/auth/login?x=1"); a.Status != 200 || len(a.Names()) != 1 {
					t.Errorf("with a query: %d: %s", a.Status, a.Body)
				}
			}
		})
	}
}

// TestPaths_RouteOfEndpoints: who gives the endpoints a route of their own gets their 404 for everything there:
// browser clients take an answer of another type for success.
func TestPaths_RouteOfEndpoints(t *testing.T) {
	g := browsertest.NewGuard(t)
	app := newApp()
	app.All("/app/api/auth/*", fiberguard.Endpoints(g), func(c *fiber.Ctx) error { return c.SendString("not of nguard") })
	c := serve(t, app)
	for _, path := range []string{"/app/api/auth/nothing", "/app/API/auth/session", "/APP/Api/Auth/login"} {
		c.Do("POST", path, browsertest.Credentials("bob")).Refused(404, "not_found")
	}
	c.Do("POST", "/APP/api/auth/login", browsertest.Credentials("bob")).Expect(200)
	c.Get("/app/api/auth/session").Expect(200)
}

// TestPaths_MountIsASegment: fiber takes /application for something below Use("/app"). The endpoints of one
// part of a program do not answer for another whose name begins alike.
func TestPaths_MountIsASegment(t *testing.T) {
	one := browsertest.NewGuard(t, func(c *nguard.Config) { c.Namespace, c.Cookie.Name = "one", "one" })
	two := browsertest.NewGuard(t, func(c *nguard.Config) { c.Namespace, c.Cookie.Name = "two", "two" })
	app := newApp()
	app.Use("/app", fiberguard.Endpoints(one))
	app.Use("/application", fiberguard.Endpoints(two))
	c := serve(t, app)
	for path, want := range map[string]string{"/app": one.CookieName(), "/APP": one.CookieName(), "/application": two.CookieName()} {
		if got := c.Do("POST", path+"/api/auth/login", browsertest.Credentials("bob")).Expect(200).Names(); len(got) != 1 || got[0] != want {
			t.Errorf("%s logs in with %q, want %q", path, got, want)
		}
	}
}

// TestPaths_InRecords: a record shows the path that was asked for, whatever somebody has put into it.
func TestPaths_InRecords(t *testing.T) {
	sink := make(browsertest.Events, 1000)
	g := browsertest.NewGuard(t, sink.Option)
	app := newApp()
	app.Get("/files/*", fiberguard.Require(g, browsertest.Admin), who)
	app.Get("/t/:tenant/x", fiberguard.Require(g, browsertest.Admin), who)
	c := serve(t, app).SignIn(g, "bob")
	w := c.Dial()
	for path, want := range map[string]string{"/files/a/b": "/files/a/b", "/files/x/api/auth/session": "/files/x/api/auth/session", "/files/%61%0a%e2%80%ae": "/files/a??",
		"/t/%zz/x": "/t/%zz/x", "/t/a%2fb/x": "/t/a/b/x", "/files/a;b?c=d#e": "/files/a;b"} {
		w.Do("GET", path, "", c.Cookie(g)).Refused(403, "forbidden")
		if e := sink.Next(t, nguard.EventAuthzFail); e.Path != want {
			t.Errorf("%s is recorded as %q", path, e.Path)
		}
	}
	for _, target := range []string{"*", "x", "/", "//", "http:", "http://", "http://x", "?", "%", "/%", "/files/%", ":", "/files"} { // no crash
		resp := c.Dial()
		resp.Write("GET " + target + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		if _, err := resp.In.ReadString('\n'); err != nil {
			t.Errorf("%q: %v", target, err)
		}
	}
}
