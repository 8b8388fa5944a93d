package fiberguard_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/recover"

	"github.com/nguard-go/nguard/adapters/fiberguard"
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

// plays goes through the endpoints below a prefix.
func (c *client) plays(t *testing.T, prefix string) {
	t.Helper()
	at := prefix + endpoints.Prefix
	c.get(at+"session").refused(401, "no_session")
	c.do("POST", at+"login", `{"id":"bob","password":"x"}`).refused(401, "bad_credentials")
	c.do("POST", at+"login", `{"id":"bob",`+password).expect(200)
	if a := c.do("POST", at+"update", `{"theme":"dark"}`).expect(200); !strings.Contains(a.body, `"dark"`) || a.header.Get("Content-Type") != "application/json" {
		t.Errorf("%s: %v %s", at, a.header, a.body)
	}
	if a := c.do("HEAD", at+"validate", "").expect(200); a.body != "" {
		t.Errorf("%sHEAD validate says %q", at, a.body)
	}
	a := c.get(at + "session").expect(200)
	c.get(at+"session", "If-None-Match: "+a.header.Get("Etag")).expect(304)
	c.do("POST", at+"update", strings.Repeat(" ", 11<<10)).refused(413, "too_large")
	c.do("POST", at+"update", "a=b", "Content-Type: application/x-www-form-urlencoded").refused(415, "media_type")
	if a := c.do("PUT", at+"update", "").refused(405, "method_not_allowed"); a.header.Get("Allow") != "POST" {
		t.Errorf("%s: Allow %q", at, a.header.Get("Allow"))
	}
	for _, path := range []string{"", "nothing", "users/x", "login/", "users/ann/sessions/x"} {
		c.get(at+path).refused(404, "not_found")
	}
	if a := c.do("HEAD", at+"nothing", "").expect(404); a.header.Get("Content-Type") != "application/json" || a.body != "" {
		t.Errorf("%sHEAD nothing: %v, %q", at, a.header, a.body)
	}
	c.get(at+"users/ann/sessions").refused(403, "forbidden")
	c.do("POST", at+"logout", "").expect(200)
	c.get(at+"session").refused(401, "no_session")
}

// TestEndpoints_Mounts: the endpoints answer wherever fiber can put a middleware, with the same paths below
// it, and under all settings.
func TestEndpoints_Mounts(t *testing.T) {
	for name, config := range settings {
		config.ErrorHandler = html
		t.Run(name, func(t *testing.T) {
			g := newGuard(t)
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
				c.plays(t, prefix)
			}
			c.do("POST", "/g/acme/api/auth/login", `{"id":"bob",`+password).expect(200)
		})
	}
}

// TestEndpoints_Except: what the application keeps for itself reaches its handler, with the session.
func TestEndpoints_Except(t *testing.T) {
	g := newGuard(t)
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
	for _, prefix := range []string{"", "/route"} {
		c.do("POST", prefix+"/api/auth/login", "").expect(200).says("own login")
		if a := c.get(prefix + "/api/auth/session").expect(200); !strings.Contains(a.body, `"eve"`) {
			t.Errorf("%q: %s", prefix, a.body)
		}
		c.do("POST", prefix+"/api/auth/login/", "").refused(404, "not_found")
		c.do("POST", prefix+"/api/auth/logout", "").expect(200)
	}
}

// TestRefusals_AreNoErrors: what nguard refuses is answered by nguard, and no ErrorHandler writes over it. An
// application that returns its errors can answer them there by Fail.
func TestRefusals_AreNoErrors(t *testing.T) {
	g := newGuard(t)
	app := newApp(fiber.Config{ErrorHandler: html})
	ran := make(chan string, 100)
	end := func(c *fiber.Ctx) error {
		ran <- c.Path()
		return c.SendString("end")
	}
	app.Get("/require", fiberguard.Require(g, roleAdmin), end)
	app.Get("/limit", fiberguard.Limit(g, refusing{}), end)
	app.Post("/sessions", fiberguard.Sessions(g), end)
	app.Get("/fail", fiberguard.Sessions(g), func(c *fiber.Ctx) error { return fiberguard.Fail(c, nguard.ErrDenied) }, end)
	app.Get("/without", func(c *fiber.Ctx) error { return fiberguard.Fail(c, nguard.ErrNotInstalled) })
	app.Get("/error", fiberguard.Sessions(g), func(*fiber.Ctx) error { return errors.New("of the handler") })
	c := serve(t, app)
	c.get("/require").refused(401, "no_session")
	c.do("HEAD", "/require", "").expect(401).says("")
	c.signIn(g, "bob").get("/require").refused(403, "forbidden")
	c.get("/limit").refused(429, "rate_limited")
	c.do("POST", "/sessions", "", "Sec-Fetch-Site: cross-site").refused(403, "cross_origin")
	c.get("/fail").refused(403, "forbidden")
	c.get("/without").expect(500)
	c.get("/error").expect(500).says("<p>of the application: of the handler")
	if len(ran) != 0 {
		t.Errorf("handlers ran after a refusal: %s", <-ran)
	}

	failing := newApp(fiber.Config{ErrorHandler: func(c *fiber.Ctx, err error) error { return fiberguard.Fail(c, err) }})
	failing.Use(fiberguard.Sessions(g))
	failing.Get("/", func(c *fiber.Ctx) error { return fiberguard.From(c).Authorize(c.UserContext(), roleAdmin, nil) })
	f := serve(t, failing)
	f.get("/").refused(401, "no_session")
	f.signIn(g, "bob").get("/").refused(403, "forbidden")
}

