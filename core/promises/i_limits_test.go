package promises

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
	"github.com/nguard-go/nguard/policy/ratelimit"
)

// steps is the world's clock without the time that the test itself takes: it stands still until the test
// moves it, so that limits count the same on a slow machine.
func steps(now func() time.Time) func() time.Time {
	start := time.Now()
	return func() time.Time { return start.Add(time.Until(now()).Round(time.Second)) }
}

// defaultLimits are those of ratelimit.Defaults on a clock of the test's, so that waiting costs nothing.
func defaultLimits(t testing.TB) func(*nguard.Config) {
	return func(c *nguard.Config) {
		now := steps(c.Now)
		on := func(rules []ratelimit.Rule) nguard.Limiter {
			l, err := ratelimit.NewWithClock(now, rules...)
			if err != nil {
				t.Fatal(err)
			}
			return l
		}
		c.Limits = nguard.Limits{Login: on(ratelimit.LoginRules()), Update: on(ratelimit.UpdateRules()), Read: on(ratelimit.ReadRules())}
	}
}

// behindProxy trusts the test's own client as a proxy, so that it can be anybody by X-Forwarded-For.
func behindProxy(c *nguard.Config) {
	c.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")}
}

func limitedWorld(t testing.TB, options ...func(*nguard.Config)) *world {
	t.Helper()
	return newWorld(t, memory(t), append([]func(*nguard.Config){defaultLimits(t), behindProxy}, options...)...)
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

// TestI1_LeftOfForwardedFor_OneBucket: what a client writes before the proxy's own entry changes nothing.
func TestI1_LeftOfForwardedFor_OneBucket(t *testing.T) {
	w := limitedWorld(t)
	b := w.browser()
	got := tries(b, 40, func(i int) answer {
		return guess(b, fmt.Sprint("a", i), from(fmt.Sprintf("198.51.100.%d, 10.9.9.9, 203.0.113.7, 10.0.0.1", i)))
	})
	if got != 30 {
		t.Errorf("%d guesses passed, want 30", got)
	}
	if got := tries(b, 1, func(int) answer { return guess(b, "fresh", from("203.0.113.8")) }); got != 1 {
		t.Error("another client is limited with it")
	}
}

// TestI2_OtherHeaders_Ignored: only X-Forwarded-For counts, and only from a configured proxy.
func TestI2_OtherHeaders_Ignored(t *testing.T) {
	headers := []string{"X-Real-Ip: %s", "Forwarded: for=%s", "Cf-Connecting-Ip: %s", "True-Client-Ip: %s", "X-Client-Ip: %s", "X-Cluster-Client-Ip: %s", "Fastly-Client-Ip: %s", "X-Original-Forwarded-For: %s"}
	for name, options := range map[string][]func(*nguard.Config){
		"no proxy configured":      {defaultLimits(t)},
		"another proxy configured": {defaultLimits(t), func(c *nguard.Config) { c.Proxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} }},
		"this proxy configured":    {defaultLimits(t), behindProxy},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, memory(t), options...)
			b := w.browser()
			all := headers
			if name != "this proxy configured" {
				all = append([]string{"X-Forwarded-For: %s"}, headers...)
			}
			got := tries(b, 40, func(i int) answer {
				var lines []string
				for _, h := range all {
					lines = append(lines, fmt.Sprintf(h, fmt.Sprintf("198.51.100.%d", i)))
				}
				return guess(b, fmt.Sprint("a", i), lines...)
			})
			if got != 30 {
				t.Errorf("%d guesses passed, want 30", got)
			}
			if e := w.awaitEvent(nguard.EventLoginFail, nguard.Failure); e.IP != "127.0.0.1" {
				t.Errorf("address on record: %q", e.IP)
			}
		})
	}
}

