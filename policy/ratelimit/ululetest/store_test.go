package ululetest

import (
	"context"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/policy/ratelimit"
	"github.com/ulule/limiter/v3"
	"github.com/ulule/limiter/v3/drivers/store/memory"
)

func stores(t *testing.T) map[string]limiter.Store {
	ours, err := ratelimit.NewStore(ratelimit.StoreConfig{Keys: 1000})
	if err != nil {
		t.Fatal(err)
	}
	return map[string]limiter.Store{"ulule": memory.NewStore(), "ours": ours}
}

// TestSequence is the sequence of calls that ulule's suite makes (drivers/store/tests), on its memory
// store and on ours: each answers every call alike.
func TestSequence(t *testing.T) {
	ctx := context.Background()
	for name, s := range stores(t) {
		t.Run(name, func(t *testing.T) {
			l := limiter.New(s, limiter.Rate{Limit: 3, Period: time.Minute})
			expect := func(what string, c limiter.Context, err error, remaining int64, reached bool) {
				t.Helper()
				if err != nil || c.Limit != 3 || c.Remaining != remaining || c.Reached != reached || c.Reset-time.Now().Unix() > 60 {
					t.Errorf("%s: %+v, %v; want %d remaining, reached %v", what, c, err, remaining, reached)
				}
			}
			for i := int64(1); i <= 6; i++ {
				if i <= 3 {
					c, err := l.Peek(ctx, "foo")
					expect("peek before", c, err, 4-i, false)
				}
				c, err := l.Get(ctx, "foo")
				expect("get", c, err, max(0, 3-i), i > 3)
				if i <= 3 {
					c, err := l.Peek(ctx, "foo")
					expect("peek after", c, err, 3-i, false)
				}
			}
			c, err := l.Peek(ctx, "foo")
			expect("peek when reached", c, err, 0, true)
			for range 2 {
				c, err = l.Reset(ctx, "foo")
				expect("reset", c, err, 3, false)
				c, err = l.Peek(ctx, "foo")
				expect("peek after reset", c, err, 3, false)
				c, err = l.Get(ctx, "foo")
				expect("get after reset", c, err, 2, false)
			}
			c, err = l.Increment(ctx, "bar", 2)
			expect("increment", c, err, 1, false)
			c, err = l.Increment(ctx, "bar", 2)
			expect("increment beyond", c, err, 0, true)
		})
	}
}

// TestFromUlule runs our adapter over both stores: rules are checked before any is debited, and of a
// thousand at once as many pass as the limit says.
func TestFromUlule(t *testing.T) {
	ctx := context.Background()
	for name, s := range stores(t) {
		t.Run(name, func(t *testing.T) {
			l, err := ratelimit.FromUlule(s, ratelimit.PerAccount("account", 5, time.Hour), ratelimit.PerIP("net", 3, time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			take := func(account string, ip int) bool {
				c := nguard.Caller{Account: account, IP: netip.AddrFrom4([4]byte{10, 0, byte(ip >> 8), byte(ip)})}
				q, err := l.Take(ctx, c, 1)
				if err != nil {
					t.Error(err)
				}
				if !q.Allowed && (q.RetryAfter < time.Second || q.RetryAfter > time.Hour+time.Second) {
					t.Errorf("%+v", q)
				}
				return q.Allowed
			}
			count := func(account string, ip int) (n int) {
				for range 20 {
					if take(account, ip) {
						n++
					}
				}
				return n
			}
			if a, b := count("alice", 1), count("alice", 2); a != 3 || b != 2 {
				t.Errorf("%d and %d passed, want 3 and 2", a, b)
			}
			if err := l.Reset(ctx, nguard.Caller{Account: "alice"}); err != nil {
				t.Fatal(err)
			}
			if a, b := count("alice", 1), count("alice", 3); a != 0 || b != 3 {
				t.Errorf("after a reset %d and %d passed, want 0 and 3", a, b)
			}
			var passed atomic.Int64
			var wg sync.WaitGroup
			for i := range 1000 {
				wg.Go(func() {
					if take("bob", 100+i) {
						passed.Add(1)
					}
				})
			}
			wg.Wait()
			if n := passed.Load(); n != 5 {
				t.Errorf("%d of 1000 passed, want 5", n)
			}
		})
	}
}
