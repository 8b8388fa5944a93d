package scsstore

import (
	"context"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// epoch reads a person's epoch. One that is missing is random and has no time: no session lives by it.
func (s *step) epoch(owner string) (epoch, error) {
	value, found, err := s.find(s.b.key(kindEpoch, owner))
	if err != nil {
		return epoch{}, err
	}
	if !found {
		e, err := nguard.NewEpoch()
		return epoch{owner: owner, Epoch: e}, err
	}
	e, err := decodeEpoch(value, owner)
	return e.settled(time.Now()), err
}

// stored tells whether the epoch was found.
func (e epoch) stored() bool { return !e.until.IsZero() }

// settled closes a change that its process has not closed in nguard.StaleOpen. There is no sweep that could
// do so: whoever reads it later makes the same of it, and the next bump stores it.
func (e epoch) settled(now time.Time) epoch {
	if e.Open > 0 && now.After(e.bumped.Add(nguard.StaleOpen)) {
		e.Open = 0
		e.Change++
	}
	return e
}

// mark stores a person's epoch.
func (s *step) mark(e epoch) error {
	return s.commit(s.b.key(kindEpoch, e.owner), encodeEpoch(e), e.until)
}

// Epoch reads without the owner's turn: it is one value.
func (b *rows) Epoch(ctx context.Context, owner string) (nguard.Epoch, error) {
	e, err := run(ctx, b, nil, func(s *step) (epoch, error) { return s.epoch(owner) })
	return e.Epoch, err
}

func (b *rows) Bump(ctx context.Context, owner string, bits nguard.Bump) (nguard.Epoch, error) {
	return under(ctx, b, owner, func(s *step) (nguard.Epoch, error) {
		e, err := s.epoch(owner)
		if err != nil {
			return nguard.Epoch{}, err
		}
		e = e.bump(bits, time.Now())
		return e.Epoch, s.mark(e)
	})
}

func (e epoch) bump(bits nguard.Bump, now time.Time) epoch {
	e.Epoch = bits.Apply(e.Epoch)
	e.bumped = now.UTC().Round(0)
	e.until = latest(e.until, e.bumped.Add(nguard.KeepEpoch))
	return e
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