// TestI3_ForwardedFor_Parsing: lines, ports, zones, mapped addresses and junk: one address comes out, or
// the last one that a trusted proxy has vouched for.
func TestI3_ForwardedFor_Parsing(t *testing.T) {
	w := limitedWorld(t)
	b := w.browser()
	for i, c := range []struct {
		lines []string
		want  string
	}{
		{[]string{"203.0.113.9"}, "203.0.113.9"},
		{[]string{" 203.0.113.9\t"}, "203.0.113.9"},
		{[]string{"1.1.1.1", "203.0.113.9"}, "203.0.113.9"},
		{[]string{"203.0.113.9", "10.0.0.1"}, "203.0.113.9"},
		{[]string{"1.1.1.1, 203.0.113.9", "10.0.0.2, 10.0.0.1"}, "203.0.113.9"},
		{[]string{"203.0.113.9:4711"}, "203.0.113.9"},
		{[]string{"[2001:db8::9]:443"}, "2001:db8::9"},
		{[]string{"[2001:db8::9]"}, "2001:db8::9"},
		{[]string{"2001:DB8:0::9"}, "2001:db8::9"},
		{[]string{"fe80::1%eth0"}, "fe80::1"},
		{[]string{"::ffff:203.0.113.9"}, "203.0.113.9"},
		{[]string{"[::ffff:203.0.113.9]:1"}, "203.0.113.9"},
		{[]string{"203.0.113.009"}, "127.0.0.1"},
		{[]string{"0313.0.0161.011"}, "127.0.0.1"},
		{[]string{"0xcb007109"}, "127.0.0.1"},
		{[]string{"3405803785"}, "127.0.0.1"},
		{[]string{"203.0.113"}, "127.0.0.1"},
		{[]string{"unknown"}, "127.0.0.1"},
		{[]string{"_hidden"}, "127.0.0.1"},
		{[]string{"203.0.113.9,"}, "127.0.0.1"},
		{[]string{"203.0.113.9, unknown"}, "127.0.0.1"},
		{[]string{"1.1.1.1, junk, 203.0.113.9"}, "203.0.113.9"},
		{[]string{"1.1.1.1, junk, 10.0.0.7"}, "10.0.0.7"},
		{[]string{"203.0.113.9 1.1.1.1"}, "127.0.0.1"},
		{[]string{"203.0.113.9;1.1.1.1"}, "127.0.0.1"},
		{[]string{"'203.0.113.9'"}, "127.0.0.1"},
		{[]string{strings.Repeat("1", 5000)}, "127.0.0.1"},
		{[]string{strings.Repeat("1.1.1.1,", 1000) + "203.0.113.9"}, "203.0.113.9"},
		{[]string{strings.Repeat(",", 5000)}, "127.0.0.1"},
		{nil, "127.0.0.1"},
	} {
		var headers []string
		for _, line := range c.lines {
			headers = append(headers, from(line))
		}
		account := fmt.Sprint("case", i)
		guess(b, account, headers...)
		e := w.await(account, func(e nguard.Event) bool {
			return (e.Name == nguard.EventLoginFail || e.Name == nguard.EventLimited) && (e.Target == account || e.Target == "" && e.Name == nguard.EventLimited)
		})
		if e.IP != c.want {
			t.Errorf("%.80q: address %q, want %q", c.lines, e.IP, c.want)
		}
	}
}

// TestI4_ClaimOfLoopback_NoPrivilege: who says that they come from the server itself, or from a proxy,
// is counted like everybody.
func TestI4_ClaimOfLoopback_NoPrivilege(t *testing.T) {
	for _, claim := range []string{"127.0.0.1", "::1", "10.0.0.1", "10.0.0.1, 127.0.0.1", "0.0.0.1", "169.254.1.1"} {
		w := limitedWorld(t)
		b := w.browser()
		if got := tries(b, 40, func(i int) answer { return guess(b, fmt.Sprint("a", i), from(claim)) }); got != 30 {
			t.Errorf("%s: %d guesses passed, want 30", claim, got)
		}
		b.do("GET", "/admin", "", from(claim)).expect(401)
	}
	// No address is nobody's bucket: refused, not shared.
	w := limitedWorld(t)
	for _, nobody := range []string{"0.0.0.0", "::", "::ffff:0.0.0.0"} {
		guess(w.browser(), "user", from(nobody)).expect(503)
	}
}

