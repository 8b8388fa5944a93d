package httpguard_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/nguard-go/nguard/adapters/httpguard"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/policy"
)

// left is a limiter that waits until the client has left, as a store does that is asked in vain.
type left struct{ asked chan struct{} }

func (l left) Take(ctx context.Context, _ nguard.Caller, _ int) (nguard.Quota, error) {
	close(l.asked)
	<-ctx.Done()
	return nguard.Quota{}, ctx.Err()
}

// TestFail_ClientHasLeft: whoever sends a request and hangs up is no error in the log.
func TestFail_ClientHasLeft(t *testing.T) {
	var log bytes.Buffer
	g := newGuard(t, func(c *nguard.Config) {
		c.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	l := left{make(chan struct{})}
	answered := make(chan struct{})
	limited := httpguard.Limit(g, l)(http.NotFoundHandler())
	c := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(answered)
		limited.ServeHTTP(w, r)
	}))
	ctx, leave := context.WithCancel(t.Context())
	go func() {
		<-l.asked
		leave()
	}()
	if _, err := c.http.Do(c.request("GET", "/", "").WithContext(ctx)); err == nil {
		t.Fatal("an answer to nobody")
	}
	<-answered
	if strings.Contains(log.String(), "ERROR") || strings.Count(log.String(), "level=DEBUG") != 2 {
		t.Errorf("the log says %s", &log)
	}
}

// TestFail_LoginPage: a person who opens a page is sent to the login page; everything else gets JSON.
func TestFail_LoginPage(t *testing.T) {
	g := newGuard(t, func(c *nguard.Config) { c.LoginPage = "/login?then=back" })
	mux := http.NewServeMux()
	mux.Handle("/who", http.HandlerFunc(who))
	mux.Handle("/required", httpguard.Require(g, policy.SignedIn)(http.HandlerFunc(who)))
	mux.Handle("/admin", httpguard.Require(g, roleAdmin)(http.HandlerFunc(who)))
	c := serve(t, httpguard.Sessions(g)(httpguard.Endpoints(g)(mux)))
	page := "Accept: text/html,application/xhtml+xml,*/*;q=0.8"
	for _, path := range []string{"/who", "/required", "/admin"} {
		for _, method := range []string{"GET", "HEAD"} {
			a := c.do(method, path, "", page).expect(303)
			if a.header.Get("Location") != "/login?then=back" || a.body != "" || a.header.Get("Cache-Control") != "no-store" || a.header.Get("Vary") == "" {
				t.Errorf("%s %s: %v %q", method, path, a.header, a.body)
			}
		}
		for _, accept := range []string{"Accept: application/json", "Accept: */*", "X-None: x"} {
			if got := c.get(path, accept).expect(401).code(); got != "no_session" {
				t.Errorf("%s with %s: %q", path, accept, got)
			}
		}
		c.do("POST", path, "", page).expect(401)
	}
	c.get("/api/auth/session", page).expect(401)
	c.get("/api/auth/nothing", page).expect(404)
	c.signIn(g, "bob").get("/admin", page).expect(403)
}

func TestFail(t *testing.T) {
	g := newGuard(t)
	errs := map[string]error{
		"/conflict": nguard.ErrConflict, "/denied": &nguard.DeniedError{Action: "x", Decision: nguard.Decision{Code: "step_up_required"}},
		"/field": &nguard.FieldError{Field: "theme", Problem: "must be one of light, dark"}, "/fault": errors.New("table people: secret detail"),
		"/wrapped": fmt.Errorf("outer: %w", nguard.ErrNotFound), "/down": fmt.Errorf("%w: dial tcp 10.0.0.1", nguard.ErrUnavailable), "/late": nguard.ErrTooLate,
	}
	fail := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { httpguard.Fail(w, r, errs[r.URL.Path]) })
	installed, bare := serve(t, httpguard.Sessions(g)(fail)), serve(t, fail)
	for path, want := range map[string]struct {
		status int
		code   string
	}{
		"/conflict": {409, "conflict"}, "/denied": {403, "step_up_required"}, "/field": {400, "invalid_value"}, "/fault": {500, "internal"},
		"/wrapped": {404, "not_found"}, "/down": {503, "unavailable"}, "/late": {500, "internal"},
	} {
		for _, c := range []*client{installed, bare} {
			a := c.get(path).expect(want.status)
			if got := a.code(); got != want.code || strings.Contains(a.body, "secret") || strings.Contains(a.body, "10.0.0.1") {
				t.Errorf("%s: %s", path, a.body)
			}
			if (a.header.Get("Retry-After") != "") != (want.status == 503) {
				t.Errorf("%s: Retry-After %q", path, a.header.Get("Retry-After"))
			}
			if got := c.do("HEAD", path, "").expect(want.status); got.body != "" {
				t.Errorf("HEAD %s: %q", path, got.body)
			}
		}
		if installed.get(path).header.Get("X-Request-Id") == "" && want.status >= 500 {
			t.Errorf("%s: no request ID to find the cause by", path)
		}
	}
}
