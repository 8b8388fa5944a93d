package backingtest

import (
	"context"
	"crypto/rand"
	"testing"

	"github.com/nguard-go/nguard/adapters/adaptertest"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/redisstore"
	"github.com/nguard-go/nguard/stores/servicetest"
)

// inRedis keeps sessions in Redis, and people and records in memory: a change of a user is then marked while it
// runs.
func inRedis(t testing.TB) adaptertest.Backing {
	t.Helper()
	options, err := redisstore.Options(servicetest.RedisURL(t))
	if err != nil {
		t.Fatal(err)
	}
	prefix := "nguard-parity-" + rand.Text()[:12] + ":"
	store := func(t testing.TB) nguard.Store {
		s, err := redisstore.New(servicetest.RedisClient(t, options), redisstore.Config{Prefix: prefix})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	beside := servicetest.RedisClient(t, options)
	hashes := func() (keys []string) {
		for it := beside.Scan(context.Background(), 0, prefix+"*", 1000).Iterator(); it.Next(context.Background()); {
			keys = append(keys, it.Val())
		}
		return keys
	}
	t.Cleanup(func() {
		for _, key := range hashes() {
			beside.Del(context.Background(), key)
		}
	})
	return adaptertest.Elsewhere(t, "redis", store(t), store, func(t testing.TB) (values [][]byte) {
		t.Helper()
		for _, key := range hashes() {
			fields, err := beside.HGetAll(context.Background(), key).Result()
			if err != nil {
				t.Fatal(err)
			}
			values = append(values, []byte(key))
			for name, value := range fields {
				values = append(values, []byte(name), []byte(value))
			}
		}
		return values
	})
}
