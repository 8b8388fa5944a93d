package memstore_test

import (
	"context"
	"sync"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/memstore"
	"github.com/nguard-go/nguard/stores/storetest"
)

func open(t *testing.T) storetest.Harness {
	s := memstore.New()
	return storetest.Harness{
		Store: s,
		// Another guard in the same process.
		Peer: func(*testing.T) nguard.Store { return s },
		Dump: func(t *testing.T) (values [][]byte) {
			for _, owner := range []string{"ada", "eve"} {
				list, _, err := s.Backend().(nguard.RowLister).Rows(context.Background(), owner, "", 1000)
				if err != nil {
					t.Fatal(err)
				}
				for _, row := range list {
					values = append(values, []byte(row.ID), row.Cur, row.Prev, row.Salt, row.Encode())
				}
			}
			return values
		},
	}
}

func TestStore(t *testing.T) { storetest.Run(t, open) }

func TestDecorated(t *testing.T) { storetest.Run(t, storetest.Decorated(open)) }

// A login whose cap ends several sessions ends them in one step: whoever finds the last one alive has not found
// the first one gone before.
func TestEvictedTogether(t *testing.T) {
	ctx, now := t.Context(), time.Now().UTC()
	for range 200 {
		s := memstore.New()
		e, err := s.Epoch(ctx, "ada")
		if err != nil {
			t.Fatal(err)
		}
		create := func(limit int) nguard.Created {
			r := &nguard.Record{Owner: "ada", Version: 1, Created: now, Expires: now.Add(time.Hour), Stamp: nguard.Epoch{Change: e.Change, Revoke: e.Revoke}}
			c, err := s.Create(ctx, r, nguard.Cap{Max: limit, EvictOldest: true, Now: now})
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		var all []nguard.Created
		for range 50 {
			all = append(all, create(0))
			e = all[0].User
			now = now.Add(1)
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			for {
				_, first := s.Load(ctx, all[0].Live)
				_, last := s.Load(ctx, all[49].Live)
				if first != nil && last == nil {
					if _, last = s.Load(ctx, all[49].Live); last == nil {
						t.Error("the first of those that ended is gone, and the last one lives")
					}
				}
				if first != nil {
					return
				}
			}
		})
		create(1)
		wg.Wait()
	}
}
