package fiberguard_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"

	"github.com/nguard-go/nguard/adapters/fiberguard"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/policy"
)

// fromNetHTTP serves an application through fiber's adaptor: the request is made in memory, so that
// fasthttp has no raw header lines of it.
func fromNetHTTP(t testing.TB, app *fiber.App, serve func(*httptest.Server)) *client {
	t.Helper()
	s := httptest.NewUnstartedServer(adaptor.FiberApp(app))
	serve(s)
	t.Cleanup(s.Close)
	h := s.Client()
	h.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client{t, s.URL, s.Listener.Addr().String(), h, map[string]string{}}
}

// TestAdaptor: a fiber application behind net/http logs in, reads, refuses and logs out as elsewhere.
func TestAdaptor(t *testing.T) {
	sink := make(events, 1000)
	g := newGuard(t, withEvents(sink))
	app := newApp()
	app.Use(fiberguard.Sessions(g), fiberguard.Endpoints(g))
	app.Get("/", who)
	app.Get("/admin", fiberguard.Require(g, roleAdmin), who)
	app.Post("/", func(c *fiber.Ctx) error {
		c.Cookie(&fiber.Cookie{Name: "own", Value: "1"})
		if err := visit(c); err != nil {
			return err
		}
		return who(c)
	})
	c := fromNetHTTP(t, app, (*httptest.Server).Start)
	c.get("/").refused(401, "no_session")
	c.do("POST", "/api/auth/login", `{"id":"bob",`+password, "User-Agent: browser").expect(200)
	if e := sink.next(t, nguard.EventLogin); e.IP != "127.0.0.1" || e.UserAgent != "browser" || e.Path != "/api/auth/login" {
		t.Errorf("event %+v", e)
	}
	c.get("/").expect(200).says("bob")
	c.get("/admin").refused(403, "forbidden")
	if got := c.do("POST", "/", "", "Origin: "+c.base).expect(200).says("bob").names(); !slices.Equal(got, []string{"own", g.CookieName()}) {
		t.Errorf("cookies %q", got)
	}
	c.do("POST", "/", "", "Origin: http://evil.example").refused(403, "cross_origin")
	c.do("POST", "/api/auth/logout", "").expect(200)
	c.get("/").refused(401, "no_session")
}

// TestAdaptor_Cookies: the adaptor hands over cookies that fasthttp has parsed. A nameless one, which a sibling
// host can set, must not become the session's when they are put together again (C8).
func TestAdaptor_Cookies(t *testing.T) {
	g := newGuard(t)
	app := newApp()
	app.Use(fiberguard.Sessions(g))
	app.Get("/", who)
	c := fromNetHTTP(t, app, (*httptest.Server).Start).signIn(g, "bob")
	eve := c.other().signIn(g, "eve")
	name, token, w := g.CookieName(), c.cookies[g.CookieName()], c.dial()
	for _, test := range []struct {
		lines  []string
		status int
		clears bool
	}{
		{[]string{"Cookie: " + name + "=" + token}, 200, false},
		{[]string{"Cookie: a=1", "Cookie: " + name + "=" + token + "; b=2"}, 200, false},
		{[]string{"Cookie: =" + name + "=" + token}, 401, false},
		{[]string{"Cookie: a=1; =" + name + "=" + token + "; b=2"}, 401, false},
		{[]string{"Cookie: " + strings.ToLower(name) + "=" + token}, 401, false},
		{[]string{"Cookie: " + name + "=" + token + "; " + name + "=" + eve.cookies[name]}, 401, true},
		{[]string{"Cookie: " + name + "=" + token, "Cookie: " + name + "=" + eve.cookies[name]}, 401, true},
		{[]string{"Cookie: " + strings.Repeat("a=1; ", 3001) + name + "=" + token}, 401, false},
	} {
		a := w.do("GET", "/", "", test.lines...)
		if a.status != test.status || (len(a.names()) > 0) != test.clears {
			t.Errorf("%.80q: status %d, cookies %q", test.lines, a.status, a.header.Values("Set-Cookie"))
		}
	}
}

// TestAdaptor_TLS: the adaptor does not say that the connection is encrypted, so that nguard takes it for
// plain. An Origin with https is then refused unless Config.Origins names it: never the other way round.
func TestAdaptor_TLS(t *testing.T) {
	app := newApp()
	unnamed := newGuard(t)
	app.Post("/unnamed", fiberguard.Require(unnamed, policy.SignedIn), who)
	c := fromNetHTTP(t, app, (*httptest.Server).StartTLS)
	named := newGuard(t, func(config *nguard.Config) { config.Origins = []string{c.base} })
	app.Post("/named", fiberguard.Require(named, policy.SignedIn), who)
	c.signIn(unnamed, "bob").do("POST", "/unnamed", "", "Origin: "+c.base).refused(403, "cross_origin")
	c.do("POST", "/unnamed", "").expect(200).says("bob")
	c.signIn(named, "bob").do("POST", "/named", "", "Origin: "+c.base).expect(200).says("bob")
	c.do("POST", "/named", "", "Origin: http"+strings.TrimPrefix(c.base, "https")).refused(403, "cross_origin")
}
