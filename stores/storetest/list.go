package storetest

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

var lists = []rule{
	{"find", "Find returns a session by owner and ID, as no token led to it", func(k *kit) {
		c := k.login("ada")
		f, err := k.lister().Find(k.ctx, "ada", c.ID)
		k.ok(err)
		k.listed(f, c.Found)
	}},
	{"find/unknown", "Find knows no session of another owner, nor one that is gone", func(k *kit) {
		l := k.lister()
		c, gone := k.login("ada"), k.login("ada")
		k.ok(k.Store.Delete(k.ctx, "ada", gone.ID))
		for _, key := range [][2]string{{"eve", c.ID}, {"ada", gone.ID}, {"ada", ""}, {"ada", c.Live}, {"ad", c.ID}} {
			f, err := l.Find(k.ctx, key[0], key[1])
			k.is(err, nguard.ErrNoSession)
			if f.Record != nil {
				k.Fatalf("%q led to a session", key)
			}
		}
	}},
	{"find/update", "a session found by ID can be replaced and touched; its token stays, is not marked, and cannot be rotated", func(k *kit) {
		l := k.lister()
		_, t1 := k.rotated()
		f, err := l.Find(k.ctx, "ada", k.load(t1).ID)
		k.ok(err)
		if _, err := k.Store.Replace(k.ctx, f, next(f, k.now, nil), true); err == nil {
			k.Fatal("a session rotated without a token")
		}
		f = k.replace(f, false, func(r *nguard.Record) { r.Due = true })
		at := k.now.Add(time.Minute)
		k.touch(f, at)
		g := k.load(t1)
		if !g.Due || g.Match != nguard.Current || f.Match != nguard.ByID || f.Live != "" {
			k.Fatalf("got due %v, match %d; found match %d, live %q", g.Due, g.Match, f.Match, f.Live)
		}
		k.at("SeenAt", g.SeenAt, time.Time{})
		k.at("LastSeen", g.LastSeen, at)
	}},
	{"list", "List returns the user's sessions in the order of their IDs, page by page, each once", func(k *kit) {
		l := k.lister()
		var want []string
		for range 25 {
			want = append(want, k.login("ada").ID)
			k.login("eve")
		}
		slices.Sort(want)
		for _, size := range []int{1, 7, 25, 1000} {
			var got []string
			for after := ""; ; after = got[len(got)-1] {
				page, err := l.List(k.ctx, "ada", after, size)
				k.ok(err)
				if len(page) > size {
					k.Fatalf("a page of %d has %d", size, len(page))
				}
				if len(page) == 0 {
					break
				}
				for _, f := range page {
					got = append(got, f.ID)
				}
			}
			if !slices.Equal(got, want) {
				k.Fatalf("pages of %d: got %q, want %q", size, got, want)
			}
		}
	}},
	{"list/found", "what List returns is what Find returns, the dead ones included", func(k *kit) {
		l := k.lister()
		k.logins(3)
		k.bump("ada", nguard.BumpRevoke)
		k.login("ada")
		list := k.all("ada")
		if len(list) != 4 {
			k.Fatalf("got %d sessions, want 4", len(list))
		}
		for _, f := range list {
			g, err := l.Find(k.ctx, "ada", f.ID)
			k.ok(err)
			k.alike(f, g)
		}
	}},
	{"list/moment", "a list is of one moment: with a session that each login puts in the place of another, there is one at all times", func(k *kit) {
		l := k.lister()
		k.login("ada")
		r := k.record("ada")
		var over atomic.Bool
		k.together(3, func(i int) error {
			if i == 0 {
				defer over.Store(true)
				for range 100 {
					if _, err := k.Store.Create(k.ctx, r, nguard.Cap{Max: 1, EvictOldest: true, Now: k.now}); err != nil {
						return err
					}
				}
				return nil
			}
			for !over.Load() {
				list, err := l.List(k.ctx, "ada", "", 10)
				if err != nil {
					return err
				}
				if len(list) != 1 {
					return fmt.Errorf("%d sessions are listed", len(list))
				}
			}
			return nil
		})
	}},
	{"list/none", "a user without sessions has an empty list, as has a page of none", func(k *kit) {
		l := k.lister()
		c := k.login("ada")
		for _, try := range []struct {
			owner, after string
			n            int
		}{{"eve", "", 10}, {"", "", 10}, {"ada", c.ID, 10}, {"ada", strings.Repeat("~", 30), 10}, {"ada", "", 0}, {"ada", "", -1}} {
			list, err := l.List(k.ctx, try.owner, try.after, try.n)
			k.ok(err)
			if len(list) != 0 {
				k.Fatalf("%+v: got %d sessions", try, len(list))
			}
		}
	}},
}
