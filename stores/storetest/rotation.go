package storetest

import (
	"fmt"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

var rotation = []rule{
	{"rotate", "a rotation gives a new token, under which the session is found with its ID; it is not seen yet", func(k *kit) {
		c := k.login("ada")
		f := k.replace(k.load(c.Live), true, nil)
		if f.Live == c.Live || f.Live == "" || f.ID != c.ID || f.Match != nguard.Current || !f.SeenAt.IsZero() {
			k.Fatalf("got live %q, ID %q, match %d, seen %v", f.Live, f.ID, f.Match, f.SeenAt)
		}
		k.alike(k.load(f.Live), f)
	}},
	{"rotate/previous", "the previous token stays valid and leads everybody who shows it to the one successor (P5)", func(k *kit) {
		c := k.login("ada")
		f := k.replace(k.load(c.Live), true, nil)
		live := make([]string, 20)
		k.together(len(live), func(i int) error {
			g, err := k.Store.Load(k.ctx, c.Live)
			if err == nil && (g.Match != nguard.Previous || g.Version != f.Version) {
				err = fmt.Errorf("got match %d, version %d", g.Match, g.Version)
			}
			live[i] = g.Live
			return err
		})
		for _, l := range live {
			if !k.leads(l, f.Live) {
				k.Fatalf("got live %q, want %q", l, f.Live)
			}
		}
	}},
	{"rotate/race", "of 20 rotations at once one succeeds, and all callers are led to its successor (K1)", func(k *kit) {
		c := k.login("ada")
		live := make([]string, 20)
		k.together(20, func(i int) error {
			f, err := k.Store.Load(k.ctx, c.Live)
			if err != nil {
				return err
			}
			if f.Match == nguard.Current {
				if g, err := k.Store.Replace(k.ctx, f, next(f, k.now, nil), true); err == nil {
					live[i] = g.Live
					return nil
				}
				if f, err = k.Store.Load(k.ctx, c.Live); err != nil {
					return err
				}
			}
			live[i] = f.Live
			return nil
		})
		for _, l := range live {
			if !k.leads(l, live[0]) || l == c.Live {
				k.Fatalf("got the successors %q", live)
			}
		}
		if f := k.load(live[0]); f.Match != nguard.Current || f.Version != 2 {
			k.Fatalf("got match %d, version %d", f.Match, f.Version)
		}
	}},
	{"rotate/twice", "after another rotation the oldest token is spent: it names no successor", func(k *kit) {
		t0 := k.login("ada").Live
		t1 := k.replace(k.load(t0), true, nil).Live
		t2 := k.replace(k.load(t1), true, nil).Live
		for t, want := range map[string]nguard.Match{t0: nguard.Spent, t1: nguard.Previous, t2: nguard.Current} {
			f := k.load(t)
			live := t2
			if want == nguard.Spent {
				live = ""
			}
			if f.Match != want || !k.leads(f.Live, live) {
				k.Fatalf("got match %d, live %q; want %d, %q", f.Match, f.Live, want, live)
			}
		}
	}},
	{"rotate/lost", "a successor that nobody has shown is sent again, however late, and unchanged by updates", func(k *kit) {
		t0 := k.login("ada").Live
		t1 := k.replace(k.load(t0), true, nil).Live
		late := k.now.Add(30 * time.Minute)
		k.touch(k.load(t0), late)
		f := k.load(t0)
		if f.Match != nguard.Previous || !k.leads(f.Live, t1) || !f.SeenAt.IsZero() {
			k.Fatalf("got match %d, live %q, seen %v", f.Match, f.Live, f.SeenAt)
		}
		k.at("LastSeen", f.LastSeen, late)
	}},
	{"rotate/update", "Replace by the previous token, without a rotation, keeps both tokens as they are", func(k *kit) {
		t0 := k.login("ada").Live
		t1 := k.replace(k.load(t0), true, nil).Live
		f := k.replace(k.load(t0), false, func(r *nguard.Record) { r.User.Name = "changed" })
		if f.Match != nguard.Previous || !k.leads(f.Live, t1) {
			k.Fatalf("got match %d, live %q", f.Match, f.Live)
		}
		if k.Sealed {
			k.same(k.load(f.Live).Record, f.Record) // t0 holds the values from before
		} else {
			k.alike(k.load(t0), f)
		}
		if g := k.load(t1); g.Match != nguard.Current || g.Live != t1 || g.User.Open != 0 || !g.SeenAt.IsZero() {
			k.Fatalf("got match %d, live %q, seen %v", g.Match, g.Live, g.SeenAt)
		}
	}},
	{"rotate/refused", "only the current token rotates: a previous or spent one, or none, does not", func(k *kit) {
		t0 := k.login("ada").Live
		t1 := k.replace(k.load(t0), true, nil).Live
		t2 := k.replace(k.load(t1), true, nil).Live
		for _, t := range []string{t0, t1} {
			f := k.load(t)
			if _, err := k.Store.Replace(k.ctx, f, next(f, k.now, nil), true); err == nil {
				k.Fatalf("a token with match %d rotated", f.Match)
			}
		}
		if f := k.load(t2); f.Match != nguard.Current || f.Version != 3 {
			k.Fatalf("got match %d, version %d", f.Match, f.Version)
		}
	}},
	{"rotate/deleted", "when a session is deleted, all its tokens are", func(k *kit) {
		t0 := k.login("ada").Live
		f := k.replace(k.load(t0), true, nil)
		k.ok(k.Store.Delete(k.ctx, f.Owner, f.ID))
		k.gone(t0)
		k.gone(f.Live)
	}},
}
