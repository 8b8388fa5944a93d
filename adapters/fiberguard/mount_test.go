package fiberguard_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/recover"

	"github.com/nguard-go/nguard/adapters/fiberguard"
	"github.com/nguard-go/nguard/adapters/internal/browsertest"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/endpoints"
	"github.com/nguard-go/nguard/policy"
)

// html is an ErrorHandler as applications have it: nothing of nguard may reach it, since browser clients
// take HTML for success.
func html(c *fiber.Ctx, err error) error {
	code := fiber.StatusInternalServerError
	var e *fiber.Error
	if errors.As(err, &e) {
		code = e.Code
	}
	c.Type("html")
	return c.Status(code).SendString("<p>of the application: " + err.Error())
}

// settings are those that change what handlers of fiber get.
var settings = map[string]fiber.Config{
	"default":   {},
	"immutable": {Immutable: true},
	"strict":    {CaseSensitive: true, StrictRouting: true},
	"unescape":  {UnescapePath: true},
	"streaming": {StreamRequestBody: true},
	"no type":   {DisableDefaultContentType: true},
}

// TestEndpoints_Mounts: the endpoints answer wherever fiber can put a middleware, with the same paths below
// it, and under all settings.
func TestEndpoints_Mounts(t *testing.T) {
	for name, config := range settings {
		config.ErrorHandler = html
		t.Run(name, func(t *testing.T) {
			g := browsertest.NewGuard(t)
			sub := newApp(config)
			sub.Use(fiberguard.Sessions(g), fiberguard.Endpoints(g))
			deep := newApp(config)
			deep.Mount("/sub", sub)
			app := newApp(config)
			app.Use("/used", fiberguard.Sessions(g), fiberguard.Endpoints(g))
			app.Use("/t/:tenant", fiberguard.Endpoints(g))
			app.All("/all/api/auth/*", fiberguard.Endpoints(g))
			app.All("/p/:tenant/api/auth/*", fiberguard.Endpoints(g))
			app.Group("/group", fiberguard.Sessions(g), fiberguard.Endpoints(g))
			app.Group("/g/:tenant").All("/api/auth/+", fiberguard.Endpoints(g))
			app.Route("/routed", func(r fiber.Router) { r.Use(fiberguard.Endpoints(g)) })
			app.Mount("/mounted", sub)
			app.Mount("/deep", deep)
			app.Use("/", func(c *fiber.Ctx) error { // below everything else: the root
				if strings.HasPrefix(c.Path(), endpoints.Prefix) {
					return fiberguard.Endpoints(g)(c)
				}
				return c.Next()
			})
			c := serve(t, app)
			for _, prefix := range []string{"/used", "/t/acme", "/t/a%2Fb", "/all", "/p/acme", "/group", "/routed", "/mounted", "/deep/sub", ""} {
				if prefix == "/t/a%2Fb" && config.UnescapePath {
					continue // two segments then
				}
				c.Plays(t, prefix)
			}
			c.Do("POST", "/g/acme/api/auth/login", browsertest.Credentials("bob")).Expect(200)
		})
	}
}

// TestEndpoints_Except: what the application keeps for itself reaches its handler, with the session.
func TestEndpoints_Except(t *testing.T) {
	g := browsertest.NewGuard(t)
	app := newApp()
	login := func(c *fiber.Ctx) error {
		if _, err := fiberguard.From(c).Login(c.UserContext(), "eve", nguard.LoginOptions{Methods: []string{"oidc"}}); err != nil {
			return fiberguard.Fail(c, err)
		}
		return c.SendString("own login")
	}
	app.Use(fiberguard.Sessions(g))
	app.All("/route/api/auth/*", fiberguard.Endpoints(g, "login"), login)
	app.Use(fiberguard.Endpoints(g, "login"))
	app.Post("/api/auth/login", login)
	c := serve(t, app)
	c.Except(t, "", "/route")
	for _, prefix := range []string{"", "/route"} {
		c.Do("POST", prefix+"/api/auth/login/", "").Refused(404, "not_found")
	}
}