// TestLoginPage: a person who opens a page is sent to log in, also by HEAD; a script gets the 401.
func TestLoginPage(t *testing.T) {
	g := newGuard(t, func(c *nguard.Config) { c.LoginPage = "/login?next=x" })
	app := newApp(fiber.Config{ErrorHandler: html})
	app.All("/page", fiberguard.Require(g, policy.SignedIn), who)
	c := serve(t, app)
	for _, method := range []string{"GET", "HEAD"} {
		a := c.do(method, "/page", "", "Accept: text/html").expect(http.StatusSeeOther).says("")
		if a.header.Get("Location") != "/login?next=x" || a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("header %v", a.header)
		}
	}
	c.do("POST", "/page", "", "Accept: text/html").refused(401, "no_session")
	c.get("/page", "Accept: application/json").refused(401, "no_session")
	c.signIn(g, "bob").get("/page", "Accept: text/html").expect(200).says("bob")
}

// TestFrom_NotInstalled: on a route without middleware the Request is nil, and says so.
func TestFrom_NotInstalled(t *testing.T) {
	app := newApp()
	app.Get("/", func(c *fiber.Ctx) error {
		for name, err := range every(fiberguard.From(c), c.UserContext(), "bob") {
			if !errors.Is(err, nguard.ErrNotInstalled) {
				t.Errorf("%s: %v", name, err)
			}
		}
		return nil
	})
	serve(t, app).get("/").expect(200)
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

// TestTwoGuards: two guards in one application have cookies and sessions of their own, also for the same
// person, in one answer.
func TestTwoGuards(t *testing.T) {
	staff := newGuard(t, func(c *nguard.Config) { c.Namespace, c.Cookie.Name = "staff", "staff" })
	shop := newGuard(t, func(c *nguard.Config) { c.Namespace, c.Cookie.Name = "shop", "shop" })
	app := newApp()
	app.Use(fiberguard.Sessions(staff), fiberguard.Sessions(shop))
	app.Use("/staff", fiberguard.Endpoints(staff))
	app.Use("/shop", fiberguard.Endpoints(shop))
	app.Get("/staff/admin", fiberguard.Require(staff, roleAdmin), whoOf(staff))
	app.Get("/shop/admin", fiberguard.Require(shop, roleAdmin), whoOf(shop))
	app.Post("/both", func(c *fiber.Ctx) error {
		for g, id := range map[*nguard.Guard]string{staff: "ann", shop: "bob"} {
			r, ok := g.Of(c.UserContext())
			if !ok {
				return errors.New("not installed")
			}
			if _, err := r.Login(c.UserContext(), id, nguard.LoginOptions{}); err != nil {
				return err
			}
		}
		return nil
	})
	c := serve(t, app)
	c.do("POST", "/staff/api/auth/login", `{"id":"ann",`+password).expect(200)
	c.get("/staff/admin").expect(200).says("ann")
	c.get("/shop/admin").refused(401, "no_session")
	c.cookies[shop.CookieName()] = c.cookies[staff.CookieName()]
	c.get("/shop/admin").refused(401, "no_session")
	c = c.other()
	if a := c.do("POST", "/both", "").expect(200); len(a.names()) != 2 {
		t.Errorf("cookies %q", a.names())
	}
	c.get("/staff/admin").expect(200).says("ann")
	c.get("/shop/admin").refused(403, "forbidden")
	c.do("POST", "/staff/api/auth/logout", "").expect(200)
	c.get("/staff/admin").refused(401, "no_session")
	c.get("/shop/admin").refused(403, "forbidden")
}

// TestPanic_ClosesTheRequest: a handler that panics under fiber's recovery leaves no Request behind that could
// still write into an answer.
func TestPanic_ClosesTheRequest(t *testing.T) {
	g := newGuard(t)
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
	c := serve(t, app).signIn(g, "bob")
	for _, path := range []string{"/sessions", "/require"} {
		c.get(path).expect(500)
		for name, err := range every(<-kept, t.Context(), "bob") {
			if !errors.Is(err, nguard.ErrTooLate) {
				t.Errorf("%s: %s: %v", path, name, err)
			}
		}
	}
}
