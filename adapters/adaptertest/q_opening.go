package adaptertest

import (
	"strings"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

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
