package httpguard_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/nguard-go/nguard/adapters/httpguard"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
	"github.com/nguard-go/nguard/policy"
)

// TestServeMux_PathValues: patterns, path values and r.Pattern work on both sides of the middleware.
func TestServeMux_PathValues(t *testing.T) {
	g := newGuard(t)
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
	c := serve(t, httpguard.Sessions(g)(mux)).signIn(g, "bob")
	if got := c.get("/outer/a%2fb/c/d").expect(200).body; got != "bob a/b c/d GET /outer/{id}/{rest...}" {
		t.Errorf("outer: %q", got)
	}
	bare := serve(t, mux)
	bare.cookies = c.cookies
	if got := bare.get("/inner/x/y").expect(200).body; got != "bob x y GET /inner/{id}/{rest...}" {
		t.Errorf("inner: %q", got)
	}
	bare.get("/outer/x/y").expect(500) // no middleware: a fault of the program, not a person without a session
	c.do("DELETE", "/outer/x/y", "").expect(405)
}

// TestStripPrefix: the application may live below a prefix, with the middleware on either side of it.
func TestStripPrefix(t *testing.T) {
	g := newGuard(t)
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
			c := serve(t, h)
			c.do("POST", "/app/api/auth/login", `{"id":"bob","password":"`+guardtest.Password+`"}`).expect(200)
			if got := c.get("/app/who").expect(200).body; got != "bob" {
				t.Errorf("body %q", got)
			}
			c.get("/app/api/auth/session").expect(200)
			if got := c.get("/app/api/auth/nothing").expect(404).code(); got != "not_found" {
				t.Errorf("code %q", got)
			}
			a := c.do("POST", "/app/api/auth/update", `{"theme":"dark"}`).expect(200)
			if !strings.Contains(a.header.Get("Set-Cookie"), "; Path=/;") {
				t.Errorf("cookie %q", a.header.Get("Set-Cookie"))
			}
			c.do("POST", "/app/api/auth/logout", "").expect(200)
			c.get("/app/who").expect(401)
		})
	}
}

// TestTwoGuards: two guards live in one program, side by side and inside each other; each answers for its
// own sessions, and Of tells them apart.
func TestTwoGuards(t *testing.T) {
	shop := newGuard(t, func(c *nguard.Config) { c.Cookie.Name = "shop" })
	staff := newGuard(t, func(c *nguard.Config) { c.Cookie.Name = "staff" })
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
		s, err := req.Update(r.Context(), func(d *nguard.Draft) error { return visits.Modify(d, func(n int) int { return n + 1 }) })
		if err != nil {
			httpguard.Fail(w, r, err)
			return
		}
		fmt.Fprint(w, s.UserID(), visits.Get(s))
	})
	mux.Handle("/shop", httpguard.Require(shop, policy.SignedIn)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "shop") })))
	mux.Handle("/staff", httpguard.Require(staff, roleAdmin)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "staff") })))
	c := serve(t, httpguard.Sessions(shop)(httpguard.Sessions(staff)(mux)))
	c.get("/shop").expect(401)
	c.signIn(shop, "bob")
	if got := c.get("/both").body; got != "bob nobody " {
		t.Errorf("one session: %q", got)
	}
	c.get("/shop").expect(200)
	c.get("/staff").expect(401)
	c.signIn(staff, "ann")
	if got := c.get("/both").body; got != "bob ann " {
		t.Errorf("two sessions: %q", got)
	}
	c.get("/staff").expect(200)
	a := c.do("POST", "/visits", "").expect(200)
	if a.body != "bob1" || len(a.header.Values("Set-Cookie")) != 1 || !strings.HasPrefix(a.header.Get("Set-Cookie"), shop.CookieName()+"=") {
		t.Errorf("%q, cookies %q", a.body, a.header.Values("Set-Cookie"))
	}
	// A token of one is nothing to the other.
	thief := c.other()
	thief.cookies[staff.CookieName()] = c.cookies[shop.CookieName()]
	if got := thief.get("/both").body; got != "nobody nobody " {
		t.Errorf("a token of the other guard: %q", got)
	}
	// Beside each other, each with its endpoints below its own prefix.
	apps := http.NewServeMux()
	for name, g := range map[string]*nguard.Guard{"/shop": shop, "/staff": staff} {
		apps.Handle(name+"/", http.StripPrefix(name, httpguard.Sessions(g)(httpguard.Endpoints(g)(http.HandlerFunc(who)))))
	}
	beside := serve(t, apps)
	beside.do("POST", "/shop/api/auth/login", `{"id":"bob","password":"`+guardtest.Password+`"}`).expect(200)
	beside.do("POST", "/staff/api/auth/login", `{"id":"ann","password":"`+guardtest.Password+`"}`).expect(200)
	if a, b := beside.get("/shop/").body, beside.get("/staff/").body; a != "bob" || b != "ann" {
		t.Errorf("%q and %q", a, b)
	}
	beside.do("POST", "/shop/api/auth/logout", "").expect(200)
	beside.get("/shop/").expect(401)
	beside.get("/staff/").expect(200)
}
