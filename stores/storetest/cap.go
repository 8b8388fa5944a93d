package storetest

import (
	"errors"
	"slices"
	"sync/atomic"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

var caps = []rule{
	{"cap/refuse", "a full cap refuses, and changes nothing", func(k *kit) {
		list := k.logins(3)
		_, err := k.Store.Create(k.ctx, k.record("ada"), nguard.Cap{Max: 3, Now: k.now})
		k.is(err, nguard.ErrTooMany)
		k.live(list, 3)
		k.create(k.record("eve"), nguard.Cap{Max: 3, Now: k.now})
		k.ok(k.Store.Delete(k.ctx, "ada", list[1].ID))
		k.create(k.record("ada"), nguard.Cap{Max: 3, Now: k.now})
	}},
	{"cap/evict", "EvictOldest ends the sessions created first, and says which", func(k *kit) {
		list := k.logins(5)
		r := k.record("ada")
		r.Created = k.now.Add(time.Hour)
		c := k.create(r, nguard.Cap{Max: 2, EvictOldest: true, Now: k.now})
		slices.Sort(c.Ended)
		want := []string{list[0].ID, list[1].ID, list[2].ID, list[3].ID}
		slices.Sort(want)
		if !slices.Equal(c.Ended, want) {
			k.Fatalf("ended %q, want %q", c.Ended, want)
		}
		for _, s := range list[:4] {
			k.gone(s.Live)
		}
		k.load(list[4].Live)
		k.load(c.Live)
	}},
	{"cap/evict/together", "sessions that a login ends, end in one step: who has found one of them gone finds none of them alive", func(k *kit) {
		for round := range 40 {
			list := k.logins(25)
			first, last := list[0].Live, list[len(list)-1].Live
			if round%2 == 1 {
				first, last = last, first
			}
			r := k.record("ada")
			var over atomic.Bool
			k.together(2, func(i int) error {
				if i == 0 {
					return k.fallTogether(first, last, &over)
				}
				defer over.Store(true)
				_, err := k.Store.Create(k.ctx, r, nguard.Cap{Max: 1, EvictOldest: true, Now: k.now})
				return err
			})
		}
	}},
	{"cap/age", "age is when the session was created, not when it was last used", func(k *kit) {
		list := k.logins(2)
		k.replace(k.touch(list[0].Found, k.now.Add(time.Hour)), true, nil)
		c := k.create(k.record("ada"), nguard.Cap{Max: 2, EvictOldest: true, Now: k.now})
		if !slices.Equal(c.Ended, []string{list[0].ID}) {
			k.Fatalf("ended %q, want %q", c.Ended, list[0].ID)
		}
	}},
	{"cap/replace", "Replace ends a session of the same owner in the same step, and is not listed", func(k *kit) {
		list := k.logins(3)
		c := k.create(k.record("ada"), nguard.Cap{Max: 3, Replace: list[2].ID, Now: k.now})
		k.gone(list[2].Live)
		k.live(append(list[:2:2], c), 3)
		d := k.create(k.record("ada"), nguard.Cap{Replace: c.ID, Now: k.now})
		k.gone(c.Live)
		if len(c.Ended)+len(d.Ended) != 0 {
			k.Fatalf("ended %q and %q", c.Ended, d.Ended)
		}
	}},
	{"cap/replace/gone", "a session to be replaced that is gone, or another's, is no error and stays what it is", func(k *kit) {
		eve, gone := k.login("eve"), k.login("ada")
		k.ok(k.Store.Delete(k.ctx, "ada", gone.ID))
		for _, id := range []string{eve.ID, gone.ID, "AAAAAAAAAAAAAAAAAAAAAA"} {
			k.create(k.record("ada"), nguard.Cap{Replace: id, Now: k.now})
			k.create(k.record("ada"), nguard.Cap{Max: 9, Replace: id, Now: k.now})
		}
		k.alike(k.load(eve.Live), eve.Found)
	}},
	{"cap/replace/version", "a session is replaced only at the version asked for: changed it is a conflict, gone it is no session, and nothing is made", func(k *kit) {
		c := k.login("ada")
		f := k.replace(c.Found, false, nil)
		for _, limit := range []nguard.Cap{{}, {Max: 1, EvictOldest: true}} {
			limit.Replace, limit.Version, limit.Now = c.ID, c.Version, k.now
			_, err := k.Store.Create(k.ctx, k.record("ada"), limit)
			k.is(err, nguard.ErrConflict)
			k.alike(k.load(f.Live), f)
			k.live([]nguard.Created{c}, 1)
		}
		d := k.create(k.record("ada"), nguard.Cap{Max: 1, Replace: c.ID, Version: f.Version, Now: k.now})
		k.gone(c.Live)
		_, err := k.Store.Create(k.ctx, k.record("ada"), nguard.Cap{Replace: c.ID, Version: f.Version, Now: k.now})
		k.is(err, nguard.ErrNoSession)
		k.live([]nguard.Created{d}, 1)
	}},
	{"cap/replace/revoked", "a session of an older revoke mark can be replaced in the step that a new one begins in", func(k *kit) {
		c := k.login("ada")
		e := k.bump("ada", nguard.BumpRevoke)
		r := k.record("ada")
		r.Stamp = e
		k.create(r, nguard.Cap{Max: 1, Replace: c.ID, Version: c.Version, Now: k.now})
		k.gone(c.Live)
	}},
	{"cap/replace/refused", "when the cap refuses, the session to be replaced lives on", func(k *kit) {
		list := k.logins(3)
		_, err := k.Store.Create(k.ctx, k.record("ada"), nguard.Cap{Max: 2, Replace: list[0].ID, Now: k.now})
		k.is(err, nguard.ErrTooMany)
		k.live(list, 3)
	}},
	{"cap/expired", "sessions that are over do not count: at their absolute end, or their idle end", func(k *kit) {
		short := k.record("ada")
		short.Expires = k.now.Add(time.Minute)
		k.create(short, nguard.Cap{})
		idle := k.record("ada")
		idle.Idle = 2 * time.Minute
		k.create(idle, nguard.Cap{})
		refused := func(after time.Duration) error {
			_, err := k.Store.Create(k.ctx, k.record("ada"), nguard.Cap{Max: 2, Now: k.now.Add(after)})
			return err
		}
		k.is(refused(time.Minute-1), nguard.ErrTooMany)
		k.ok(refused(time.Minute))
		k.is(refused(2*time.Minute-1), nguard.ErrTooMany)
		k.ok(refused(2 * time.Minute))
	}},
	{"cap/revoked", "sessions that were revoked do not count, and are not listed as ended", func(k *kit) {
		k.logins(3)
		k.bump("ada", nguard.BumpRevoke)
		c := k.create(k.record("ada"), nguard.Cap{Max: 1, Now: k.now})
		if len(c.Ended) != 0 {
			k.Fatalf("ended %q", c.Ended)
		}
		_, err := k.Store.Create(k.ctx, k.record("ada"), nguard.Cap{Max: 1, Now: k.now})
		k.is(err, nguard.ErrTooMany)
	}},
	{"cap/restamped", "a session that was stamped anew counts by its new stamp", func(k *kit) {
		c := k.login("ada")
		e := k.bump("ada", nguard.BumpRevoke)
		k.replace(c.Found, false, func(r *nguard.Record) { r.Stamp.Revoke = e.Revoke })
		_, err := k.Store.Create(k.ctx, k.record("ada"), nguard.Cap{Max: 1, Now: k.now})
		k.is(err, nguard.ErrTooMany)
	}},
	{"cap/none", "a cap of 0 is without limit", func(k *kit) {
		for range 30 {
			k.create(k.record("ada"), nguard.Cap{EvictOldest: true, Now: k.now})
		}
	}},
	{"cap/race", "of 50 logins at once, cap 3, three succeed (K7)", func(k *kit) {
		k.live(k.race(nguard.Cap{Max: 3, Now: k.now}, k.Store), 3)
	}},
	{"cap/race/evict", "of 50 logins at once, cap 3, each evicting the oldest, three are alive, and each other one was said to have ended once (K7)", func(k *kit) {
		list := k.race(nguard.Cap{Max: 3, EvictOldest: true, Now: k.now}, k.Store)
		k.live(list, 3)
		ended := map[string]int{}
		for _, c := range list {
			for _, id := range c.Ended {
				ended[id]++
			}
		}
		for _, c := range list {
			_, err := k.Store.Load(k.ctx, c.Live)
			if dead := errors.Is(err, nguard.ErrNoSession); dead != (ended[c.ID] == 1) {
				k.Fatalf("session %s: dead %v, said to have ended %d times", c.ID, dead, ended[c.ID])
			}
		}
	}},
}

// logins opens n sessions of one user, created a second apart.
func (k *kit) logins(n int) (list []nguard.Created) {
	k.Helper()
	for i := range n {
		r := k.record("ada")
		r.Created = k.now.Add(time.Duration(i-n) * time.Second)
		list = append(list, k.create(r, nguard.Cap{}))
	}
	return list
}

// fallTogether loads two sessions, again and again until the first has ended, and checks that the second had too. The
// first has ended when what ends it is over.
func (k *kit) fallTogether(first, second string, over *atomic.Bool) error {
	for {
		late := over.Load()
		_, gone := k.Store.Load(k.ctx, first)
		_, err := k.Store.Load(k.ctx, second)
		switch {
		case gone == nil && late:
			return errors.New("a session that was to end is alive")
		case gone == nil:
		case !errors.Is(gone, nguard.ErrNoSession):
			return gone
		case err == nil:
			return errors.New("a session that was to end was alive after another had ended")
		case !errors.Is(err, nguard.ErrNoSession):
			return err
		default:
			return nil
		}
	}
}

// race lets 50 logins go at once, on the stores in turn, and returns those that succeeded.
func (k *kit) race(c nguard.Cap, stores ...nguard.Store) (list []nguard.Created) {
	k.Helper()
	k.ok(k.Store.Delete(k.ctx, "ada", k.login("ada").ID)) // leaves the epoch: without one, each login brings its own
	created := make([]nguard.Created, 50)
	record := k.record("ada")
	k.together(len(created), func(i int) error {
		r := *record
		r.Created = k.now.Add(time.Duration(i+1) * time.Millisecond)
		var err error
		created[i], err = stores[i%len(stores)].Create(k.ctx, &r, c)
		if errors.Is(err, nguard.ErrTooMany) {
			return nil
		}
		return err
	})
	for _, c := range created {
		if c.Record != nil {
			list = append(list, c)
		}
	}
	return list
}

// live checks how many of the sessions are alive.
func (k *kit) live(list []nguard.Created, want int) {
	k.Helper()
	n := 0
	for _, c := range list {
		if _, err := k.Store.Load(k.ctx, c.Live); err == nil {
			n++
		}
	}
	if n != want {
		k.Fatalf("%d of %d sessions are alive, want %d", n, len(list), want)
	}
}
