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
	storetest.Compare(b, selectRow, load)
}

// BenchmarkRevoke is that of storetest.
func (s Server) BenchmarkRevoke(b *testing.B) {
	storetest.BenchmarkRevoke(b, s.Migrated(b, s.Open(b).Open(b)))
}

// BenchmarkWrite is that of storetest, in a table of 10 000 sessions.
func (s Server) BenchmarkWrite(b *testing.B) {
	store, _ := s.filled(b, 10_000)
	storetest.BenchmarkWrite(b, store)
}

// BenchmarkSweep removes 1000 sessions that are over from a table with 10 000 more.
func (s Server) BenchmarkSweep(b *testing.B) {
	ctx := context.Background()
	store, list := s.filled(b, 10_000)
	r := *list[4].Record
	r.ID, r.Expires = "", r.Created.Add(time.Minute)
	b.ResetTimer()
	for range b.N {
		b.StopTimer()
		err := store.Tx(ctx, func(ctx context.Context) error {
			for range 1000 {
				if _, err := store.Create(ctx, &r, nguard.Cap{}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if n, err := store.Sweep(ctx, r.Expires, 1000); err != nil || n != 1000 {
			b.Fatal(n, err)
		}
	}
}
