package promises

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
)

// loginAs logs in with more members in the body than browser.login.
func loginAs(b *browser, userID, more string) answer {
	b.w.t.Helper()
	return b.post("/api/auth/login", `{"id":"`+userID+`","password":"`+guardtest.Password+`"`+more+`}`)
}

// cookieOf is the session cookie that an answer sets; nil when it sets none.
func cookieOf(a answer, w *world) *http.Cookie {
	for _, c := range (&http.Response{Header: a.header}).Cookies() {
		if c.Name == w.guard.CookieName() {
			return c
		}
	}
	return nil
}

// TestLifetime_RememberMe_Cookie: the cookie persists only when the person asked for it, and then for as
// long as the session has left, on login and on every answer that repeats it.
func TestLifetime_RememberMe_Cookie(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, more := range []string{"", `,"remember":false`} {
			b := w.browser()
			for _, a := range []answer{loginAs(b, "user", more).expect(200), b.post("/api/auth/refresh", "").expect(200), b.post("/api/auth/update", `{"draft":"x"}`).expect(200)} {
				if c := cookieOf(a, w); c == nil || c.MaxAge != 0 || !c.Expires.IsZero() || c.RawExpires != "" {
					t.Errorf("%s with %q: cookie %v, want a session cookie", a.what, more, c)
				}
			}
		}
		b := w.browser()
		month := 30 * 24 * time.Hour
		near := func(a answer, left time.Duration) {
			t.Helper()
			c := cookieOf(a, w)
			if c == nil || !c.Secure || !c.HttpOnly || c.Path != "/" || c.SameSite != http.SameSiteLaxMode || c.Domain != "" {
				t.Fatalf("%s: cookie %v", a.what, c)
			}
			got := time.Duration(c.MaxAge) * time.Second
			if got > left || got < left-time.Minute {
				t.Errorf("%s: Max-Age is %v, want %v", a.what, got, left)
			}
			if end := w.clock.Now().Add(left); c.Expires.After(end) || c.Expires.Before(end.Add(-time.Minute)) {
				t.Errorf("%s: Expires is %v, want %v", a.what, c.Expires, end)
			}
		}
		near(loginAs(b, "user", `,"remember":true`).expect(200), month)
		w.clock.Advance(10 * 24 * time.Hour) // far beyond the idle limit of others
		near(b.post("/api/auth/update", `{"draft":"x"}`).expect(200), month-10*24*time.Hour)
		near(b.post("/api/auth/refresh", "").expect(200), month-10*24*time.Hour)
		near(b.do("DELETE", "/api/auth/sessions", "").expect(200), month-10*24*time.Hour)
		near(b.post("/step-up", "").expect(200), month) // proved again: the limits begin anew
		w.clock.Advance(month - time.Minute)
		b.get("/who").expect(200)
		w.clock.Advance(2 * time.Minute)
		b.get("/who").expect(401)
	})
}

// TestLifetime_CookieCap_400Days: browsers cut longer cookies, so none is asked for.
func TestLifetime_CookieCap_400Days(t *testing.T) {
	w := newWorld(t, memory(t), func(c *nguard.Config) { c.Lifetime.Remember = 5 * 365 * 24 * time.Hour })
	if c := cookieOf(loginAs(w.browser(), "user", `,"remember":true`).expect(200), w); c.MaxAge != 400*24*3600 {
		t.Errorf("Max-Age is %d", c.MaxAge)
	}
}

