package memstore_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/memstore"
	"github.com/nguard-go/nguard/stores/storetest"
)

// filled returns a store with n sessions of as many users, some of their tokens in random order, and the
// bytes that a session takes, its strings and its user's epoch included.
func filled(b *testing.B, n int) (s *memstore.Store, tokens []string, bytes float64) {
	b.Helper()
	ctx := context.Background()
	now := time.Now().UTC()
	before := heap()
	s = memstore.New()
	for i := range n {
		owner := fmt.Sprintf("user%08d", i)
		c, err := s.Create(ctx, &nguard.Record{
			Owner: owner, Version: 1, Created: now, Updated: now, AuthAt: now, Rotated: now,
			Expires: now.Add(24 * time.Hour), Idle: time.Hour, Stamp: nguard.Epoch{Change: int64(i), Revoke: 1},
			User:   nguard.User{ID: owner, Name: "Ada Lovelace", Email: "ada@example.com", Role: "user"},
			Device: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", IP: "192.0.2.1",
		}, nguard.Cap{})
		if err != nil {
			b.Fatal(err)
		}
		if i%max(1, n/100_000) == 0 {
			tokens = append(tokens, c.Live)
		}
	}
	kept := float64(len(tokens)) * 80 // a token's 72 characters in a class of 80 bytes
	bytes = (float64(heap()-before) - kept) / float64(n)
	rand.Shuffle(len(tokens), func(i, j int) { tokens[i], tokens[j] = tokens[j], tokens[i] })
	for i, t := range tokens {
		tokens[i] = strings.Clone(t) // in the order of use: what is measured is the store's memory, not theirs
	}
	return s, tokens, bytes
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func BenchmarkLoad(b *testing.B) {
	ctx := context.Background()
	for _, n := range []int{1_000, 1_000_000} {
		if n > 1_000 && testing.Short() {
			b.Skip("the larger one takes a gigabyte")
		}
		s, tokens, bytes := filled(b, n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for i := range b.N {
				if _, err := s.Load(ctx, tokens[i%len(tokens)]); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(bytes, "bytes/session")
		})
	}
}

// BenchmarkGet is Load without the token: what the store itself does.
func BenchmarkGet(b *testing.B) {
	ctx := context.Background()
	s, tokens, _ := filled(b, 1000)
	ids := make([]nguard.Key, len(tokens))
	for i, t := range tokens {
		f, err := s.Load(ctx, t)
		if err != nil {
			b.Fatal(err)
		}
		ids[i].ID = f.ID
	}
	rows := s.Backend()
	get := func(b *testing.B, i int) {
		if _, _, err := rows.Get(ctx, ids[i%len(ids)]); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("one", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			get(b, i)
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				get(b, i)
			}
		})
	})
}

func BenchmarkWrite(b *testing.B) {
	s, _, _ := filled(b, 1000)
	storetest.BenchmarkWrite(b, s)
}

func BenchmarkSweep(b *testing.B) {
	ctx := context.Background()
	for range b.N {
		b.StopTimer()
		s, _, _ := filled(b, 100_000)
		at := time.Now().Add(48 * time.Hour)
		b.StartTimer()
		if n, err := s.Sweep(ctx, at, 100_000); err != nil || n != 100_000 {
			b.Fatal(n, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100_000, "ns/row")
}
