package adaptertest

import (
	"context"
	"strings"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// The rules of checklist O about clocks.
var clocks = []rule{
	{"O1 sessions that end stay ended", "A session that the clock has ended does not come back when the clock does.", clockEndsForGood},
	{"O1 swept sessions stay gone", "What nobody asked for meanwhile is removed by the sweep, and is not back with the clock either.", clockSwept},
	{"O2 a clock set back gives no life", "A session that began in the future, by more than the skew, is refused until then; a clock set back lengthens no life.", clockSetBack},
	{"O3 nodes with different clocks", "Two processes with one store, whose clocks are as far apart as is documented, serve each other's sessions; further apart they refuse them, and end none.", clocksApart},
	{"O4 no lifetime is the default", "A service that names no lifetime has the default one, which is a limit.", clockDefault},
}

func clockEndsForGood(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
		seen, remembered := w.loggedIn("user"), w.browser()
		remembered.post("/api/auth/login", strings.TrimSuffix(credentials, "}")+`,"remember":true}`).expect(200)
		year := 365 * 24 * time.Hour
		w.clock.Advance(year)
		seen.copyOf().get("/who").expect(401)
		remembered.copyOf().get("/who").expect(401)
		w.clock.Advance(-year)
		seen.copyOf().get("/who").expect(401)
		remembered.copyOf().get("/who").expect(401)
		if n := len(w.devices("user")); n != 0 {
			t.Errorf("%d sessions are listed", n)
		}
		w.loggedIn("user").get("/who").expect(200)
	})
}

func clockSwept(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
		if !w.sweeps() {
			t.Skip("not for this backing: the store has nothing to sweep")
		}
		b := w.loggedIn("user")
		w.clock.Advance(365 * 24 * time.Hour)
		if n, err := w.guard.Sweep(context.Background()); err != nil || n != 1 {
			t.Errorf("swept %d, %v", n, err)
		}
		w.clock.Advance(-365 * 24 * time.Hour)
		b.get("/who").expect(401)
	})
}

func clockSetBack(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
		b := w.loggedIn("user")
		end := w.devices("user")[0].Expires()
		w.clock.Advance(-time.Hour) // before the session began, by more than the skew
		b.copyOf().get("/who").expect(401)
		w.clock.Advance(time.Hour - nguard.Skew - 2*time.Second)
		b.copyOf().get("/who").expect(401)
		w.clock.Advance(4 * time.Second) // within the skew
		b.copyOf().get("/who").expect(200)
		if now := w.devices("user")[0].Expires(); now.After(end) {
			t.Errorf("the end moved from %v to %v", end, now)
		}
		w.clock.Advance(nguard.Skew)
		b.copyOf().get("/who").expect(200) // refused, not ended

		// One that lived an hour on a clock set back ends no later for it.
		w.clock.Advance(30 * time.Minute)
		b.copyOf().get("/who").expect(200)
		absolute := w.devices("user")[0].Created().Add(24 * time.Hour)
		w.clock.Advance(-nguard.Skew)
		for range 60 {
			b.copyOf().get("/who").expect(200)
			w.clock.Advance(25 * time.Minute)
			if !w.guard.Now().Before(absolute) {
				break
			}
		}
		b.copyOf().get("/who").expect(401)
	})
}

func clocksApart(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
		node := func(behind time.Duration) *world {
			c := w.config
			c.Now = func() time.Time { return w.clock.Now().Add(-behind) }
			other := *w
			other.guard, other.config = newGuard(t, c), c
			other.server = w.serve(appOf(other.guard))
			return &other
		}
		late, later, ahead := node(nguard.Skew-2*time.Second), node(nguard.Skew+2*time.Second), node(-nguard.Skew)
		for _, pair := range [][2]*world{{w, late}, {late, w}, {w, ahead}, {ahead, w}} {
			b := pair[0].loggedIn("user")
			for _, n := range []*world{pair[1], pair[0], pair[1], pair[0]} {
				n.browser().hold(b.token()).get("/who").expect(200)
				w.clock.Advance(time.Minute)
			}
		}
		b := w.loggedIn("user")
		later.browser().hold(b.token()).get("/who").expect(401)
		b.get("/who").expect(200) // refused there, not ended

		// The idle clock is the latest that any node has seen: it does not go back by a late one's touch.
		w.clock.Advance(30 * time.Minute)
		w.browser().hold(b.token()).get("/who").expect(200)
		late.browser().hold(b.token()).get("/who").expect(200)
		w.clock.Advance(59 * time.Minute)
		w.browser().hold(b.token()).get("/who").expect(200)

		// A rotation by one node is no theft to the other.
		b = w.loggedIn("user")
		w.clock.Advance(2 * time.Minute)
		old := b.token()
		b.post("/api/auth/refresh", "").expect(200)
		late.browser().hold(old).get("/who").expect(200)
		late.browser().hold(b.token()).get("/who").expect(200)
		w.browser().hold(b.token()).get("/who").expect(200)
	})
}

func clockDefault(t *testing.T, k *kit) {
	w := k.newWorld(t)
	b := w.loggedIn("user")
	w.clock.Advance(24 * time.Hour)
	b.get("/who").expect(401)
}
