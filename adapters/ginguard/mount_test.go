package ginguard_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/nguard-go/nguard/adapters/ginguard"
	"github.com/nguard-go/nguard/adapters/internal/browsertest"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/policy"
)

// TestEndpoints_Mounts: the endpoints answer wherever gin can put a middleware, with the same paths below it,
// under all settings, beside routes of the application and inside another server.
func TestEndpoints_Mounts(t *testing.T) {
	for name, set := range engines {
		t.Run(name, func(t *testing.T) {
			g := browsertest.NewGuard(t)
			engine := func(use ...gin.HandlerFunc) *gin.Engine {
				e := gin.New()
				set(e)
				e.Use(use...)
				return e
			}
			app := engine(ginguard.Sessions(g), ginguard.Endpoints(g))
			app.GET("/x", who)
			app.POST("/x/:y", who)
			app.NoRoute(func(c *gin.Context) { c.String(http.StatusNotFound, "no route of the application") })
			app.NoMethod(func(c *gin.Context) { c.String(http.StatusMethodNotAllowed, "no method of the application") })

			routes := engine()
			routes.Group("/app", ginguard.Sessions(g)).Any("/api/auth/*endpoint", ginguard.Endpoints(g))
			routes.Group("/t/:tenant").Any("/api/auth/*endpoint", ginguard.Endpoints(g))
			routes.Group("/t/:tenant/deep", ginguard.Sessions(g)).Any("/api/auth/*endpoint", ginguard.Endpoints(g))
			routes.Any("/api/auth/*endpoint", ginguard.Endpoints(g))

			inner := engine(ginguard.Sessions(g), ginguard.Endpoints(g))
			outer := engine(ginguard.Sessions(g))
			outer.Any("/nested/*path", gin.WrapH(http.StripPrefix("/nested", inner)))

			mux := http.NewServeMux()
			mux.Handle("/shop/", http.StripPrefix("/shop", app))
			mux.Handle("/routes/", http.StripPrefix("/routes", routes))
			mux.Handle("/outer/", http.StripPrefix("/outer", outer))
			mux.Handle("/", app)
			c := browsertest.Serve(t, mux)
			for _, prefix := range []string{"", "/shop", "/routes", "/routes/app", "/routes/t/acme", "/routes/t/acme/deep", "/outer/nested"} {
				c.Plays(t, prefix)
			}
			c.Get("/nothing").Expect(404).Says("no route of the application")
		})
	}
}

// TestEndpoints_Except: what the application keeps for itself reaches its handler, with the session.
func TestEndpoints_Except(t *testing.T) {
	g := browsertest.NewGuard(t)
	login := func(c *gin.Context) {
		if _, err := ginguard.From(c).Login(c.Request.Context(), "eve", nguard.LoginOptions{Methods: []string{"oidc"}}); err != nil {
			ginguard.Fail(c, err)
			return
		}
		c.String(http.StatusOK, "own login")
	}
	app := gin.New()
	app.Use(ginguard.Sessions(g), ginguard.Endpoints(g, "login"))
	app.POST("/api/auth/login", login)
	app.Any("/route/api/auth/*endpoint", ginguard.Endpoints(g, "login"), login)
	c := browsertest.Serve(t, app)
	c.Except(t, "", "/route")
	c.Do("POST", "/route/api/auth/login/", "").Refused(404, "not_found")
}

// TestRefusals_Abort: a refusal is answered and aborts, so that no later handler runs or writes, and middleware
// in front of it sees that.
func TestRefusals_Abort(t *testing.T) {
	g := browsertest.NewGuard(t)
	ran, aborted := make(chan string, 100), make(chan bool, 100)
	app := gin.New()
	app.Use(func(c *gin.Context) {
		c.Next()
		aborted <- c.IsAborted()
	})
	end := func(c *gin.Context) {
		ran <- c.Request.URL.Path
		c.String(http.StatusOK, "end")
	}
	app.GET("/require", ginguard.Require(g, browsertest.Admin), end)
	app.GET("/limit", ginguard.Limit(g, browsertest.Full{}), end)
	app.POST("/sessions", ginguard.Sessions(g), end)
	app.GET("/fail", ginguard.Sessions(g), func(c *gin.Context) { ginguard.Fail(c, nguard.ErrDenied) }, end)
	app.GET("/without", func(c *gin.Context) { ginguard.Fail(c, nguard.ErrNotInstalled) }, end)
	app.Any("/api/auth/*endpoint", ginguard.Endpoints(g), end)
	app.GET("/late", func(c *gin.Context) { c.Writer.WriteHeaderNow() }, ginguard.Require(g, browsertest.Admin), end)
	app.GET("/ok", ginguard.Sessions(g), func(c *gin.Context) { c.String(http.StatusOK, "ok") })
	c := browsertest.Serve(t, app)
	c.Get("/require").Refused(401, "no_session")
	c.Do("HEAD", "/require", "").Expect(404) // gin has no HEAD for a GET
	c.SignIn(g, "bob").Get("/require").Refused(403, "forbidden")
	c.Get("/limit").Refused(429, "rate_limited")
	c.Do("POST", "/sessions", "", "Sec-Fetch-Site: cross-site").Refused(403, "cross_origin")
	c.Get("/fail").Refused(403, "forbidden")
	c.Get("/without").Expect(500)
	c.Get("/api/auth/session").Expect(200)
	c.Get("/api/auth/nothing").Refused(404, "not_found")
	c.Get("/late").Expect(200).Says("") // nothing can be answered any more, and nothing runs
	close(aborted)
	for i := 0; len(aborted) > 0; i++ {
		if stopped := <-aborted; !stopped && i != 1 {
			t.Errorf("request %d was not aborted", i)
		}
	}
	if len(ran) != 0 {
		t.Errorf("handlers ran after a refusal: %s", <-ran)
	}
}

