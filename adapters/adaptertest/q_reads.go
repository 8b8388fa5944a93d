package adaptertest

import (
	"slices"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

func liveOnlyReads(t *testing.T, k *kit) {
	var s *spy
	k.eachFrozen(t, func(t *testing.T, w *world, c *frozen) {
		b, _, _ := rotated(t, w, c)
		c.Advance(2 * time.Minute) // the idle clock is due, and the new token not yet seen
		seen := w.devices("user")[0].LastSeen()
		s.took()
		stream, _ := b.listens()
		for range 10 {
			stream.beat()
		}
		give(w, "user", "moderator")
		stream.updated()
		again, _ := b.listens()
		again.beat()
		calls := s.took()
		// Where sessions cannot be looked for, the stream looks by its token.
		byToken := slices.Contains(waived(w.back.store), nguard.ListsSessions)
		if calls["touch"]+calls["replace"]+calls["delete"]+calls["create"] != 0 || (calls["load"] != 2 && !byToken) {
			t.Errorf("store calls: %v", calls)
		}
		if now := w.devices("user")[0].LastSeen(); !now.Equal(seen) {
			t.Errorf("the idle clock went from %v to %v", seen, now)
		}
		// A page that is left open, and opens its stream again and again, dies as every other.
		for range 5 {
			c.Advance(10 * time.Minute)
			b.listens()
		}
		c.Advance(9 * time.Minute)
		b.get("/api/auth/events").failed(401)
	}, watched(&s), streams(20*time.Millisecond, 20*time.Millisecond))
}

func liveOutage(t *testing.T, k *kit) {
	k.eachFaulty(t, func(t *testing.T, w *world, f *faults) {
		b := w.settled("user")
		s, _ := b.listens()
		second := another(t, w)
		f.broken()
		for range 3 {
			s.beat()
		}
		if again := w.back.again; again != nil { // its handles have no faults
			give(second, "user", "moderator")
			for range 3 {
				s.beat()
			}
		} else {
			f.mend()
			give(w, "user", "moderator")
		}
		f.mend()
		s.knows(b.still())
		f.broken("user")
		_ = w.guard.UserChanged(byJob, "user")
		for range 3 {
			s.beat()
		}
		f.mend()
		s.knows(b.still())
	}, streams(20*time.Millisecond, 20*time.Millisecond))
}
