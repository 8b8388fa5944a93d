package httpguard_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/nguard-go/nguard/adapters/httpguard"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
	"github.com/nguard-go/nguard/policy"
)

// TestEndpoints_Except: the application's own login handler stands beside the endpoints; what it does
// with the session is what they see.
func TestEndpoints_Except(t *testing.T) {
	g := newGuard(t)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/auth/login", func(w http.ResponseWriter, r *http.Request) {
		s, err := httpguard.From(r).Login(r.Context(), r.FormValue("name"), nguard.LoginOptions{Methods: []string{"sso"}, Level: 2})
		if err != nil {
			httpguard.Fail(w, r, err)
			return
		}
		fmt.Fprint(w, "welcome ", s.UserID(), s.Methods())
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "own ", r.URL.Path) })
	c := serve(t, httpguard.Sessions(g)(httpguard.Endpoints(g, "login")(mux)))
	if got := c.do("POST", "/api/auth/login?name=bob", "").expect(200).body; got != "welcome bob[sso]" {
		t.Errorf("own login: %q", got)
	}
	c.get("/api/auth/session").expect(200)
	if got := c.do("POST", "/api/auth/login?name=nobody", "").expect(401).code(); got != "bad_credentials" {
		t.Errorf("code %q", got)
	}
	if got := c.get("/api/auth/login/").expect(404).code(); got != "not_found" {
		t.Errorf("only the name itself is excepted: %q", got)
	}
	c.get("/api/auth/logins").expect(404)
	for _, path := range []string{"/", "/api/auth", "/api/authentic/login", "/api/x"} {
		if got := c.get(path).expect(200).body; got != "own "+path {
			t.Errorf("%s: %q", path, got)
		}
	}
	c.do("POST", "/api/auth/logout", "").expect(200)
	c.get("/api/auth/session").expect(401)
}

// TestEndpoints_Alone: Endpoints, Require and Limit work without Sessions around them, and give the
// handler its Request.
func TestEndpoints_Alone(t *testing.T) {
	g := newGuard(t)
	mux := http.NewServeMux()
	mux.Handle("/required", httpguard.Require(g, policy.SignedIn)(http.HandlerFunc(who)))
	mux.Handle("/limited", httpguard.Limit(g, nguard.Unlimited)(http.HandlerFunc(who)))
	c := serve(t, httpguard.Endpoints(g)(mux))
	c.do("POST", "/api/auth/login", `{"id":"bob","password":"`+guardtest.Password+`"}`).expect(200)
	for _, path := range []string{"/required", "/limited"} {
		if got := c.get(path).expect(200).body; got != "bob" {
			t.Errorf("%s: %q", path, got)
		}
	}
	if got := c.get("/api/auth/nothing").expect(404).code(); got != "not_found" {
		t.Errorf("code %q", got)
	}
	a := c.do("PROPFIND", "/api/auth/validate", "").expect(405)
	if a.code() != "method_not_allowed" || a.header.Get("Allow") != "GET, HEAD, POST" {
		t.Errorf("Allow %q", a.header.Get("Allow"))
	}
	c.do("POST", "/required", "", "Sec-Fetch-Site: cross-site").expect(403)
	c.do("POST", "/limited", "", "Sec-Fetch-Site: cross-site").expect(403)
	c.do("POST", "/api/auth/logout", "", "Sec-Fetch-Site: cross-site").expect(403)
	c.get("/required").expect(200)
}

// TestRequestWithoutBody: requests that a test makes by http.NewRequest have no body at all.
func TestRequestWithoutBody(t *testing.T) {
	g := newGuard(t)
	h := httpguard.Sessions(g)(httpguard.Endpoints(g)(http.NotFoundHandler()))
	for path, status := range map[string]int{"/api/auth/login": 400, "/api/auth/logout": 200} {
		r, err := http.NewRequest("POST", path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != status {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}
