package adaptertest

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

func endsWaitForNoSink(t *testing.T, k *kit) {
	k.eachFaulty(t, func(t *testing.T, w *world, f *faults) {
		owner := w.settled("other")
		thief := owner.copyOf()
		for range 2 { // two generations
			w.clock.Advance(nguard.Grace + time.Second)
			owner.post("/api/auth/refresh", "").expect(200)
			owner.get("/api/auth/session").expect(200)
		}
		user, phone, tablet := w.settled("user"), w.settled("user"), w.settled("user")
		id := handleOf(phone.get("/who"))

		release := make(chan struct{})
		f.set(func(_ context.Context, op string, run func() error) error {
			if slices.Contains(sinkOps, op) {
				<-release
			}
			return run()
		})
		user.do("DELETE", "/api/auth/sessions/"+id, "").expect(200)
		phone.get("/api/auth/session").expect(401)
		user.post("/api/auth/logout", "").expect(200)
		if user.token() != "" {
			t.Error("the browser still holds a token")
		}
		thief.get("/api/auth/session").expect(401)
		owner.get("/api/auth/session").expect(401)
		if err := w.guard.RevokeUser(nguard.WithActor(t.Context(), "job"), "user"); err != nil {
			t.Error(err)
		}
		tablet.get("/api/auth/session").expect(401)
		for _, e := range w.back.read() {
			if e.Class == nguard.ClassEnd {
				t.Fatalf("the sink was to hang, but has %s", describe([]nguard.Event{e}))
			}
		}
		close(release)
		w.awaitEvent(nguard.EventLogout, nguard.Success)
		w.awaitEvent(nguard.EventTokenReuse, nguard.Denied)
		w.await("one device", func(e nguard.Event) bool { return e.Name == nguard.EventTokenRevoked && e.Session == id })
		w.await("all devices", func(e nguard.Event) bool { return e.Name == nguard.EventTokenRevoked && e.Actor == "job" })
	})
}

func outageOfSink(t *testing.T, k *kit) {
	k.eachFaulty(t, func(t *testing.T, w *world, f *faults) {
		w.touchEpochs("user", "other", "admin", "admin2")
		for _, c := range p02Changes() {
			if strings.HasPrefix(c.name, "log out one") || c.name == "logout" {
				continue // ends
			}
			do := c.ready(w)
			before := w.snapshot("user", "other", "admin", "admin2")
			f.broken(sinkOps...)
			a := do().outage()
			f.mend()
			after := w.snapshot("user", "other", "admin", "admin2")
			if codeOf(a) != "unavailable" {
				t.Errorf("%s: code is %q", c.name, codeOf(a))
			}
			if before != after {
				t.Errorf("%s: something has changed:%s", c.name, difference(before, after))
			}
		}
		user := w.settled("user")
		failed := make(chan struct{})
		var once sync.Once
		f.set(func(_ context.Context, op string, run func() error) error {
			if slices.Contains(sinkOps, op) {
				defer once.Do(func() { close(failed) })
				return errBroken
			}
			return run()
		})
		user.post("/api/auth/logout", "").expect(200)
		<-failed
		f.mend()
		logout := w.awaitEvent(nguard.EventLogout, nguard.Success)
		if logout.Actor != "user" || logout.RequestID == "" || logout.IP == "" {
			t.Errorf("record after the outage: %+v", logout)
		}
		w.awaitEvent(nguard.EventMonitorEnabled, nguard.Success)
	})
}

func shutdownAtItsDeadline(t *testing.T, k *kit) {
	for _, reason := range []string{"nothing held back", "records held back"} {
		t.Run(reason, func(t *testing.T) {
			b, f := faulty(k.open(t))
			w := newWorld(t, b)
			user := w.settled("user")
			release := make(chan struct{})
			t.Cleanup(func() { close(release) })
			f.set(func(_ context.Context, op string, run func() error) error {
				if strings.HasPrefix(op, "record") {
					<-release
				}
				return run()
			})
			if reason == "records held back" {
				user.post("/api/auth/logout", "").expect(200)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			done := make(chan error, 1)
			go func() { done <- w.guard.Shutdown(ctx) }()
			select {
			case err := <-done:
				if err == nil {
					t.Error("Shutdown does not say that records are missing")
				}
			case <-time.After(5 * time.Second):
				t.Fatal("Shutdown hangs")
			}
		})
	}
}
