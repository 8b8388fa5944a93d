package adaptertest

import (
	"context"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

var outages = []rule{
	{"P7 N1 store down", "While the store cannot be read nobody is signed out and nothing is granted: 503, the cookie stays, and pages that need no session work.", outageOfReads},
	{"P7 bookkeeping down", "A write of bookkeeping that fails ends nothing and denies nothing.", outageOfBookkeeping},
	{"P7 users down", "While a user is being changed and the users table is down, nobody knows what they may do: 503. Where nothing has changed the users table is not needed.", outageOfUsers},
	{"P7 ends wait for no sink", "The end of a session waits for no sink, even for one that hangs and knows no deadline; the records are there when the sink is back.", endsWaitForNoSink},
	{"P7 sink down", "While the sink is down a change is refused and nothing changes; ends go on; and when it is back, what was held back is written and the gap is named.", outageOfSink},
	{"P7 N4 limiter and policy down", "A limiter or a policy that cannot answer, or panics, refuses with 503, not with 429, 403 or a pass, and the process lives.", outageOfLimiter},
	{"P7 N3 deadline", "A dependency that answers too late is one that is down: 503 at the deadline, and no goroutine is left.", outageByDeadline},
	{"P7 Shutdown at its deadline", "Shutdown ends at its deadline, whatever the sink does.", shutdownAtItsDeadline},
}

func outageOfReads(t *testing.T, k *kit) {
	k.eachFaulty(t, func(t *testing.T, w *world, f *faults) {
		admin := w.settled("admin")
		token := admin.token()
		f.broken("load")
		for _, r := range [][3]string{
			{"GET", "/api/auth/session"}, {"GET", "/api/auth/validate"}, {"HEAD", "/api/auth/session"}, {"HEAD", "/api/auth/validate"},
			{"GET", "/api/auth/sessions"}, {"GET", "/api/auth/users/user/sessions"}, {"GET", "/who"}, {"GET", "/admin"}, {"GET", "/fresh"},
			{"POST", "/api/auth/validate", `{"token":"` + token + `"}`}, {"POST", "/api/auth/refresh"}, {"POST", "/api/auth/logout"},
			{"POST", "/api/auth/update", `{"theme":"dark"}`}, {"POST", "/api/auth/profile", `{"name":"A"}`},
			{"POST", "/api/auth/update-role", `{"userId":"user","newRole":"admin"}`}, {"POST", "/api/visits"}, {"POST", "/step-up"},
			{"DELETE", "/api/auth/sessions"}, {"DELETE", "/api/auth/users/user/sessions"},
		} {
			a := admin.do(r[0], r[1], r[2]).outage()
			if r[0] != "HEAD" && codeOf(a) != "unavailable" {
				t.Errorf("%s: code is %q", a.what, codeOf(a))
			}
		}
		a := admin.get("/public").expect(200)
		if len(a.header.Values("Set-Cookie")) > 0 {
			t.Errorf("the public page touches the cookie: %v", a.header)
		}
		w.browser().get("/api/auth/session").expect(401) // without a cookie there is nothing to look up
		f.mend()
		if admin.token() != token {
			t.Error("the browser holds another token")
		}
		if got := admin.get("/who").expect(200).text(); got != "admin" {
			t.Errorf("after the outage %q is signed in", got)
		}
		if u := w.person("user"); u.Role != "user" {
			t.Errorf("user has the role %q", u.Role)
		}
	})
}

func outageOfBookkeeping(t *testing.T, k *kit) {
	k.eachFaulty(t, func(t *testing.T, w *world, f *faults) {
		user := w.settled("user")
		for _, age := range []time.Duration{2 * time.Minute, 40 * time.Minute, 40 * time.Minute} {
			w.clock.Advance(age) // the idle clock falls due, then rotation
			f.broken("touch", "replace", "record success", "sweep")
			user.get("/api/auth/session").expect(200)
			user.post("/api/visits", "").outage() // a change of the session is no bookkeeping
			f.mend()
			user.get("/api/auth/session").expect(200)
		}
		w.touchEpochs("user") // a re-stamp falls due
		f.broken("touch", "replace", "record success")
		user.get("/api/auth/session").expect(200)
		f.mend()
		user.get("/api/auth/session").expect(200)
		if got := user.post("/api/visits", "").expect(200).text(); got != "1" {
			t.Errorf("visits: %s", got)
		}
	})
}

func outageOfUsers(t *testing.T, k *kit) {
	k.eachFaulty(t, func(t *testing.T, w *world, f *faults) {
		user := w.settled("admin2")
		f.broken(usersOps...)
		user.get("/admin").expect(200)
		epochs := ability[nguard.Epochs](w.back.store)
		for _, bump := range []nguard.Bump{nguard.BumpOpen, nguard.BumpClose | nguard.BumpChange} {
			f.mend()
			if _, err := epochs.Bump(t.Context(), "admin2", bump); err != nil {
				t.Fatal(err)
			}
			f.broken(usersOps...)
			user.get("/admin").outage()
			user.get("/api/auth/session").outage()
			user.post("/api/auth/update", `{"theme":"dark"}`).outage()
			user.get("/public").expect(200)
		}
		f.mend()
		user.get("/admin").expect(200)
	})
}

func outageOfLimiter(t *testing.T, k *kit) {
	for _, how := range []string{"error", "panic"} {
		fail := func() error {
			if how == "panic" {
				panic(innards)
			}
			return errBroken
		}
		t.Run(how, func(t *testing.T) {
			var down atomic.Bool
			limiter := limiterFunc(func() (nguard.Quota, error) {
				if down.Load() {
					return nguard.Quota{Allowed: true}, fail() // an error outweighs what stands beside it
				}
				return nguard.Quota{Allowed: true}, nil
			})
			ask := nguard.PolicyFunc(func(context.Context, nguard.Access) nguard.Decision {
				d := nguard.Decision{Effect: nguard.Allow, Rule: "directory"}
				if down.Load() {
					d.Err = fail()
				}
				return d
			})
			note := &nguard.Field[string]{Name: "note", Write: ask}
			w := k.newWorld(t, func(c *nguard.Config) {
				c.Fields = append(c.Fields, note)
				c.Limits = nguard.Limits{Login: limiter, Update: limiter, Read: limiter}
			})
			silence := func(Ctx) {}
			base := w.pages(
				Route{Path: "/limited", Limit: []nguard.Limiter{limiter}, Handle: silence},
				Route{Path: "/asked", Require: []nguard.Policy{ask}, Handle: silence},
			)

			user := w.browserAt(base)
			user.login("user")
			user.get("/limited").expect(200)
			user.get("/asked").expect(200)
			user.post("/api/auth/update", `{"note":"a"}`).expect(200)
			before := w.snapshot("user")
			down.Store(true)
			user.get("/limited").outage()
			user.get("/asked").outage()
			user.post("/api/auth/update", `{"note":"b"}`).outage()
			user.post("/api/auth/refresh", "").outage()
			user.get("/api/auth/session").outage()
			w.browserAt(base).post("/api/auth/login", credentials).outage()
			user.post("/api/auth/logout", "").expect(200) // asks nobody
			down.Store(false)
			if after := w.snapshot("user"); !strings.HasPrefix(before, after) { // the session is gone, nothing else
				t.Errorf("something has changed:%s", difference(before, after))
			}
			if how == "panic" {
				w.await("the panic of the limiter", func(e nguard.Event) bool { return e.Name == nguard.EventCrash && e.Action == "limiter.take" })
				w.await("the panic of the policy", func(e nguard.Event) bool { return e.Name == nguard.EventCrash && e.Action == "policy" })
			}
		})
	}
}

func outageByDeadline(t *testing.T, k *kit) {
	k.eachFaulty(t, func(t *testing.T, w *world, f *faults) {
		goroutines := -1
		for _, c := range p02Changes() {
			do := c.ready(w)
			before := w.snapshot("user", "other", "admin", "admin2")
			var hung atomic.Bool
			f.set(func(ctx context.Context, op string, run func() error) error {
				if !hung.Load() && op != "load" && op != "user" && !strings.HasPrefix(op, "record") && op != "sweep" {
					hung.Store(true) // the first call that matters
					<-ctx.Done()
					return ctx.Err()
				}
				return run()
			})
			start := time.Now()
			do().outage()
			f.mend()
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("%s: answered after %v", c.name, took)
			}
			if !hung.Load() {
				t.Errorf("%s: nothing hung", c.name)
			}
			if after := w.snapshot("user", "other", "admin", "admin2"); before != after && !strings.Contains(after, "Open:1") {
				t.Errorf("%s: something has changed:%s", c.name, difference(before, after))
			}
			if goroutines < 0 {
				goroutines = runtime.NumGoroutine()
			}
		}
		user := w.settled("user")
		f.set(func(ctx context.Context, op string, run func() error) error { <-ctx.Done(); return ctx.Err() })
		var wg sync.WaitGroup
		for range 30 {
			wg.Go(func() { user.get("/api/auth/session").outage() })
		}
		wg.Wait()
		f.mend()
		user.client.CloseIdleConnections()
		w.server.Close()
		eventually(t, "goroutines end", func() bool { return runtime.NumGoroutine() <= goroutines+20 })
	}, func(c *nguard.Config) { c.Timeout = 400 * time.Millisecond })
}
