package browsertest

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/memstore"
)

// hangingStore hangs until its context ends.
type hangingStore struct {
	nguard.Store
	hangs  atomic.Bool
	within time.Duration
	t      testing.TB
}

func (s *hangingStore) Unwrap() any { return s.Store }

func (s *hangingStore) Load(ctx context.Context, token string) (nguard.Found, error) {
	if !s.hangs.Load() {
		return s.Store.Load(ctx, token)
	}
	if end, ok := ctx.Deadline(); !ok || time.Until(end) > s.within {
		s.t.Errorf("deadline %v, %v", end, ok)
	}
	<-ctx.Done()
	return nguard.Found{}, ctx.Err()
}

// StoreHangs asks an application with the endpoints, in which "/" says who it is and "/free" says "free", while its
// store hangs: each call has a deadline, 503 comes within Config.Timeout, and nobody is signed out.
func StoreHangs(t *testing.T, serve func(g *nguard.Guard) *Client) {
	store := &hangingStore{Store: memstore.New(), within: 30 * time.Millisecond, t: t}
	g := NewGuard(t, func(c *nguard.Config) { c.Store, c.Timeout = store, store.within })
	c := serve(g).SignIn(g, "bob")
	c.Get("/").Expect(200).Says("bob")
	store.hangs.Store(true)
	before := runtime.NumGoroutine()
	for range 20 {
		for _, path := range []string{"/", "/api/auth/session"} {
			a := c.Get(path).Refused(503, "unavailable")
			if a.Header.Get("Retry-After") == "" || len(a.Names()) > 0 {
				t.Errorf("Retry-After %q, cookies %q", a.Header.Get("Retry-After"), a.Names())
			}
		}
		c.Get("/free").Expect(200).Says("free")
	}
	if after := runtime.NumGoroutine(); after > before+5 {
		t.Errorf("%d goroutines before, %d after", before, after)
	}
	store.hangs.Store(false)
	c.Get("/").Expect(200).Says("bob")
}
