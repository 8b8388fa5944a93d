package ululetest

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"testing"
	"time"
	"unsafe"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/policy/ratelimit"
	"github.com/ulule/limiter/v3"
	"github.com/ulule/limiter/v3/drivers/store/memory"
)

// contestant is one way to count a name.
type contestant struct {
	name string
	take func(name string)
}

// contestants are ulule's memory store, our Store behind the same interface, and our Limiter, with room
// for count keys.
func contestants(b *testing.B, count, limit int) []contestant {
	ctx := context.Background()
	rate := limiter.Rate{Limit: int64(limit), Period: time.Minute}
	theirs := memory.NewStore()
	ours, err := ratelimit.NewStore(ratelimit.StoreConfig{Keys: count, Exact: 10})
	if err != nil {
		b.Fatal(err)
	}
	rule := ratelimit.PerUser("update", limit, rate.Period)
	rule.Keys = count
	l, err := ratelimit.New(rule)
	if err != nil {
		b.Fatal(err)
	}
	return []contestant{
		{"ulule", func(name string) { theirs.Get(ctx, name, rate) }},
		{"store", func(name string) { ours.Get(ctx, name, rate) }},
		{"limiter", func(name string) { l.Take(ctx, nguard.Caller{User: name}, 1) }},
	}
}

// sizes are the numbers of keys and the limits that are measured: one that is logged exactly and one
// that is a GCRA cell, with one key and with a million in a scattered order.
func sizes(b *testing.B, run func(b *testing.B, count, limit int)) {
	for _, count := range []int{1, 1_000_000} {
		for _, limit := range []int{10, 100_000} {
			b.Run(fmt.Sprintf("keys=%d/limit=%d", count, limit), func(b *testing.B) { run(b, count, limit) })
		}
	}
}

// BenchmarkTake is the cost and the allocations of one call.
//
// As in a server, the name has just been written when it is asked about: it is in the cache, and
// writing it costs all the same.
func BenchmarkTake(b *testing.B) {
	sizes(b, func(b *testing.B, count, limit int) {
		for i, name := range []string{"ulule", "store", "limiter"} {
			b.Run(name, func(b *testing.B) {
				take := contestants(b, count, limit)[i].take
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
	})
}

// BenchmarkAgainstUlule lets the three take turns, so that whatever else the machine does hits them
// alike, and reports what each needs for a call and our two as shares of ulule's. The Limiter's budget
// is 0.6. The Store, whose cells have room for a log whatever the limit, needs more memory for a key.
func BenchmarkAgainstUlule(b *testing.B) {
	const turn = 10_000
	sizes(b, func(b *testing.B, count, limit int) {
		all := contestants(b, count, limit)
		names := make([]naming, len(all))
		spent := make([]time.Duration, len(all))
		for i, c := range all {
			for range count {
				c.take(names[i].next(count))
			}
		}
		turns := 0
		for b.Loop() {
			for i, c := range all {
				begin := time.Now()
				for range turn {
					c.take(names[i].next(count))
				}
				spent[i] += time.Since(begin)
			}
			turns++
		}
		b.ReportMetric(0, "ns/op")
		for i, c := range all {
			b.ReportMetric(float64(spent[i].Nanoseconds())/float64(turns*turn), c.name+"-ns")
			if i > 0 {
				b.ReportMetric(float64(spent[i])/float64(spent[0]), c.name+"/ulule")
			}
		}
	})
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

// BenchmarkLogin is one call of the default login limiter, six rules in one step: for one caller, and
// for strangers who have never been seen and push others out.
func BenchmarkLogin(b *testing.B) {
	ctx := context.Background()
	for _, count := range []int{1, 1_000_000} {
		b.Run(fmt.Sprintf("callers=%d", count), func(b *testing.B) {
			l := ratelimit.DefaultLogin()
			var names naming
			b.ReportAllocs()
			for b.Loop() {
				name := names.next(count)
				ip := netip.AddrFrom4([4]byte{byte(names.i >> 16), byte(names.i >> 8), byte(names.i), 1})
				l.Take(ctx, nguard.Caller{Account: name, IP: ip}, 1)
			}
		})
	}
}

// BenchmarkParallel has all processors ask for one key, the worst case for a lock, and for many.
func BenchmarkParallel(b *testing.B) {
	ctx := context.Background()
	for _, count := range []int{1, 10_000} {
		rate := limiter.Rate{Limit: 100_000, Period: time.Minute}
		b.Run(fmt.Sprintf("keys=%d/ulule", count), func(b *testing.B) {
			s := memory.NewStore()
			b.RunParallel(func(pb *testing.PB) {
				var names naming
				for pb.Next() {
					s.Get(ctx, names.next(count), rate)
				}
			})
		})
		b.Run(fmt.Sprintf("keys=%d/limiter", count), func(b *testing.B) {
			l, err := ratelimit.New(ratelimit.PerUser("update", 100_000, time.Minute))
			if err != nil {
				b.Fatal(err)
			}
			b.RunParallel(func(pb *testing.PB) {
				var names naming
				for pb.Next() {
					l.Take(ctx, nguard.Caller{User: names.next(count)}, 1)
				}
			})
		})
	}
}