// TestRefusals_UnknownRoutes: gin writes its own 404 and 405 when nobody has written a byte. Answers of nguard
// without a body are answers too.
func TestRefusals_UnknownRoutes(t *testing.T) {
	g := browsertest.NewGuard(t, func(c *nguard.Config) { c.LoginPage = "/login" })
	app := gin.New()
	app.HandleMethodNotAllowed = true
	app.Use(ginguard.Sessions(g), ginguard.Endpoints(g), ginguard.Require(g, policy.SignedIn))
	app.GET("/known", who)
	c := browsertest.Serve(t, app)
	for _, path := range []string{"/unknown", "/known"} {
		a := c.Do("HEAD", path, "").Expect(401).Says("")
		if a.Header.Get("Content-Type") != "application/json" {
			t.Errorf("header %v", a.Header)
		}
		a = c.Do("HEAD", path, "", "Accept: text/html").Expect(303).Says("")
		if a.Header.Get("Location") != "/login" || a.Header.Get("Content-Type") != "" {
			t.Errorf("header %v", a.Header)
		}
		c.Do("POST", path, "").Refused(401, "no_session")
	}
	c.SignIn(g, "bob")
	c.Get("/unknown").Expect(404).Says("404 page not found")
	c.Do("POST", "/known", "").Expect(405).Says("405 method not allowed")
	a := c.Get("/api/auth/session").Expect(200)
	if b := c.Get("/api/auth/session", "If-None-Match: "+a.Header.Get("Etag")).Expect(304).Says(""); strings.HasPrefix(b.Header.Get("Content-Type"), "text/plain") {
		t.Errorf("header %v", b.Header)
	}
	if b := c.Do("HEAD", "/api/auth/validate", "").Expect(200).Says(""); strings.HasPrefix(b.Header.Get("Content-Type"), "text/plain") {
		t.Errorf("header %v", b.Header)
	}
}

// TestLoginPage: gin's answers by a redirect are nguard's own.
func TestLoginPage(t *testing.T) {
	browsertest.LoginPage(t, func(g *nguard.Guard) *browsertest.Client {
		app := gin.New()
		app.Any("/page", ginguard.Require(g, policy.SignedIn), who)
		return browsertest.Serve(t, app)
	})
}

// TestFrom_NotInstalled: on a route without middleware the Request is nil, and says so.
func TestFrom_NotInstalled(t *testing.T) {
	app := gin.New()
	app.GET("/", func(c *gin.Context) {
		for name, err := range browsertest.Every(t, ginguard.From(c), c.Request.Context(), "bob") {
			if !errors.Is(err, nguard.ErrNotInstalled) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
	browsertest.Serve(t, app).Get("/").Expect(200)
}

// whoOf answers with the ID of the person whom this guard knows: From knows the innermost.
func whoOf(g *nguard.Guard) gin.HandlerFunc {
	return func(c *gin.Context) {
		r, _ := g.Of(c.Request.Context())
		s, err := r.Session()
		if err != nil {
			ginguard.Fail(c, err)
			return
		}
		c.String(http.StatusOK, s.UserID())
	}
}

// TestTwoGuards: two guards in one application.
func TestTwoGuards(t *testing.T) {
	browsertest.TwoGuards(t, func(staff, shop *nguard.Guard, both func(context.Context)) *browsertest.Client {
		app := gin.New()
		app.Use(ginguard.Sessions(staff), ginguard.Sessions(shop))
		app.Any("/staff/api/auth/*endpoint", ginguard.Endpoints(staff))
		app.Any("/shop/api/auth/*endpoint", ginguard.Endpoints(shop))
		app.GET("/staff/admin", ginguard.Require(staff, browsertest.Admin), whoOf(staff))
		app.GET("/shop/admin", ginguard.Require(shop, browsertest.Admin), whoOf(shop))
		app.POST("/both", func(c *gin.Context) { both(c.Request.Context()) })
		return browsertest.Serve(t, app)
	})
}

// TestPanic_ClosesTheRequest: a handler that panics under gin's recovery leaves no Request behind that could
// still write into an answer.
func TestPanic_ClosesTheRequest(t *testing.T) {
	g := browsertest.NewGuard(t)
	kept := make(chan *nguard.Request, 2)
	app := gin.New()
	app.Use(gin.RecoveryWithWriter(io.Discard))
	app.GET("/sessions", ginguard.Sessions(g), func(c *gin.Context) {
		kept <- ginguard.From(c)
		panic("of the handler")
	})
	app.GET("/require", ginguard.Require(g, policy.SignedIn), func(c *gin.Context) {
		kept <- ginguard.From(c)
		panic("of the handler")
	})
	browsertest.PanicCloses(t, g, browsertest.Serve(t, app), kept)
}
