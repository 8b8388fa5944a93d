package servertest

import (
	"context"
	"errors"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/sqlstore"
	"github.com/nguard-go/nguard/stores/storetest"
)

// gap is a cap of n, as the engine would ask for it now.
func gap(n int) nguard.Cap { return nguard.Cap{Max: n, EvictOldest: true, Now: time.Now()} }

// every calls each method that does I/O. What it changes, it changes for somebody other than c.
func every(ctx context.Context, s *sqlstore.Store, c nguard.Created) map[string]error {
	errs := map[string]error{}
	_, errs["Load"] = s.Load(ctx, c.Live)
	_, errs["Find"] = s.Find(ctx, c.Owner, c.ID)
	_, errs["List"] = s.List(ctx, c.Owner, "", 10)
	_, errs["Epoch"] = s.Epoch(ctx, c.Owner)
	created, err := s.Create(ctx, storetest.Stamped("other", nguard.Epoch{Change: 1, Revoke: 2}), nguard.Cap{Max: 50, EvictOldest: true, Now: time.Now()})
	errs["Create"] = err
	if err != nil {
		created = c
	}
	replaced, err := s.Replace(ctx, created.Found, storetest.Next(created.Found), true)
	errs["Replace"] = err
	if err != nil {
		replaced = created.Found
	}
	_, errs["Touch"] = s.Touch(ctx, replaced, time.Now())
	errs["Delete"] = s.Delete(ctx, created.Owner, created.ID)
	_, errs["Bump"] = s.Bump(ctx, "third", nguard.BumpRevoke)
	_, errs["Sweep"] = s.Sweep(ctx, time.Now().Add(-time.Hour), 10)
	errs["Tx"] = s.Tx(ctx, func(ctx context.Context) error {
		_, err := s.Bump(ctx, "third", nguard.BumpChange)
		return err
	})
	return errs
}

// unavailable checks that each call says that the database is not there, and that nothing has changed.
func unavailable(t *testing.T, errs map[string]error) {
	t.Helper()
	for method, err := range errs {
		if !errors.Is(err, nguard.ErrUnavailable) || errors.Is(err, nguard.ErrOutcomeUnknown) {
			t.Errorf("%s: got %v, want ErrUnavailable", method, err)
		}
	}
}

// unchanged checks that a session is as it was made.
func unchanged(t *testing.T, s *sqlstore.Store, c nguard.Created) {
	t.Helper()
	f, err := s.Load(context.Background(), c.Live)
	if err != nil || f.Version != c.Version || f.Match != nguard.Current || f.User != c.Stamp {
		t.Fatalf("got version %d, match %d, epoch %+v, %v", f.Version, f.Match, f.User, err)
	}
}
