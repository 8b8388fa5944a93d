package adaptertest

import (
	"context"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/policy"
)

// The rules of the stream of events. Where a case gives Poll a minute, what it sees cannot come from looking
// from time to time.
var liveStreams = []rule{
	{"live: opens", "A stream opens for who is signed in, with the headers of a stream that nobody keeps, and begins with the version that the next answer has.", liveOpens},
	{"live: refused", "Without a live session, with the store down, from another origin and with another method the answer is JSON.", liveRefused},
	{"live: own changes", "What the person changes, in this tab or on another device, is told at once, under the version that the next answer has.", liveOwnChanges},
	{"live: a role changes", "A change of role by an admin reaches the person's streams within a second, and the admin's own is told nothing.", liveRole},
	{"live: another process", "What another process on the same store changes is told.", liveElsewhere},
	{"live: heard", "Where the store tells of changes, what another process does reaches a page within a second.", liveHeard},
	{"live: ends", "However a session ends, its streams say so and end; those of others go on.", liveEnds},
	{"live: renewed", "A step-up ends the streams of the session before it, and the same browser may open another at once.", liveRenewed},
	{"live: expires", "A session that expires is told of when it does, without a request.", liveExpires},
	{"live: expires by the clock", "The guard's clock decides, also after the row is swept.", liveExpiresByClock},
	{"live: only reads", "A stream writes nothing, however it is opened and however long it lives: it keeps no session alive.", liveOnlyReads},
	{"live: an outage", "While the store or the users table is down the stream lives on, and what has changed meanwhile is told afterwards.", liveOutage},
	{"live: bounds", "One user has as many streams as is configured, all together have as many, and what is refused says when to come back.", liveBounds},
	{"live: a storm", "Many changes at once are few looks and few events, the last of which is right.", liveStorm},
	{"live: shutdown", "EndStreams ends all streams and lets none begin, so that a server stops at once.", liveShutdown},
	{"live: leaves nothing", "Streams whose clients have left leave no goroutine and no count behind.", liveLeavesNothing},
	{"live: limits of the server", "The time that the server gives a request to arrive does not end its stream.", liveServerLimits},
	{"live: a transaction of the program", "A change that the program makes in its own transaction is told when that is committed.", liveTransaction},
	{"live: permissions", "session and validate say what the person may do and how long the session lasts, and a tag covers it.", livePermissions},
}

var never = streams(time.Minute, time.Minute)

func liveOpens(t *testing.T, k *kit) {
	check := func(t *testing.T, b *browser, path string) {
		s := b.opens(path)
		want := map[string]string{"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no",
			"X-Content-Type-Options": "nosniff", "Content-Length": "", "Content-Encoding": "", "Set-Cookie": ""}
		for name, value := range want {
			if got := s.header.Get(name); got != value {
				t.Errorf("%s: %q, want %q", name, got, value)
			}
		}
		if !strings.Contains(strings.Join(s.header.Values("Vary"), ","), "Cookie") {
			t.Errorf("Vary: %q", s.header.Values("Vary"))
		}
		if e := <-s.news; !strings.HasPrefix(e.text, "retry: ") {
			t.Errorf("the stream begins with %q", e.text)
		}
		version := s.updated()
		a := b.get(strings.Replace(path, "events", "validate", 1)).expect(200)
		if now := a.header.Get(nguard.VersionHeader); now != version {
			t.Errorf("told version %q, the next answer has %q", version, now)
		}
		s.beat()
		s.beat()
	}
	beats := streams(time.Minute, 20*time.Millisecond)
	t.Run("plain", func(t *testing.T) {
		w := k.newWorld(t, beats)
		check(t, w.loggedIn("user"), "/api/auth/events")
	})
	t.Run("before the record is stamped", func(t *testing.T) {
		w := k.newWorld(t, beats)
		b := w.loggedIn("user")
		give(w, "user", "moderator")
		check(t, b, "/api/auth/events")
	})
	t.Run("mounted", func(t *testing.T) {
		w := k.newWorld(t, beats)
		app := w.app()
		app.Mount = "/app"
		b := w.browserAt(w.serve(app).URL)
		b.post("/app/api/auth/login", credentials).expect(200)
		check(t, b, "/app/api/auth/events")
	})
	t.Run("https", func(t *testing.T) {
		w := k.newWorld(t, beats)
		app := w.app()
		app.TLS = true
		server := w.serve(app)
		b := w.browserAt(server.URL)
		b.client.Transport = server.Client.Transport
		b.login("user")
		check(t, b, "/api/auth/events")
	})
}

