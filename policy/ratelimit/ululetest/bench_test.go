package ululetest

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"
	"unsafe"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/policy/ratelimit"
	"github.com/ulule/limiter/v3"
	"github.com/ulule/limiter/v3/drivers/store/memory"
)

// BenchmarkTake sets ulule's memory store, our Store behind the same interface, and our Limiter side
// by side, with one key and with a million in a scattered order, for a limit that is logged exactly
// and one that is a GCRA cell. The budget of our two is 0.6 of ulule's.
//
// As in a server, the name has just been written when it is asked about: it is in the cache, and
// writing it costs all three the same.
func BenchmarkTake(b *testing.B) {
	ctx := context.Background()
	for _, count := range []int{1, 1_000_000} {
		for _, limit := range []int{10, 100_000} {
			rate := limiter.Rate{Limit: int64(limit), Period: time.Minute}
			makers := []struct {
				name string
				make func(b *testing.B) func(name string)
			}{
				{"ulule", func(*testing.B) func(string) {
					s := memory.NewStore()
					return func(name string) { s.Get(ctx, name, rate) }
				}},
				{"store", func(b *testing.B) func(string) {
					s, err := ratelimit.NewStore(ratelimit.StoreConfig{Keys: count, Exact: 10})
					if err != nil {
						b.Fatal(err)
					}
					return func(name string) { s.Get(ctx, name, rate) }
				}},
				{"limiter", func(b *testing.B) func(string) {
					rule := ratelimit.PerUser("update", limit, rate.Period)
					rule.Keys = count
					l, err := ratelimit.New(rule)
					if err != nil {
						b.Fatal(err)
					}
					return func(name string) { l.Take(ctx, nguard.Caller{User: name}, 1) }
				}},
			}
			for _, m := range makers {
				b.Run(fmt.Sprintf("keys=%d/limit=%d/%s", count, limit, m.name), func(b *testing.B) {
					take := m.make(b)
					var names naming
					for range count {
						take(names.next(count))
					}
					b.ReportAllocs()
					for b.Loop() {
						take(names.next(count))
					}
				})
			}
		}
	}
}

// naming writes one name after the other into the same bytes. None of the three keeps them: ulule's
// store copies a name behind its prefix, ours keeps a hash.
type naming struct {
	i    int
	room [32]byte
}

// next steps through all names in an order that no prefetcher guesses.
func (n *naming) next(count int) string {
	n.i = (n.i + 618_033) % count
	name := strconv.AppendInt(append(n.room[:0], "user-"...), int64(n.i), 10)
	return unsafe.String(&name[0], len(name))
}