// TestI5_IPv6_NetworksNotAddresses: one /64 is one client; a /48 full of them is caught by the wider tier.
func TestI5_IPv6_NetworksNotAddresses(t *testing.T) {
	w := limitedWorld(t)
	b := w.browser()
	if got := tries(b, 40, func(i int) answer {
		return guess(b, fmt.Sprint("a", i), from(fmt.Sprintf("2001:db8:1:2:%x::%x", i+1, i)))
	}); got != 30 {
		t.Errorf("%d guesses passed from one /64, want 30", got)
	}
	if got := tries(b, 310, func(i int) answer { return guess(b, fmt.Sprint("b", i), from(fmt.Sprintf("2001:db8:2:%x::1", i))) }); got != 300 {
		t.Errorf("%d guesses passed from one /48, want 300", got)
	}
	// One account: all of a /48 is one network.
	if got := tries(b, 10, func(i int) answer { return guess(b, "victim", from(fmt.Sprintf("2001:db8:3:%x::1", i))) }); got != 5 {
		t.Errorf("%d guesses at one account passed from one /48, want 5", got)
	}
}

// TestI6_MappedIPv4: an IPv4 address has one bucket however it is written, and different ones have
// different ones.
func TestI6_MappedIPv4(t *testing.T) {
	w := limitedWorld(t)
	b := w.browser()
	spellings := []string{"203.0.113.50", "::ffff:203.0.113.50", "::ffff:cb00:7132", "[::ffff:203.0.113.50]:9", "0:0:0:0:0:ffff:203.0.113.50"}
	if got := tries(b, 40, func(i int) answer { return guess(b, fmt.Sprint("a", i), from(spellings[i%len(spellings)])) }); got != 30 {
		t.Errorf("%d guesses passed, want 30", got)
	}
	if got := tries(b, 20, func(i int) answer { return guess(b, fmt.Sprint("b", i), from("::ffff:203.0.113.51")) }); got != 20 {
		t.Errorf("a neighbour is limited after %d", got)
	}
}

// looseUsers compares names as careless tables do, and says what was typed.
type looseUsers struct{ *guardtest.Users }

func (looseUsers) Identify(_ context.Context, c nguard.Credentials) (string, error) {
	return c.Get("id"), nil
}

func (u looseUsers) Authenticate(ctx context.Context, c nguard.Credentials) (nguard.User, error) {
	return nguard.User{}, nguard.ErrBadCredentials
}

// TestI7_Spellings_OneBucket: an account or path written otherwise is the same one.
func TestI7_Spellings_OneBucket(t *testing.T) {
	for _, namespace := range []string{"", "tenant"} {
		w := limitedWorld(t, func(c *nguard.Config) { c.Users, c.Namespace = looseUsers{guardtest.NewUsers(people()...)}, namespace })
		b := w.browser()
		names := []string{"victim", "VICTIM", " victim", "victim ", "\tVictim", "vic\u200btim", "\u00a0victim", "\ufeffvictim", "viCtIm\n", "\u2003victim\u2003"}
		got := tries(b, len(names), func(i int) answer { return guess(b, names[i], from("203.0.113.60")) })
		if got != 5 {
			t.Errorf("namespace %q: %d spellings passed, want 5", namespace, got)
		}
	}
	w := limitedWorld(t)
	b := w.browser()
	paths := []string{"/api/auth/login", "/api/auth/%6cogin", "/api/auth/log%69n?x=1", "/api/auth/login?a", "/api/auth/login?"}
	got := tries(b, 10, func(i int) answer {
		return b.do("POST", paths[i%len(paths)], `{"id":"victim","password":"wrong"}`, from("203.0.113.61"))
	})
	if got != 5 {
		t.Errorf("%d spellings of the path passed, want 5", got)
	}
	for _, path := range []string{"/api/auth/login/", "/api/auth/LOGIN", "/api/auth//login", "/api/auth/login;x", "/api/auth/./login"} {
		if a := b.do("POST", path, `{"id":"user","password":"`+guardtest.Password+`"}`); a.status != 404 || a.header.Get("Set-Cookie") != "" {
			t.Errorf("%s: %d", path, a.status)
		}
	}
}

