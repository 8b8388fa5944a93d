package sqlitetest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/storetest"
)

// A transaction of the store's waits for its right to write before it runs anything, so that in WAL mode
// one that reads first and writes then is not refused in its middle and run again.
func TestTxRunsOnce(t *testing.T) {
	s := server.Migrated(t, file(t).Open(t))
	c := storetest.Login(t, s, "ada")
	var wg sync.WaitGroup
	var runs atomic.Int32
	for range 10 {
		wg.Go(func() {
			for range 10 {
				err := s.Tx(context.Background(), func(ctx context.Context) error {
					runs.Add(1)
					f, err := s.Load(ctx, c.Live)
					if err != nil {
						return err
					}
					_, err = s.Replace(ctx, f, storetest.Next(f), false)
					return err
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if f, err := s.Load(context.Background(), c.Live); err != nil || f.Version != 101 || runs.Load() != 100 {
		t.Fatalf("version %d after %d runs, %v", f.Version, runs.Load(), err)
	}
}

// Sessions outlive the process.
func TestReopen(t *testing.T) {
	ctx := context.Background()
	place := file(t)
	first := place.Open(t)
	s := server.Migrated(t, first)
	c := storetest.Login(t, s, "ada")
	f, err := s.Replace(ctx, c.Found, storetest.Next(c.Found), true)
	if err != nil {
		t.Fatal(err)
	}
	gone := storetest.Login(t, s, "ada")
	if err := s.Delete(ctx, "ada", gone.ID); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	s = server.Migrated(t, place.Open(t))
	g, err := s.Load(ctx, f.Live)
	if err != nil || string(g.Encode()) != string(f.Encode()) || g.User != f.User || g.Match != nguard.Current {
		t.Fatalf("got %+v, %v", g, err)
	}
	if h, err := s.Load(ctx, c.Live); err != nil || h.Match != nguard.Previous || h.Live != f.Live {
		t.Fatalf("got match %d, %v", h.Match, err)
	}
	if _, err := s.Load(ctx, gone.Live); !errors.Is(err, nguard.ErrNoSession) {
		t.Fatalf("got %v", err)
	}
}
