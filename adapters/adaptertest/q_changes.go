package adaptertest

import (
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

func liveOwnChanges(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
		b, phone := w.settled("user"), w.settled("user")
		other, _ := w.settled("other").listens()
		s, _ := b.listens()
		b.copyOf().post("/api/visits", "").expect(200)
		s.knows(b.still())
		phone.post("/api/auth/update", `{"theme":"dark"}`).expect(200)
		version := s.updated()
		if now := b.still(); now != version {
			t.Errorf("told version %q, the next answer has %q", version, now)
		}
		give(w, "user", "moderator")
		s.knows(b.still())
		w.guard.EndStreams()
		other.closed() // and was told nothing
	}, never)
}

func liveRole(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
		b, admin := w.settled("user"), w.settled("admin")
		s, _ := b.listens()
		mine, _ := admin.listens()
		for _, role := range []string{"moderator", "user"} {
			start := time.Now()
			admin.post("/api/auth/update-role", `{"userId":"user","newRole":"`+role+`"}`).expect(200)
			version := s.updated()
			if took := time.Since(start); took > time.Second {
				t.Errorf("told after %v", took)
			}
			a := b.get("/api/auth/validate").expect(200)
			if got := a.at("session", "role"); got != role || a.header.Get(nguard.VersionHeader) != version {
				t.Errorf("role %v, version %q; told %q", got, a.header.Get(nguard.VersionHeader), version)
			}
		}
		w.guard.EndStreams()
		mine.closed()
	}, never)
}

func liveElsewhere(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
		second := another(t, w)
		b := w.settled("user")
		s, _ := b.listens()
		give(second, "user", "moderator")
		version := s.updated()
		if a := b.get("/api/auth/session"); a.at("session", "role") != "moderator" || a.header.Get(nguard.VersionHeader) != version {
			t.Errorf("told %q, then %s", version, a.raw)
		}
		b.via(second).post("/api/visits", "").expect(200)
		s.knows(b.still())
		if err := second.guard.RevokeUser(byJob, "user"); err != nil {
			t.Fatal(err)
		}
		s.over("session.revoked", "revoked")
	}, streams(20*time.Millisecond, time.Minute))
}

func liveHeard(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
		if _, ok := nguard.Ability[nguard.Watcher](w.back.store); !ok {
			t.Skip("not for this backing: its store does not tell of changes")
		}
		second := another(t, w)
		b := w.settled("user")
		s, _ := b.listens()
		// What a stream begins with, it may have read before its guard heard the store.
		b.via(second).post("/api/visits", "").expect(200)
		s.knows(b.still())
		for _, role := range []string{"moderator", "user"} {
			start := time.Now()
			give(second, "user", role)
			version := s.updated()
			if took := time.Since(start); took > time.Second {
				t.Errorf("told after %v", took)
			}
			if a := b.get("/api/auth/session"); a.at("session", "role") != role || a.header.Get(nguard.VersionHeader) != version {
				t.Errorf("told %q, then %s", version, a.raw)
			}
		}
		if err := second.guard.RevokeUser(byJob, "user"); err != nil {
			t.Fatal(err)
		}
		s.over("session.revoked", "revoked")
	}, never)
}

func liveTransaction(t *testing.T, k *kit) {
	var looks *spy
	w := k.newWorld(t, never, watched(&looks))
	if w.back.db == nil {
		t.Skip("not for this backing: it has no transactions")
	}
	b := w.settled("user")
	s, _ := b.listens()
	looks.took()
	tx, err := w.back.db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.guard.UserChanged(nguard.WithTx(byJob, w.back.db, tx), "user"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a look that is too early", func() bool { return looks.took()["find"] > 0 })
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	version := s.updated() // before a request of the browser's, which would wake the stream as well
	if now := b.still(); now != version {
		t.Errorf("told version %q, the next answer has %q", version, now)
	}
}

func liveStorm(t *testing.T, k *kit) {
	var s *spy
	k.each(t, func(t *testing.T, w *world) {
		b := w.settled("user")
		stream, _ := b.listens()
		s.took()
		start := time.Now()
		for range 200 {
			b.post("/api/visits", "").expect(200)
		}
		stream.knows(b.still())
		took := time.Since(start)
		if looks := s.took()["find"]; looks > 3+int(took/(40*time.Millisecond)) {
			t.Errorf("%d looks in %v", looks, took)
		}
	}, watched(&s), never)
}
