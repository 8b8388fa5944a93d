package ratelimit_test

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/ulule/limiter/v3"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/policy/ratelimit"
)

func ExampleNew() {
	login, err := ratelimit.New(
		ratelimit.PerAccountIP("login-account", 2, time.Minute),
		ratelimit.PerIP("login-net", 30, time.Minute),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(login.Policy())

	caller := nguard.Caller{Account: "alice@example.com", IP: netip.MustParseAddr("203.0.113.1")}
	for range 3 {
		q, err := login.Take(context.Background(), caller, 1)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(q.Allowed, q.Name, q.Remaining, ratelimit.Seconds(q.RetryAfter))
	}
	// Output:
	// "login-account";q=2;w=60, "login-net";q=30;w=60
	// true login-account 1 1
	// true login-account 0 1
	// false login-account 0 60
}

func ExampleDefaults() {
	limits := ratelimit.Defaults()
	q, err := limits.Update.Take(context.Background(), nguard.Caller{User: "u-1"}, 1)
	fmt.Println(q.Allowed, q.Remaining, q.Policy, err)
	// Output: true 9 "update";q=10;w=60 <nil>
}

func ExampleLimiter_Reset() {
	login := ratelimit.DefaultLogin()
	ctx := context.Background()
	alice := nguard.Caller{Account: "alice", IP: netip.MustParseAddr("203.0.113.1")}
	for range 5 {
		login.Take(ctx, alice, 1)
	}
	before, _ := login.Take(ctx, alice, 1)
	login.Reset(ctx, alice)
	after, _ := login.Take(ctx, alice, 1)
	fmt.Println(before.Allowed, after.Allowed)
	// Output: false true
}

// Without its store a shared limiter falls back to one in memory.
func ExampleFallback() {
	update := ratelimit.PerUser("update", 10, time.Minute)
	primary, err := ratelimit.FromUlule(brokenStore{}, update)
	if err != nil {
		fmt.Println(err)
		return
	}
	local, err := ratelimit.New(update)
	if err != nil {
		fmt.Println(err)
		return
	}
	l := ratelimit.Fallback(primary, local, func(_ context.Context, err error) { fmt.Println(err) })
	q, err := l.Take(context.Background(), nguard.Caller{User: "u-1"}, 1)
	fmt.Println(q.Allowed, q.Remaining, err)
	// Output:
	// ratelimit: rule "update": nguard: unavailable: connection refused
	// true 9 <nil>
}

// A Store stands behind ulule's own limiter and middleware.
func ExampleStore() {
	store, err := ratelimit.NewStore(ratelimit.StoreConfig{Keys: 10_000})
	if err != nil {
		fmt.Println(err)
		return
	}
	l := limiter.New(store, limiter.Rate{Limit: 2, Period: time.Minute})
	for range 3 {
		c, err := l.Get(context.Background(), "203.0.113.1")
		fmt.Println(c.Remaining, c.Reached, err)
	}
	// Output:
	// 1 false <nil>
	// 0 false <nil>
	// 0 true <nil>
}

type brokenStore struct{ limiter.Store }

func (brokenStore) Peek(context.Context, string, limiter.Rate) (limiter.Context, error) {
	return limiter.Context{}, fmt.Errorf("connection refused")
}