func liveRefused(t *testing.T, k *kit) {
	k.eachFaulty(t, func(t *testing.T, w *world, f *faults) {
		const path = "/api/auth/events"
		visitor, user := w.browser(), w.loggedIn("user")
		visitor.get(path).failed(401)
		visitor.hold(strings.Repeat("A", 72)).get(path).failed(401)
		left := w.loggedIn("user")
		dead := left.token()
		left.post("/api/auth/logout", "").expect(200)
		left.hold(dead).get(path).failed(401)
		for _, lines := range [][]string{
			{"Sec-Fetch-Site: cross-site"}, {"Sec-Fetch-Site: same-site"}, {"Sec-Fetch-Site:", "Origin: https://evil.example"},
			{"Origin: null"}, {"Sec-Fetch-Site: cross-site", "Origin: https://evil.example"},
		} {
			user.do("GET", path, "", lines...).failed(403)
		}
		user.do("GET", path, "", "Sec-Fetch-Dest: iframe").failed(403)
		if a := user.post(path, "").failed(405); a.header.Get("Allow") != "GET" {
			t.Errorf("Allow: %q", a.header.Get("Allow"))
		}
		f.broken("load")
		user.get(path).outage()
		f.mend()
		s, _ := user.listens()
		s.leave()
	}, never)
}

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
		c.Lifetime = nguard.Lifetime{Idle: 700 * time.Millisecond, Absolute: time.Hour}
	})
	k.each(t, func(t *testing.T, w *world) {
		b := w.loggedIn("user")
		s, _ := b.listens()
		s.over("session.expired", "absolute")
	}, never, func(c *nguard.Config) { c.Lifetime = nguard.Lifetime{Absolute: 700 * time.Millisecond} })
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

// eventually waits for what takes its time, and no longer than that.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range 2000 {
		if ok() {
			return
		}
		<-tick.C
	}
	t.Fatal("not within ten seconds: " + what)
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

func livePermissions(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
		b := w.settled("user")
		give(w, "user", "moderator", "posts:delete")
		for _, path := range []string{"/api/auth/session", "/api/auth/validate"} {
			a := b.get(path).expect(200)
			held, _ := a.at("permissions").([]any)
			if len(held) != 2 || held[0] != "posts:delete" || held[1] != "posts:edit" {
				t.Errorf("%s: permissions %v", path, held)
			}
			left, _ := a.at("expiresIn").(float64)
			if left <= 0 || left > float64(time.Hour.Milliseconds()) {
				t.Errorf("%s: expiresIn %v", path, left)
			}
			tag := "If-None-Match: " + a.header.Get("Etag")
			if again := b.do("GET", path, "", tag).expect(304); len(again.raw) > 0 || again.header.Get("Etag") != a.header.Get("Etag") {
				t.Errorf("%s: 304 with %q", path, again.raw)
			}
			give(w, "user", "user")
			if again := b.do("GET", path, "", tag).expect(200); again.at("session", "role") != "user" {
				t.Errorf("%s: %s", path, again.raw)
			}
			give(w, "user", "moderator", "posts:delete")
		}
		// The same session at a version of the program in which a role holds more.
		admin := w.settled("admin")
		tag := admin.get("/api/auth/validate").expect(200).header.Get("Etag")
		newer := newWorld(t, w.back, func(c *nguard.Config) {
			c.Now = w.config.Now
			m, err := policy.NewModel(policy.Config{Roles: []*policy.Role{roleUser, roleModerator, roleAdmin}, Permissions: []policy.Permission{"posts:edit", "posts:delete", "posts:read"}})
			if err != nil {
				t.Fatal(err)
			}
			c.Roles = m
		})
		if a := admin.via(newer).do("GET", "/api/auth/validate", "", "If-None-Match: "+tag).expect(200); len(a.at("permissions").([]any)) != 3 {
			t.Errorf("a role that holds more: %s", a.raw)
		}
		first := b.get("/api/auth/validate").expect(200)
		b.post("/api/auth/logout", "").expect(200)
		a := b.do("GET", "/api/auth/validate", "", "If-None-Match: "+first.header.Get("Etag")).expect(200)
		if a.at("valid") != false || a.at("permissions") != nil || a.header.Get("Etag") != "" {
			t.Errorf("without a session: %s", a.raw)
		}
	})
}
