package ginguard_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/nguard-go/nguard/adapters/ginguard"
	"github.com/nguard-go/nguard/adapters/internal/browsertest"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/endpoints"
)

// engines are settings of how gin finds a route.
var engines = map[string]func(*gin.Engine){
	"default":       func(*gin.Engine) {},
	"fixed path":    func(e *gin.Engine) { e.RedirectFixedPath = true },
	"strict":        func(e *gin.Engine) { e.RedirectTrailingSlash = false },
	"methods":       func(e *gin.Engine) { e.HandleMethodNotAllowed = true },
	"raw path":      func(e *gin.Engine) { e.UseRawPath = true },
	"escaped path":  func(e *gin.Engine) { e.UseEscapedPath = true },
	"raw, not text": func(e *gin.Engine) { e.UseRawPath, e.UnescapePathValues = true, false },
	"extra slash":   func(e *gin.Engine) { e.RemoveExtraSlash = true },
	"all": func(e *gin.Engine) {
		e.RedirectFixedPath, e.HandleMethodNotAllowed, e.UseRawPath, e.RemoveExtraSlash = true, true, true, true
	},
}

// spellings are ways to write /admin that some part of a server might take for it.
var spellings = []string{"/ADMIN", "/admin/", "/Admin/", "/%61dmin", "/admin%2f", "//admin", "/./admin", "/x/../admin", "/admin;x", "/admin%00", "/admin?x", "/admin%20", "/%2561dmin", "/admin/.", "/admin//"}

// TestPaths_RuleHoldsForEachSpelling: gin decodes, cleans and redirects as it is told to. A rule hangs on the
// matched route, so that each spelling is refused, redirected to one that is, or leads nowhere (P3).
func TestPaths_RuleHoldsForEachSpelling(t *testing.T) {
	g := browsertest.NewGuard(t)
	for name, set := range engines {
		t.Run(name, func(t *testing.T) {
			app := gin.New()
			set(app)
			app.Use(ginguard.Sessions(g))
			app.GET("/admin", ginguard.Require(g, browsertest.Admin), who)
			app.Group("/area", ginguard.Require(g, browsertest.Admin)).GET("/admin", who)
			c := browsertest.Serve(t, app).SignIn(g, "bob")
			w := c.Dial()
			for _, path := range append(spellings, "/admin") {
				for _, target := range []string{path, "/area" + path, "/AREA" + path} {
					switch a := w.Do("GET", target, "", c.Cookie(g)); a.Status {
					case http.StatusForbidden, http.StatusNotFound, http.StatusMovedPermanently, http.StatusTemporaryRedirect:
					default:
						t.Errorf("%s: status %d: %s", target, a.Status, a.Body)
					}
				}
			}
			w.Do("GET", "/admin", "", c.Cookie(g)).Refused(403, "forbidden")
		})
	}
}

// TestPaths_EndpointsHaveOneSpelling: what is not spelled like an endpoint is none: neither does it log in, nor
// is it answered with 200, which browser clients would take for a login.
func TestPaths_EndpointsHaveOneSpelling(t *testing.T) {
	g := browsertest.NewGuard(t)
	for mount, build := range map[string]func(*gin.Engine){
		"engine": func(e *gin.Engine) { e.Use(ginguard.Endpoints(g)) },
		"route":  func(e *gin.Engine) { e.Any("/api/auth/*endpoint", ginguard.Endpoints(g)) },
		"below":  func(e *gin.Engine) { e.Group("/t/:tenant").Any("/api/auth/*endpoint", ginguard.Endpoints(g)) },
	} {
		for name, set := range engines {
			t.Run(mount+"/"+name, func(t *testing.T) {
				app := gin.New()
				set(app)
				build(app)
				w := browsertest.Serve(t, app).Dial()
				prefix := map[string]string{"below": "/t/acme"}[mount]
				login := func(path string) browsertest.Reply {
					return w.Do("POST", path, browsertest.Credentials("bob"), "Sec-Fetch-Site: same-origin")
				}
				for _, path := range []string{"/API/AUTH/login", "/api/auth/LOGIN", "/api/auth/login/", "/api/auth/login//", "//api/auth/login", "/api//auth/login", "/api/auth//login", "/api/auth/./login",
					"/api/auth/x/../login", "/api/auth/login%2f", "/api/auth/login;x", "/api/auth/login%00", "/api/auth/login%20", "/api/auth/%256cogin", "/api/auth/lo\u0131gin", "/api%2fauth%2flogin/x", "/api/auth"} {
					a := login(prefix + path)
					redirected := a.Status == http.StatusTemporaryRedirect || a.Status == http.StatusMovedPermanently
					if a.Status != http.StatusNotFound && !redirected || len(a.Names()) > 0 {
						t.Errorf("%s: status %d, cookies %q: %s", path, a.Status, a.Names(), a.Body)
					} else if strings.HasPrefix(path, endpoints.Prefix) && !redirected && a.Code() != "not_found" {
						t.Errorf("%s: %s", path, a.Body)
					}
				}
				if a := login(prefix + "/api/auth/login?x=1"); a.Status != 200 || len(a.Names()) != 1 {
					t.Errorf("with a query: %d: %s", a.Status, a.Body)
				}
			})
		}
	}
}

// TestPaths_RouteOfEndpoints: what gin leads to a route of the endpoints is theirs, also where the engine
// matches another spelling than the request's: without a handler gin would answer 200 with nothing.
func TestPaths_RouteOfEndpoints(t *testing.T) {
	g := browsertest.NewGuard(t)
	app := gin.New()
	engines["all"](app)
	app.Group("/t/:tenant").Any("/api/auth/*endpoint", ginguard.Endpoints(g))
	c := browsertest.Serve(t, app)
	w := c.Dial()
	for _, path := range []string{"/t/a%2Fb/api/auth/login", "//t/acme/api/auth/login", "/t//acme/api/auth/login", "/t/acme/api/auth/a%2fb"} {
		w.Do("POST", path, browsertest.Credentials("bob"), "Sec-Fetch-Site: same-origin").Refused(404, "not_found")
	}
}

// TestPaths_InRecords: a record shows the path that was asked for, whatever somebody has put into it.
func TestPaths_InRecords(t *testing.T) {
	sink := make(browsertest.Events, 1000)
	g := browsertest.NewGuard(t, sink.Option)
	app := gin.New()
	app.GET("/files/*path", ginguard.Require(g, browsertest.Admin), who)
	app.GET("/t/:tenant/x", ginguard.Require(g, browsertest.Admin), who)
	c := browsertest.Serve(t, app).SignIn(g, "bob")
	w := c.Dial()
	for path, want := range map[string]string{"/files/a/b": "/files/a/b", "/files/x/api/auth/session": "/files/x/api/auth/session", "/files/%61%0a%e2%80%ae": "/files/a??",
		"/files/a;b?c=d": "/files/a;b"} {
		w.Do("GET", path, "", c.Cookie(g)).Refused(403, "forbidden")
		if e := sink.Next(t, nguard.EventAuthzFail); e.Path != want {
			t.Errorf("%s is recorded as %q", path, e.Path)
		}
	}
	for _, target := range []string{"*", "/", "//", "http://x", "?", "/files/%", "/files"} { // no crash
		resp := c.Dial()
		resp.Write("GET " + target + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		if _, err := resp.In.ReadString('\n'); err != nil {
			t.Errorf("%q: %v", target, err)
		}
	}
}
