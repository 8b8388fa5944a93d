package adaptertest

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// tally counts the calls that reach a store, and can make reads fail.
type tally struct {
	nguard.Store
	creates, replaces, touches, deletes, bumps atomic.Int64
	down                                       atomic.Bool
}

func (s *tally) Unwrap() any { return s.Store }

func (s *tally) Create(ctx context.Context, r *nguard.Record, c nguard.Cap) (nguard.Created, error) {
	s.creates.Add(1)
	return s.Store.Create(ctx, r, c)
}

func (s *tally) Load(ctx context.Context, token string) (nguard.Found, error) {
	if s.down.Load() {
		return nguard.Found{}, errors.New("canary: store is down at db.internal:5432")
	}
	return s.Store.Load(ctx, token)
}

func (s *tally) Replace(ctx context.Context, f nguard.Found, next *nguard.Record, rotate bool) (nguard.Found, error) {
	s.replaces.Add(1)
	return s.Store.Replace(ctx, f, next, rotate)
}

func (s *tally) Touch(ctx context.Context, f nguard.Found, at time.Time) (nguard.Found, error) {
	s.touches.Add(1)
	return s.Store.Touch(ctx, f, at)
}

func (s *tally) Delete(ctx context.Context, owner, id string) error {
	s.deletes.Add(1)
	return s.Store.Delete(ctx, owner, id)
}

func (s *tally) Epoch(ctx context.Context, owner string) (nguard.Epoch, error) {
	return ability[nguard.Epochs](s.Store).Epoch(ctx, owner)
}

func (s *tally) Bump(ctx context.Context, owner string, b nguard.Bump) (nguard.Epoch, error) {
	s.bumps.Add(1)
	return ability[nguard.Epochs](s.Store).Bump(ctx, owner, b)
}

// writes is everything but reads.
func (s *tally) writes() int64 {
	return s.creates.Load() + s.replaces.Load() + s.touches.Load() + s.deletes.Load() + s.bumps.Load()
}

// tallied is a world whose store is counted.
func (k *kit) tallied(t testing.TB, options ...func(*nguard.Config)) (*world, *tally) {
	t.Helper()
	b := k.open(t)
	store := &tally{Store: b.store}
	b.store = store
	return newWorld(t, b, options...), store
}
