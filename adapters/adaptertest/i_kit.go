package adaptertest

import (
	"context"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
)

// steps is the world's clock without the time that the test itself takes: it stands still until the test
// moves it, so that limits count the same on a slow machine.
func steps(now func() time.Time) func() time.Time {
	start := time.Now()
	return func() time.Time { return start.Add(time.Until(now()).Round(time.Second)) }
}

// defaultLimits are those of ratelimit.Defaults on a clock of the case's, so that waiting costs nothing.
func (k *kit) defaultLimits(t testing.TB) func(*nguard.Config) {
	return func(c *nguard.Config) { c.Limits = k.limits(t, steps(c.Now)).Default }
}

// behindProxy trusts the test's own client as a proxy, so that it can be anybody by X-Forwarded-For.
func behindProxy(c *nguard.Config) {
	c.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")}
}

// limitedWorld is a world with these limits, behind a proxy that says who asks.
func (k *kit) limitedWorld(t testing.TB, options ...func(*nguard.Config)) *world {
	t.Helper()
	return k.newWorld(t, append([]func(*nguard.Config){k.defaultLimits(t), behindProxy}, options...)...)
}

// from is the header line of a client behind the proxy.
func from(address string) string { return "X-Forwarded-For: " + address }

// guess tries a wrong password.
func guess(b *browser, account string, headers ...string) answer {
	b.w.t.Helper()
	return b.do("POST", "/api/auth/login", fmt.Sprintf(`{"id":%q,"password":"wrong"}`, account), headers...)
}

// tries counts guesses until one is refused by the limit, at most n.
func tries(b *browser, n int, attempt func(i int) answer) int {
	b.w.t.Helper()
	for i := range n {
		switch a := attempt(i); a.status {
		case 401:
		case 429:
			checkLimited(b.w.t, a)
			return i
		default:
			b.w.t.Fatalf("%s: got status %d: %s", a.what, a.status, a.raw)
		}
	}
	return n
}

var (
	limitPolicy = regexp.MustCompile(`^"[a-z0-9.-]+";q=\d+;w=\d+(, "[a-z0-9.-]+";q=\d+;w=\d+)*$`)
	limitState  = regexp.MustCompile(`^"([a-z0-9.-]+)";r=(\d+);t=([1-9]\d*)$`)
)

// checkLimited checks the headers and body of a refusal.
func checkLimited(t testing.TB, a answer) {
	t.Helper()
	wait, err := strconv.Atoi(a.header.Get("Retry-After"))
	if err != nil || wait < 1 {
		t.Errorf("%s: Retry-After is %q", a.what, a.header.Get("Retry-After"))
	}
	if !limitPolicy.MatchString(a.header.Get("RateLimit-Policy")) {
		t.Errorf("%s: RateLimit-Policy is %q", a.what, a.header.Get("RateLimit-Policy"))
	}
	m := limitState.FindStringSubmatch(a.header.Get("RateLimit"))
	if m == nil || m[2] != "0" || !strings.Contains(a.header.Get("RateLimit-Policy"), `"`+m[1]+`"`) {
		t.Errorf("%s: RateLimit is %q", a.what, a.header.Get("RateLimit"))
	} else if reset, _ := strconv.Atoi(m[3]); reset < wait {
		t.Errorf("%s: all is back in %d s, yet one is to wait %d s", a.what, reset, wait)
	}
	if a.header.Get("Content-Type") != "application/json" || a.header.Get("Cache-Control") != "no-store" || a.header.Get("Set-Cookie") != "" || a.at("code") != "rate_limited" || a.at("error") == "" {
		t.Errorf("%s: %v %s", a.what, a.header, a.raw)
	}
}

// wait lets the time pass that a refusal asks for.
func (w *world) wait(a answer) {
	w.t.Helper()
	seconds, err := strconv.Atoi(a.header.Get("Retry-After"))
	if err != nil {
		w.t.Fatalf("Retry-After: %v", err)
	}
	w.clock.Advance(time.Duration(seconds) * time.Second)
}

// countingUsers counts how often credentials reach the verifier, and may hold them there.
type countingUsers struct {
	*guardtest.Users
	verified atomic.Int64
	gate     chan struct{}
}

func (u *countingUsers) Authenticate(ctx context.Context, c nguard.Credentials) (nguard.User, error) {
	u.verified.Add(1)
	if u.gate != nil {
		<-u.gate
	}
	return u.Users.Authenticate(ctx, c)
}