// TestI8_OnePasswordManyAccounts is stopped by the network, and the delay ends.
func TestI8_OnePasswordManyAccounts(t *testing.T) {
	w := limitedWorld(t)
	b := w.browser()
	var last answer
	got := tries(b, 40, func(i int) answer { last = guess(b, fmt.Sprint("a", i), from("203.0.113.70")); return last })
	if got != 30 {
		t.Errorf("%d guesses passed, want 30", got)
	}
	w.wait(last)
	guess(b, "one more", from("203.0.113.70")).expect(401)
}

// TestI9_OneAccountManyAddresses is stopped by the account; at the hundredth straight failure the record
// says that this authenticator is to be disabled.
func TestI9_OneAccountManyAddresses(t *testing.T) {
	w := limitedWorld(t)
	b := w.browser()
	if got := tries(b, 60, func(i int) answer { return guess(b, "user", from(fmt.Sprintf("198.%d.%d.1", 51+i, i))) }); got != 50 {
		t.Errorf("%d guesses passed, want 50", got)
	}
	w = newWorld(t, memory(t), behindProxy)
	b = w.browser()
	for i := range 101 {
		guess(b, "user", from(fmt.Sprintf("198.%d.%d.1", 51+i, i))).expect(401)
	}
	e := w.awaitEvent(nguard.EventLoginFailMax, nguard.Failure)
	if e.Target != "user" || e.Count != 100 {
		t.Errorf("record: %+v", e)
	}
	b.login("user")
	if e := w.awaitEvent(nguard.EventLoginAfterFail, nguard.Success); e.Count != 101 || e.Target != "user" {
		t.Errorf("record of the success after: %+v", e)
	}
	guess(b, "user").expect(401)
	n := 0
	for _, e := range w.back.read() {
		if e.Name == nguard.EventLoginFailMax {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d records of the hundredth failure", n)
	}
}

// TestI10_OwnLoginsBetweenGuesses: logging in oneself gives nothing back to the network; it does to the
// account whose password was right.
func TestI10_OwnLoginsBetweenGuesses(t *testing.T) {
	w := limitedWorld(t)
	b, here := w.browser(), from("203.0.113.80")
	own := `{"id":"other","password":"` + guardtest.Password + `"}`
	got := 0
	for i := range 40 {
		a := guess(b, fmt.Sprint("a", i), here)
		if a.status == 429 {
			break
		}
		got++
		if a = b.do("POST", "/api/auth/login", own, here); a.status == 429 {
			break
		}
		got++
	}
	if got != 30 {
		t.Errorf("%d logins passed, want 30", got)
	}
	// Four wrong, one right: the person has all five again, as often as they like within the network's 30.
	there := from("203.0.113.81")
	for range 4 {
		for range 4 {
			guess(b, "user", there).expect(401)
		}
		b.do("POST", "/api/auth/login", `{"id":"user","password":"`+guardtest.Password+`"}`, there).expect(200)
	}
	if got := tries(b, 10, func(int) answer { return guess(b, "user", there) }); got != 5 {
		t.Errorf("%d guesses after a success passed, want 5", got)
	}
}

// TestI11_VictimStillGetsIn: of a thousand wrong passwords from one network none keeps the person out
// elsewhere, and in the same network the documented delay ends.
func TestI11_VictimStillGetsIn(t *testing.T) {
	w := limitedWorld(t)
	attacker := w.browser()
	passed := 0
	var last answer
	for i := range 1000 {
		last = guess(attacker, "user", from("203.0.113.90"))
		if last.status == 401 {
			passed++
		}
		if i%10 == 9 {
			w.clock.Advance(time.Second)
		}
	}
	if passed > 10 || last.status != 429 {
		t.Errorf("%d guesses passed in 100 s, the last got %d", passed, last.status)
	}
	right := `{"id":"user","password":"` + guardtest.Password + `"}`
	w.browser().do("POST", "/api/auth/login", right, from("198.51.100.7")).expect(200)
	begin := w.clock.Now()
	for range 10 {
		a := w.browser().do("POST", "/api/auth/login", right, from("203.0.113.90"))
		if a.status == 200 {
			return
		}
		a.expect(429)
		w.wait(a)
		if waited := w.clock.Now().Sub(begin); waited > ratelimit.LoginDelay+time.Minute {
			t.Fatalf("the person waits for %v", waited)
		}
	}
	t.Error("the person never gets in")
}

// brokenLimiter is a limiter whose backend is down in one of three ways.
type brokenLimiter struct{ how string }

func (l brokenLimiter) Take(ctx context.Context, _ nguard.Caller, _ int) (nguard.Quota, error) {
	switch l.how {
	case "error":
		return nguard.Quota{Allowed: true}, errors.New("connection refused")
	case "hang":
		<-ctx.Done()
		return nguard.Quota{Allowed: true}, ctx.Err()
	}
	panic("broken")
}

// TestI12_LimiterDown_Closed: a limiter that fails, hangs or panics lets nobody through: 503, before any
// credential is looked at, and nothing is changed. Signing out still works.
func TestI12_LimiterDown_Closed(t *testing.T) {
	for _, how := range []string{"error", "hang", "panic"} {
		t.Run(how, func(t *testing.T) {
			users := &countingUsers{Users: guardtest.NewUsers(people()...)}
			back := memory(t)
			w := newWorld(t, back, func(c *nguard.Config) {
				c.Users = users
				if how == "hang" {
					c.Timeout = 200 * time.Millisecond
				}
				c.Limits = nguard.Limits{Login: brokenLimiter{how}, Update: brokenLimiter{how}, Read: brokenLimiter{how}}
			})
			w.back.users = users
			token, _, err := w.guard.Login(nguard.WithActor(context.Background(), "job:test"), "user", nguard.LoginOptions{})
			if err != nil {
				t.Fatal(err)
			}
			b := w.browser()
			a := loginAs(b, "user", "").expect(503)
			if a.header.Get("Retry-After") == "" || a.header.Get("Set-Cookie") != "" || a.at("code") != "unavailable" || strings.Contains(string(a.raw), "refused") {
				t.Errorf("login: %v %s", a.header, a.raw)
			}
			if n := users.verified.Load(); n != 0 {
				t.Errorf("the verifier was reached %d times", n)
			}
			b.hold(token)
			unchanged(t, w, "limiter down", func() {
				b.post("/api/auth/update", `{"data":{"theme":"dark"}}`).expect(503)
				b.post("/api/auth/refresh", "").expect(503)
				b.get("/api/auth/session").expect(503)
				b.get("/api/auth/sessions").expect(503)
				b.do("HEAD", "/api/auth/validate", "").expect(503)
			})
			if b.token() != token {
				t.Error("the cookie is gone")
			}
			b.get("/who").expect(200)
			b.post("/api/auth/logout", "").expect(200)
		})
	}
}

// TestI13_CountersLiveOnTheServer: an older cookie, another session or another address brings no count of
// updates back.
func TestI13_CountersLiveOnTheServer(t *testing.T) {
	w := limitedWorld(t)
	b := w.loggedIn("user")
	old := b.copyOf()
	for i := range 9 {
		b.do("POST", "/api/auth/update", fmt.Sprintf(`{"draft":"%d"}`, i), from("198.51.100.1")).expect(200)
	}
	b.post("/api/auth/refresh", "").expect(200)
	checkLimited(t, b.post("/api/auth/refresh", "").expect(429))
	old.post("/api/auth/update", `{"draft":"old"}`).expect(429)
	phone := w.loggedIn("user")
	phone.do("POST", "/api/auth/update", `{"draft":"new"}`, from("203.0.113.99")).expect(429)
	w.loggedIn("other").post("/api/auth/update", `{"draft":"mine"}`).expect(200)
}

// TestI_UpdateLimit: ten changes a minute and user, whichever endpoints make them; the eleventh changes
// nothing and says when to come back.
func TestI_UpdateLimit(t *testing.T) {
	for _, make := range []func(testing.TB) backing{memory, sqlite} {
		w := newWorld(t, make(t), defaultLimits(t))
		b, admin := w.loggedIn("user"), w.loggedIn("admin")
		// Without a session nothing is counted.
		for range 12 {
			w.browser().post("/api/auth/update", `{"draft":"x"}`).expect(401)
		}
		for i := range 10 {
			path, body := "/api/auth/update", fmt.Sprintf(`{"draft":"%d"}`, i)
			switch i {
			case 3:
				path, body = "/api/auth/profile", `{"name":"Una"}`
			case 5:
				path, body = "/api/auth/refresh", ""
			case 7:
				path, body = "/api/auth/update-role", `{"userId":"user","newRole":"admin"}`
			}
			a := b.post(path, body)
			if want := map[bool]int{true: 403, false: 200}[i == 7]; a.status != want {
				t.Fatalf("%s: %d %s", path, a.status, a.raw)
			}
			if got, want := a.header.Get("RateLimit"), fmt.Sprintf(`"update";r=%d;t=60`, 9-i); got != want || a.header.Get("RateLimit-Policy") != `"update";q=10;w=60` {
				t.Errorf("change %d: RateLimit is %s, want %s; RateLimit-Policy is %s", i, got, want, a.header.Get("RateLimit-Policy"))
			}
		}
		var last answer
		unchanged(t, w, "over the limit", func() {
			for path, body := range map[string]string{
				"/api/auth/update": `{"data":{"theme":"dark"}}`, "/api/auth/profile": `{"name":"x"}`, "/api/auth/refresh": "", "/api/auth/update-role": `{"userId":"user","newRole":"user"}`,
			} {
				last = b.post(path, body).expect(429)
				checkLimited(t, last)
				if path != "/api/auth/refresh" && last.at("success") != false {
					t.Errorf("%s: %s", path, last.raw)
				}
			}
		})
		if e := w.awaitEvent(nguard.EventLimited, nguard.Limited); e.Actor != "user" || e.Rule != "update" {
			t.Errorf("record: %+v", e)
		}
		admin.post("/api/auth/update", `{"draft":"x"}`).expect(200)
		b.get("/api/auth/session").expect(200)
		w.wait(last)
		b.post("/api/auth/update", `{"data":{"theme":"dark"}}`).expect(200)
		// Signing out is never limited.
		for range 12 {
			b.post("/api/auth/logout", "").expect(200)
		}
	}
}

// TestI_ReadLimit: the endpoints that read sessions share one limit, by address, signed in or not.
func TestI_ReadLimit(t *testing.T) {
	requests := []func(*browser) answer{
		func(b *browser) answer { return b.get("/api/auth/session") },
		func(b *browser) answer { return b.get("/api/auth/validate") },
		func(b *browser) answer { return b.do("HEAD", "/api/auth/validate", "") },
		func(b *browser) answer { return b.post("/api/auth/validate", `{"token":"x"}`) },
		func(b *browser) answer { return b.get("/api/auth/sessions") },
		func(b *browser) answer { return b.get("/api/auth/users/user/sessions") },
	}
	w := newWorld(t, memory(t), behindProxy, func(c *nguard.Config) {
		l, err := ratelimit.NewWithClock(steps(c.Now), ratelimit.PerIP("read", len(requests), time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		c.Limits.Read = l
	})
	b := w.loggedIn("admin")
	for i, request := range requests {
		if a := request(b); a.status != 200 || a.header.Get("RateLimit") != fmt.Sprintf(`"read";r=%d;t=60`, len(requests)-1-i) {
			t.Errorf("%s: %d, RateLimit %s", a.what, a.status, a.header.Get("RateLimit"))
		}
	}
	for _, request := range requests {
		if a := request(b).expect(429); !strings.HasPrefix(a.what, "HEAD") {
			checkLimited(t, a)
		} else if len(a.raw) != 0 || a.header.Get("Retry-After") == "" {
			t.Errorf("HEAD: %q, Retry-After %q", a.raw, a.header.Get("Retry-After"))
		}
	}
	w.browser().get("/api/auth/session").expect(429)
	w.browser().do("GET", "/api/auth/session", "", from("203.0.113.3")).expect(401)
	b.get("/who").expect(200)
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

// TestI14_ParallelGuesses: of a thousand guesses at once five reach the verifier: the count is taken
// before anything is verified. The five are held there until everybody else has been answered.
func TestI14_ParallelGuesses(t *testing.T) {
	const parallel, limit = 1000, 5
	users := &countingUsers{Users: guardtest.NewUsers(people()...), gate: make(chan struct{})}
	w := newWorld(t, memory(t), defaultLimits(t), func(c *nguard.Config) { c.Users, c.Timeout = users, time.Minute })
	b := w.browser()
	b.client.Transport.(*http.Transport).MaxConnsPerHost = 200
	b.client.Timeout = time.Minute
	var limited, failed, other atomic.Int64
	var done sync.WaitGroup
	start := make(chan struct{})
	for range parallel {
		done.Add(1)
		go func() {
			defer done.Done()
			<-start
			a, err := b.try("POST", "/api/auth/login", `{"id":"user","password":"wrong"}`)
			switch {
			case err == nil && a.status == 429:
				if limited.Add(1) == parallel-limit {
					close(users.gate)
				}
			case err == nil && a.status == 401:
				failed.Add(1)
			default:
				other.Add(1)
				t.Errorf("a guess got %d, %v", a.status, err)
			}
		}()
	}
	close(start)
	done.Wait()
	if n := users.verified.Load(); n != limit || failed.Load() != limit || limited.Load() != parallel-limit || other.Load() != 0 {
		t.Errorf("%d reached the verifier; %d were wrong, %d limited, %d something else", n, failed.Load(), limited.Load(), other.Load())
	}
}

// TestI15_Headers_SameForKnownAndUnknown: what limits say tells nothing about who exists, and names nobody.
func TestI15_Headers_SameForKnownAndUnknown(t *testing.T) {
	w := limitedWorld(t)
	w.back.put(nguard.User{ID: "disabled", Email: "disabled@example.com", Role: "user", Disabled: true})
	seconds := regexp.MustCompile(`;t=\d+`)
	shape := func(account, address string) string {
		var b strings.Builder
		for range 7 {
			a := guess(w.browser(), account, from(address))
			fmt.Fprintf(&b, "%d %s %s %s %v", a.status, a.raw, seconds.ReplaceAllString(a.header.Get("RateLimit"), ""), a.header.Get("RateLimit-Policy"), a.header.Get("Retry-After") != "")
			names := make([]string, 0, len(a.header))
			for name := range a.header {
				names = append(names, name)
			}
			for _, name := range names {
				for _, v := range a.header.Values(name) {
					if strings.Contains(v, account) || strings.Contains(v, address) {
						t.Errorf("header %s says %q", name, v)
					}
				}
			}
			fmt.Fprintf(&b, " %d headers\n", len(names))
		}
		return b.String()
	}
	known := shape("user@example.com", "203.0.113.201")
	for i, account := range []string{"user", "nobody@example.com", "disabled@example.com", "x"} {
		if got := shape(account, fmt.Sprintf("203.0.113.%d", 202+i)); got != known {
			t.Errorf("%s:\n%s\nuser@example.com:\n%s", account, got, known)
		}
	}
}
