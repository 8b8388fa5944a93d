package redistest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
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
	b.Run("bare", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			get(i)
		}
	})
	b.Run("load", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			load(i)
		}
	})
	b.Run("ratio", func(b *testing.B) {
		var spent [2]time.Duration
		for i := range b.N {
			start := time.Now()
			get(i)
			middle := time.Now()
			load(i)
			spent[0] += middle.Sub(start)
			spent[1] += time.Since(middle)
		}
		b.ReportMetric(float64(spent[1])/float64(spent[0]), "load/bare")
	})
}

// BenchmarkBump compares "log out everywhere" for a user with 10,000 sessions with that for a user with one.
func BenchmarkBump(b *testing.B) {
	ctx := context.Background()
	c := dial(b, servicetest.RedisURL(b))
	s := open(b, c, fresh(b, c))
	storetest.Login(b, s, "one")
	r := storetest.Record(b, s, "many")
	for range 10_000 {
		if _, err := s.Create(ctx, r, nguard.Cap{}); err != nil {
			b.Fatal(err)
		}
	}
	bump := func(owner string) time.Duration {
		start := time.Now()
		if _, err := s.Bump(ctx, owner, nguard.BumpRevoke); err != nil {
			b.Fatal(err)
		}
		return time.Since(start)
	}
	b.Run("ratio", func(b *testing.B) {
		var one, many time.Duration
		for range b.N {
			if rand.IntN(2) == 0 { // whoever comes second finds things warm
				one += bump("one")
				many += bump("many")
			} else {
				many += bump("many")
				one += bump("one")
			}
		}
		b.ReportMetric(float64(many)/float64(one), "many/one")
	})
}

func BenchmarkWrite(b *testing.B) {
	ctx := context.Background()
	c := dial(b, servicetest.RedisURL(b))
	s := open(b, c, fresh(b, c))
	b.Run("create capped", func(b *testing.B) {
		b.ReportAllocs()
		r := storetest.Record(b, s, "capped")
		for range b.N {
			if _, err := s.Create(ctx, r, nguard.Cap{Max: 5, EvictOldest: true, Now: r.Created}); err != nil {
				b.Fatal(err)
			}
		}
	})
	f := storetest.Login(b, s, "ada").Found
	b.Run("replace", func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			var err error
			if f, err = s.Replace(ctx, f, storetest.Next(f), false); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("touch", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			if _, err := s.Touch(ctx, f, f.Created.Add(time.Duration(i))); err != nil {
				b.Fatal(err)
			}
		}
	})
}
