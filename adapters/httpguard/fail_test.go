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
	"github.com/nguard-go/nguard/adapters/internal/browsertest"
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
	g := browsertest.NewGuard(t, func(c *nguard.Config) {
		c.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	l := left{make(chan struct{})}
	answered := make(chan struct{})
	limited := httpguard.Limit(g, l)(http.NotFoundHandler())
	c := browsertest.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(answered)
		limited.ServeHTTP(w, r)
	}))
	ctx, leave := context.WithCancel(t.Context())
	go func() {
		<-l.asked
		leave()
	}()
	if _, err := c.HTTP.Do(c.Request("GET", "/", "").WithContext(ctx)); err == nil {
		t.Fatal("an answer to nobody")
	}
	<-answered
	if strings.Contains(log.String(), "ERROR") || strings.Count(log.String(), "level=DEBUG") != 2 {
		t.Errorf("the log says %s", &log)
	}
}

// TestFail_LoginPage: a person who opens a page is sent to the login page; everything else gets JSON.
func TestFail_LoginPage(t *testing.T) {
	g := browsertest.NewGuard(t, func(c *nguard.Config) { c.LoginPage = "/login?then=back" })
	mux := http.NewServeMux()
	mux.Handle("/who", http.HandlerFunc(who))
	mux.Handle("/required", httpguard.Require(g, policy.SignedIn)(http.HandlerFunc(who)))
	mux.Handle("/admin", httpguard.Require(g, browsertest.Admin)(http.HandlerFunc(who)))
	c := browsertest.Serve(t, httpguard.Sessions(g)(httpguard.Endpoints(g)(mux)))
	page := "Accept: text/html,application/xhtml+xml,*/*;q=0.8"
	for _, path := range []string{"/who", "/required", "/admin"} {
		for _, method := range []string{"GET", "HEAD"} {
			a := c.Do(method, path, "", page).Expect(303)
			if a.Header.Get("Location") != "/login?then=back" || a.Body != "" || a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("Vary") == "" {
				t.Errorf("%s %s: %v %q", method, path, a.Header, a.Body)
			}
		}
		for _, accept := range []string{"Accept: application/json", "Accept: */*", "X-None: x"} {
			if got := c.Get(path, accept).Expect(401).Code(); got != "no_session" {
				t.Errorf("%s with %s: %q", path, accept, got)
			}
		}
		c.Do("POST", path, "", page).Expect(401)
	}
	c.Get("/api/auth/session", page).Expect(401)
	c.Get("/api/auth/nothing", page).Expect(404)
	c.SignIn(g, "bob").Get("/admin", page).Expect(403)
}

func TestFail(t *testing.T) {
	g := browsertest.NewGuard(t)
	errs := map[string]error{
		"/conflict": nguard.ErrConflict, "/denied": &nguard.DeniedError{Action: "x", Decision: nguard.Decision{Code: "step_up_required"}},
		"/field": &nguard.FieldError{Field: "theme", Problem: "must be one of light, dark"}, "/fault": errors.New("table people: secret detail"),
		"/wrapped": fmt.Errorf("outer: %w", nguard.ErrNotFound), "/down": fmt.Errorf("%w: dial tcp 10.0.0.1", nguard.ErrUnavailable), "/late": nguard.ErrTooLate,
	}
	fail := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { httpguard.Fail(w, r, errs[r.URL.Path]) })
	installed, bare := browsertest.Serve(t, httpguard.Sessions(g)(fail)), browsertest.Serve(t, fail)
	for path, want := range map[string]struct {
		status int
		code   string
	}{
		"/conflict": {409, "conflict"}, "/denied": {403, "step_up_required"}, "/field": {400, "invalid_value"}, "/fault": {500, "internal"},
		"/wrapped": {404, "not_found"}, "/down": {503, "unavailable"}, "/late": {500, "internal"},
	} {
		for _, c := range []*browsertest.Client{installed, bare} {
			a := c.Get(path).Expect(want.status)
			if got := a.Code(); got != want.code || strings.Contains(a.Body, "secret") || strings.Contains(a.Body, "10.0.0.1") {
				t.Errorf("%s: %s", path, a.Body)
			}
			if (a.Header.Get("Retry-After") != "") != (want.status == 503) {
				t.Errorf("%s: Retry-After %q", path, a.Header.Get("Retry-After"))
			}
			if got := c.Do("HEAD", path, "").Expect(want.status); got.Body != "" {
				t.Errorf("HEAD %s: %q", path, got.Body)
			}
		}
		if installed.Get(path).Header.Get("X-Request-Id") == "" && want.status >= 500 {
			t.Errorf("%s: no request ID to find the cause by", path)
		}
	}
}
