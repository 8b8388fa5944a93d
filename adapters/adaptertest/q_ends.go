package adaptertest

import (
	"context"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

func liveEnds(t *testing.T, k *kit) {
	for how, end := range ends {
		t.Run(how, func(t *testing.T) {
			options := never
			if how == "revoked by another process" {
				options = streams(20*time.Millisecond, time.Minute)
			}
			k.each(t, func(t *testing.T, w *world) {
				b := w.settled("user")
				id := handleOf(b.get("/who"))
				other, _ := w.settled("other").listens()
				s, _ := b.listens()
				same, _ := b.copyOf().listens()
				end(t, w, b, id)
				for _, s := range []*live{s, same} {
					s.over("session.revoked", "ended", "revoked", "disabled")
				}
				b.get("/api/auth/events").failed(401)
				w.guard.EndStreams()
				other.closed()
			}, options)
		})
	}
	t.Run("by the cap", func(t *testing.T) {
		w := k.newWorld(t, never, func(c *nguard.Config) { c.MaxSessions = 1 })
		s, _ := w.settled("user").listens()
		w.loggedIn("user")
		s.over("session.revoked", "ended")
	})
	t.Run("removed behind nguard's back", func(t *testing.T) {
		w := k.newWorld(t, never)
		s, _ := w.settled("user").listens()
		w.back.remove("user")
		if err := w.guard.UserChanged(byJob, "user"); err != nil {
			t.Fatal(err)
		}
		s.over("session.revoked", "disabled")
	})
}

func liveRenewed(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
		b := w.settled("user")
		for _, renew := range []func(){
			func() { b.post("/step-up", "").expect(200) },
			func() { b.do("DELETE", "/api/auth/sessions", "").expect(200) },
			func() { b.login("user") },
		} {
			s, before := b.listens()
			renew()
			s.over("session.revoked", "ended", "revoked")
			next, version := b.listens()
			if version == before || version != b.still() {
				t.Errorf("told version %q, before %q", version, before)
			}
			next.leave()
		}
	}, never)
}

func liveExpires(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
		b := w.loggedIn("user")
		s, _ := b.listens()
		s.over("session.expired", "idle")
		b.get("/api/auth/events").failed(401)
	}, never, func(c *nguard.Config) {
		c.Lifetime = nguard.Lifetime{Idle: 2 * time.Second, Absolute: time.Hour}
	})
	k.each(t, func(t *testing.T, w *world) {
		b := w.loggedIn("user")
		s, _ := b.listens()
		s.over("session.expired", "absolute")
	}, never, func(c *nguard.Config) { c.Lifetime = nguard.Lifetime{Absolute: 2 * time.Second} })
}

func liveExpiresByClock(t *testing.T, k *kit) {
	k.eachFrozen(t, func(t *testing.T, w *world, c *frozen) {
		for _, swept := range []bool{false, true} {
			b := w.loggedIn("user")
			s, _ := b.listens()
			c.Advance(2 * time.Hour)
			if swept {
				if _, err := w.guard.Sweep(context.Background()); err != nil {
					t.Fatal(err)
				}
			}
			s.over("session.expired", "idle", "expired")
			b.get("/api/auth/events").failed(401)
		}
	}, streams(20*time.Millisecond, time.Minute))
}

func liveShutdown(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
		b := w.settled("user")
		var open []*live
		for range 5 {
			s, _ := b.listens()
			open = append(open, s)
		}
		start := time.Now()
		w.guard.EndStreams()
		for _, s := range open {
			s.closed()
		}
		b.get("/api/auth/events").failed(503)
		b.get("/api/auth/session").expect(200)
		b.client.CloseIdleConnections()
		w.server.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := w.guard.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took > 3*time.Second {
			t.Errorf("it took %v", took)
		}
	}, never)
	k.each(t, func(t *testing.T, w *world) {
		s, _ := w.settled("user").listens()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := w.guard.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		s.closed()
	}, never)
}
