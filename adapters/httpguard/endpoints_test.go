package httpguard_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/nguard-go/nguard/adapters/httpguard"
	"github.com/nguard-go/nguard/adapters/internal/browsertest"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/policy"
)

// TestEndpoints_Except: the application's own login handler stands beside the endpoints; what it does
// with the session is what they see.
func TestEndpoints_Except(t *testing.T) {
	g := browsertest.NewGuard(t)
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
	c := browsertest.Serve(t, httpguard.Sessions(g)(httpguard.Endpoints(g, "login")(mux)))
	if got := c.Do("POST", "/api/auth/login?name=bob", "").Expect(200).Body; got != "welcome bob[sso]" {
		t.Errorf("own login: %q", got)
	}
	c.Get("/api/auth/session").Expect(200)
	if got := c.Do("POST", "/api/auth/login?name=nobody", "").Expect(401).Code(); got != "bad_credentials" {
		t.Errorf("code %q", got)
	}
	if got := c.Get("/api/auth/login/").Expect(404).Code(); got != "not_found" {
		t.Errorf("only the name itself is excepted: %q", got)
	}
	c.Get("/api/auth/logins").Expect(404)
	for _, path := range []string{"/", "/api/auth", "/api/authentic/login", "/api/x"} {
		if got := c.Get(path).Expect(200).Body; got != "own "+path {
			t.Errorf("%s: %q", path, got)
		}
	}
	c.Do("POST", "/api/auth/logout", "").Expect(200)
	c.Get("/api/auth/session").Expect(401)
}

// TestEndpoints_Alone: Endpoints, Require and Limit work without Sessions around them, and give the
// handler its Request.
func TestEndpoints_Alone(t *testing.T) {
	g := browsertest.NewGuard(t)
	mux := http.NewServeMux()
	mux.Handle("/required", httpguard.Require(g, policy.SignedIn)(http.HandlerFunc(who)))
	mux.Handle("/limited", httpguard.Limit(g, nguard.Unlimited)(http.HandlerFunc(who)))
	c := browsertest.Serve(t, httpguard.Endpoints(g)(mux))
	c.Do("POST", "/api/auth/login", browsertest.Credentials("bob")).Expect(200)
	for _, path := range []string{"/required", "/limited"} {
		if got := c.Get(path).Expect(200).Body; got != "bob" {
			t.Errorf("%s: %q", path, got)
		}
	}
	if got := c.Get("/api/auth/nothing").Expect(404).Code(); got != "not_found" {
		t.Errorf("code %q", got)
	}
	a := c.Do("PROPFIND", "/api/auth/validate", "").Expect(405)
	if a.Code() != "method_not_allowed" || a.Header.Get("Allow") != "GET, HEAD, POST" {
		t.Errorf("Allow %q", a.Header.Get("Allow"))
	}
	c.Do("POST", "/required", "", "Sec-Fetch-Site: cross-site").Expect(403)
	c.Do("POST", "/limited", "", "Sec-Fetch-Site: cross-site").Expect(403)
	c.Do("POST", "/api/auth/logout", "", "Sec-Fetch-Site: cross-site").Expect(403)
	c.Get("/required").Expect(200)
}

// TestRequestWithoutBody: requests that a test makes by http.NewRequest have no body at all.
func TestRequestWithoutBody(t *testing.T) {
	g := browsertest.NewGuard(t)
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
