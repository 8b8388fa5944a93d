package storetest

import (
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

var marks = []rule{
	{"touch/forward", "the idle clock never moves back", func(k *kit) {
		c := k.login("ada")
		later := k.now.Add(time.Hour)
		k.touch(k.load(c.Live), later)
		for _, at := range []time.Time{k.now.Add(time.Minute), k.now.Add(-time.Hour), later} {
			k.touch(k.load(c.Live), at)
			k.touch(c.Found, at) // which knows of no later touch
			k.at("LastSeen", k.load(c.Live).LastSeen, later)
		}
	}},
	{"touch/kept", "a touch made since the session was loaded survives its Replace, with or without rotation", func(k *kit) {
		c := k.login("ada")
		for i, rotate := range []bool{false, true} {
			f := k.load(c.Live)
			later := k.now.Add(time.Duration(i+1) * time.Hour)
			k.touch(k.load(c.Live), later)
			g := k.replace(f, rotate, nil)
			k.at("LastSeen", k.load(g.Live).LastSeen, later)
		}
	}},
	{"seen", "the first touch by the successor marks it as seen; the previous token shows that too", func(k *kit) {
		t0, t1 := k.rotated()
		at := k.now.Add(time.Minute)
		k.at("SeenAt", k.touch(k.load(t1), at).SeenAt, at)
		k.at("SeenAt", k.load(t1).SeenAt, at)
		k.at("SeenAt", k.load(t0).SeenAt, at)
	}},
	{"seen/once", "a token is marked once: later touches, also by those who loaded it unmarked, leave the mark", func(k *kit) {
		_, t1 := k.rotated()
		f, g := k.load(t1), k.load(t1)
		at := k.now.Add(time.Minute)
		k.touch(f, at)
		k.touch(g, at.Add(time.Minute))
		k.touch(k.load(t1), at.Add(2*time.Minute))
		h := k.load(t1)
		k.at("SeenAt", h.SeenAt, at)
		k.at("LastSeen", h.LastSeen, at.Add(2*time.Minute))
	}},
	{"seen/previous", "a touch by the previous token marks nothing", func(k *kit) {
		t0, t1 := k.rotated()
		k.touch(k.load(t0), k.now.Add(time.Minute))
		k.at("SeenAt", k.load(t1).SeenAt, time.Time{})
	}},
	{"seen/late", "a touch by a token that was current when loaded does not mark its successor", func(k *kit) {
		_, t1 := k.rotated()
		f := k.load(t1)
		t2 := k.replace(k.load(t1), true, nil).Live
		k.touch(f, k.now.Add(time.Minute))
		k.at("SeenAt", k.load(t2).SeenAt, time.Time{})
	}},
	{"seen/kept", "a mark made since the session was loaded survives its Replace", func(k *kit) {
		t0, t1 := k.rotated()
		byPrevious, byCurrent := k.load(t0), k.load(t1)
		at := k.now.Add(time.Minute)
		k.touch(k.load(t1), at)
		k.replace(byPrevious, false, nil)
		k.at("SeenAt", k.load(t1).SeenAt, at)
		_, err := k.Store.Replace(k.ctx, byCurrent, next(byCurrent, k.now, nil), false)
		k.is(err, nguard.ErrConflict)
		k.at("SeenAt", k.load(t1).SeenAt, at)
	}},
	{"seen/kept/current", "a mark made since the session was loaded by the same token survives its Replace", func(k *kit) {
		_, t1 := k.rotated()
		f := k.load(t1)
		at := k.now.Add(time.Minute)
		k.touch(k.load(t1), at)
		k.replace(f, false, func(r *nguard.Record) { r.Updated = at.Add(time.Minute) })
		k.at("SeenAt", k.load(t1).SeenAt, at)
	}},
}

// rotated returns the tokens of a session after one rotation: the previous and the current one.
func (k *kit) rotated() (t0, t1 string) {
	k.Helper()
	t0 = k.login("ada").Live
	return t0, k.replace(k.load(t0), true, nil).Live
}
