package adaptertest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
)

// limits are the rules I12 and I13 of the checklist, and what the endpoints promise of their limits.
var limits = []rule{
	{"I12 a limiter that is down", "A limiter that fails, hangs or panics lets nobody through: 503, before any credential is looked at, and nothing is changed. Signing out still works.", limitDown},
	{"I13 counters", "An older cookie, another session or another address brings no count of updates back.", limitOnServer},
	{"I the limit for updates", "Ten changes a minute and user, whichever endpoints make them; the eleventh changes nothing and says when to come back.", limitUpdates},
	{"I the limit for reads", "The endpoints that read sessions share one limit, by address, signed in or not.", limitReads},
}

// brokenLimiter is a limiter whose backend is down in one of three ways.
type brokenLimiter struct{ how string }

func (l brokenLimiter) Take(ctx context.Context, _ nguard.Caller, _ int) (nguard.Quota, error) {
	switch l.how {
	case "error":
		return nguard.Quota{Allowed: true}, errors.New("connection refused")
	case "hang":
		<-ctx.Done()
		return nguard.Quota{Allowed: true}, ctx.Err()
	}
	panic("broken")
}

func limitDown(t *testing.T, k *kit) {
	for _, how := range []string{"error", "hang", "panic"} {
		t.Run(how, func(t *testing.T) {
			users := &countingUsers{Users: guardtest.NewUsers(People()...)}
			back := k.open(t)
			w := newWorld(t, back, func(c *nguard.Config) {
				c.Users = users
				if how == "hang" {
					c.Timeout = 200 * time.Millisecond
				}
				c.Limits = nguard.Limits{Login: brokenLimiter{how}, Update: brokenLimiter{how}, Read: brokenLimiter{how}}
			})
			w.back.users = users
			token, _, err := w.guard.Login(byJob, "user", nguard.LoginOptions{})
			if err != nil {
				t.Fatal(err)
			}
			b := w.browser()
			a := loginAs(b, "user", "").expect(503)
			if a.header.Get("Retry-After") == "" || a.header.Get("Set-Cookie") != "" || a.at("code") != "unavailable" || strings.Contains(string(a.raw), "refused") {
				t.Errorf("login: %v %s", a.header, a.raw)
			}
			if n := users.verified.Load(); n != 0 {
				t.Errorf("the verifier was reached %d times", n)
			}
			b.hold(token)
			unchanged(t, w, "limiter down", func() {
				b.post("/api/auth/update", `{"data":{"theme":"dark"}}`).expect(503)
				b.post("/api/auth/refresh", "").expect(503)
				b.get("/api/auth/session").expect(503)
				b.get("/api/auth/sessions").expect(503)
				b.do("HEAD", "/api/auth/validate", "").expect(503)
			})
			if b.token() != token {
				t.Error("the cookie is gone")
			}
			b.get("/who").expect(200)
			b.post("/api/auth/logout", "").expect(200)
		})
	}
}

func limitOnServer(t *testing.T, k *kit) {
	w := k.limitedWorld(t)
	b := w.loggedIn("user")
	old := b.copyOf()
	for i := range 9 {
		b.do("POST", "/api/auth/update", fmt.Sprintf(`{"draft":"%d"}`, i), from("198.51.100.1")).expect(200)
	}
	b.post("/api/auth/refresh", "").expect(200)
	checkLimited(t, b.post("/api/auth/refresh", "").expect(429))
	old.post("/api/auth/update", `{"draft":"old"}`).expect(429)
	phone := w.loggedIn("user")
	phone.do("POST", "/api/auth/update", `{"draft":"new"}`, from("203.0.113.99")).expect(429)
	w.loggedIn("other").post("/api/auth/update", `{"draft":"mine"}`).expect(200)
}

