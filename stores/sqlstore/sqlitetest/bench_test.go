package sqlitetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/sqlstore"
	"github.com/nguard-go/nguard/stores/storetest"
)

// filled returns a store with n sessions of as many users, and their tokens.
func filled(b *testing.B, n int) (*sqlstore.Store, []nguard.Created) {
	b.Helper()
	s := migrated(b, handle(b, file(b), advised))
	list := make([]nguard.Created, n)
	err := s.Tx(context.Background(), func(ctx context.Context) (err error) {
		r := storetest.Record(b, sqlstore.New(s.Database(), sqlstore.SQLite), "none")
		for i := range list {
			next := *r
			next.Owner = fmt.Sprintf("user%06d", i)
			next.User.ID = next.Owner
			if list[i], err = s.Create(ctx, &next, nguard.Cap{}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	return s, list
}

// BenchmarkLoad compares Load with the least that any store on this driver does: one prepared SELECT of
// the row's values by primary key. Both take turns, so that the ratio holds on a noisy machine.
func BenchmarkLoad(b *testing.B) {
	ctx := context.Background()
	s, list := filled(b, 10_000)
	bare, err := s.Database().Prepare(`SELECT owner, version, cur, prev, salt, last_seen, seen_at, expires, record
		FROM nguard_sessions WHERE id = ?`)
	if err != nil {
		b.Fatal(err)
	}
	selectRow := func(i int) {
		var owner string
		var version, lastSeen, seenAt, expires int64
		var cur, prev, salt, record []byte
		err := bare.QueryRow(list[i%len(list)].ID).
			Scan(&owner, &version, &cur, &prev, &salt, &lastSeen, &seenAt, &expires, &record)
		if err != nil {
			b.Fatal(err)
		}
	}
	load := func(i int) {
		if _, err := s.Load(ctx, list[i%len(list)].Live); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("bare", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			selectRow(i)
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
			selectRow(i)
			middle := time.Now()
			load(i)
			spent[0] += middle.Sub(start)
			spent[1] += time.Since(middle)
		}
		b.ReportMetric(float64(spent[1])/float64(spent[0]), "load/bare")
	})
}

func BenchmarkWrite(b *testing.B) {
	ctx := context.Background()
	s, list := filled(b, 10_000)
	now := time.Now().UTC()
	b.Run("create", func(b *testing.B) {
		b.ReportAllocs()
		r := *list[0].Record
		r.ID = ""
		for range b.N {
			if _, err := s.Create(ctx, &r, nguard.Cap{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("create capped", func(b *testing.B) {
		b.ReportAllocs()
		r := *list[1].Record
		r.ID = ""
		for range b.N {
			if _, err := s.Create(ctx, &r, nguard.Cap{Max: 5, EvictOldest: true, Now: now}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("replace", func(b *testing.B) {
		b.ReportAllocs()
		f, err := s.Load(ctx, list[2].Live)
		if err != nil {
			b.Fatal(err)
		}
		for range b.N {
			if f, err = s.Replace(ctx, f, storetest.Next(f), false); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("touch", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			if _, err := s.Touch(ctx, list[10+i%5000].Found, now.Add(time.Duration(i)*time.Second)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("bump", func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			if _, err := s.Bump(ctx, "user000003", nguard.BumpChange); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("sweep 1000", func(b *testing.B) {
		for i := range b.N {
			b.StopTimer()
			at := now.Add(time.Duration(i+1) * 1000 * time.Hour)
			s.Tx(ctx, func(ctx context.Context) error {
				r := *list[4].Record
				r.ID, r.Expires = "", at
				for range 1000 {
					if _, err := s.Create(ctx, &r, nguard.Cap{}); err != nil {
						b.Fatal(err)
					}
				}
				return nil
			})
			b.StartTimer()
			if n, err := s.Sweep(ctx, at, 1000); err != nil || n != 1000 {
				b.Fatal(n, err)
			}
		}
	})
}
