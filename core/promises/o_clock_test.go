package promises

import (
	"context"
	"math"
	"strings"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

func TestO1_SessionsThatEndStayEnded(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		seen, remembered := w.loggedIn("user"), w.browser()
		remembered.post("/api/auth/login", strings.TrimSuffix(credentials, "}")+`,"remember":true}`).expect(200)
		year := 365 * 24 * time.Hour
		w.clock.Advance(year)
		seen.copyOf().get("/who").expect(401)
		remembered.copyOf().get("/who").expect(401)
		w.clock.Advance(-year)
		seen.copyOf().get("/who").expect(401)
		remembered.copyOf().get("/who").expect(401)
		if n := w.count("user"); n != 0 {
			t.Errorf("%d sessions are listed", n)
		}
		w.loggedIn("user").get("/who").expect(200)
	})
}

// What nobody asked for meanwhile is removed by the sweep, and is not back with the clock either.
func TestO1_SweptSessionsStayGone(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.loggedIn("user")
		w.clock.Advance(365 * 24 * time.Hour)
		if n, err := w.guard.Sweep(context.Background()); err != nil || n != 1 {
			t.Errorf("swept %d, %v", n, err)
		}
		w.clock.Advance(-365 * 24 * time.Hour)
		b.get("/who").expect(401)
	})
}

func TestO2_AClockSetBackGivesNoLife(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
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

// Two processes with one store whose clocks are as far apart as is documented, and further.
func TestO3_NodesWithDifferentClocks(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		node := func(behind time.Duration) *world {
			c := w.config
			c.Now = func() time.Time { return w.clock.Now().Add(-behind) }
			other := *w
			other.guard, other.config = newGuard(t, c), c
			other.server = w.serve(handlerOf(other.guard), nil)
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

func TestO4_LifetimesThatMakeNoSense(t *testing.T) {
	store := memory(t).store
	const day = 24 * time.Hour
	for _, l := range []nguard.Lifetime{
		{Idle: -1}, {Absolute: -1}, {Remember: -1}, {RotateEvery: -1}, {Idle: math.MinInt64}, {Absolute: math.MinInt64},
		{Idle: math.MaxInt64}, {Absolute: math.MaxInt64}, {Remember: math.MaxInt64}, {RotateEvery: math.MaxInt64}, {Absolute: 11 * 365 * day},
		{Idle: 2 * day}, {Idle: 2 * time.Hour, Absolute: time.Hour}, {Absolute: 2 * day, Remember: day}, {RotateEvery: 1}, {RotateEvery: nguard.Grace}, {RotateEvery: time.Minute - 1},
	} {
		if _, err := nguard.New(nguard.Config{Store: store, Lifetime: l}); err == nil || !strings.Contains(err.Error(), "Lifetime") {
			t.Errorf("%+v: error %v", l, err)
		}
	}
	for _, l := range []nguard.Lifetime{{}, nguard.AAL1, nguard.AAL2, nguard.AAL3, {Absolute: 10 * 365 * day}, {Idle: time.Nanosecond}} {
		if _, err := nguard.New(nguard.Config{Store: store, Lifetime: l}); err != nil {
			t.Errorf("%+v: %v", l, err)
		}
	}
	for _, timeout := range []time.Duration{-1, math.MinInt64, math.MaxInt64, time.Hour} {
		if _, err := nguard.New(nguard.Config{Store: store, Timeout: timeout}); err == nil || !strings.Contains(err.Error(), "Timeout") {
			t.Errorf("Timeout %v: error %v", timeout, err)
		}
	}
	if _, err := nguard.New(nguard.Config{Store: store, MaxSessions: -1}); err == nil {
		t.Error("MaxSessions -1 was accepted")
	}
	// 0 is the default, which is a limit.
	w := newWorld(t, memory(t))
	b := w.loggedIn("user")
	w.clock.Advance(day)
	b.get("/who").expect(401)
}
