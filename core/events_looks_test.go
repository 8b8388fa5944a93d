package nguard_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/memstore"
)

// manyStore is a store whose reads take a moment.
type manyStore struct {
	*memstore.Store
	now, most atomic.Int32
}

func (s *manyStore) Find(ctx context.Context, owner, id string) (nguard.Found, error) {
	n := s.now.Add(1)
	defer s.now.Add(-1)
	for m := s.most.Load(); n > m && !s.most.CompareAndSwap(m, n); {
		m = s.most.Load()
	}
	time.Sleep(10 * time.Millisecond)
	return s.Store.Find(ctx, owner, id)
}

// TestLooksAtOnce: when all have a reason to look, 32 read at the same time, and the others after them.
func TestLooksAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &manyStore{Store: memstore.New()}
		g, err := nguard.New(nguard.Config{Store: s})
		if err != nil {
			t.Fatal(err)
		}
		var pages []*page
		for i := range 200 {
			p, leave := opened(t, g, fmt.Sprint("user", i%20))
			defer leave()
			pages = append(pages, p)
		}
		time.Sleep(61 * time.Second) // each looks every few seconds; no heart beats at that moment
		for i := range 20 {
			if err := g.RevokeUser(job, fmt.Sprint("user", i)); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(5 * time.Second)
		for _, p := range pages {
			if !strings.Contains(p.took(), "session.revoked") {
				t.Fatal("a stream has not looked")
			}
		}
		if n := s.most.Load(); n != 32 {
			t.Errorf("%d read at the same time", n)
		}
	})
}

// TestLooks: how often a stream reads, where the store is heard and where it is not.
func TestLooks(t *testing.T) {
	deaf := func(ctx context.Context, _ func(string)) error { <-ctx.Done(); return ctx.Err() }
	for _, c := range []struct {
		name        string
		watch       func(context.Context, func(string)) error
		least, most int32
	}{
		{"heard", hearing, 20, 25},
		{"not heard", deaf, 120, 140},
		{"cannot be heard", func(context.Context, func(string)) error { return errors.New("down") }, 120, 140},
		{"panics", func(context.Context, func(string)) error { panic("boom") }, 120, 140},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, s := newWatched(t, c.watch)
				_, leave := opened(t, g, "ada")
				time.Sleep(time.Second)
				s.finds.Store(0)
				time.Sleep(10 * time.Minute)
				if n := s.finds.Load(); n < c.least || n > c.most {
					t.Errorf("%d looks in ten minutes", n)
				}
				// Back-off ends at ten seconds, of which a random half is taken off.
				if n := s.watches.Load(); n > 130 {
					t.Errorf("%d tries to listen", n)
				}
				leave()
				synctest.Wait()
			})
		})
	}
}

// TestGap: what happens while the store is not heard is found as soon as it is again, by looking at everybody.
func TestGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lost := make(chan error)
		g, s := newWatched(t, func(ctx context.Context, fn func(string)) error {
			fn("")
			select {
			case err := <-lost:
				return err
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		p, leave := opened(t, g, "ada")
		q, leave2 := opened(t, g, "eve")
		time.Sleep(time.Second)
		p.took()
		q.took()
		lost <- errors.New("connection reset")
		// Another process, whose changes this guard does not make itself.
		if _, err := s.Store.Bump(context.Background(), "ada", nguard.BumpRevoke); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if got := p.took(); !strings.Contains(got, `event: session.revoked`) || !strings.Contains(got, `{"reason":"revoked"}`) {
			t.Errorf("told %q", got)
		}
		if got := q.took(); got != "" {
			t.Errorf("somebody else is told %q", got)
		}
		leave()
		leave2()
		synctest.Wait()
	})
}

// sealed is a store that knows sessions by their tokens alone.
type sealed struct{ *memstore.Store }

func (sealed) Lacks() []nguard.Promise { return []nguard.Promise{nguard.ListsSessions} }

func (sealed) Find(context.Context, string, string) (nguard.Found, error) {
	return nguard.Found{}, nguard.ErrNoSession
}

// TestByToken: where sessions cannot be found by their ID, streams look by the token that they were opened with.
func TestByToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, err := nguard.New(nguard.Config{Store: sealed{memstore.New()}, Waive: []nguard.Promise{nguard.ListsSessions}})
		if err != nil {
			t.Fatal(err)
		}
		p, leave := opened(t, g, "ada")
		defer leave()
		time.Sleep(time.Minute)
		if got := p.took(); strings.Contains(got, "revoked") || !strings.Contains(got, "updated") {
			t.Errorf("told %q", got)
		}
		if err := g.RevokeUser(job, "ada"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if got := p.took(); !strings.Contains(got, `{"reason":"revoked"}`) {
			t.Errorf("told %q", got)
		}
		synctest.Wait()
	})
}
