package storetest

import (
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

var peers = []rule{
	{"peer", "what one process does, another sees at its next read (P3, K6)", func(k *kit) {
		peer := k.peer()
		c := k.login("ada")
		f, err := peer.Load(k.ctx, c.Live)
		k.ok(err)
		k.alike(f, c.Found)
		g, err := peer.Replace(k.ctx, f, next(f, k.now, nil), true)
		k.ok(err)
		k.alike(k.load(g.Live), g)
		e := k.bump("ada", nguard.BumpRevoke)
		f, err = peer.Load(k.ctx, g.Live)
		k.ok(err)
		if f.User != e || f.Stamp.Revoke == e.Revoke {
			k.Fatalf("the other process sees the epoch %+v, want %+v", f.User, e)
		}
		k.ok(peer.Delete(k.ctx, "ada", c.ID))
		k.gone(g.Live)
		_, err = k.Store.Touch(k.ctx, g, k.now.Add(time.Hour))
		k.is(err, nguard.ErrNoSession)
	}},
	{"peer/increments", "increments by two processes all survive (P1)", func(k *kit) {
		k.notSealed()
		stores := []nguard.Store{k.Store, k.peer()}
		t := k.login("ada").Live
		k.together(10, func(i int) error { return k.increments(stores[i%2], t, 20) })
		if n := k.load(t).Data["n"]; n != int64(200) {
			k.Fatalf("%v of 200 increments survived", n)
		}
	}},
	{"peer/cap", "of 50 logins at once in two processes, cap 3, three succeed (K7)", func(k *kit) {
		k.live(k.race(nguard.Cap{Max: 3, Now: k.now}, k.Store, k.peer()), 3)
	}},
}

func (k *kit) peer() nguard.Store {
	k.Helper()
	if k.Peer == nil {
		k.Skip("the harness has no Peer")
	}
	return k.Peer(k.T)
}
