package servertest

import (
	"context"
	"fmt"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/sqlstore"
	"github.com/nguard-go/nguard/stores/storetest"
)

// filled returns a store with n sessions of as many users, and the sessions.
func (s Server) filled(b *testing.B, n int) (*sqlstore.Store, []nguard.Created) {
	b.Helper()
	store := s.Migrated(b, s.Open(b).Open(b))
	list := make([]nguard.Created, n)
	err := store.Tx(context.Background(), func(ctx context.Context) (err error) {
		for i := range list {
			list[i], err = store.Create(ctx, storetest.Stamped(fmt.Sprintf("user%06d", i), nguard.Epoch{Change: 1, Revoke: 2}), nguard.Cap{})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	return store, list
}

// BenchmarkLoad compares Load with the least that any store on this driver does: one prepared SELECT of
// the row's values by primary key. Both take turns, so that the ratio holds on a noisy machine.
func (s Server) BenchmarkLoad(b *testing.B) {
	ctx := context.Background()
	store, list := s.filled(b, 10_000)
	bare, err := store.Database().Prepare(`SELECT owner, version, cur, prev, salt, last_seen, seen_at, expires, record
		FROM nguard_sessions WHERE id = ` + s.Bind(1))
	if err != nil {
		b.Fatal(err)
	}
	selectRow := func(i int) {
		var owner string
		var version, lastSeen, seenAt, expires int64
		var cur, prev, salt, record []byte
		err := bare.QueryRowContext(ctx, list[i%len(list)].ID).
			Scan(&owner, &version, &cur, &prev, &salt, &lastSeen, &seenAt, &expires, &record)
		if err != nil {
			b.Fatal(err)
		}
	}
	load := func(i int) {
		if _, err := store.Load(ctx, list[i%len(list)].Live); err != nil {
			b.Fatal(err)
		}
	}
	for i := range 50 { // PostgreSQL settles on a plan after a few runs
		selectRow(i)
		load(i)
	}
	b.Run("bare", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			selectRow(i)
		}
	})
	b.Run("nguard", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			load(i)
		}
	})
	b.Run("ratio", func(b *testing.B) {
		b.ReportMetric(turns(b, selectRow, load), "x-bare")
	})
}

// BenchmarkRevoke compares the end of all sessions of a user who has 10 000 with that of one who has one.
func (s Server) BenchmarkRevoke(b *testing.B) {
	ctx := context.Background()
	store := s.Migrated(b, s.Open(b).Open(b))
	err := store.Tx(ctx, func(ctx context.Context) error {
		for i := range 10_001 {
			owner := "many"
			if i == 0 {
				owner = "one"
			}
			if _, err := store.Create(ctx, storetest.Stamped(owner, nguard.Epoch{Change: 1, Revoke: 2}), nguard.Cap{}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	revoke := func(owner string) func(int) {
		return func(int) {
			if _, err := store.Bump(ctx, owner, nguard.BumpRevoke); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(turns(b, revoke("one"), revoke("many")), "x-one")
}

// BenchmarkWrite measures what changes rows, in a table of 10 000.
func (s Server) BenchmarkWrite(b *testing.B) {
	ctx := context.Background()
	store, list := s.filled(b, 10_000)
	now := time.Now().UTC()
	b.Run("create", func(b *testing.B) {
		b.ReportAllocs()
		r := *list[0].Record
		r.ID = ""
		for range b.N {
			if _, err := store.Create(ctx, &r, nguard.Cap{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("create capped", func(b *testing.B) {
		b.ReportAllocs()
		r := *list[1].Record
		r.ID = ""
		for range b.N {
			if _, err := store.Create(ctx, &r, nguard.Cap{Max: 5, EvictOldest: true, Now: now}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("replace", func(b *testing.B) {
		b.ReportAllocs()
		f, err := store.Load(ctx, list[2].Live)
		if err != nil {
			b.Fatal(err)
		}
		for range b.N {
			if f, err = store.Replace(ctx, f, storetest.Next(f), false); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("touch", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			if _, err := store.Touch(ctx, list[10+i%5000].Found, now.Add(time.Duration(i)*time.Second)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("bump", func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			if _, err := store.Bump(ctx, "user000003", nguard.BumpChange); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("sweep 1000", func(b *testing.B) {
		for i := range b.N {
			b.StopTimer()
			at := now.Add(time.Duration(i+1) * 1000 * time.Hour)
			store.Tx(ctx, func(ctx context.Context) error {
				r := *list[4].Record
				r.ID, r.Expires = "", at
				for range 1000 {
					if _, err := store.Create(ctx, &r, nguard.Cap{}); err != nil {
						b.Fatal(err)
					}
				}
				return nil
			})
			b.StartTimer()
			if n, err := store.Sweep(ctx, at, 1000); err != nil || n != 1000 {
				b.Fatal(n, err)
			}
		}
	})
}

// turns runs two things by turns, and returns how much longer the second takes.
func turns(b *testing.B, first, second func(i int)) float64 {
	var spent [2]time.Duration
	for i := range b.N {
		start := time.Now()
		first(i)
		middle := time.Now()
		second(i)
		spent[0] += middle.Sub(start)
		spent[1] += time.Since(middle)
	}
	return float64(spent[1]) / float64(spent[0])
}