// TestRefusals_AreNoErrors: what nguard refuses is answered by nguard, and no ErrorHandler writes over it. An
// application that returns its errors can answer them there by Fail.
func TestRefusals_AreNoErrors(t *testing.T) {
	g := browsertest.NewGuard(t)
	app := newApp(fiber.Config{ErrorHandler: html})
	ran := make(chan string, 100)
	end := func(c *fiber.Ctx) error {
		ran <- c.Path()
		return c.SendString("end")
	}
	app.Get("/require", fiberguard.Require(g, browsertest.Admin), end)
	app.Get("/limit", fiberguard.Limit(g, browsertest.Full{}), end)
	app.Post("/sessions", fiberguard.Sessions(g), end)
	app.Get("/fail", fiberguard.Sessions(g), func(c *fiber.Ctx) error { return fiberguard.Fail(c, nguard.ErrDenied) }, end)
	app.Get("/without", func(c *fiber.Ctx) error { return fiberguard.Fail(c, nguard.ErrNotInstalled) })
	app.Get("/error", fiberguard.Sessions(g), func(*fiber.Ctx) error { return errors.New("of the handler") })
	c := serve(t, app)
	c.Get("/require").Refused(401, "no_session")
	c.Do("HEAD", "/require", "").Expect(401).Says("")
	c.SignIn(g, "bob").Get("/require").Refused(403, "forbidden")
	c.Get("/limit").Refused(429, "rate_limited")
	c.Do("POST", "/sessions", "", "Sec-Fetch-Site: cross-site").Refused(403, "cross_origin")
	c.Get("/fail").Refused(403, "forbidden")
	c.Get("/without").Expect(500)
	c.Get("/error").Expect(500).Says("<p>of the application: of the handler")
	if len(ran) != 0 {
		t.Errorf("handlers ran after a refusal: %s", <-ran)
	}

	failing := newApp(fiber.Config{ErrorHandler: func(c *fiber.Ctx, err error) error { return fiberguard.Fail(c, err) }})
	failing.Use(fiberguard.Sessions(g))
	failing.Get("/", func(c *fiber.Ctx) error { return fiberguard.From(c).Authorize(c.UserContext(), browsertest.Admin, nil) })
	f := serve(t, failing)
	f.Get("/").Refused(401, "no_session")
	f.SignIn(g, "bob").Get("/").Refused(403, "forbidden")
}

// TestLoginPage: answers by a redirect are nguard's own, whatever the ErrorHandler.
func TestLoginPage(t *testing.T) {
	browsertest.LoginPage(t, func(g *nguard.Guard) *browsertest.Client {
		app := newApp(fiber.Config{ErrorHandler: html})
		app.All("/page", fiberguard.Require(g, policy.SignedIn), who)
		return serve(t, app)
	})
}

// TestFrom_NotInstalled: on a route without middleware the Request is nil, and says so.
func TestFrom_NotInstalled(t *testing.T) {
	app := newApp()
	app.Get("/", func(c *fiber.Ctx) error {
		for name, err := range browsertest.Every(t, fiberguard.From(c), c.UserContext(), "bob") {
			if !errors.Is(err, nguard.ErrNotInstalled) {
				t.Errorf("%s: %v", name, err)
			}
		}
		return nil
	})
	serve(t, app).Get("/").Expect(200)
}

// whoOf answers with the ID of the person whom this guard knows: From knows the innermost.
func whoOf(g *nguard.Guard) fiber.Handler {
	return func(c *fiber.Ctx) error {
		r, _ := g.Of(c.UserContext())
		s, err := r.Session()
		if err != nil {
			return fiberguard.Fail(c, err)
		}
		return c.SendString(s.UserID())
	}
}

// TestTwoGuards: two guards in one application.
func TestTwoGuards(t *testing.T) {
	browsertest.TwoGuards(t, func(staff, shop *nguard.Guard, both func(context.Context)) *browsertest.Client {
		app := newApp()
		app.Use(fiberguard.Sessions(staff), fiberguard.Sessions(shop))
		app.Use("/staff", fiberguard.Endpoints(staff))
		app.Use("/shop", fiberguard.Endpoints(shop))
		app.Get("/staff/admin", fiberguard.Require(staff, browsertest.Admin), whoOf(staff))
		app.Get("/shop/admin", fiberguard.Require(shop, browsertest.Admin), whoOf(shop))
		app.Post("/both", func(c *fiber.Ctx) error {
			both(c.UserContext())
			return nil
		})
		return serve(t, app)
	})
}

// TestPanic_ClosesTheRequest: a handler that panics under fiber's recovery leaves no Request behind that could
// still write into an answer.
func TestPanic_ClosesTheRequest(t *testing.T) {
	g := browsertest.NewGuard(t)
	kept := make(chan *nguard.Request, 2)
	app := newApp()
	app.Use(recover.New())
	app.Get("/sessions", fiberguard.Sessions(g), func(c *fiber.Ctx) error {
		kept <- fiberguard.From(c)
		panic("of the handler")
	})
	app.Get("/require", fiberguard.Require(g, policy.SignedIn), func(c *fiber.Ctx) error {
		kept <- fiberguard.From(c)
		panic("of the handler")
	})
	browsertest.PanicCloses(t, g, serve(t, app), kept)
}
