package memstore

import (
	"context"
	"time"
)

// Sweep looks at the head of each shard's queue and takes the locks anew for each row, so that a
// request never waits for more than one. Calls begin at different shards: a small n reaches all.
func (b *rows) Sweep(ctx context.Context, now time.Time, n int) (int, error) {
	at, removed, settled := now.UnixNano(), 0, 0
	start := b.turn.Add(1)
	for i := range uint32(shards) {
		sh := &b.ids[(start+i)%shards]
		for removed < n {
			if err := ended(ctx); err != nil {
				return removed, err
			}
			s := sh.expired(at)
			if s == nil {
				break
			}
			if b.bury(s, at) {
				removed++
			}
		}
	}
	for i := range uint32(shards) {
		sh := &b.owners[(start+i)%shards]
		for settled < n {
			name, ok := sh.settle(at)
			if !ok {
				break
			}
			b.watchers.changed(name)
			if err := ended(ctx); err != nil {
				return removed, err
			}
			settled++
		}
	}
	return removed, nil
}

// expired returns a session that is over at the given time. Sessions at the head of the queue that
// were touched since they were put there are put where they belong first.
func (sh *idShard) expired(at int64) *session {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for {
		s, due, ok := sh.due.first()
		if !ok || due > at {
			return nil
		}
		if s.expires <= at {
			return s
		}
		sh.due.set(s, s.expires)
	}
}

// bury removes s unless it is gone or was touched since expired found it.
func (b *rows) bury(s *session, at int64) bool {
	o := s.owner
	sh := b.owner(o.name)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if !b.remove(s, func(s *session) bool { return s.expires <= at }) {
		return false
	}
	sh.plan(o)
	return true
}

// settle serves the first owner whose time has come, and says who that was: a change that nobody closed is
// closed, and a user without sessions is forgotten.
func (sh *ownerShard) settle(at int64) (name string, ok bool) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	o, due, ok := sh.due.first()
	if !ok || due > at {
		return "", false
	}
	if e := *o.epoch.Load(); e.Open > 0 {
		e.Open = 0
		e.Change++
		o.epoch.Store(&e)
		o.bumped = max(o.bumped, at)
		sh.plan(o)
		return o.name, true
	}
	sh.due.drop(o)
	delete(sh.m, o.name)
	return o.name, true
}
