package adaptertest

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
)

// limitAddresses are the rules I1 to I7 of the checklist: who is one client, and what is one account.
var limitAddresses = []rule{
	{"I1 left of the proxy's entry", "What a client writes before the proxy's own entry changes nothing.", limitForwardedFor},
	{"I2 other headers", "Only X-Forwarded-For counts, and only from a configured proxy.", limitOtherHeaders},
	{"I3 X-Forwarded-For", "Of lines, ports, zones, mapped addresses and junk one address comes out, or the last one that a trusted proxy has vouched for.", limitParsing},
	{"I4 claims of loopback", "Who says that they come from the server itself, or from a proxy, is counted like everybody.", limitLoopback},
	{"I5 IPv6 networks", "One /64 is one client; a /48 full of them is caught by the wider tier.", limitIPv6},
	{"I6 mapped IPv4", "An IPv4 address has one bucket however it is written, and different ones have different ones.", limitMapped},
	{"I7 spellings", "An account or path written otherwise is the same one.", limitSpellings},
}

func limitForwardedFor(t *testing.T, k *kit) {
	w := k.limitedWorld(t)
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

func limitOtherHeaders(t *testing.T, k *kit) {
	headers := []string{"X-Real-Ip: %s", "Forwarded: for=%s", "Cf-Connecting-Ip: %s", "True-Client-Ip: %s", "X-Client-Ip: %s", "X-Cluster-Client-Ip: %s", "Fastly-Client-Ip: %s", "X-Original-Forwarded-For: %s"}
	for name, options := range map[string][]func(*nguard.Config){
		"no proxy configured":      {k.defaultLimits(t)},
		"another proxy configured": {k.defaultLimits(t), func(c *nguard.Config) { c.Proxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} }},
		"this proxy configured":    {k.defaultLimits(t), behindProxy},
	} {
		t.Run(name, func(t *testing.T) {
			w := k.newWorld(t, options...)
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

func limitParsing(t *testing.T, k *kit) {
	w := k.limitedWorld(t)
	w.roomy(32 << 10)
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

func limitLoopback(t *testing.T, k *kit) {
	for _, claim := range []string{"127.0.0.1", "::1", "10.0.0.1", "10.0.0.1, 127.0.0.1", "0.0.0.1", "169.254.1.1"} {
		w := k.limitedWorld(t)
		b := w.browser()
		if got := tries(b, 40, func(i int) answer { return guess(b, fmt.Sprint("a", i), from(claim)) }); got != 30 {
			t.Errorf("%s: %d guesses passed, want 30", claim, got)
		}
		b.do("GET", "/admin", "", from(claim)).expect(401)
	}
	// No address is nobody's bucket: refused, not shared.
	w := k.limitedWorld(t)
	for _, nobody := range []string{"0.0.0.0", "::", "::ffff:0.0.0.0"} {
		guess(w.browser(), "user", from(nobody)).expect(503)
	}
}

func limitIPv6(t *testing.T, k *kit) {
	w := k.limitedWorld(t)
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

func limitMapped(t *testing.T, k *kit) {
	w := k.limitedWorld(t)
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

func limitSpellings(t *testing.T, k *kit) {
	for _, namespace := range []string{"", "tenant"} {
		w := k.limitedWorld(t, func(c *nguard.Config) { c.Users, c.Namespace = looseUsers{guardtest.NewUsers(People()...)}, namespace })
		b := w.browser()
		names := []string{"victim", "VICTIM", " victim", "victim ", "\tVictim", "vic\u200btim", "\u00a0victim", "\ufeffvictim", "viCtIm\n", "\u2003victim\u2003"}
		got := tries(b, len(names), func(i int) answer { return guess(b, names[i], from("203.0.113.60")) })
		if got != 5 {
			t.Errorf("namespace %q: %d spellings passed, want 5", namespace, got)
		}
	}
	w := k.limitedWorld(t)
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
