package redistest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nguard-go/nguard/stores/redisstore"
	"github.com/nguard-go/nguard/stores/servicetest"
	"github.com/nguard-go/nguard/stores/storetest"
)

// BenchmarkLoad compares Load with the least that any store on this client does: one GET of a value of the same
// size. Both take turns, so that the ratio holds on a noisy machine.
func BenchmarkLoad(b *testing.B) {
	ctx := context.Background()
	c := dial(b, servicetest.RedisURL(b))
	prefix := fresh(b, c)
	s := open(b, c, prefix)
	const users = 1000
	var tokens, keys []string
	for i := range users {
		created := storetest.Login(b, s, fmt.Sprintf("user%06d", i))
		tokens = append(tokens, created.Live)
		keys = append(keys, fmt.Sprint(prefix, "bare", i))
		value := strings.Repeat("x", len(created.Encode())+140)
		if err := c.Set(ctx, keys[i], value, time.Hour).Err(); err != nil {
			b.Fatal(err)
		}
	}
	get := func(i int) {
		if _, err := c.Get(ctx, keys[i%users]).Bytes(); err != nil {
			b.Fatal(err)
		}
	}
	load := func(i int) {
		if _, err := s.Load(ctx, tokens[i%users]); err != nil {
			b.Fatal(err)
		}
	}
	storetest.Compare(b, get, load)
}

func BenchmarkRevoke(b *testing.B) { storetest.BenchmarkRevoke(b, empty(b)) }

func BenchmarkWrite(b *testing.B) { storetest.BenchmarkWrite(b, empty(b)) }

// empty returns a store under a prefix of its own.
func empty(b *testing.B) *redisstore.Store {
	c := dial(b, servicetest.RedisURL(b))
	return open(b, c, fresh(b, c))
}
