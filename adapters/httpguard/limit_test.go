package httpguard_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/nguard-go/nguard/adapters/httpguard"
	"github.com/nguard-go/nguard/adapters/internal/browsertest"
	nguard "github.com/nguard-go/nguard/core"
)

// quota is a limiter with one answer.
type quota struct {
	q      nguard.Quota
	err    error
	caller func(nguard.Caller)
}

func (l quota) Take(_ context.Context, c nguard.Caller, n int) (nguard.Quota, error) {
	if l.caller != nil {
		l.caller(c)
	}
	return l.q, l.err
}

func TestLimit(t *testing.T) {
	g := browsertest.NewGuard(t, func(c *nguard.Config) {
		c.Namespace = "shop"
		c.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	var seen nguard.Caller
	allowed := nguard.Quota{Allowed: true, Name: "search", Limit: 5, Remaining: 4, Reset: 1500 * time.Millisecond, Policy: `"search";q=5;w=60`}
	refused := nguard.Quota{Name: "search", Limit: 5, Reset: time.Minute, RetryAfter: 1200 * time.Millisecond, Policy: `"search";q=5;w=60`}
	limited := func(l nguard.Limiter) *browsertest.Client {
		return browsertest.Serve(t, httpguard.Sessions(g)(httpguard.Limit(g, l)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "ok") }))))
	}
	c := limited(quota{q: allowed, caller: func(c nguard.Caller) { seen = c }})
	a := c.Get("/", "X-Forwarded-For: 203.0.113.5").Expect(200)
	if a.Header.Get("RateLimit") != `"search";r=4;t=2` || a.Header.Get("RateLimit-Policy") != `"search";q=5;w=60` || a.Header.Get("Retry-After") != "" {
		t.Errorf("headers %v", a.Header)
	}
	if seen.User != "" || seen.IP != netip.MustParseAddr("203.0.113.5") || seen.Account != "" {
		t.Errorf("caller %+v", seen)
	}
	c.SignIn(g, "bob").Get("/").Expect(200)
	if seen.User != "shop/bob" {
		t.Errorf("caller %+v", seen)
	}
	a = limited(quota{q: refused}).Get("/").Expect(429)
	if a.Code() != "rate_limited" || a.Header.Get("Retry-After") != "2" || a.Header.Get("RateLimit") != `"search";r=0;t=60` {
		t.Errorf("headers %v", a.Header)
	}
	a = limited(quota{q: allowed, err: errors.New("down")}).Get("/").Expect(503)
	if a.Code() != "unavailable" || a.Header.Get("Retry-After") == "" {
		t.Errorf("headers %v", a.Header)
	}
	limited(quota{}).Get("/").Expect(429) // the zero Quota refuses
	defer func() {
		if recover() == nil {
			t.Error("a route with a nil limiter was built")
		}
	}()
	httpguard.Limit(g, nil)
}
