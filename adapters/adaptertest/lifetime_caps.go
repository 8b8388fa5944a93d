package adaptertest

import (
	"strconv"
	"sync"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
)

// sessionCaps are how many sessions a person may have at once.
var sessionCaps = []rule{
	{"lifetime: a cap that refuses", "At the cap a login is refused and nothing ends; it is possible again when a device signs out or its session is over. Logging in again in the same browser needs no place.", lifetimeRefuse},
	{"lifetime: a cap that ends the oldest", "At the cap a login ends the session created first.", lifetimeEndOldest},
	{"lifetime: a cap at once", "Logins at once never leave more than the cap alive, at either way of keeping it.", lifetimeParallel},
}

func lifetimeRefuse(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
		one, two := w.loggedIn("user"), w.loggedIn("user")
		three := w.browser()
		a := loginAs(three, "user", "").expect(403)
		if a.at("code") != "too_many_sessions" || three.token() != "" {
			t.Errorf("at the cap: %s, token %q", a.raw, three.token())
		}
		w.awaitEvent(nguard.EventExcessSessions, nguard.Denied)
		w.loggedIn("other") // another person's count is another
		for _, b := range []*browser{one, two} {
			b.get("/who").expect(200)
		}
		old := one.copyOf()
		one.login("user")
		old.get("/who").expect(401)
		one.post("/step-up", "").expect(200)
		if n := len(handles(w, "user")); n != 2 {
			t.Errorf("%d sessions", n)
		}
		two.post("/api/auth/logout", "").expect(200)
		three.login("user")
		loginAs(two, "user", "").expect(403)
		w.clock.Advance(61 * time.Minute) // both are over by the idle limit
		two.login("user")
		if err := w.guard.RevokeUser(byJob, "user"); err != nil {
			t.Fatal(err)
		}
		one.login("user")
		three.login("user")
		loginAs(two, "user", "").expect(403)
		// Ending the others makes room for them.
		one.do("DELETE", "/api/auth/sessions", "").expect(200)
		two.login("user")
	}, func(c *nguard.Config) { c.MaxSessions, c.RefuseAtCap = 2, true })
}

func lifetimeEndOldest(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
		var devices []*browser
		for range 4 {
			devices = append(devices, w.loggedIn("user"))
			w.clock.Advance(time.Second)
		}
		for i, b := range devices {
			if i == 0 {
				b.get("/who").expect(401)
				continue
			}
			b.get("/who").expect(200)
		}
		e := w.await("the session ended at the cap", func(e nguard.Event) bool { return e.Name == nguard.EventExcessSessions })
		if e.Target != "user" || e.Session == "" || e.Count != 3 {
			t.Errorf("record: %+v", e)
		}
		devices[1].post("/api/auth/refresh", "").expect(200) // a new token is no new session
		w.loggedIn("user")
		devices[1].get("/who").expect(401)
		devices[2].get("/who").expect(200)
		if n := len(handles(w, "user")); n != 3 {
			t.Errorf("%d sessions", n)
		}
	}, func(c *nguard.Config) { c.MaxSessions = 3 })
}

func lifetimeParallel(t *testing.T, k *kit) {
	for _, refuse := range []bool{true, false} {
		t.Run("refuse="+strconv.FormatBool(refuse), func(t *testing.T) {
			k.each(t, func(t *testing.T, w *world) {
				var done sync.WaitGroup
				start := make(chan struct{})
				statuses := make([]int, 20)
				browsers := make([]*browser, len(statuses))
				for i := range statuses {
					browsers[i] = w.browser()
					done.Add(1)
					go func() {
						defer done.Done()
						<-start
						if a, err := browsers[i].try("POST", "/api/auth/login", `{"id":"user","password":"`+guardtest.Password+`"}`); err == nil {
							statuses[i] = a.status
						}
					}()
				}
				close(start)
				done.Wait()
				live := 0
				for i, b := range browsers {
					if want := 200; statuses[i] != want && (!refuse || statuses[i] != 403) {
						t.Errorf("login %d: status %d", i, statuses[i])
					}
					if b.get("/who").status == 200 {
						live++
					}
				}
				if live != 3 || len(handles(w, "user")) != 3 {
					t.Errorf("%d browsers and %d handles are alive, want 3", live, len(handles(w, "user")))
				}
			}, func(c *nguard.Config) { c.MaxSessions, c.RefuseAtCap = 3, refuse })
		})
	}
}
