package adaptertest

import (
	"strconv"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

func livePassive(t *testing.T, k *kit) {
	const passive = nguard.PassiveHeader + ": 1"
	idle := func(c *nguard.Config) { c.Lifetime = nguard.Lifetime{Idle: time.Hour} }
	left := func(t *testing.T, a answer, want time.Duration) {
		t.Helper()
		ms := strconv.FormatInt(want.Milliseconds(), 10)
		if got := a.header.Get(nguard.ExpiresInHeader); got != ms {
			t.Errorf("%s: %s ms are left, want %s", a.what, got, ms)
		}
	}
	k.eachFrozen(t, func(t *testing.T, w *world, c *frozen) {
		b := w.settled("user")
		c.Advance(10 * time.Minute)
		b.get("/who").expect(200)
		for asked := 10 * time.Minute; asked < time.Hour; asked += 10 * time.Minute {
			c.Advance(10 * time.Minute)
			a := b.do("GET", "/api/auth/validate", "", passive).expect(200)
			left(t, a, time.Hour-asked)
			left(t, b.do("GET", "/api/auth/session", "", passive, "If-None-Match: "+a.header.Get("Etag")).expect(304), time.Hour-asked)
			b.do("HEAD", "/api/auth/validate", "", passive).expect(200)
			b.do("GET", "/who", "", passive).expect(200)
		}
		c.Advance(10 * time.Minute)
		if a := b.do("GET", "/api/auth/validate", "", passive).expect(200); a.at("valid") != false || a.header.Get(nguard.ExpiresInHeader) != "" {
			t.Errorf("after an hour in which nobody used the session: %s", a.raw)
		}
		b.get("/who").expect(401)
	}, idle)
	k.eachFrozen(t, func(t *testing.T, w *world, c *frozen) {
		b := w.settled("user")
		for _, use := range []func() answer{
			func() answer { return b.get("/who") },
			func() answer { return b.do("GET", "/who", "", nguard.PassiveHeader+": 0") },
			func() answer { return b.do("GET", "/who", "", passive, passive) },
			func() answer { return b.do("POST", "/api/visits", "", passive) },
		} {
			c.Advance(50 * time.Minute)
			use().expect(200)
			left(t, b.do("GET", "/api/auth/validate", "", passive).expect(200), time.Hour)
		}
	}, idle)
	k.eachFrozen(t, func(t *testing.T, w *world, c *frozen) {
		b := w.settled("user")
		version := b.get("/api/auth/session").header.Get(nguard.VersionHeader)
		give(w, "user", "moderator")
		a := b.do("GET", "/api/auth/validate", "", passive).expect(200)
		now := a.header.Get(nguard.VersionHeader)
		if a.at("session", "role") != "moderator" || now == version {
			t.Errorf("after a change of role: version %q, was %q, %s", now, version, a.raw)
		}
		if a := b.get("/api/auth/session"); a.header.Get(nguard.VersionHeader) != now {
			t.Errorf("the next answer has version %q, told was %q", a.header.Get(nguard.VersionHeader), now)
		}
	}, idle)
}
