package ratelimit

import (
	"context"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// fakeClock is a clock that moves when told to and counts how often it is read.
type fakeClock struct {
	nanos, reads atomic.Int64
}

func (c *fakeClock) now() time.Time {
	c.reads.Add(1)
	return time.Unix(1_700_000_000, c.nanos.Load())
}

func (c *fakeClock) step(d time.Duration) { c.nanos.Add(int64(d)) }

// limiterAt makes a limiter with a fake clock.
func limiterAt(t testing.TB, rules ...Rule) (*Limiter, *fakeClock) {
	t.Helper()
	clock := new(fakeClock)
	l, err := NewWithClock(clock.now, rules...)
	if err != nil {
		t.Fatal(err)
	}
	return l, clock
}

// take asks for n units and fails the test on an error.
func take(t testing.TB, l nguard.Limiter, c nguard.Caller, n int) nguard.Quota {
	t.Helper()
	q, err := l.Take(context.Background(), c, n)
	if err != nil {
		t.Fatalf("Take(%+v, %d): %v", c, n, err)
	}
	if q.Allowed != (q.RetryAfter == 0) {
		t.Fatalf("RetryAfter is 0 exactly when allowed: %+v", q)
	}
	return q
}

// allowed counts how many of tries single units are allowed.
func allowed(t testing.TB, l nguard.Limiter, c nguard.Caller, tries int) (n int) {
	t.Helper()
	for range tries {
		if take(t, l, c, 1).Allowed {
			n++
		}
	}
	return n
}

func at(account, ip string) nguard.Caller {
	return nguard.Caller{Account: account, IP: netip.MustParseAddr(ip)}
}

// numbered is the i-th of many IPv4 addresses, each in a /24 of its own below 2^24.
func numbered(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(i>>16) + 1, byte(i >> 8), byte(i), 1})
}
