package memstore

import (
	"context"
	"slices"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// Insert holds the lock of the owner's shard throughout: no bump, no other login and no logout of the
// same user comes between the checks and the new row. The new row goes in before the evicted ones go
// out, which nobody can see: its ID and token are known to the caller only when Insert returns.
func (b *rows) Insert(ctx context.Context, r nguard.Row, c nguard.Cap) ([]string, error) {
	if err := ended(ctx); err != nil {
		return nil, err
	}
	defer b.watchers.changed(r.Owner)
	sh := b.owner(r.Owner)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	o := sh.m[r.Owner]
	if o == nil {
		o = newOwner(r.Owner, nguard.Epoch{Change: r.Stamp.Change, Revoke: r.Stamp.Revoke})
	} else if o.epoch.Load().Revoke != r.Stamp.Revoke {
		return nil, nguard.ErrConflict
	}
	old := b.find(c.Replace)
	if old != nil && old.owner != o {
		old = nil
	}
	evict, err := b.weigh(o, c, old)
	if err != nil {
		return nil, err
	}
	sh.m[r.Owner] = o
	defer sh.plan(o)
	s := newSession(r, o, b.shard(r.ID))
	if !b.add(s) {
		return nil, nguard.ErrConflict // the ID is taken; the next attempt draws another
	}
	if err := b.replaced(old, c.Version); err != nil {
		b.remove(s, nil)
		return nil, err
	}
	return b.out(evict), nil
}

// out removes all of them in one step: nobody finds one of them gone and one that is to go alive after it.
func (b *rows) out(all []*session) (ids []string) {
	var taken [shards]bool
	for _, s := range all {
		taken[s.shard] = true
	}
	for i := range taken {
		if taken[i] {
			b.ids[i].mu.Lock()
			defer b.ids[i].mu.Unlock()
		}
	}
	for _, s := range all {
		ids = append(ids, s.rec.ID)
		b.ids[s.shard].cut(s)
	}
	return ids
}

// replaced removes the session that the new one takes the place of. Its version is compared in the same
// step: a swap, which holds the lock of the row only, comes before it and is seen, or after it and finds
// nothing.
func (b *rows) replaced(old *session, version int64) error {
	switch {
	case old == nil && version != 0:
		return nguard.ErrNoSession
	case old == nil:
		return nil
	case version == 0:
		b.remove(old, nil)
		return nil
	case !b.remove(old, func(s *session) bool { return s.rec.Version == version }):
		return nguard.ErrConflict
	}
	return nil
}

// weigh applies the cap to o and returns the sessions that end because of it. The dead ones leave at
// once, which nobody can tell; old, which is to be replaced, does not count and stays for now.
func (b *rows) weigh(o *owner, c nguard.Cap, old *session) ([]*session, error) {
	if c.Max <= 0 {
		return nil, nil
	}
	type candidate struct {
		*session
		created time.Time
	}
	now, revoke := nguard.EncodeTime(c.Now), o.epoch.Load().Revoke
	dead := func(s *session) bool { return s.expires <= now || s.rec.Stamp.Revoke != revoke }
	var live []candidate
	var next *session
	for s := o.first; s != nil; s = next {
		next = s.next
		if s == old || b.remove(s, dead) {
			continue
		}
		live = append(live, candidate{s, b.look(s).Created})
	}
	over := len(live) + 1 - c.Max
	switch {
	case over <= 0:
		return nil, nil
	case !c.EvictOldest:
		return nil, nguard.ErrTooMany
	}
	slices.Reverse(live) // the list begins with the newest
	slices.SortStableFunc(live, func(x, y candidate) int { return x.created.Compare(y.created) })
	var evict []*session
	for _, s := range live[:over] {
		evict = append(evict, s.session)
	}
	return evict, nil
}
