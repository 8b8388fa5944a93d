package scsstore

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// Insert reads and judges first. Then it writes, in an order in which it may stop anywhere: the epoch, the
// new session's name, its row, and only then do those end that it takes the place of. A login that fails
// half way has logged nobody out, and what it leaves is a session whose token nobody has.
func (b *rows) Insert(ctx context.Context, r nguard.Row, c nguard.Cap) ([]string, error) {
	return under(ctx, b, r.Owner, func(s *step) ([]string, error) { return s.insert(r, c) })
}

func (s *step) insert(r nguard.Row, c nguard.Cap) (ended []string, err error) {
	now := c.Now
	if now.IsZero() {
		now = r.Created
	}
	e, err := s.epoch(r.Owner)
	if err != nil {
		return nil, err
	}
	began := !e.stored()
	if began {
		e.Epoch = nguard.Epoch{Change: r.Stamp.Change, Revoke: r.Stamp.Revoke}
	} else if e.Revoke != r.Stamp.Revoke {
		return nil, nguard.ErrConflict
	}
	switch _, err := s.row(r.ID); {
	case err == nil:
		return nil, nguard.ErrConflict // the ID is taken; the next attempt draws another
	case !errors.Is(err, nguard.ErrNoSession):
		return nil, err
	}
	gone := map[string]bool{}
	if replaces, err := s.replaces(r.Owner, c); err != nil {
		return nil, err
	} else if replaces {
		gone[c.Replace] = true
	}
	x, err := s.index(r.Owner)
	if err != nil {
		return nil, err
	}
	x = x.since(now)
	if ended, err = s.weigh(x, e.Revoke, c, now, gone); err != nil {
		return nil, err
	}
	if e, needed := e.needed(r.Record.Expires, now, began); needed {
		if err := s.mark(e); err != nil {
			return nil, err
		}
	}
	x = x.with(entry{r.ID, r.Record.Expires})
	if err := s.list(x); err != nil {
		return nil, err
	}
	if err := s.put(r); err != nil {
		return nil, err
	}
	if len(gone) == 0 {
		return nil, nil
	}
	if err := s.drop(slices.Collect(maps.Keys(gone))...); err != nil {
		return nil, err
	}
	_ = s.list(x.without(gone)) // the new session stands, and names without rows harm nobody
	return ended, nil
}

// needed is the epoch as it must be stored for a session that ends at the given time, and whether that
// differs from what is stored. It is kept twice as long as it has to be: a login rarely writes it then, and
// a login that does not write it cannot overwrite what another process has just made of it.
func (e epoch) needed(end, now time.Time, began bool) (epoch, bool) {
	if began {
		e.bumped = time.Now().UTC().Round(0)
		e.until = e.bumped.Add(nguard.KeepEpoch)
	}
	if !end.After(e.until) {
		return e, began
	}
	e.until = end
	if left := end.Sub(now); left > 0 {
		e.until = end.Add(min(left, 365*24*time.Hour))
	}
	return e, true
}

// replaces tells whether there is a session that the new one takes the place of.
func (s *step) replaces(owner string, c nguard.Cap) (bool, error) {
	if c.Replace == "" {
		return false, nil
	}
	old, err := s.owned(nguard.Key{Owner: owner, ID: c.Replace})
	switch {
	case errors.Is(err, nguard.ErrNoSession) && c.Version == 0:
		return false, nil
	case err != nil:
		return false, err
	case c.Version != 0 && old.Version != c.Version:
		return false, nguard.ErrConflict
	}
	return true, nil
}

// weigh applies the cap: it adds to gone what ends because of it, and the names of what has ended already,
// and returns the former. Rows are looked at only when there are as many names as the cap allows.
func (s *step) weigh(x index, revoke int64, c nguard.Cap, now time.Time, gone map[string]bool) (ended []string, err error) {
	others := x.without(gone).list
	if c.Max <= 0 || len(others) < c.Max {
		return nil, nil
	}
	var live []nguard.Row
	var dead []string
	for _, e := range others {
		r, err := s.owned(nguard.Key{Owner: x.owner, ID: e.id})
		switch {
		case errors.Is(err, nguard.ErrNoSession):
			dead = append(dead, e.id)
		case err != nil:
			return nil, err
		case !r.Mark.Expires.After(now) || r.Stamp.Revoke != revoke:
			dead = append(dead, e.id)
		default:
			live = append(live, r)
		}
	}
	if over := len(live) + 1 - c.Max; over > 0 {
		if !c.EvictOldest {
			return nil, nguard.ErrTooMany
		}
		slices.SortStableFunc(live, func(a, b nguard.Row) int { return a.Created.Compare(b.Created) })
		for _, r := range live[:over] {
			ended = append(ended, r.ID)
		}
	}
	for _, id := range slices.Concat(dead, ended) {
		gone[id] = true
	}
	return ended, nil
}
