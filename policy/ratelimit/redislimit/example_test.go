package redislimit_test

import (
	"log"
	"time"

	"github.com/redis/go-redis/v9"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/policy/ratelimit"
	"github.com/nguard-go/nguard/policy/ratelimit/redislimit"
	"github.com/nguard-go/nguard/stores/memstore"
)

// All processes that reach one Redis share the default limits.
func ExampleDefaults() {
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:6379", ContextTimeoutEnabled: true})
	limits, err := redislimit.Defaults(client)
	if err != nil {
		log.Fatal(err)
	}
	guard, err := nguard.New(nguard.Config{Store: memstore.New(), Limits: limits})
	if err != nil {
		log.Fatal(err)
	}
	_ = guard
}

// A limit of the program's own. While Redis is down, each process counts for itself.
func ExampleNew() {
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:6379", ContextTimeoutEnabled: true})
	rule := ratelimit.PerUser("export", 5, time.Hour)
	shared, err := redislimit.New(client, redislimit.Config{}, rule)
	if err != nil {
		log.Fatal(err)
	}
	local, err := ratelimit.New(rule)
	if err != nil {
		log.Fatal(err)
	}
	_ = ratelimit.Fallback(shared, local)
}
