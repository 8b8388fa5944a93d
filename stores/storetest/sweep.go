package storetest

import (
	"errors"
	"fmt"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// farAway is later than anything that a case stores lives.
const farAway = 20 * 365 * 24 * time.Hour

var sweeps = []rule{
	{"sweep/batch", "Sweep removes at most n dead rows, says how many, and finds the rest later", func(k *kit) {
		k.sweeper()
		var list []nguard.Created
		for i := range 25 {
			list = append(list, k.until(fmt.Sprint("user", i%10), k.now.Add(time.Duration(i)*time.Second), 0))
		}
		at := k.now.Add(time.Minute)
		for _, want := range []int{0, 10, 10, 5, 0} {
			n := 10
			if want == 0 {
				n = 0
			}
			if got := k.sweep(at, n); got != want {
				k.Fatalf("removed %d of at most %d, want %d", got, n, want)
			}
		}
		if got := k.sweep(at, 10); got != 0 {
			k.Fatalf("removed %d when there were none", got)
		}
		for _, c := range list {
			k.gone(c.Live)
		}
	}},
	{"sweep/many", "Sweep removes a thousand dead rows of many users in one call if it may", func(k *kit) {
		k.sweeper()
		for i := range 1000 {
			owner := fmt.Sprint("user", i)
			k.create(stamped(owner, nguard.Epoch{Change: 1, Revoke: 2}, k.now), nguard.Cap{})
		}
		alive := k.until("user1", k.now.Add(farAway), 0)
		if got := k.sweep(k.now.Add(48*time.Hour), 5000); got != 1000 {
			k.Fatalf("removed %d, want 1000", got)
		}
		k.load(alive.Live)
	}},
	{"sweep/live", "Sweep never removes a live row: a row is dead from its end on, not before", func(k *kit) {
		k.sweeper()
		end := k.now.Add(time.Hour)
		absolute, idle := k.until("ada", end, 0), k.until("ada", k.now.Add(24*time.Hour), time.Hour)
		if got := k.sweep(end.Add(-1), 10); got != 0 {
			k.Fatalf("removed %d live rows", got)
		}
		k.load(absolute.Live)
		k.load(idle.Live)
		if got := k.sweep(end, 10); got != 2 {
			k.Fatalf("removed %d of 2 dead rows", got)
		}
	}},
	{"sweep/touched", "a touch moves the idle end, up to the absolute one, and a Replace does not take it back", func(k *kit) {
		k.sweeper()
		c := k.until("ada", k.now.Add(3*time.Hour), time.Hour)
		k.touch(c.Found, k.now.Add(30*time.Minute))
		k.replace(c.Found, true, nil)
		k.touch(c.Found, k.now.Add(-time.Hour))
		if got := k.sweep(k.now.Add(90*time.Minute-1), 10); got != 0 {
			k.Fatal("removed a session that was touched")
		}
		k.touch(k.load(c.Live), k.now.Add(150*time.Minute))
		if got := k.sweep(k.now.Add(3*time.Hour-1), 10); got != 0 {
			k.Fatal("removed a session that was touched again")
		}
		if got := k.sweep(k.now.Add(3*time.Hour), 10); got != 1 {
			k.Fatal("a session outlived its absolute end")
		}
	}},
	{"sweep/shortened", "a Replace that gives the session an earlier end is swept by it", func(k *kit) {
		k.sweeper()
		c := k.until("ada", k.now.Add(24*time.Hour), 0)
		k.replace(c.Found, false, func(r *nguard.Record) { r.Idle = time.Minute })
		if got := k.sweep(k.now.Add(time.Hour), 10); got != 1 {
			k.Fatal("the row was not removed")
		}
	}},
	{"sweep/race", "a touch or an update that races with a sweep saves the session or fails; it revives nothing (K4)", func(k *kit) {
		k.sweeper()
		end := k.now.Add(time.Hour)
		for round := range 20 {
			var list []nguard.Found
			for range 6 {
				list = append(list, k.until("ada", k.now.Add(24*time.Hour), time.Hour).Found)
			}
			saved := make([]bool, len(list))
			k.together(len(list)+1, func(i int) error {
				if i == len(list) {
					_, err := k.sweeper().Sweep(k.ctx, end, 100)
					return err
				}
				f, err := k.Store.Touch(k.ctx, list[i], end)
				if err == nil && i%2 == 0 {
					_, err = k.Store.Replace(k.ctx, f, next(f, end, nil), false)
				}
				saved[i] = err == nil
				if errors.Is(err, nguard.ErrNoSession) {
					return nil
				}
				return err
			})
			for i, f := range list {
				if _, err := k.Store.Load(k.ctx, f.Live); (err == nil) != saved[i] {
					k.Fatalf("round %d: touch saved the session: %v; load: %v", round, saved[i], err)
				}
			}
		}
	}},
	{"sweep/open", "a change that nobody closed is closed after StaleOpen, with a new Change; a younger one is not", func(k *kit) {
		k.sweeper()
		c := k.login("ada")
		k.bump("ada", nguard.BumpOpen)
		was := k.bump("ada", nguard.BumpOpen)
		k.sweep(now().Add(nguard.StaleOpen-time.Minute), 10)
		if e := k.load(c.Live).User; e != was {
			k.Fatalf("the epoch %+v became %+v too early", was, e)
		}
		k.sweep(now().Add(nguard.StaleOpen+time.Minute), 10)
		if e := k.load(c.Live).User; e.Open != 0 || e.Change == was.Change || e.Revoke != was.Revoke {
			k.Fatalf("the epoch %+v became %+v", was, e)
		}
		closed := k.epoch("ada")
		k.sweep(now().Add(nguard.StaleOpen+2*time.Minute), 10)
		if e := k.epoch("ada"); e != closed {
			k.Fatalf("another sweep made %+v of %+v", e, closed)
		}
	}},
	{"sweep/epochs", "the epoch of a user without sessions is kept for KeepEpoch after a bump, and dropped some day", func(k *kit) {
		k.sweeper()
		c := k.login("ada")
		k.ok(k.Store.Delete(k.ctx, "ada", c.ID))
		was := k.bump("ada", nguard.BumpRevoke)
		eve := k.bump("eve", nguard.BumpRevoke)
		k.sweep(now().Add(nguard.KeepEpoch-time.Minute), 10)
		if k.epoch("ada") != was || k.epoch("eve") != eve {
			k.Fatal("a young epoch was dropped")
		}
		_, err := k.Store.Create(k.ctx, c.Record, nguard.Cap{})
		k.is(err, nguard.ErrConflict)
		k.sweep(now().Add(farAway), 10)
		if k.hasEpoch("ada") || k.hasEpoch("eve") {
			k.Fatal("the epoch of a user without sessions is still stored")
		}
	}},
	{"sweep/epochs/left", "an epoch is not dropped before the last row of its user, dead as it may be", func(k *kit) {
		k.sweeper()
		c := k.until("ada", k.now.Add(time.Minute), 0)
		k.until("ada", k.now.Add(time.Minute), 0)
		if got := k.sweep(now().Add(farAway), 1); got != 1 || k.epoch("ada") != c.Stamp {
			k.Fatalf("removed %d, the epoch is %+v, want %+v", got, k.epoch("ada"), c.Stamp)
		}
	}},
	{"sweep/epochs/live", "the epoch of a user with a session is kept, however old", func(k *kit) {
		k.sweeper()
		c := k.until("ada", k.now.Add(2*farAway), 0)
		k.sweep(now().Add(farAway), 10)
		if f := k.load(c.Live); f.User != c.Stamp || k.epoch("ada") != c.Stamp {
			k.Fatalf("got the epoch %+v, want %+v", f.User, c.Stamp)
		}
	}},
}

// until opens a session that ends at the given time, or after idling for so long.
func (k *kit) until(owner string, end time.Time, idle time.Duration) nguard.Created {
	k.Helper()
	r := k.record(owner)
	r.Expires, r.Idle = end, idle
	return k.create(r, nguard.Cap{})
}

func (k *kit) sweep(at time.Time, n int) int {
	k.Helper()
	removed, err := k.sweeper().Sweep(k.ctx, at, n)
	k.ok(err)
	return removed
}