// TestLifetime_Profiles: the profiles end sessions at the limits of NIST SP 800-63B-4: the idle one, and
// the overall one whatever the traffic. Remembering is no way around either.
func TestLifetime_Profiles(t *testing.T) {
	day := 24 * time.Hour
	for _, profile := range []struct {
		name           string
		life           nguard.Lifetime
		idle, absolute time.Duration
	}{
		{"AAL1", nguard.AAL1, 0, 30 * day}, {"AAL2", nguard.AAL2, time.Hour, day}, {"AAL3", nguard.AAL3, 15 * time.Minute, 12 * time.Hour},
		{"default", nguard.Lifetime{}, time.Hour, day},
	} {
		t.Run(profile.name, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				for _, more := range []string{"", `,"remember":true`} {
					if profile.name == "default" && more != "" {
						continue // remembered ones live for a month by default, with no idle limit: tested above
					}
					if profile.idle > 0 {
						b := w.browser()
						loginAs(b, "user", more).expect(200)
						for range 2 {
							w.clock.Advance(profile.idle - 10*time.Second) // the test itself takes real time
							b.get("/who").expect(200)
						}
						w.clock.Advance(profile.idle + time.Second)
						b.get("/who").expect(401)
						b.get("/api/auth/session").expect(401)
					}
					b := w.browser()
					loginAs(b, "user", more).expect(200)
					step := profile.absolute / 60
					for range 59 {
						w.clock.Advance(step)
						b.get("/who").expect(200)
					}
					for path, body := range map[string]string{"/api/auth/refresh": "", "/api/auth/update": `{"draft":"x"}`, "/api/visits": ""} {
						b.post(path, body).expect(200)
					}
					b.do("DELETE", "/api/auth/sessions", "").expect(200)
					w.clock.Advance(step - 2*time.Second) // the loop itself takes a little real time
					if left := b.get("/api/auth/validate").at("expiresIn"); left != nil && left.(float64) > 3000 {
						t.Errorf("traffic has moved the end: %v ms are left", left)
					}
					w.clock.Advance(3 * time.Second)
					b.get("/who").expect(401)
				}
			}, func(c *nguard.Config) { c.Lifetime = profile.life })
		})
	}
}

// TestLifetime_Fresh_StepUp: a policy that wants recent proof refuses with a code of its own, and is
// satisfied after a step-up, which gives a session that no earlier token reaches.
func TestLifetime_Fresh_StepUp(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		b.get("/fresh").expect(401)
		b.login("user")
		b.get("/fresh").expect(200)
		w.clock.Advance(5*time.Minute - 10*time.Second)
		b.get("/fresh").expect(200)
		w.clock.Advance(11 * time.Second)
		for _, path := range []string{"/api/auth/refresh", "/api/auth/update", "/api/visits"} {
			body := ""
			if path == "/api/auth/update" {
				body = `{"draft":"x"}`
			}
			b.post(path, body).expect(200) // none of these proves anything
			if a := b.get("/fresh").expect(403); a.at("code") != "step_up_required" || a.header.Get("Content-Type") != "application/json" {
				t.Errorf("after %s: %s", path, a.raw)
			}
		}
		old := b.copyOf()
		id := handles(w, "user")[0]
		b.post("/step-up", "").expect(200)
		b.get("/fresh").expect(200)
		old.get("/who").expect(401)
		if now := handles(w, "user"); len(now) != 1 || now[0] == id {
			t.Errorf("sessions after the step-up: %v, before %s", now, id)
		}
		s, err := w.guard.Lookup(context.Background(), b.token())
		if err != nil {
			t.Fatal(err)
		}
		if s.Level() != 2 || strings.Join(s.Methods(), ",") != "totp" || visits.Get(s) != 1 || draftBox.Get(s) != "x" {
			t.Errorf("session: level %d, methods %v, visits %d, draft %q", s.Level(), s.Methods(), visits.Get(s), draftBox.Get(s))
		}
		e := w.awaitEvent(nguard.EventSessionRenewed, nguard.Success)
		if e.Actor != "user" || e.Target != "user" {
			t.Errorf("record: %+v", e)
		}
		// The step-up itself wants a session, and the proof ages like the first one.
		w.browser().post("/step-up", "").expect(401)
		w.clock.Advance(5*time.Minute + time.Second)
		b.get("/fresh").expect(403)
	})
}

// TestLifetime_MaxSessions_Refuse: at the cap a login is refused and nothing ends; it is possible again
// when a device signs out or its session is over. Logging in again in the same browser needs no place.
func TestLifetime_MaxSessions_Refuse(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
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
		if err := w.guard.RevokeUser(nguard.WithActor(context.Background(), "job:test"), "user"); err != nil {
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

// TestLifetime_MaxSessions_EndOldest: at the cap a login ends the session created first.
func TestLifetime_MaxSessions_EndOldest(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
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

// TestLifetime_MaxSessions_Parallel: logins at once never leave more than the cap alive, at either way of
// keeping it.
func TestLifetime_MaxSessions_Parallel(t *testing.T) {
	for _, refuse := range []bool{true, false} {
		t.Run("refuse="+strconv.FormatBool(refuse), func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
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
