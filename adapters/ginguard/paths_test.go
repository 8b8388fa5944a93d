package ginguard_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/nguard-go/nguard/adapters/ginguard"
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
	g := newGuard(t)
	for name, set := range engines {
		t.Run(name, func(t *testing.T) {
			app := gin.New()
			set(app)
			app.Use(ginguard.Sessions(g))
			app.GET("/admin", ginguard.Require(g, roleAdmin), who)
			app.Group("/area", ginguard.Require(g, roleAdmin)).GET("/admin", who)
			c := serve(t, app).signIn(g, "bob")
			w := c.dial()
			for _, path := range append(spellings, "/admin") {
				for _, target := range []string{path, "/area" + path, "/AREA" + path} {
					switch a := w.do("GET", target, "", c.cookie(g)); a.status {
					case http.StatusForbidden, http.StatusNotFound, http.StatusMovedPermanently, http.StatusTemporaryRedirect:
					default:
						t.Errorf("%s: status %d: %s", target, a.status, a.body)
					}
				}
			}
			w.do("GET", "/admin", "", c.cookie(g)).refused(403, "forbidden")
		})
	}
}

// TestPaths_EndpointsHaveOneSpelling: what is not spelled like an endpoint is none: neither does it log in, nor
// is it answered with 200, which browser clients would take for a login.
func TestPaths_EndpointsHaveOneSpelling(t *testing.T) {
	g := newGuard(t)
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
				w := serve(t, app).dial()
				prefix := map[string]string{"below": "/t/acme"}[mount]
				login := func(path string) reply {
					return w.do("POST", path, `{"id":"bob",`+password, "Sec-Fetch-Site: same-origin")
				}
				for _, path := range []string{"/API/AUTH/login", "/api/auth/LOGIN", "/api/auth/login/", "/api/auth/login//", "//api/auth/login", "/api//auth/login", "/api/auth//login", "/api/auth/./login",
					"/api/auth/x/../login", "/api/auth/login%2f", "/api/auth/login;x", "/api/auth/login%00", "/api/auth/login%20", "/api/auth/%256cogin", "/api/auth/lo\u0131gin", "/api%2fauth%2flogin/x", "/api/auth"} {
					a := login(prefix + path)
					redirected := a.status == http.StatusTemporaryRedirect || a.status == http.StatusMovedPermanently
					if a.status != http.StatusNotFound && !redirected || len(a.names()) > 0 {
						t.Errorf("%s: status %d, cookies %q: %s", path, a.status, a.names(), a.body)
					} else if strings.HasPrefix(path, endpoints.Prefix) && !redirected && a.code() != "not_found" {
						t.Errorf("%s: %s", path, a.body)
					}
				}
				if a := login(prefix + "/api/auth/login?x=1"); a.status != 200 || len(a.names()) != 1 {
					t.Errorf("with a query: %d: %s", a.status, a.body)
				}
			})
		}
	}
}

// TestPaths_RouteOfEndpoints: what gin leads to a route of the endpoints is theirs, also where the engine
// matches another spelling than the request's: without a handler gin would answer 200 with nothing.
func TestPaths_RouteOfEndpoints(t *testing.T) {
	g := newGuard(t)
	app := gin.New()
	engines["all"](app)
	app.Group("/t/:tenant").Any("/api/auth/*endpoint", ginguard.Endpoints(g))
	c := serve(t, app)
	w := c.dial()
	for _, path := range []string{"/t/a%2Fb/api/auth/login", "//t/acme/api/auth/login", "/t//acme/api/auth/login", "/t/acme/api/auth/a%2fb"} {
		w.do("POST", path, `{"id":"bob",`+password, "Sec-Fetch-Site: same-origin").refused(404, "not_found")
	}
}

// TestPaths_InRecords: a record shows the path that was asked for, whatever somebody has put into it.
func TestPaths_InRecords(t *testing.T) {
	sink := make(events, 1000)
	g := newGuard(t, withEvents(sink))
	app := gin.New()
	app.GET("/files/*path", ginguard.Require(g, roleAdmin), who)
	app.GET("/t/:tenant/x", ginguard.Require(g, roleAdmin), who)
	c := serve(t, app).signIn(g, "bob")
	w := c.dial()
	for path, want := range map[string]string{"/files/a/b": "/files/a/b", "/files/x/api/auth/session": "/files/x/api/auth/session", "/files/%61%0a%e2%80%ae": "/files/a??",
		"/files/a;b?c=d": "/files/a;b"} {
		w.do("GET", path, "", c.cookie(g)).refused(403, "forbidden")
		if e := sink.next(t, nguard.EventAuthzFail); e.Path != want {
			t.Errorf("%s is recorded as %q", path, e.Path)
		}
	}
	for _, target := range []string{"*", "/", "//", "http://x", "?", "/files/%", "/files"} { // no crash
		resp := c.dial()
		resp.write("GET " + target + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		if _, err := resp.in.ReadString('\n'); err != nil {
			t.Errorf("%q: %v", target, err)
		}
	}
}
