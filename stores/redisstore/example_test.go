package redisstore_test

import (
	"log"

	"github.com/redis/go-redis/v9"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/policy/ratelimit/redislimit"
	"github.com/nguard-go/nguard/stores/redisstore"
)

// Sessions and limits on one server.
func Example() {
	options, err := redisstore.Options("redis://127.0.0.1:6379")
	if err != nil {
		log.Fatal(err)
	}
	client := redis.NewClient(options)
	defer client.Close()
	store, err := redisstore.New(client, redisstore.Config{})
	if err != nil {
		log.Fatal(err)
	}
	limits, err := redislimit.Defaults(client)
	if err != nil {
		log.Fatal(err)
	}
	guard, err := nguard.New(nguard.Config{Store: store, Limits: limits})
	if err != nil {
		log.Fatal(err)
	}
	_ = guard // see package httpguard for what comes next
}

// A cluster. Its client reads from primaries, which is its default and what New insists on.
func ExampleNew_cluster() {
	client := redis.NewClusterClient(&redis.ClusterOptions{
		Addrs:                 []string{"redis-1:6379", "redis-2:6379", "redis-3:6379"},
		ContextTimeoutEnabled: true, // a call returns at its deadline
	})
	defer client.Close()
	store, err := redisstore.New(client, redisstore.Config{Prefix: "shop:"})
	if err != nil {
		log.Fatal(err)
	}
	_ = store
}
