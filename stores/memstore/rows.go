package memstore

import (
	"context"
	"fmt"
	"hash/maphash"
	"sync"
	"sync/atomic"

	nguard "github.com/nguard-go/nguard/core"
)

// rows is the nguard.Backend. A session lies in the shard of its ID and is linked to its owner, who
// lies in the shard of the owner's name.
//
// The order of locks is: one owner shard, then one ID shard. Only a login that ends several sessions holds
// more than one of a kind: their ID shards, taken in the order of their numbers. An owner
// shard guards its owners and their lists: rows come and go under its lock, so caps and revocation
// are one step. An ID shard guards what its sessions contain. Get takes the ID shard alone and reads
// the epoch through an atomic pointer while it holds it: row and epoch are of one moment.
type rows struct {
	seed   maphash.Seed
	ids    [shards]idShard
	owners [shards]ownerShard
	turn   atomic.Uint32 // the shard that the next sweep begins with

	watchers watchers
}

const shards = 64

type idShard struct {
	mu  sync.RWMutex
	m   map[string]*session
	due queue[*session] // by expiry; late for sessions that were touched since
	_   [64]byte        // keeps the locks of two shards out of one cache line
}

var (
	_ nguard.Backend   = (*rows)(nil)
	_ nguard.RowLister = (*rows)(nil)
	_ nguard.Epochs    = (*rows)(nil)
	_ nguard.Sweeper   = (*rows)(nil)
	_ nguard.Watcher   = (*rows)(nil)
)

func newRows() *rows {
	b := &rows{seed: maphash.MakeSeed()}
	for i := range shards {
		b.ids[i].m = map[string]*session{}
		b.owners[i].m = map[string]*owner{}
	}
	return b
}

func (b *rows) id(id string) *idShard { return &b.ids[b.shard(id)] }

func (b *rows) owner(name string) *ownerShard { return &b.owners[b.shard(name)] }

func (b *rows) shard(key string) uint8 { return uint8(maphash.String(b.seed, key) % shards) }

func (b *rows) Get(ctx context.Context, k nguard.Key) (nguard.Row, nguard.Epoch, error) {
	if err := ended(ctx); err != nil {
		return nguard.Row{}, nguard.Epoch{}, err
	}
	sh := b.id(k.ID)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	s := sh.m[k.ID]
	if s == nil || (k.Owner != "" && s.rec.Owner != k.Owner) {
		return nguard.Row{}, nguard.Epoch{}, nguard.ErrNoSession
	}
	return s.row(), *s.owner.epoch.Load(), nil
}

func (b *rows) Swap(ctx context.Context, r nguard.Row, version int64) error {
	if err := ended(ctx); err != nil {
		return err
	}
	defer b.watchers.changed(r.Owner)
	sh := b.id(r.ID)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	s := sh.m[r.ID]
	switch {
	case s == nil || s.rec.Owner != r.Owner:
		return nguard.ErrNoSession
	case s.rec.Version != version:
		return nguard.ErrConflict
	}
	s.swap(r)
	if s.expires < sh.due.at(s) {
		sh.due.set(s, s.expires)
	}
	return nil
}

func (b *rows) Mark(ctx context.Context, k nguard.Key, m nguard.Mark) error {
	if err := ended(ctx); err != nil {
		return err
	}
	sh := b.id(k.ID)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	s := sh.m[k.ID]
	if s == nil || s.rec.Owner != k.Owner {
		return nguard.ErrNoSession
	}
	s.mark(m)
	if s.expires < sh.due.at(s) {
		sh.due.set(s, s.expires)
	}
	return nil
}

func (b *rows) Delete(ctx context.Context, k nguard.Key) error {
	if err := ended(ctx); err != nil {
		return err
	}
	defer b.watchers.changed(k.Owner)
	sh := b.owner(k.Owner)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	s := b.find(k.ID)
	if s == nil || s.owner != sh.m[k.Owner] {
		return nguard.ErrNoSession
	}
	b.remove(s, nil)
	sh.plan(s.owner)
	return nil
}

// find returns the session with this ID. Unless the lock of its owner's shard is held, it may be gone
// by the time it is looked at.
func (b *rows) find(id string) *session {
	sh := b.id(id)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	return sh.m[id]
}

// look returns the row of a session that is reached through its owner.
func (b *rows) look(s *session) nguard.Row {
	sh := &b.ids[s.shard]
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	return s.row()
}

// add puts s into its shard and its owner's list, unless the ID is taken. The lock of the owner's
// shard is held, as it is for remove.
func (b *rows) add(s *session) bool {
	sh, id := &b.ids[s.shard], s.rec.ID
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.m[id] != nil {
		return false
	}
	sh.m[id] = s
	sh.due.set(s, s.expires)
	s.owner.link(s)
	return true
}

// remove takes s out of its shard and its owner's list if it is dead by the judgement given, nil for
// any. Judging and removing are one step: a session that is touched meanwhile lives on.
func (b *rows) remove(s *session, dead func(*session) bool) bool {
	sh := &b.ids[s.shard]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.m[s.rec.ID] != s || (dead != nil && !dead(s)) {
		return false
	}
	sh.cut(s)
	return true
}

// cut takes s out of the shard, whose lock is held, and its owner's list.
func (sh *idShard) cut(s *session) {
	delete(sh.m, s.rec.ID)
	sh.due.drop(s)
	s.owner.unlink(s)
}

// ended turns the end of ctx into the error of an unreachable store.
func ended(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", nguard.ErrUnavailable, err)
	}
	return nil
}
