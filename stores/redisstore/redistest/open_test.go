package redistest

import (
	"context"
	"crypto/rand"
	"testing"

	"github.com/redis/go-redis/v9"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/redisstore"
	"github.com/nguard-go/nguard/stores/servicetest"
	"github.com/nguard-go/nguard/stores/storetest"
)

// dial returns a client of its own pool, as another process would have, that is closed when the test ends.
func dial(t testing.TB, url string) *redis.Client {
	t.Helper()
	o, err := redisstore.Options(url)
	if err != nil {
		t.Fatal(err)
	}
	return servicetest.RedisClient(t, o)
}

func open(t testing.TB, c redis.UniversalClient, prefix string) *redisstore.Store {
	t.Helper()
	s, err := redisstore.New(c, redisstore.Config{Prefix: prefix})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// fresh is a prefix that nobody else has, whose keys are gone when the test ends.
func fresh(t testing.TB, c *redis.Client) string {
	t.Helper()
	prefix := "nguard-test-" + rand.Text()[:12] + ":"
	t.Cleanup(func() {
		for _, key := range keysOf(t, c, prefix) {
			if err := c.Del(context.Background(), key).Err(); err != nil {
				t.Error(err)
			}
		}
	})
	return prefix
}

func keysOf(t testing.TB, c *redis.Client, prefix string) (keys []string) {
	t.Helper()
	for it := c.Scan(context.Background(), 0, prefix+"*", 1000).Iterator(); it.Next(context.Background()); {
		keys = append(keys, it.Val())
	}
	return keys
}

// dump returns all that a server holds under a prefix: keys, names of fields and values.
func dump(t testing.TB, c *redis.Client, prefix string) (values [][]byte) {
	t.Helper()
	for _, key := range keysOf(t, c, prefix) {
		values = append(values, []byte(key))
		fields, err := c.HGetAll(context.Background(), key).Result()
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range fields {
			values = append(values, []byte(name), []byte(value))
		}
	}
	return values
}

// harness is the suite's on a single server.
func harness(t *testing.T) storetest.Harness {
	url := servicetest.RedisURL(t)
	c := dial(t, url)
	prefix := fresh(t, c)
	return storetest.Harness{
		Store: open(t, c, prefix),
		Peer:  func(t *testing.T) nguard.Store { return open(t, dial(t, url), prefix) },
		Dump:  func(t *testing.T) [][]byte { return dump(t, c, prefix) },
	}
}
