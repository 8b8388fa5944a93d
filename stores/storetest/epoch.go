package storetest

import (
	"errors"
	"fmt"
	"sync/atomic"

	nguard "github.com/nguard-go/nguard/core"
)

var epochs = []rule{
	{"epoch/random", "the epoch of a user without one is random, and Epoch does not store it", func(k *kit) {
		first, second, other := k.epoch("ada"), k.epoch("ada"), k.epoch("eve")
		if first.Change == second.Change || first.Revoke == second.Revoke || first.Revoke == other.Revoke ||
			first.Change == first.Revoke || first.Open != 0 {
			k.Fatalf("got %+v, %+v and %+v", first, second, other)
		}
	}},
	{"epoch/create", "Create stores the epoch of its stamp for a user without one", func(k *kit) {
		c := k.login("ada")
		if e := k.epoch("ada"); e != c.Stamp || c.User != e || k.load(c.Live).User != e {
			k.Fatalf("stored %+v, stamp %+v", e, c.Stamp)
		}
		if other := k.login("ada"); other.Stamp != c.Stamp {
			k.Fatalf("the second session has the stamp %+v, the first %+v", other.Stamp, c.Stamp)
		}
	}},
	{"epoch/bump", "each bit of a bump moves its own part by one, in one step, and Load and Epoch show it", func(k *kit) {
		c := k.login("ada")
		was := k.epoch("ada")
		for bits := nguard.Bump(1); bits < 16; bits++ {
			if bits&nguard.BumpOpen != 0 && bits&nguard.BumpClose != 0 {
				continue
			}
			is := k.bump("ada", bits)
			want := was
			if bits&nguard.BumpChange != 0 {
				want.Change++
			}
			if bits&nguard.BumpRevoke != 0 {
				want.Revoke++
			}
			if bits&nguard.BumpOpen != 0 {
				want.Open++
			}
			if bits&nguard.BumpClose != 0 {
				want.Open = max(0, want.Open-1)
			}
			if is != want {
				k.Fatalf("bump %04b made %+v of %+v", bits, is, was)
			}
			if e, u := k.epoch("ada"), k.load(c.Live).User; e != is || u != is {
				k.Fatalf("bump %04b returned %+v, Epoch %+v, Load %+v", bits, is, e, u)
			}
			was = is
		}
	}},
	{"epoch/missing", "a bump stores a random epoch for a user without one", func(k *kit) {
		a, b := k.bump("ada", nguard.BumpChange), k.bump("eve", nguard.BumpOpen)
		if a.Revoke == b.Revoke || a.Change == b.Change || a.Open != 0 || b.Open != 1 {
			k.Fatalf("got %+v and %+v", a, b)
		}
		if k.epoch("ada") != a || k.epoch("eve") != b {
			k.Fatal("the epochs were not stored")
		}
	}},
	{"epoch/open", "Open counts the changes under way and is never below 0", func(k *kit) {
		for i, step := range []struct {
			b    nguard.Bump
			open int
		}{
			{nguard.BumpClose, 0}, {nguard.BumpOpen, 1}, {nguard.BumpOpen, 2}, {nguard.BumpClose | nguard.BumpChange, 1},
			{nguard.BumpClose, 0}, {nguard.BumpClose, 0}, {nguard.BumpOpen, 1},
		} {
			if e := k.bump("ada", step.b); e.Open != step.open {
				k.Fatalf("step %d: open is %d, want %d", i, e.Open, step.open)
			}
		}
	}},
	{"epoch/stale", "Create refuses a stamp whose revoke mark is not the user's, and stores nothing", func(k *kit) {
		c := k.login("ada")
		r := k.record("ada")
		e := k.bump("ada", nguard.BumpRevoke)
		_, err := k.Store.Create(k.ctx, r, nguard.Cap{Max: 1, EvictOldest: true, Replace: c.ID, Now: k.now})
		k.is(err, nguard.ErrConflict)
		if k.epoch("ada") != e {
			k.Fatal("the epoch has changed")
		}
		if f := k.load(c.Live); f.User.Revoke == f.Stamp.Revoke {
			k.Fatal("a session from before the revocation is alive")
		}
		k.login("ada")
	}},
	{"epoch/changed", "Create accepts a stamp from before a change: the session looks the user up at its first request", func(k *kit) {
		k.login("ada")
		r := k.record("ada")
		e := k.bump("ada", nguard.BumpChange|nguard.BumpOpen)
		c := k.create(r, nguard.Cap{})
		if f := k.load(c.Live); f.User != e || f.Stamp.Change == e.Change {
			k.Fatalf("got the epoch %+v and the stamp %+v, want the epoch %+v", f.User, f.Stamp, e)
		}
	}},
	{"epoch/owners", "a bump concerns one user", func(k *kit) {
		eve := k.login("eve")
		k.login("ada")
		k.bump("ada", nguard.BumpRevoke|nguard.BumpChange|nguard.BumpOpen)
		k.alike(k.load(eve.Live), eve.Found)
	}},
	{"epoch/atomic", "bumps at the same time are all counted", func(k *kit) {
		k.together(20, func(int) error {
			for range 10 {
				if _, err := k.epochs().Bump(k.ctx, "ada", nguard.BumpOpen|nguard.BumpChange); err != nil {
					return err
				}
			}
			return nil
		})
		if e := k.epoch("ada"); e.Open != 200 {
			k.Fatalf("open is %d after 200 bumps", e.Open)
		}
	}},
	{"epoch/read", "Load reads session and epoch at one moment", func(k *kit) {
		// The writer bumps, then stamps: at each moment the stamp is the epoch, or the one before it.
		c := k.login("ada")
		var done atomic.Bool
		order := map[int64]int{c.Stamp.Revoke: 0}
		var loads [][2]int64
		k.together(2, func(i int) error {
			if i == 1 {
				for !done.Load() {
					f, err := k.Store.Load(k.ctx, c.Live)
					if err != nil {
						return err
					}
					loads = append(loads, [2]int64{f.Stamp.Revoke, f.User.Revoke})
				}
				return nil
			}
			defer done.Store(true)
			f := c.Found
			for n := range 200 {
				e, err := k.epochs().Bump(k.ctx, "ada", nguard.BumpChange|nguard.BumpRevoke)
				if err != nil {
					return err
				}
				order[e.Revoke] = n + 1
				f, err = k.Store.Replace(k.ctx, f, next(f, k.now, func(r *nguard.Record) { r.Stamp = e }), false)
				if err != nil {
					return err
				}
			}
			return nil
		})
		for _, l := range loads {
			if ahead := order[l[1]] - order[l[0]]; ahead != 0 && ahead != 1 {
				k.Fatalf("the epoch is %d bumps ahead of the session", ahead)
			}
		}
	}},
	{"epoch/race", "a login that races with a revocation is refused, or its session is dead (P3)", func(k *kit) {
		k.login("ada")
		for range 50 {
			r := k.record("ada")
			var c nguard.Created
			k.together(2, func(i int) (err error) {
				if i == 0 {
					_, err = k.epochs().Bump(k.ctx, "ada", nguard.BumpRevoke)
					return err
				}
				c, err = k.Store.Create(k.ctx, r, nguard.Cap{})
				if err != nil && !errors.Is(err, nguard.ErrConflict) {
					return fmt.Errorf("create: %w", err)
				}
				return nil
			})
			if c.Record == nil {
				continue
			}
			if f := k.load(c.Live); f.Stamp.Revoke == f.User.Revoke {
				k.Fatal("the session outlived the revocation")
			}
		}
	}},
}
