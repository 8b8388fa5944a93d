package paritytest

import (
	"context"
	"crypto/rand"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/nguard-go/nguard/adapters/adaptertest"
	"github.com/nguard-go/nguard/stores/redisstore"
	"github.com/nguard-go/nguard/stores/servicetest"
)

// TestParityRedis is net/http with sessions in Redis, and people and records in memory: a change of a user is then
// marked while it runs.
func TestParityRedis(t *testing.T) {
	h := adapters[0].harness
	h.Open, h.Limits = inRedis, limits
	adaptertest.Run(t, h, adapters[0].options...)
}

func inRedis(t testing.TB) adaptertest.Backing {
	t.Helper()
	b := adaptertest.Memory(t)
	options, err := redisstore.Options(servicetest.RedisURL(t))
	if err != nil {
		t.Fatal(err)
	}
	prefix := "nguard-parity-" + rand.Text()[:12] + ":"
	open := func(t testing.TB) (*redisstore.Store, *redis.Client) {
		c := redis.NewClient(options)
		t.Cleanup(func() { _ = c.Close() })
		s, err := redisstore.New(c, redisstore.Config{Prefix: prefix})
		if err != nil {
			t.Fatal(err)
		}
		return s, c
	}
	s, c := open(t)
	hashes := func() (keys []string) {
		for it := c.Scan(context.Background(), 0, prefix+"*", 1000).Iterator(); it.Next(context.Background()); {
			keys = append(keys, it.Val())
		}
		return keys
	}
	t.Cleanup(func() {
		for _, key := range hashes() {
			c.Del(context.Background(), key)
		}
	})
	dump := b.Dump
	b.Name, b.Store = "redis, users elsewhere", s
	b.Again = func(t testing.TB) adaptertest.Backing {
		again := b
		again.Store, _ = open(t)
		return again
	}
	b.Dump = func(t testing.TB, owners ...string) [][]byte {
		t.Helper()
		values := dump(t, owners...)
		for _, key := range hashes() {
			fields, err := c.HGetAll(context.Background(), key).Result()
			if err != nil {
				t.Fatal(err)
			}
			values = append(values, []byte(key))
			for name, value := range fields {
				values = append(values, []byte(name), []byte(value))
			}
		}
		return values
	}
	return b
}
