package adaptertest

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
)

// The rules of promise P1: no update is lost.
var lostUpdates = []rule{
	{"P1 a thousand increments", "A thousand increments of one session, made at once, count to a thousand, and keep the token.", lostThousand},
	{"P1 different fields", "An update that is at work while others change other fields runs again on the newer session, and all of them are kept.", lostDifferentFields},
	{"P1 two sessions of one user", "Two devices that change fields of one person at once lose no change, neither of the same field nor of different ones.", lostTwoSessions},
	{"P1 two processes", "Two processes on one store, which have no lock in common, lose no update.", lostTwoProcesses},
	{"P1 while renewed", "An update that is answered while the session is being replaced, by a step-up or the end of all others, is carried over into the new one.", lostWhileRenewed},
}

func lostThousand(t *testing.T, k *kit) {
	k.open(t).keepsUpdates(t)
	k.each(t, func(t *testing.T, w *world) {
		b := w.loggedIn("user")
		id := b.token()
		var seen [1001]atomic.Int32
		crowd(64, 1000, func(int) {
			a, err := b.try("POST", "/api/visits", "")
			if err != nil || a.status != 200 {
				t.Errorf("increment: status %d, error %v, body %s", a.status, err, a.raw)
				return
			}
			n, err := strconv.Atoi(a.text())
			if err != nil || n < 1 || n > 1000 {
				t.Errorf("increment answered %q", a.raw)
				return
			}
			seen[n].Add(1)
		})
		if got := b.get("/api/auth/session").expect(200).at("session", "data", "visits"); got != 1000.0 {
			t.Errorf("1000 increments gave %v", got)
		}
		for n := 1; n <= 1000; n++ {
			if seen[n].Load() != 1 {
				t.Errorf("%d requests were answered with %d", seen[n].Load(), n)
			}
		}
		if !w.sameToken(b.token(), id) {
			t.Error("increments changed the token")
		}
	})
}

func lostDifferentFields(t *testing.T, k *kit) {
	k.open(t).keepsUpdates(t)
	k.each(t, func(t *testing.T, w *world) {
		entered, release := make(chan struct{}), make(chan struct{})
		var runs atomic.Int32
		base := w.pages(Route{Method: "POST", Path: "/slow", Handle: func(c Ctx) {
			_, err := c.From().Update(c.Context(), func(d *nguard.Draft) error {
				if runs.Add(1) == 1 {
					close(entered)
					<-release
				}
				return visits.Modify(d, func(n int) int { return n + 7 })
			})
			if err != nil {
				c.Fail(err)
			}
		}})
		b := w.loggedIn("user")
		done := make(chan answer, 1)
		go func() {
			a, err := b.on(base).try("POST", "/slow", "")
			if err != nil {
				t.Error(err)
			}
			done <- a
		}()
		<-entered
		b.post("/api/auth/update", `{"draft":"kept"}`).expect(200)
		b.post("/api/auth/update", `{"theme":"dark"}`).expect(200)
		b.post("/api/visits", "").expect(200)
		close(release)
		if a := <-done; a.status != 200 {
			t.Fatalf("slow update: status %d, body %s", a.status, a.raw)
		}
		data := b.get("/api/auth/session").expect(200).at("session", "data").(map[string]any)
		if data["visits"] != 8.0 || data["draft"] != "kept" || data["theme"] != "dark" {
			t.Errorf("visits %v, draft %v, theme %v: want 8, kept, dark", data["visits"], data["draft"], data["theme"])
		}
		if runs.Load() < 2 {
			t.Error("the function was not run again on the newer session")
		}
	})
}

func lostTwoSessions(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
		base := w.pages(Route{Method: "POST", Path: "/count", Handle: func(c Ctx) {
			_, err := c.From().Update(c.Context(), func(d *nguard.Draft) error {
				return name.Modify(d, func(s string) string {
					n, _ := strconv.Atoi(s)
					return strconv.Itoa(n + 1)
				})
			})
			if err != nil {
				c.Fail(err)
			}
		}})
		devices := []*browser{w.loggedIn("user"), w.loggedIn("user")}
		const rounds = 120
		crowd(8, rounds, func(i int) {
			b := devices[i%2]
			method, path, body, on := "POST", "/count", "", base
			switch {
			case i%6 == 4:
				path, body, on = "/api/auth/update", `{"theme":"dark"}`, b.base
			case i%6 == 5:
				path, body, on = "/api/auth/update", `{"language":"de","draft":"d`+fmt.Sprint(i)+`"}`, b.base
			}
			if a, err := b.on(on).try(method, path, body); err != nil || a.status != 200 {
				t.Errorf("%s %s: status %d, error %v, body %s", path, body, a.status, err, a.raw)
			}
		})
		for i, b := range devices {
			s := b.get("/api/auth/session").expect(200)
			if got, want := s.at("session", "user", "name"), strconv.Itoa(rounds*4/6); got != want {
				t.Errorf("device %d: name counted to %v, want %s", i, got, want)
			}
			if s.at("session", "data", "theme") != "dark" || s.at("session", "data", "language") != "de" {
				t.Errorf("device %d: theme %v, language %v", i, s.at("session", "data", "theme"), s.at("session", "data", "language"))
			}
		}
	})
}

func lostTwoProcesses(t *testing.T, k *kit) {
	k.open(t).keepsUpdates(t)
	k.each(t, func(t *testing.T, w *world) {
		b := w.loggedIn("user")
		processes := []*browser{b, b.via(another(t, w))}
		crowd(16, 200, func(i int) {
			if a, err := processes[i%2].try("POST", "/api/visits", ""); err != nil || a.status != 200 {
				t.Errorf("increment: status %d, error %v, body %s", a.status, err, a.raw)
			}
		})
		if got := b.get("/api/auth/session").expect(200).at("session", "data", "visits"); got != 200.0 {
			t.Errorf("200 increments gave %v", got)
		}
	})
}

func lostWhileRenewed(t *testing.T, k *kit) {
	k.open(t).keepsUpdates(t)
	for _, renewal := range []struct{ method, path string }{{"POST", "/step-up"}, {"DELETE", "/api/auth/sessions"}} {
		var meanwhile func()
		var once sync.Once
		k.each(t, func(t *testing.T, w *world) {
			once, meanwhile = sync.Once{}, nil
			b := w.loggedIn("user")
			other := b.copyOf()
			done := make(chan answer, 1)
			meanwhile = func() {
				go func() { done <- other.post("/api/visits", "") }()
				if !w.back.oneDatabase() || renewal.path == "/step-up" {
					done <- <-done // the update is answered before the new session is made
				} // in one transaction it waits for the end of that, and finds its session gone
			}
			b.do(renewal.method, renewal.path, "").expect(200)
			update := <-done
			visited := b.get("/api/auth/session").expect(200).at("session", "data", "visits")
			if (update.status == 200) != (visited == 1.0) {
				t.Errorf("%s: the update was answered %d, and the new session has %v visits", renewal.path, update.status, visited)
			}
		}, func(c *nguard.Config) {
			c.Hooks.AfterAuthenticate = func(context.Context, nguard.User) error {
				if meanwhile != nil {
					once.Do(meanwhile)
				}
				return nil
			}
		})
	}
}
