package storetest

import (
	"context"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

var contexts = []rule{
	{"context", "when the context is over, each method says ErrUnavailable and nothing has changed (N3, P7)", func(k *kit) {
		c := k.login("ada")
		e := k.epoch("ada")
		cancelled, cancel := context.WithCancel(k.ctx)
		cancel()
		late, cancel := context.WithDeadline(k.ctx, time.Now().Add(-time.Second))
		defer cancel()
		for _, ctx := range []context.Context{cancelled, late} {
			later := k.now.Add(time.Hour)
			_, err := k.Store.Load(ctx, c.Live)
			k.is(err, nguard.ErrUnavailable)
			_, err = k.Store.Create(ctx, k.record("ada"), nguard.Cap{Max: 1, EvictOldest: true, Now: k.now})
			k.is(err, nguard.ErrUnavailable)
			_, err = k.Store.Create(ctx, k.record("eve"), nguard.Cap{})
			k.is(err, nguard.ErrUnavailable)
			_, err = k.Store.Replace(ctx, c.Found, next(c.Found, later, nil), true)
			k.is(err, nguard.ErrUnavailable)
			_, err = k.Store.Touch(ctx, c.Found, later)
			k.is(err, nguard.ErrUnavailable)
			k.is(k.Store.Delete(ctx, "ada", c.ID), nguard.ErrUnavailable)
			_, err = k.epochs().Epoch(ctx, "ada")
			k.is(err, nguard.ErrUnavailable)
			_, err = k.epochs().Bump(ctx, "ada", nguard.BumpRevoke)
			k.is(err, nguard.ErrUnavailable)
			if l, ok := nguard.Ability[nguard.Lister](k.Store); ok {
				_, err = l.Find(ctx, "ada", c.ID)
				k.is(err, nguard.ErrUnavailable)
				_, err = l.List(ctx, "ada", "", 10)
				k.is(err, nguard.ErrUnavailable)
			}
			if s, ok := nguard.Ability[nguard.Sweeper](k.Store); ok {
				_, err = s.Sweep(ctx, k.now.Add(farAway), 10)
				k.is(err, nguard.ErrUnavailable)
			}
			if t, ok := nguard.Ability[nguard.Transactor](k.Store); ok {
				err = t.Tx(ctx, func(context.Context) error { k.Error("a transaction ran"); return nil })
				k.is(err, nguard.ErrUnavailable)
			}
		}
		k.alike(k.load(c.Live), c.Found)
		if k.epoch("ada") != e || k.hasEpoch("eve") {
			k.Fatal("an epoch has changed")
		}
	}},
}
