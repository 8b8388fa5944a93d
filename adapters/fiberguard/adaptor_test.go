package fiberguard_test

import (
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"

	"github.com/nguard-go/nguard/adapters/fiberguard"
	"github.com/nguard-go/nguard/adapters/internal/browsertest"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/policy"
)

// fromNetHTTP serves an application through fiber's adaptor: the request is made in memory, so that
// fasthttp has no raw header lines of it.
func fromNetHTTP(t testing.TB, app *fiber.App, serve func(*httptest.Server)) *browsertest.Client {
	t.Helper()
	s := httptest.NewUnstartedServer(adaptor.FiberApp(app))
	serve(s)
	t.Cleanup(s.Close)
	return browsertest.NewClient(t, s.URL, s.Client())
}

// TestAdaptor: a fiber application behind net/http logs in, reads, refuses and logs out as elsewhere.
func TestAdaptor(t *testing.T) {
	sink := make(browsertest.Events, 1000)
	g := browsertest.NewGuard(t, sink.Option)
	app := newApp()
	app.Use(fiberguard.Sessions(g), fiberguard.Endpoints(g))
	app.Get("/", who)
	app.Get("/admin", fiberguard.Require(g, browsertest.Admin), who)
	app.Post("/", func(c *fiber.Ctx) error {
		c.Cookie(&fiber.Cookie{Name: "own", Value: "1"})
		if err := visit(c); err != nil {
			return err
		}
		return who(c)
	})
	c := fromNetHTTP(t, app, (*httptest.Server).Start)
	c.Get("/").Refused(401, "no_session")
	c.Do("POST", "/api/auth/login", browsertest.Credentials("bob"), "User-Agent: browser").Expect(200)
	if e := sink.Next(t, nguard.EventLogin); e.IP != "127.0.0.1" || e.UserAgent != "browser" || e.Path != "/api/auth/login" {
		t.Errorf("event %+v", e)
	}
	c.Get("/").Expect(200).Says("bob")
	c.Get("/admin").Refused(403, "forbidden")
	if got := c.Do("POST", "/", "", "Origin: "+c.Base).Expect(200).Says("bob").Names(); !slices.Equal(got, []string{"own", g.CookieName()}) {
		t.Errorf("cookies %q", got)
	}
	c.Do("POST", "/", "", "Origin: http://evil.example").Refused(403, "cross_origin")
	c.Do("POST", "/api/auth/logout", "").Expect(200)
	c.Get("/").Refused(401, "no_session")
}

// TestAdaptor_Cookies: the adaptor hands over cookies that fasthttp has parsed. A nameless one, which a sibling
// host can set, must not become the session's when they are put together again (C8).
func TestAdaptor_Cookies(t *testing.T) {
	g := browsertest.NewGuard(t)
	app := newApp()
	app.Use(fiberguard.Sessions(g))
	app.Get("/", who)
	c := fromNetHTTP(t, app, (*httptest.Server).Start).SignIn(g, "bob")
	eve := c.Other().SignIn(g, "eve")
	name, token, w := g.CookieName(), c.Cookies[g.CookieName()], c.Dial()
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
		{[]string{"Cookie: " + name + "=" + token + "; " + name + "=" + eve.Cookies[name]}, 401, true},
		{[]string{"Cookie: " + name + "=" + token, "Cookie: " + name + "=" + eve.Cookies[name]}, 401, true},
		{[]string{"Cookie: " + strings.Repeat("a=1; ", 3001) + name + "=" + token}, 401, false},
	} {
		a := w.Do("GET", "/", "", test.lines...)
		if a.Status != test.status || (len(a.Names()) > 0) != test.clears {
			t.Errorf("%.80q: status %d, cookies %q", test.lines, a.Status, a.Header.Values("Set-Cookie"))
		}
	}
}

// TestAdaptor_TLS: the adaptor does not say that the connection is encrypted, so that nguard takes it for
// plain. An Origin with https is then refused unless Config.Origins names it: never the other way round.
func TestAdaptor_TLS(t *testing.T) {
	app := newApp()
	unnamed := browsertest.NewGuard(t)
	app.Post("/unnamed", fiberguard.Require(unnamed, policy.SignedIn), who)
	c := fromNetHTTP(t, app, (*httptest.Server).StartTLS)
	named := browsertest.NewGuard(t, func(config *nguard.Config) { config.Origins = []string{c.Base} })
	app.Post("/named", fiberguard.Require(named, policy.SignedIn), who)
	c.SignIn(unnamed, "bob").Do("POST", "/unnamed", "", "Origin: "+c.Base).Refused(403, "cross_origin")
	c.Do("POST", "/unnamed", "").Expect(200).Says("bob")
	c.SignIn(named, "bob").Do("POST", "/named", "", "Origin: "+c.Base).Expect(200).Says("bob")
	c.Do("POST", "/named", "", "Origin: http"+strings.TrimPrefix(c.Base, "https")).Refused(403, "cross_origin")
}
