package main

import (
	"context"
	"fmt"
	"testing"
	"time"

	ulule "github.com/ulule/limiter/v3"
	ululemem "github.com/ulule/limiter/v3/drivers/store/memory"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/policy/ratelimit"
)

// keys are the same for both limiters.
func keys(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("user-%07d", i)
	}
	return list
}

func take(n int) side {
	return func(b *testing.B) {
		rule := ratelimit.PerUser("bench", 10, time.Minute)
		rule.Keys = 2 * max(n, 1024)
		l, err := ratelimit.New(rule)
		if err != nil {
			b.Fatal(err)
		}
		list, ctx := keys(n), context.Background()
		ask := func(i int) {
			if _, err := l.Take(ctx, nguard.Caller{User: list[i%n]}, 1); err != nil {
				b.Fatal(err)
			}
		}
		for i := range list {
			ask(i)
		}
		measured(b, ask)
	}
}

func ululeTake(n int) side {
	return func(b *testing.B) {
		store := ululemem.NewStoreWithOptions(ulule.StoreOptions{Prefix: "bench", CleanUpInterval: time.Hour})
		list, ctx := keys(n), context.Background()
		rate := ulule.Rate{Period: time.Minute, Limit: 10}
		ask := func(i int) {
			if _, err := store.Get(ctx, list[i%n], rate); err != nil {
				b.Fatal(err)
			}
		}
		for i := range list {
			ask(i)
		}
		measured(b, ask)
	}
}
