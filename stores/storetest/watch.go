package storetest

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

var watching = []rule{
	{"watch", "each change of a session or an epoch is told of, under its owner's key", func(k *kit) {
		w := k.watch(k.Store)
		c := k.login("ada")
		w.settle()
		f := k.replace(c.Found, false, nil)
		w.told("ada")
		k.replace(f, true, nil)
		w.told("ada")
		for _, b := range []nguard.Bump{nguard.BumpChange, nguard.BumpRevoke, nguard.BumpOpen, nguard.BumpClose | nguard.BumpChange} {
			w.settle()
			k.bump("ada", b)
			w.told("ada")
		}
		w.settle()
		k.ok(k.Store.Delete(k.ctx, "ada", c.ID))
		w.told("ada")
	}},
	{"watch/touch", "a touch is not told of: it comes with every other request", func(k *kit) {
		w := k.watch(k.Store)
		c := k.login("ada")
		w.settle()
		k.touch(c.Found, k.now.Add(time.Minute))
		w.quiet()
	}},
	{"watch/cap", "sessions that end by a login are told of", func(k *kit) {
		w := k.watch(k.Store)
		c := k.create(k.record("ada"), nguard.Cap{Now: k.now})
		w.settle()
		k.create(k.record("ada"), nguard.Cap{Max: 1, EvictOldest: true, Now: k.now})
		w.told("ada")
		k.gone(c.Live)
	}},
	{"watch/stale", "the sweep that closes a change which nobody closed is told of", func(k *kit) {
		k.login("ada")
		k.bump("ada", nguard.BumpOpen)
		w := k.watch(k.Store)
		_, err := k.sweeper().Sweep(k.ctx, time.Now().Add(nguard.StaleOpen+time.Minute), 100)
		k.ok(err)
		w.told("ada")
	}},
	{"watch/peer", "what one process changes, another is told of", func(k *kit) {
		w := k.watch(k.peer())
		c := k.login("ada")
		w.settle()
		k.replace(c.Found, false, nil)
		w.told("ada")
		k.bump("ada", nguard.BumpRevoke)
		w.told("ada")
		k.ok(k.Store.Delete(k.ctx, "ada", c.ID))
		w.told("ada")
	}},
	{"watch/end", "it ends with its context, and then calls nothing any more", func(k *kit) {
		w := k.watch(k.Store)
		k.login("ada")
		w.settle()
		w.stop()
		k.bump("ada", nguard.BumpChange)
		second := k.watch(k.Store)
		second.settle()
		if w.take("ada") {
			k.Error("told of a change after the end")
		}
	}},
	{"watch/transaction", "what a transaction has changed is told of when it is committed, and not when it is rolled back", func(k *kit) {
		w, tx := k.watch(k.Store), k.transactor()
		err := tx.Tx(k.ctx, func(ctx context.Context) error {
			_, err := k.epochs().Bump(ctx, "eve", nguard.BumpChange)
			k.ok(err)
			return context.Canceled
		})
		if err == nil {
			k.Fatal("rolled back without an error")
		}
		k.ok(tx.Tx(k.ctx, func(ctx context.Context) error {
			_, err := k.epochs().Bump(ctx, "ada", nguard.BumpChange)
			return err
		}))
		w.told("ada")
		if w.mark(); w.take("eve") {
			k.Error("told of a change that was rolled back")
		}
	}},
}

// watched is a Watch under way, and what it has told.
type watched struct {
	t     *testing.T
	stop  func()
	mu    sync.Mutex
	names []string
	news  chan struct{}
	mark  func() // bumps somebody else's epoch, and waits until that is told of: changes are told of in order
}

// watch begins to watch, and returns when that is heard to have begun.
func (k *kit) watch(s nguard.Store) *watched {
	k.Helper()
	store, ok := nguard.Ability[nguard.Watcher](s)
	if !ok {
		k.Skip("the store offers no nguard.Watcher")
	}
	w := &watched{t: k.T, news: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(k.ctx)
	over := make(chan error, 1)
	go func() { over <- store.Watch(ctx, w.hear) }()
	w.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case <-over:
		case <-time.After(10 * time.Second):
			k.Error("Watch goes on after its context")
		}
	})
	k.Cleanup(w.stop)
	w.mark = func() {
		k.Helper()
		k.bump("marker", nguard.BumpChange)
		w.told("marker")
	}
	w.told("")
	return w
}

func (w *watched) hear(owner string) {
	w.mu.Lock()
	w.names = append(w.names, owner)
	w.mu.Unlock()
	select {
	case w.news <- struct{}{}:
	default:
	}
}

// take forgets what has been told of one owner, and reports whether there was any.
func (w *watched) take(owner string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := len(w.names)
	w.names = slices.DeleteFunc(w.names, func(name string) bool { return name == owner })
	return len(w.names) < n
}

// told waits until an owner is told of.
func (w *watched) told(owner string) {
	w.t.Helper()
	late := time.After(10 * time.Second)
	for !w.take(owner) {
		select {
		case <-w.news:
		case <-late:
			w.t.Fatalf("%q is not told of", owner)
		}
	}
}

// settle waits until everything before this moment has been told of, and forgets it.
func (w *watched) settle() {
	w.t.Helper()
	w.mark()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.names = nil
}

// quiet checks that nothing has been told of since the last settle.
func (w *watched) quiet() {
	w.t.Helper()
	w.mark()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.names) > 0 {
		w.t.Errorf("told of %q", w.names)
	}
}
