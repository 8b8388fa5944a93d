package httpguard_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nguard-go/nguard/adapters/httpguard"
	"github.com/nguard-go/nguard/adapters/internal/browsertest"
	"github.com/nguard-go/nguard/audit"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/policy"
)

func TestRequire(t *testing.T) {
	g := browsertest.NewGuard(t)
	reached := 0
	guarded := func(p nguard.Policy) http.Handler {
		return httpguard.Sessions(g)(httpguard.Require(g, p)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			reached++
			who(w, r)
		})))
	}
	anyone := nguard.PolicyFunc(func(context.Context, nguard.Access) nguard.Decision {
		return nguard.Decision{Effect: nguard.Allow, Rule: "anyone"}
	})
	down := nguard.PolicyFunc(func(context.Context, nguard.Access) nguard.Decision {
		return nguard.Decision{Effect: nguard.Allow, Rule: "down", Err: errors.New("lookup of admin@db failed")}
	})
	bad := nguard.PolicyFunc(func(context.Context, nguard.Access) nguard.Decision { panic("bad policy") })
	abstains := nguard.PolicyFunc(func(context.Context, nguard.Access) nguard.Decision { return nguard.Decision{} })
	for _, c := range []struct {
		name         string
		p            nguard.Policy
		nobody, user int
		admin        int
	}{
		{"signed in", policy.SignedIn, 401, 200, 200}, {"admin", browsertest.Admin, 401, 403, 200}, {"down", down, 503, 503, 503},
		{"panic", bad, 503, 503, 503}, {"abstains", abstains, 401, 403, 403}, {"fresh", policy.All(browsertest.Admin, policy.Fresh(time.Hour)), 401, 403, 200},
	} {
		browser := browsertest.Serve(t, guarded(c.p))
		for b, want := range map[*browsertest.Client]int{browser: c.nobody, browser.Other().SignIn(g, "bob"): c.user, browser.Other().SignIn(g, "ann"): c.admin} {
			before := reached
			a := b.Get("/").Expect(want)
			if passed := reached > before; passed != (want == 200) {
				t.Errorf("%s: status %d, and the handler was called: %v", c.name, want, passed)
			}
			if want != 200 && (a.Code() == "" || strings.Contains(a.Body, "admin@db") || strings.Contains(a.Body, "bad policy")) {
				t.Errorf("%s: %s", c.name, a.Body)
			}
		}
	}
	// Everybody may be allowed; the session is still there for who has one.
	c := browsertest.Serve(t, httpguard.Require(g, anyone)(http.HandlerFunc(who)))
	c.Get("/").Expect(401)
	if got := c.SignIn(g, "bob").Get("/").Expect(200).Body; got != "bob" {
		t.Errorf("body %q", got)
	}
}

// TestRequire_BadPolicy_DoesNotStart: a route without a rule, or with one that names an unknown role,
// panics when it is built (checklist P9).
func TestRequire_BadPolicy_DoesNotStart(t *testing.T) {
	g := browsertest.NewGuard(t)
	for name, p := range map[string]nguard.Policy{
		"nil": nil, "unknown role": policy.NewRole("owner"), "unknown permission": policy.Permission("posts:delete"), "nested": policy.Any(policy.SignedIn, policy.NewRole("owner")),
		"no age": policy.Fresh(0),
	} {
		func() {
			defer func() {
				if p := recover(); p == nil || !strings.Contains(fmt.Sprint(p), "httpguard: Require: ") {
					t.Errorf("%s: panic value %v", name, p)
				}
			}()
			httpguard.Require(g, p)
		}()
	}
}

// TestPolicies_InHandlers: a nil policy refuses, an error is an outage, a panic stops neither the request
// nor the process; each leaves a record (checklist P9).
func TestPolicies_InHandlers(t *testing.T) {
	sink := audit.NewMemory(0)
	g := browsertest.NewGuard(t, func(c *nguard.Config) { c.Audit = sink })
	policies := map[string]nguard.Policy{
		"/nil":   nil,
		"/panic": nguard.PolicyFunc(func(context.Context, nguard.Access) nguard.Decision { panic("bad policy") }),
		"/error": policy.Func("down", func(context.Context, nguard.Access) (bool, error) { return true, errors.New("down") }),
		"/owner": policy.On("owner", func(a nguard.Access, owner string) bool { return a.Subject.UserID == owner }),
	}
	c := browsertest.Serve(t, httpguard.Sessions(g)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := httpguard.From(r).Authorize(r.Context(), policies[r.URL.Path], r.URL.Query().Get("owner")); err != nil {
			httpguard.Fail(w, r, err)
			return
		}
		fmt.Fprint(w, "allowed")
	}))).SignIn(g, "bob")
	for path, status := range map[string]int{"/nil": 403, "/panic": 503, "/error": 503, "/owner?owner=ann": 403, "/owner": 403, "/owner?owner=bob": 200} {
		c.Get(path).Expect(status)
	}
	if err := g.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	rules := map[string]string{}
	crashed := false
	for _, e := range sink.Events() {
		if e.Name == nguard.EventAuthzFail && e.Actor == "bob" {
			rules[e.Action] += e.Rule + " "
		}
		crashed = crashed || e.Name == nguard.EventCrash
	}
	if len(rules) != 4 || !crashed || rules["GET /owner"] != "on:owner on:owner " || rules["GET /nil"] != "none " {
		t.Errorf("rules on record: %v, crash on record: %v", rules, crashed)
	}
}
