package adaptertest

import (
	"strings"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// The rules of checklist B about the limits of a session's life.
var timeLimits = []rule{
	{"B6 idle limit", "A session that is used lives on, and one that was not used for the idle limit is gone for good.", idleLimit},
	{"B6 remembered session", "A remembered session has no idle limit, and an absolute one of its own.", rememberedLimit},
	{"B7 absolute limit", "No use of a session, no refresh and no end of all others makes it live longer than the absolute limit.", absoluteLimit},
	{"B7 only proof makes fresh", "A proof of who it is, and nothing else, makes a session fresh and starts its life again.", onlyProofIsFresh},
}

func idleLimit(t *testing.T, k *kit) {
	idle := func(c *nguard.Config) { c.Lifetime.Idle = 20 * time.Minute }
	k.eachFrozen(t, func(t *testing.T, w *world, c *frozen) {
		b := w.loggedIn("user")
		for range 3 {
			c.Advance(20*time.Minute - time.Second)
			b.get("/who").expect(200)
		}
		token := b.token()
		c.Advance(20*time.Minute + time.Second)
		b.get("/who").expect(401)
		b.post("/api/visits", "").expect(401)
		c.Advance(-10 * time.Minute) // the record is gone, not only late
		w.show(token, "GET", "/who").expect(401)
		w.awaitEvent(nguard.EventSessionExpired, nguard.Success)
	}, idle)
}

func rememberedLimit(t *testing.T, k *kit) {
	k.eachFrozen(t, func(t *testing.T, w *world, c *frozen) {
		b := w.browser()
		a := b.post("/api/auth/login", `{"id":"user","password":"guardtest-password","remember":true}`).expect(200)
		token := given(w, a)
		if line := a.header.Get("Set-Cookie"); !strings.Contains(line, "Max-Age=2592000") {
			t.Errorf("cookie of a remembered session: %q", line)
		}
		c.Advance(30*24*time.Hour - time.Second)
		w.show(token, "GET", "/who").expect(200)
		c.Advance(time.Second)
		w.show(token, "GET", "/who").expect(401)
	})
}

func absoluteLimit(t *testing.T, k *kit) {
	k.eachFrozen(t, func(t *testing.T, w *world, c *frozen) {
		b := w.loggedIn("user")
		for range 47 {
			c.Advance(30 * time.Minute)
			b.get("/who").expect(200)
			b.post("/api/visits", "").expect(200)
			b.post("/api/auth/update", `{"theme":"dark"}`).expect(200)
			b.post("/api/auth/refresh", "").expect(200)
		}
		b.do("DELETE", "/api/auth/sessions", "").expect(200) // no proof of who it is, so no longer life
		c.Advance(30*time.Minute - time.Second)
		b.get("/who").expect(200)
		b.post("/api/auth/refresh", "").expect(200)
		c.Advance(time.Second)
		b.post("/api/visits", "").expect(401)
		b.get("/who").expect(401)
	})
}

func onlyProofIsFresh(t *testing.T, k *kit) {
	k.eachFrozen(t, func(t *testing.T, w *world, c *frozen) {
		b := w.loggedIn("user")
		b.get("/fresh").expect(200)
		c.Advance(6 * time.Minute)
		for _, act := range [][3]string{{"GET", "/who", ""}, {"POST", "/api/auth/refresh", ""}, {"POST", "/api/auth/update", `{"theme":"dark"}`}, {"DELETE", "/api/auth/sessions", ""}} {
			b.do(act[0], act[1], act[2]).expect(200)
			if a := b.get("/fresh"); a.status != 403 || a.at("code") != "step_up_required" {
				t.Errorf("after %s %s: status %d, body %s, want a demand for a step-up", act[0], act[1], a.status, a.raw)
			}
		}
		b.post("/step-up", "").expect(200)
		b.get("/fresh").expect(200)
	})
}
