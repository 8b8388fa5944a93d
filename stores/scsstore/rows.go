package scsstore

import (
	"bytes"
	"context"

	"github.com/alexedwards/scs/v2"

	nguard "github.com/nguard-go/nguard/core"
)

// late is how much later than needed the backend forgets a value: its clock may be as far away as that of
// any process that shares a store.
const late = nguard.Skew

// rows is the nguard.Backend.
type rows struct {
	store     scs.Store
	ctxStore  scs.CtxStore // nil when the backend takes no context
	namespace string
	turns     turns
	moments   moments
	calls     chan struct{} // one element for each step under way
}

var (
	_ nguard.Backend   = (*rows)(nil)
	_ nguard.RowLister = (*rows)(nil)
	_ nguard.Epochs    = (*rows)(nil)
	_ nguard.Partial   = (*rows)(nil)
)

// row reads the row with this ID; ErrNoSession if there is none.
func (s *step) row(id string) (nguard.Row, error) {
	value, found, err := s.find(s.b.key(kindRow, id))
	switch {
	case err != nil:
		return nguard.Row{}, err
	case !found:
		return nguard.Row{}, nguard.ErrNoSession
	}
	return decodeRow(value, id)
}

// owned is row for a session that must be this owner's.
func (s *step) owned(k nguard.Key) (nguard.Row, error) {
	r, err := s.row(k.ID)
	if err == nil && r.Owner != k.Owner {
		return nguard.Row{}, nguard.ErrNoSession
	}
	return r, err
}

// put writes a row; the owner's turn is held.
func (s *step) put(r nguard.Row) error {
	defer s.b.moments.write(r.ID)()
	return s.commit(s.b.key(kindRow, r.ID), encodeRow(r), r.Mark.Expires)
}

// drop removes rows; the owner's turn is held. All are marked before the first is removed, so that whoever has found
// one of them gone finds none of them alive.
func (s *step) drop(ids ...string) error {
	for _, id := range ids {
		defer s.b.moments.write(id)()
	}
	for _, id := range ids {
		if err := s.remove(s.b.key(kindRow, id)); err != nil {
			return err
		}
	}
	return nil
}

// pair is a row and its owner's epoch.
type pair struct {
	row   nguard.Row
	epoch nguard.Epoch
}

func (s *step) pair(k nguard.Key) (p pair, err error) {
	if p.row, err = s.row(k.ID); err != nil {
		return pair{}, err
	}
	if k.Owner != "" && p.row.Owner != k.Owner {
		return pair{}, nguard.ErrNoSession
	}
	e, err := s.epoch(p.row.Owner)
	if err != nil {
		return pair{}, err
	}
	p.epoch = e.Epoch
	return p, nil
}

func (b *rows) Get(ctx context.Context, k nguard.Key) (nguard.Row, nguard.Epoch, error) {
	still, quiet := b.moments.read(k.ID)
	p, err := run(ctx, b, nil, func(s *step) (pair, error) { return s.pair(k) })
	if err == nil && !(quiet && still()) {
		owner := p.row.Owner
		p, err = under(ctx, b, owner, func(s *step) (pair, error) { return s.pair(nguard.Key{Owner: owner, ID: k.ID}) })
	}
	return p.row, p.epoch, err
}

func (b *rows) Swap(ctx context.Context, r nguard.Row, version int64) error {
	_, err := under(ctx, b, r.Owner, func(s *step) (none struct{}, err error) {
		stored, err := s.owned(nguard.Key{Owner: r.Owner, ID: r.ID})
		switch {
		case err != nil:
			return none, err
		case stored.Version != version:
			return none, nguard.ErrConflict
		}
		return none, s.put(swapped(stored, r))
	})
	return err
}

// swapped is r in the place of what is stored, with the marks that were made since r was loaded.
func swapped(stored, r nguard.Row) nguard.Row {
	if r.LastSeen.Before(stored.LastSeen) {
		r.LastSeen, r.Mark.Expires = stored.LastSeen, stored.Mark.Expires
	}
	if bytes.Equal(stored.Cur, r.Cur) && !stored.SeenAt.IsZero() {
		r.SeenAt = stored.SeenAt
	}
	return r
}

// Mark writes only when there is something to: who comes late with a touch changes nothing.
func (b *rows) Mark(ctx context.Context, k nguard.Key, m nguard.Mark) error {
	_, err := under(ctx, b, k.Owner, func(s *step) (none struct{}, err error) {
		r, err := s.owned(k)
		if err != nil {
			return none, err
		}
		moved := m.LastSeen.After(r.LastSeen)
		if moved {
			r.LastSeen, r.Mark.Expires = m.LastSeen, m.Expires
		}
		seen := r.SeenAt.IsZero() && !m.SeenAt.IsZero() && bytes.Equal(r.Cur, m.Cur)
		if seen {
			r.SeenAt = m.SeenAt
		}
		if !moved && !seen {
			return none, nil
		}
		return none, s.put(r)
	})
	return err
}

// Delete removes the row, then its name in the index. Should the second fail, the session has ended all the
// same; a name without a row is no session for anybody who comes across it.
func (b *rows) Delete(ctx context.Context, k nguard.Key) error {
	_, err := under(ctx, b, k.Owner, func(s *step) (none struct{}, err error) {
		if _, err := s.owned(k); err != nil {
			return none, err
		}
		if err := s.drop(k.ID); err != nil {
			return none, err
		}
		if x, err := s.index(k.Owner); err == nil {
			_ = s.list(x.without(map[string]bool{k.ID: true}))
		}
		return none, nil
	})
	return err
}
