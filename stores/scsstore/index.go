package scsstore

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// A row's name is in its owner's index before the row is there, and as long as it is. So a crash between
// two writes leaves names without rows, which are no sessions, and never a session that no list shows and
// no cap counts (checklist N5).

// index reads the list of a person's sessions.
func (s *step) index(owner string) (index, error) {
	value, found, err := s.find(s.b.key(kindIndex, owner))
	if err != nil || !found {
		return index{owner: owner}, err
	}
	return decodeIndex(value, owner)
}

// list stores the index, or removes it when nothing is in it.
func (s *step) list(x index) error {
	key := s.b.key(kindIndex, x.owner)
	if len(x.list) == 0 {
		return s.remove(key)
	}
	var until time.Time
	for _, e := range x.list {
		until = latest(until, e.expires)
	}
	return s.commit(key, encodeIndex(x), until)
}

// with is the index with one more session.
func (x index) with(e entry) index {
	list := append(slices.Clone(x.list), e)
	slices.SortFunc(list, func(a, b entry) int { return cmp.Compare(a.id, b.id) })
	return index{x.owner, list}
}

func (x index) without(gone map[string]bool) index {
	list := slices.DeleteFunc(slices.Clone(x.list), func(e entry) bool { return gone[e.id] })
	return index{x.owner, list}
}

// since is the index without the sessions whose absolute end has come.
func (x index) since(now time.Time) index {
	list := slices.DeleteFunc(slices.Clone(x.list), func(e entry) bool { return !e.expires.After(now) })
	return index{x.owner, list}
}

func (x index) has(id string) bool {
	return slices.ContainsFunc(x.list, func(e entry) bool { return e.id == id })
}

// Rows holds the owner's turn: the list and the epoch stand still meanwhile.
func (b *rows) Rows(ctx context.Context, owner, after string, n int) ([]nguard.Row, nguard.Epoch, error) {
	type page struct {
		rows  []nguard.Row
		epoch nguard.Epoch
	}
	p, err := under(ctx, b, owner, func(s *step) (p page, err error) {
		e, err := s.epoch(owner)
		if err != nil {
			return page{}, err
		}
		x, err := s.index(owner)
		if err != nil {
			return page{}, err
		}
		p.epoch = e.Epoch
		for _, e := range x.list {
			if e.id <= after {
				continue
			}
			if len(p.rows) >= n {
				break
			}
			switch r, err := s.owned(nguard.Key{Owner: owner, ID: e.id}); {
			case err == nil:
				p.rows = append(p.rows, r)
			case !errors.Is(err, nguard.ErrNoSession):
				return page{}, err
			}
		}
		return p, nil
	})
	return p.rows, p.epoch, err
}
