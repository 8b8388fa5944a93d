package memstore

import (
	"context"
	"sync"
	"sync/atomic"
)

// watchers are those who are told of changes, by the goroutine that made the change, when it has given back
// its locks: what they read then is no older.
type watchers struct {
	n    atomic.Int32
	mu   sync.RWMutex
	list map[*func(string)]struct{}
}

// Watch calls fn with the owner of each change until ctx ends. See [nguard.Watcher].
func (s *Store) Watch(ctx context.Context, fn func(owner string)) error {
	return s.rows.Watch(ctx, fn)
}

func (b *rows) Watch(ctx context.Context, fn func(owner string)) error {
	w := &b.watchers
	w.mu.Lock()
	if w.list == nil {
		w.list = map[*func(string)]struct{}{}
	}
	w.list[&fn] = struct{}{}
	w.n.Add(1)
	w.mu.Unlock()
	fn("") // what came before
	<-ctx.Done()
	w.mu.Lock() // waits for calls under way
	defer w.mu.Unlock()
	delete(w.list, &fn)
	w.n.Add(-1)
	return ctx.Err()
}

// changed tells the watchers. No lock of the store is held.
func (w *watchers) changed(owner string) {
	if w.n.Load() == 0 {
		return
	}
	w.mu.RLock()
	defer w.mu.RUnlock()
	for fn := range w.list {
		(*fn)(owner)
	}
}