func limitUpdates(t *testing.T, k *kit) {
	w := k.newWorld(t, k.defaultLimits(t))
	b, admin := w.loggedIn("user"), w.loggedIn("admin")
	// Without a session nothing is counted.
	for range 12 {
		w.browser().post("/api/auth/update", `{"draft":"x"}`).expect(401)
	}
	for i := range 10 {
		path, body := "/api/auth/update", fmt.Sprintf(`{"draft":"%d"}`, i)
		switch i {
		case 3:
			path, body = "/api/auth/profile", `{"name":"Una"}`
		case 5:
			path, body = "/api/auth/refresh", ""
		case 7:
			path, body = "/api/auth/update-role", `{"userId":"user","newRole":"admin"}`
		}
		a := b.post(path, body)
		if want := map[bool]int{true: 403, false: 200}[i == 7]; a.status != want {
			t.Fatalf("%s: %d %s", path, a.status, a.raw)
		}
		if got, want := a.header.Get("RateLimit"), fmt.Sprintf(`"update";r=%d;t=60`, 9-i); got != want || a.header.Get("RateLimit-Policy") != `"update";q=10;w=60` {
			t.Errorf("change %d: RateLimit is %s, want %s; RateLimit-Policy is %s", i, got, want, a.header.Get("RateLimit-Policy"))
		}
	}
	var last answer
	unchanged(t, w, "over the limit", func() {
		for path, body := range map[string]string{
			"/api/auth/update": `{"data":{"theme":"dark"}}`, "/api/auth/profile": `{"name":"x"}`, "/api/auth/refresh": "", "/api/auth/update-role": `{"userId":"user","newRole":"user"}`,
		} {
			last = b.post(path, body).expect(429)
			checkLimited(t, last)
			if path != "/api/auth/refresh" && last.at("success") != false {
				t.Errorf("%s: %s", path, last.raw)
			}
		}
	})
	if e := w.awaitEvent(nguard.EventLimited, nguard.Limited); e.Actor != "user" || e.Rule != "update" {
		t.Errorf("record: %+v", e)
	}
	admin.post("/api/auth/update", `{"draft":"x"}`).expect(200)
	b.get("/api/auth/session").expect(200)
	w.wait(last)
	b.post("/api/auth/update", `{"data":{"theme":"dark"}}`).expect(200)
	// Signing out is never limited.
	for range 12 {
		b.post("/api/auth/logout", "").expect(200)
	}
}

func limitReads(t *testing.T, k *kit) {
	requests := []func(*browser) answer{
		func(b *browser) answer { return b.get("/api/auth/session") },
		func(b *browser) answer { return b.get("/api/auth/validate") },
		func(b *browser) answer { return b.do("HEAD", "/api/auth/validate", "") },
		func(b *browser) answer { return b.post("/api/auth/validate", `{"token":"x"}`) },
		func(b *browser) answer { return b.get("/api/auth/sessions") },
		func(b *browser) answer { return b.get("/api/auth/users/user/sessions") },
	}
	w := k.newWorld(t, behindProxy, func(c *nguard.Config) {
		c.Limits.Read = k.limits(t, steps(c.Now)).PerIP("read", len(requests), time.Minute)
	})
	b := w.loggedIn("admin")
	for i, request := range requests {
		if a := request(b); a.status != 200 || a.header.Get("RateLimit") != fmt.Sprintf(`"read";r=%d;t=60`, len(requests)-1-i) {
			t.Errorf("%s: %d, RateLimit %s", a.what, a.status, a.header.Get("RateLimit"))
		}
	}
	for _, request := range requests {
		if a := request(b).expect(429); !strings.HasPrefix(a.what, "HEAD") {
			checkLimited(t, a)
		} else if len(a.raw) != 0 || a.header.Get("Retry-After") == "" {
			t.Errorf("HEAD: %q, Retry-After %q", a.raw, a.header.Get("Retry-After"))
		}
	}
	w.browser().get("/api/auth/session").expect(429)
	w.browser().do("GET", "/api/auth/session", "", from("203.0.113.3")).expect(401)
	b.get("/who").expect(200)
}
