package memstore

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// owner is a user: the epoch, and the list of sessions. Its shard's lock guards it; the epoch is
// replaced as a whole, so that Get can read it without that lock.
type owner struct {
	epoch  atomic.Pointer[nguard.Epoch]
	began  nguard.Epoch // what epoch refers to until the first bump: one memory access less
	name   string
	bumped int64
	first  *session
	pos    int32 // in the shard's queue
}

type ownerShard struct {
	mu  sync.RWMutex
	m   map[string]*owner
	due queue[*owner] // those whom a sweep has something to do for, by when
	_   [64]byte
}

func newOwner(name string, e nguard.Epoch) *owner {
	o := &owner{name: name, bumped: time.Now().UnixNano(), began: e}
	o.epoch.Store(&o.began)
	return o
}

func (o *owner) slot() *int32 { return &o.pos }

func (o *owner) link(s *session) {
	s.next = o.first
	if o.first != nil {
		o.first.prev = s
	}
	o.first = s
}

func (o *owner) unlink(s *session) {
	if s.prev == nil {
		o.first = s.next
	} else {
		s.prev.next = s.next
	}
	if s.next != nil {
		s.next.prev = s.prev
	}
	s.prev, s.next = nil, nil
}

// plan tells the sweep when o needs it. It follows every change of o's epoch or list.
func (sh *ownerShard) plan(o *owner) {
	switch {
	case o.epoch.Load().Open > 0:
		sh.due.set(o, o.bumped+int64(nguard.StaleOpen))
	case o.first == nil:
		sh.due.set(o, o.bumped+int64(nguard.KeepEpoch))
	default:
		sh.due.drop(o)
	}
}

func (b *rows) Epoch(ctx context.Context, name string) (nguard.Epoch, error) {
	if err := ended(ctx); err != nil {
		return nguard.Epoch{}, err
	}
	sh := b.owner(name)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	if o := sh.m[name]; o != nil {
		return *o.epoch.Load(), nil
	}
	return nguard.NewEpoch()
}

func (b *rows) Bump(ctx context.Context, name string, bits nguard.Bump) (nguard.Epoch, error) {
	if err := ended(ctx); err != nil {
		return nguard.Epoch{}, err
	}
	defer b.watchers.changed(name)
	sh := b.owner(name)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	o := sh.m[name]
	if o == nil {
		began, err := nguard.NewEpoch()
		if err != nil {
			return nguard.Epoch{}, err
		}
		o = newOwner(name, began)
		sh.m[name] = o
	}
	e := bits.Apply(*o.epoch.Load())
	o.epoch.Store(&e)
	o.bumped = time.Now().UnixNano()
	sh.plan(o)
	return e, nil
}
