package storetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

var errStop = errors.New("storetest: stop")

var transactions = []rule{
	{"tx/commit", "what a transaction did stands when it returns, and is seen inside before; TxOf finds it", func(k *kit) {
		tr := k.transactor()
		if tr.Database() == nil {
			k.Fatal("the store has no Database")
		}
		var c nguard.Created
		k.ok(tr.Tx(k.ctx, func(ctx context.Context) error {
			if tx, ok := nguard.TxOf(ctx, tr.Database()); !ok || tx == nil {
				k.Error("TxOf finds no transaction")
			}
			in := k.in(ctx)
			c = in.login("ada")
			in.alike(in.load(c.Live), c.Found)
			in.replace(in.load(c.Live), false, nil)
			return nil
		}))
		if f := k.load(c.Live); f.Version != 2 {
			k.Fatalf("version %d is stored, want 2", f.Version)
		}
	}},
	{"tx/rollback", "a transaction that fails leaves everything as it was, and its error comes back", func(k *kit) {
		tr := k.transactor()
		c, d := k.login("ada"), k.login("ada")
		e := k.epoch("ada")
		var lost nguard.Created
		k.is(tr.Tx(k.ctx, func(ctx context.Context) error {
			lost = k.everything(ctx, c, d)
			return errStop
		}), errStop)
		k.untouched(c, d, e, lost)
	}},
	{"tx/panic", "a panic rolls back and goes on; the store works afterwards", func(k *kit) {
		tr := k.transactor()
		c, d := k.login("ada"), k.login("ada")
		e := k.epoch("ada")
		var lost nguard.Created
		func() {
			defer func() {
				if v := recover(); v != errStop {
					k.Fatalf("recovered %v", v)
				}
			}()
			tr.Tx(k.ctx, func(ctx context.Context) error {
				lost = k.everything(ctx, c, d)
				panic(errStop)
			})
		}()
		k.untouched(c, d, e, lost)
		k.ok(tr.Tx(k.ctx, func(ctx context.Context) error { return k.Store.Delete(ctx, "ada", c.ID) }))
		k.gone(c.Live)
	}},
	{"tx/nested", "a transaction inside a transaction joins it: the outer one decides", func(k *kit) {
		tr := k.transactor()
		var c, d nguard.Created
		k.is(tr.Tx(k.ctx, func(ctx context.Context) error {
			k.ok(tr.Tx(ctx, func(ctx context.Context) error { c = k.in(ctx).login("ada"); return nil }))
			k.in(ctx).load(c.Live)
			return errStop
		}), errStop)
		k.gone(c.Live)
		k.ok(tr.Tx(k.ctx, func(ctx context.Context) error {
			k.is(tr.Tx(ctx, func(ctx context.Context) error { d = k.in(ctx).login("ada"); return errStop }), errStop)
			return nil
		}))
		k.load(d.Live)
	}},
	{"tx/refusal", "a refusal inside a transaction leaves nothing behind when the transaction goes on", func(k *kit) {
		tr := k.transactor()
		c, d := k.login("ada"), k.login("ada")
		k.ok(tr.Tx(k.ctx, func(ctx context.Context) error {
			_, err := k.Store.Create(ctx, k.in(ctx).record("ada"), nguard.Cap{Max: 1, Replace: c.ID, Now: k.now})
			k.is(err, nguard.ErrTooMany)
			r := k.in(ctx).record("ada")
			r.Stamp.Revoke++
			_, err = k.Store.Create(ctx, r, nguard.Cap{Max: 1, EvictOldest: true, Now: k.now})
			k.is(err, nguard.ErrConflict)
			f := d.Found
			_, err = k.Store.Replace(ctx, f, next(f, k.now, nil), false)
			k.ok(err)
			_, err = k.Store.Replace(ctx, f, next(f, k.now, nil), true)
			k.is(err, nguard.ErrConflict)
			return nil
		}))
		k.alike(k.load(c.Live), c.Found)
		if f := k.load(d.Live); f.Version != 2 || f.Match != nguard.Current {
			k.Fatalf("got version %d, match %d", f.Version, f.Match)
		}
	}},
	{"tx/context", "when the context ends in the middle, nothing has changed", func(k *kit) {
		tr := k.transactor()
		c, d := k.login("ada"), k.login("ada")
		e := k.epoch("ada")
		var lost nguard.Created
		ctx, cancel := context.WithCancel(k.ctx)
		defer cancel()
		k.is(tr.Tx(ctx, func(ctx context.Context) error {
			lost = k.everything(ctx, c, d)
			cancel()
			return nil
		}), nguard.ErrUnavailable)
		k.untouched(c, d, e, lost)
	}},
	{"tx/increments", "transactions at the same time that read and write wait for each other: no update is lost, none fails", func(k *kit) {
		k.notSealed()
		tr := k.transactor()
		t := k.login("ada").Live
		k.together(10, func(int) error {
			for range 10 {
				err := tr.Tx(k.ctx, func(ctx context.Context) error {
					f, err := k.Store.Load(ctx, t)
					if err != nil {
						return err
					}
					_, err = k.Store.Replace(ctx, f, next(f, k.now, func(r *nguard.Record) { count(r, "n") }), false)
					return err
				})
				if err != nil {
					return fmt.Errorf("transaction: %w", err)
				}
			}
			return nil
		})
		if n := k.load(t).Data["n"]; n != int64(100) {
			k.Fatalf("%v of 100 increments survived", n)
		}
	}},
}

// in is the kit inside a transaction.
func (k *kit) in(ctx context.Context) *kit {
	in := *k
	in.ctx = ctx
	return &in
}

// everything makes one change of each kind: c is replaced by a new session, d rotates.
func (k *kit) everything(ctx context.Context, c, d nguard.Created) nguard.Created {
	k.Helper()
	in := k.in(ctx)
	created := in.create(in.record("ada"), nguard.Cap{Replace: c.ID, Now: k.now})
	in.replace(in.touch(d.Found, k.now.Add(time.Hour)), true, nil)
	in.bump("ada", nguard.BumpRevoke|nguard.BumpChange|nguard.BumpOpen)
	in.login("eve")
	return created
}

// untouched checks that none of what everything did has happened.
func (k *kit) untouched(c, d nguard.Created, e nguard.Epoch, lost nguard.Created) {
	k.Helper()
	k.gone(lost.Live)
	k.alike(k.load(c.Live), c.Found)
	k.alike(k.load(d.Live), d.Found)
	if k.epoch("ada") != e || k.hasEpoch("eve") {
		k.Fatal("an epoch has changed")
	}
}
