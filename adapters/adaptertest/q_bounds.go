package adaptertest

import (
	"context"
	"runtime"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

func liveBounds(t *testing.T, k *kit) {
	w := k.newWorld(t, streams(time.Minute, 20*time.Millisecond), func(c *nguard.Config) { c.Streams.PerUser, c.Streams.Max = 2, 3 })
	b, other := w.settled("user"), w.settled("other")
	first, _ := b.listens()
	b.copyOf().listens()
	if a := b.get("/api/auth/events").failed(429); a.header.Get("Retry-After") == "" {
		t.Error("429 without Retry-After")
	}
	other.listens()
	if a := other.get("/api/auth/events").failed(503); a.header.Get("Retry-After") == "" {
		t.Error("503 without Retry-After")
	}
	first.leave()
	eventually(t, "the place of a stream whose client has left", func() bool {
		a, _ := b.tryIn(shortly(t), "GET", "/api/auth/events", "") // the error of a client that has left a stream
		return a.status == 200
	})
}

// shortly is a context for a client that leaves soon.
func shortly(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

func liveLeavesNothing(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
		before := runtime.NumGoroutine()
		b := w.settled("user")
		for range 3 {
			var open []*live
			for range 10 {
				s, _ := b.listens()
				open = append(open, s)
			}
			for _, s := range open {
				s.leave()
			}
		}
		eventually(t, "all have left", func() bool { return w.guard.OpenStreams() == 0 })
		b.client.CloseIdleConnections()
		w.server.Close() // fasthttp keeps idle workers
		if w.back.db != nil {
			w.back.db.SetMaxIdleConns(0) // and some drivers a goroutine for each connection of the pool
		}
		eventually(t, "goroutines end", func() bool { return runtime.NumGoroutine() <= before })
	}, streams(time.Minute, 20*time.Millisecond), func(c *nguard.Config) { c.Streams.PerUser = 30 })
}

func liveServerLimits(t *testing.T, k *kit) {
	w := k.newWorld(t, streams(time.Minute, 100*time.Millisecond))
	app := w.app()
	app.ReadHeaderTimeout, app.ReadTimeout, app.IdleTimeout = 300*time.Millisecond, 300*time.Millisecond, 300*time.Millisecond
	b := w.settled("user").on(w.serve(app).URL)
	s, _ := b.listens()
	for range 10 {
		s.beat()
	}
	b.post("/api/visits", "").expect(200)
	s.knows(b.still())
}
