package servertest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/servicetest"
	"github.com/nguard-go/nguard/stores/storetest"
)

// When connections break in the middle of whatever they carry, again and again, reads go on as if nothing had
// been. A write says whether it has surely not happened, and what it says is true.
func cut(t *testing.T, s Server) {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	p, _, store, direct := s.through(t)
	const users, cuts = 6, 30
	var (
		wg   sync.WaitGroup
		over atomic.Bool
		work atomic.Int32
	)
	for i := range users {
		owner := fmt.Sprint("user", i)
		c := storetest.Login(t, direct, owner)
		wg.Go(func() {
			// A write of unknown outcome may still be on its way when the next read is answered: the server had it
			// before the connection broke. It may have its effect until another write has succeeded.
			version, pending := int64(1), false
			for !over.Load() {
				f, err := store.Load(ctx, c.Live)
				work.Add(1)
				if err != nil || f.Owner != owner {
					t.Errorf("a read: %v", err)
					return
				}
				if f.Version != version && !(pending && f.Version == version+1) {
					t.Errorf("version %d is stored, want %d; a write is pending: %v", f.Version, version, pending)
					return
				}
				pending = pending && f.Version == version
				if _, err := store.Epoch(ctx, owner); err != nil {
					t.Errorf("a read: %v", err)
					return
				}
				version = f.Version
				_, err = store.Replace(ctx, f, storetest.Next(f), false)
				switch {
				case err == nil:
					version++
					pending = false
				case errors.Is(err, nguard.ErrOutcomeUnknown):
					pending = true
				case errors.Is(err, nguard.ErrConflict) && pending:
				case !errors.Is(err, nguard.ErrUnavailable):
					t.Errorf("a write: %v", err)
					return
				}
				if _, err := store.Create(ctx, storetest.Stamped(owner+"+", c.Stamp), gap(3)); err != nil && !errors.Is(err, nguard.ErrUnavailable) {
					t.Errorf("a login: %v", err)
					return
				}
			}
		})
	}
	for range cuts {
		from := work.Load()
		servicetest.Until(t, "everybody goes on", func() bool { return work.Load() >= from+2*users || t.Failed() })
		p.Cut()
	}
	over.Store(true)
	wg.Wait()
	for i := range users {
		list, err := direct.List(ctx, fmt.Sprint("user", i, "+"), "", 100)
		if err != nil || len(list) > 3 {
			t.Errorf("%d sessions, and the cap is 3; %v", len(list), err)
		}
	}
}
