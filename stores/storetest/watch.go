package storetest

import (
	"context"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

var watching = []rule{
	{"watch", "each change of a session or an epoch is told of, under its owner's key", func(k *kit) {
		w := k.watch(k.Store)
		c := k.login("ada")
		w.settle()
		f := k.replace(c.Found, false, nil)
		w.Told("ada")
		k.replace(f, true, nil)
		w.Told("ada")
		for _, b := range []nguard.Bump{nguard.BumpChange, nguard.BumpRevoke, nguard.BumpOpen, nguard.BumpClose | nguard.BumpChange} {
			w.settle()
			k.bump("ada", b)
			w.Told("ada")
		}
		w.settle()
		k.ok(k.Store.Delete(k.ctx, "ada", c.ID))
		w.Told("ada")
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
		w.Told("ada")
		k.gone(c.Live)
	}},
	{"watch/stale", "the sweep that closes a change which nobody closed is told of", func(k *kit) {
		k.login("ada")
		k.bump("ada", nguard.BumpOpen)
		w := k.watch(k.Store)
		_, err := k.sweeper().Sweep(k.ctx, time.Now().Add(nguard.StaleOpen+time.Minute), 100)
		k.ok(err)
		w.Told("ada")
	}},
	{"watch/peer", "what one process changes, another is told of", func(k *kit) {
		w := k.watch(k.peer())
		c := k.login("ada")
		w.settle()
		k.replace(c.Found, false, nil)
		w.Told("ada")
		k.bump("ada", nguard.BumpRevoke)
		w.Told("ada")
		k.ok(k.Store.Delete(k.ctx, "ada", c.ID))
		w.Told("ada")
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
		w.Told("ada")
		if w.mark(); w.take("eve") {
			k.Error("told of a change that was rolled back")
		}
	}},
}

// watched is a Watch under way on the store of a case.
type watched struct {
	*Watched
	k *kit
}

func (k *kit) watch(s nguard.Store) watched {
	k.Helper()
	store, ok := nguard.Ability[nguard.Watcher](s)
	if !ok {
		k.Skip("the store offers no nguard.Watcher")
	}
	return watched{Watch(k.T, store), k}
}

// mark bumps somebody else's epoch, and waits until that is told of: changes are told of in order.
func (w watched) mark() {
	w.k.Helper()
	w.k.bump("marker", nguard.BumpChange)
	w.Told("marker")
}

// settle waits until everything before this moment has been told of, and forgets it.
func (w watched) settle() {
	w.k.Helper()
	w.mark()
	w.forget()
}

// quiet checks that nothing has been told of since the last settle.
func (w watched) quiet() {
	w.k.Helper()
	w.mark()
	if names := w.forget(); len(names) > 0 {
		w.k.Errorf("told of %q", names)
	}
}
