package storetest

import (
	"context"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// BenchmarkWrite measures what changes sessions, on a few of its own beside those that the store has.
func BenchmarkWrite(b *testing.B, s nguard.Store) {
	ctx := context.Background()
	each := func(name string, do func() error) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				if err := do(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	c := Login(b, s, "ada")
	many, capped := Record(b, s, "many"), Record(b, s, "capped")
	each("create", func() error { _, err := s.Create(ctx, many, nguard.Cap{}); return err })
	limit := nguard.Cap{Max: 5, EvictOldest: true, Now: capped.Created}
	each("create capped", func() error { _, err := s.Create(ctx, capped, limit); return err })
	f := c.Found
	each("replace", func() (err error) { f, err = s.Replace(ctx, f, Next(f), false); return err })
	at := f.LastSeen
	each("touch", func() error { at = at.Add(time.Second); _, err := s.Touch(ctx, f, at); return err })
	epochs, _ := nguard.Ability[nguard.Epochs](s)
	each("bump", func() error { _, err := epochs.Bump(ctx, "ada", nguard.BumpChange); return err })
}

// BenchmarkRevoke compares the end of all sessions of a user who has 10 000 with that of one who has one.
func BenchmarkRevoke(b *testing.B, s nguard.Store) {
	Login(b, s, "one")
	r := Record(b, s, "many")
	fill := func(ctx context.Context) error {
		for range 10_000 {
			if _, err := s.Create(ctx, r, nguard.Cap{}); err != nil {
				return err
			}
		}
		return nil
	}
	tx := func(ctx context.Context, fn func(ctx context.Context) error) error { return fn(ctx) }
	if t, ok := nguard.Ability[nguard.Transactor](s); ok {
		tx = t.Tx // which is faster
	}
	if err := tx(context.Background(), fill); err != nil {
		b.Fatal(err)
	}
	epochs, _ := nguard.Ability[nguard.Epochs](s)
	revoke := func(owner string) func(int) {
		return func(int) {
			if _, err := epochs.Bump(context.Background(), owner, nguard.BumpRevoke); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("ratio", func(b *testing.B) { b.ReportMetric(turns(b, revoke("one"), revoke("many")), "x-one") })
}

// Compare measures a call of a store, and the least that any store on the same driver does: each alone, and both by
// turns, so that the ratio holds on a noisy machine.
func Compare(b *testing.B, bare, call func(i int)) {
	for _, one := range []struct {
		name string
		do   func(i int)
	}{{"bare", bare}, {"nguard", call}} {
		b.Run(one.name, func(b *testing.B) {
			b.ReportAllocs()
			for i := range b.N {
				one.do(i)
			}
		})
	}
	b.Run("ratio", func(b *testing.B) { b.ReportMetric(turns(b, bare, call), "x-bare") })
}

// turns runs two things by turns, and returns how much longer the second takes. Each comes first every other time:
// whoever comes second finds things warm.
func turns(b *testing.B, first, second func(i int)) float64 {
	var spent [2]time.Duration
	both := []func(i int){first, second}
	for i := range b.N {
		for n := range both {
			n = (n + i) % 2
			start := time.Now()
			both[n](i)
			spent[n] += time.Since(start)
		}
	}
	return float64(spent[1]) / float64(spent[0])
}
