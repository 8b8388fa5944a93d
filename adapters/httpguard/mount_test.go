package httpguard_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/nguard-go/nguard/adapters/httpguard"
	"github.com/nguard-go/nguard/adapters/internal/browsertest"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/policy"
)

// TestServeMux_PathValues: patterns, path values and r.Pattern work on both sides of the middleware.
func TestServeMux_PathValues(t *testing.T) {
	g := browsertest.NewGuard(t)
	mux := http.NewServeMux()
	show := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, err := httpguard.From(r).Session()
		if err != nil {
			httpguard.Fail(w, r, err)
			return
		}
		fmt.Fprint(w, s.UserID(), " ", r.PathValue("id"), " ", r.PathValue("rest"), " ", r.Pattern)
	})
	mux.Handle("GET /outer/{id}/{rest...}", show)
	mux.Handle("GET /inner/{id}/{rest...}", httpguard.Sessions(g)(httpguard.Require(g, policy.SignedIn)(show)))
	c := browsertest.Serve(t, httpguard.Sessions(g)(mux)).SignIn(g, "bob")
	if got := c.Get("/outer/a%2fb/c/d").Expect(200).Body; got != "bob a/b c/d GET /outer/{id}/{rest...}" {
		t.Errorf("outer: %q", got)
	}
	bare := browsertest.Serve(t, mux)
	bare.Cookies = c.Cookies
	if got := bare.Get("/inner/x/y").Expect(200).Body; got != "bob x y GET /inner/{id}/{rest...}" {
		t.Errorf("inner: %q", got)
	}
	bare.Get("/outer/x/y").Expect(500) // no middleware: a fault of the program, not a person without a session
	c.Do("DELETE", "/outer/x/y", "").Expect(405)
}

// TestStripPrefix: the application may live below a prefix, with the middleware on either side of it.
func TestStripPrefix(t *testing.T) {
	g := browsertest.NewGuard(t)
	app := http.NewServeMux()
	app.HandleFunc("GET /who", who)
	all := func(h http.Handler) http.Handler { return httpguard.Sessions(g)(httpguard.Endpoints(g)(h)) }
	for name, h := range map[string]http.Handler{
		"inside": http.StripPrefix("/app", all(app)),
		"around": httpguard.Sessions(g)(http.StripPrefix("/app", httpguard.Endpoints(g)(app))),
		"mounted": func() http.Handler {
			m := http.NewServeMux()
			m.Handle("/app/", http.StripPrefix("/app", all(app)))
			return m
		}(),
	} {
		t.Run(name, func(t *testing.T) {
			c := browsertest.Serve(t, h)
			c.Do("POST", "/app/api/auth/login", browsertest.Credentials("bob")).Expect(200)
			if got := c.Get("/app/who").Expect(200).Body; got != "bob" {
				t.Errorf("body %q", got)
			}
			c.Get("/app/api/auth/session").Expect(200)
			if got := c.Get("/app/api/auth/nothing").Expect(404).Code(); got != "not_found" {
				t.Errorf("code %q", got)
			}
			a := c.Do("POST", "/app/api/auth/update", `{"theme":"dark"}`).Expect(200)
			if !strings.Contains(a.Header.Get("Set-Cookie"), "; Path=/;") {
				t.Errorf("cookie %q", a.Header.Get("Set-Cookie"))
			}
			c.Do("POST", "/app/api/auth/logout", "").Expect(200)
			c.Get("/app/who").Expect(401)
		})
	}
}

// TestTwoGuards: two guards live in one program, side by side and inside each other; each answers for its
// own sessions, and Of tells them apart.
func TestTwoGuards(t *testing.T) {
	shop := browsertest.NewGuard(t, func(c *nguard.Config) { c.Cookie.Name = "shop" })
	staff := browsertest.NewGuard(t, func(c *nguard.Config) { c.Cookie.Name = "staff" })
	mux := http.NewServeMux()
	mux.HandleFunc("/both", func(w http.ResponseWriter, r *http.Request) {
		for _, g := range []*nguard.Guard{shop, staff} {
			req, ok := g.Of(r.Context())
			if !ok || req.Guard() != g {
				t.Errorf("Of gives %v, %v", req, ok)
			}
			if s, err := req.Session(); err == nil {
				fmt.Fprint(w, s.UserID(), " ")
			} else {
				fmt.Fprint(w, "nobody ")
			}
		}
		if inner := httpguard.From(r); inner.Guard() != staff {
			t.Error("From gives another Request than the innermost")
		}
	})
	mux.HandleFunc("POST /visits", func(w http.ResponseWriter, r *http.Request) {
		req, _ := shop.Of(r.Context())
		s, err := req.Update(r.Context(), func(d *nguard.Draft) error { return browsertest.Visits.Modify(d, func(n int) int { return n + 1 }) })
		if err != nil {
			httpguard.Fail(w, r, err)
			return
		}
		fmt.Fprint(w, s.UserID(), browsertest.Visits.Get(s))
	})
	mux.Handle("/shop", httpguard.Require(shop, policy.SignedIn)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "shop") })))
	mux.Handle("/staff", httpguard.Require(staff, browsertest.Admin)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "staff") })))
	c := browsertest.Serve(t, httpguard.Sessions(shop)(httpguard.Sessions(staff)(mux)))
	c.Get("/shop").Expect(401)
	c.SignIn(shop, "bob")
	if got := c.Get("/both").Body; got != "bob nobody " {
		t.Errorf("one session: %q", got)
	}
	c.Get("/shop").Expect(200)
	c.Get("/staff").Expect(401)
	c.SignIn(staff, "ann")
	if got := c.Get("/both").Body; got != "bob ann " {
		t.Errorf("two sessions: %q", got)
	}
	c.Get("/staff").Expect(200)
	a := c.Do("POST", "/visits", "").Expect(200)
	if a.Body != "bob1" || len(a.Header.Values("Set-Cookie")) != 1 || !strings.HasPrefix(a.Header.Get("Set-Cookie"), shop.CookieName()+"=") {
		t.Errorf("%q, cookies %q", a.Body, a.Header.Values("Set-Cookie"))
	}
	// A token of one is nothing to the other.
	thief := c.Other()
	thief.Cookies[staff.CookieName()] = c.Cookies[shop.CookieName()]
	if got := thief.Get("/both").Body; got != "nobody nobody " {
		t.Errorf("a token of the other guard: %q", got)
	}
	// Beside each other, each with its endpoints below its own prefix.
	apps := http.NewServeMux()
	for name, g := range map[string]*nguard.Guard{"/shop": shop, "/staff": staff} {
		apps.Handle(name+"/", http.StripPrefix(name, httpguard.Sessions(g)(httpguard.Endpoints(g)(http.HandlerFunc(who)))))
	}
	beside := browsertest.Serve(t, apps)
	beside.Do("POST", "/shop/api/auth/login", browsertest.Credentials("bob")).Expect(200)
	beside.Do("POST", "/staff/api/auth/login", browsertest.Credentials("ann")).Expect(200)
	if a, b := beside.Get("/shop/").Body, beside.Get("/staff/").Body; a != "bob" || b != "ann" {
		t.Errorf("%q and %q", a, b)
	}
	beside.Do("POST", "/shop/api/auth/logout", "").Expect(200)
	beside.Get("/shop/").Expect(401)
	beside.Get("/staff/").Expect(200)
}
