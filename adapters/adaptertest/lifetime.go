package adaptertest

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
)

// lifetimes are how long sessions last, and how many of them a person has.
var lifetimes = []rule{
	{"lifetime: remembered sessions", "The cookie persists only when the person asked for it, and then for as long as the session has left, on login and on every answer that repeats it.", lifetimeCookie},
	{"lifetime: 400 days", "Browsers cut cookies of more than 400 days, so none is asked for.", lifetimeCookieCap},
	{"lifetime: profiles", "The profiles end sessions at the limits of NIST SP 800-63B-4: the idle one, and the overall one whatever the traffic. Remembering is no way around either.", lifetimeProfiles},
	{"lifetime: step-up", "A policy that wants recent proof refuses with a code of its own, and is satisfied after a step-up, which gives a session that no earlier token reaches.", lifetimeFresh},
}

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

func lifetimeCookie(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
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

func lifetimeCookieCap(t *testing.T, k *kit) {
	w := k.newWorld(t, func(c *nguard.Config) { c.Lifetime.Remember = 5 * 365 * 24 * time.Hour })
	if c := cookieOf(loginAs(w.browser(), "user", `,"remember":true`).expect(200), w); c.MaxAge != 400*24*3600 {
		t.Errorf("Max-Age is %d", c.MaxAge)
	}
}

func lifetimeProfiles(t *testing.T, k *kit) {
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
			k.each(t, func(t *testing.T, w *world) {
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

func lifetimeFresh(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
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
