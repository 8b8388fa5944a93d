package ginguard_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/nguard-go/nguard/adapters/ginguard"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/endpoints"
	"github.com/nguard-go/nguard/policy"
)

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

// TestEndpoints_Mounts: the endpoints answer wherever gin can put a middleware, with the same paths below it,
// under all settings, beside routes of the application and inside another server.
func TestEndpoints_Mounts(t *testing.T) {
	for name, set := range engines {
		t.Run(name, func(t *testing.T) {
			g := newGuard(t)
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
			c := serve(t, mux)
			for _, prefix := range []string{"", "/shop", "/routes", "/routes/app", "/routes/t/acme", "/routes/t/acme/deep", "/outer/nested"} {
				c.plays(t, prefix)
			}
			c.get("/nothing").expect(404).says("no route of the application")
		})
	}
}

// TestEndpoints_Except: what the application keeps for itself reaches its handler, with the session.
func TestEndpoints_Except(t *testing.T) {
	g := newGuard(t)
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
	c := serve(t, app)
	for _, prefix := range []string{"", "/route"} {
		c.do("POST", prefix+"/api/auth/login", "").expect(200).says("own login")
		if a := c.get(prefix + "/api/auth/session").expect(200); !strings.Contains(a.body, `"eve"`) {
			t.Errorf("%q: %s", prefix, a.body)
		}
		c.do("POST", prefix+"/api/auth/logout", "").expect(200)
	}
	c.do("POST", "/route/api/auth/login/", "").refused(404, "not_found")
}

// TestRefusals_Abort: a refusal is answered and aborts, so that no later handler runs or writes, and middleware
// in front of it sees that.
func TestRefusals_Abort(t *testing.T) {
	g := newGuard(t)
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
	app.GET("/require", ginguard.Require(g, roleAdmin), end)
	app.GET("/limit", ginguard.Limit(g, refusing{}), end)
	app.POST("/sessions", ginguard.Sessions(g), end)
	app.GET("/fail", ginguard.Sessions(g), func(c *gin.Context) { ginguard.Fail(c, nguard.ErrDenied) }, end)
	app.GET("/without", func(c *gin.Context) { ginguard.Fail(c, nguard.ErrNotInstalled) }, end)
	app.Any("/api/auth/*endpoint", ginguard.Endpoints(g), end)
	app.GET("/late", func(c *gin.Context) { c.Writer.WriteHeaderNow() }, ginguard.Require(g, roleAdmin), end)
	app.GET("/ok", ginguard.Sessions(g), func(c *gin.Context) { c.String(http.StatusOK, "ok") })
	c := serve(t, app)
	c.get("/require").refused(401, "no_session")
	c.do("HEAD", "/require", "").expect(404) // gin has no HEAD for a GET
	c.signIn(g, "bob").get("/require").refused(403, "forbidden")
	c.get("/limit").refused(429, "rate_limited")
	c.do("POST", "/sessions", "", "Sec-Fetch-Site: cross-site").refused(403, "cross_origin")
	c.get("/fail").refused(403, "forbidden")
	c.get("/without").expect(500)
	c.get("/api/auth/session").expect(200)
	c.get("/api/auth/nothing").refused(404, "not_found")
	c.get("/late").expect(200).says("") // nothing can be answered any more, and nothing runs
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
	g := newGuard(t, func(c *nguard.Config) { c.LoginPage = "/login" })
	app := gin.New()
	app.HandleMethodNotAllowed = true
	app.Use(ginguard.Sessions(g), ginguard.Endpoints(g), ginguard.Require(g, policy.SignedIn))
	app.GET("/known", who)
	c := serve(t, app)
	for _, path := range []string{"/unknown", "/known"} {
		a := c.do("HEAD", path, "").expect(401).says("")
		if a.header.Get("Content-Type") != "application/json" {
			t.Errorf("header %v", a.header)
		}
		a = c.do("HEAD", path, "", "Accept: text/html").expect(303).says("")
		if a.header.Get("Location") != "/login" || a.header.Get("Content-Type") != "" {
			t.Errorf("header %v", a.header)
		}
		c.do("POST", path, "").refused(401, "no_session")
	}
	c.signIn(g, "bob")
	c.get("/unknown").expect(404).says("404 page not found")
	c.do("POST", "/known", "").expect(405).says("405 method not allowed")
	a := c.get("/api/auth/session").expect(200)
	if b := c.get("/api/auth/session", "If-None-Match: "+a.header.Get("Etag")).expect(304).says(""); strings.HasPrefix(b.header.Get("Content-Type"), "text/plain") {
		t.Errorf("header %v", b.header)
	}
	if b := c.do("HEAD", "/api/auth/validate", "").expect(200).says(""); strings.HasPrefix(b.header.Get("Content-Type"), "text/plain") {
		t.Errorf("header %v", b.header)
	}
}

// TestLoginPage: a person who opens a page is sent to log in, also by HEAD; a script gets the 401.
func TestLoginPage(t *testing.T) {
	g := newGuard(t, func(c *nguard.Config) { c.LoginPage = "/login?next=x" })
	app := gin.New()
	app.Any("/page", ginguard.Require(g, policy.SignedIn), who)
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
	app := gin.New()
	app.GET("/", func(c *gin.Context) {
		for name, err := range every(ginguard.From(c), c.Request.Context(), "bob") {
			if !errors.Is(err, nguard.ErrNotInstalled) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
	serve(t, app).get("/").expect(200)
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

// TestTwoGuards: two guards in one application have cookies and sessions of their own, also for the same
// person, in one answer.
func TestTwoGuards(t *testing.T) {
	staff := newGuard(t, func(c *nguard.Config) { c.Namespace, c.Cookie.Name = "staff", "staff" })
	shop := newGuard(t, func(c *nguard.Config) { c.Namespace, c.Cookie.Name = "shop", "shop" })
	app := gin.New()
	app.Use(ginguard.Sessions(staff), ginguard.Sessions(shop))
	app.Any("/staff/api/auth/*endpoint", ginguard.Endpoints(staff))
	app.Any("/shop/api/auth/*endpoint", ginguard.Endpoints(shop))
	app.GET("/staff/admin", ginguard.Require(staff, roleAdmin), whoOf(staff))
	app.GET("/shop/admin", ginguard.Require(shop, roleAdmin), whoOf(shop))
	app.POST("/both", func(c *gin.Context) {
		for g, id := range map[*nguard.Guard]string{staff: "ann", shop: "bob"} {
			r, ok := g.Of(c.Request.Context())
			if !ok {
				t.Error("not installed")
			}
			if _, err := r.Login(c.Request.Context(), id, nguard.LoginOptions{}); err != nil {
				t.Errorf("login: %v", err)
			}
		}
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

// TestPanic_ClosesTheRequest: a handler that panics under gin's recovery leaves no Request behind that could
// still write into an answer.
func TestPanic_ClosesTheRequest(t *testing.T) {
	g := newGuard(t)
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
