package promises

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nguard-go/nguard/adapters/httpguard"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
)

// outage checks the form of a 503: when to come again, nothing of the inside, and no word on the cookie.
func (a answer) outage() answer {
	a.t.Helper()
	a.expect(503)
	if a.header.Get("Retry-After") == "" {
		a.t.Errorf("%s: 503 without Retry-After", a.what)
	}
	if got := a.header.Get("Content-Type"); got != "application/json" {
		a.t.Errorf("%s: Content-Type is %q", a.what, got)
	}
	if lines := a.header.Values("Set-Cookie"); len(lines) > 0 {
		a.t.Errorf("%s: an outage sets a cookie: %q", a.what, lines)
	}
	a.discreet()
	return a
}

// discreet checks that an answer tells nothing of the inside (checklist N9).
func (a answer) discreet() {
	a.t.Helper()
	text := strings.ToLower(string(a.raw) + fmt.Sprint(a.header))
	for _, word := range []string{"select", "nguard_sessions", "pq:", "10.0.0.7", "/var/lib", ".go:", "goroutine", "panic", "sqlite", "runtime error", "store.", "users.", "sink."} {
		if strings.Contains(text, word) {
			a.t.Errorf("%s: the answer tells %q: %s %v", a.what, word, a.raw, a.header)
		}
	}
}

// While the store cannot be read nobody is signed out and nothing is granted: 503, the cookie stays, and
// pages that need no session work.
func TestP07_N1_StoreDownOnRead(t *testing.T) {
	eachFaulty(t, func(t *testing.T, w *world, f *faults) {
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

// A write of bookkeeping that fails ends nothing and denies nothing.
func TestP07_BookkeepingDown(t *testing.T) {
	eachFaulty(t, func(t *testing.T, w *world, f *faults) {
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

// While a user is being changed and the users table is down, nobody knows what they may do: 503. Where
// nothing has changed the users table is not needed.
func TestP07_UsersDownWhileChanging(t *testing.T) {
	eachFaulty(t, func(t *testing.T, w *world, f *faults) {
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

// The end of a session waits for no sink, even for one that hangs and knows no deadline: logout, other
// devices, theft. The records are there when the sink is back, and say that it was away.
func TestP07_EndingNeverWaitsForASink(t *testing.T) {
	eachFaulty(t, func(t *testing.T, w *world, f *faults) {
		owner := w.settled("other")
		thief := owner.copyOf()
		for range 2 { // two generations
			w.clock.Advance(nguard.Grace + time.Second)
			owner.post("/api/auth/refresh", "").expect(200)
			owner.get("/api/auth/session").expect(200)
		}
		user, phone, tablet := w.settled("user"), w.settled("user"), w.settled("user")
		id := strings.SplitN(phone.get("/who").header.Get(nguard.VersionHeader), ".", 2)[0]

		release := make(chan struct{})
		f.set(func(_ context.Context, op string, run func() error) error {
			if slices.Contains(sinkOps, op) {
				<-release
			}
			return run()
		})
		user.do("DELETE", "/api/auth/sessions/"+id, "").expect(200)
		phone.get("/api/auth/session").expect(401)
		user.post("/api/auth/logout", "").expect(200)
		if user.token() != "" {
			t.Error("the browser still holds a token")
		}
		thief.get("/api/auth/session").expect(401)
		owner.get("/api/auth/session").expect(401)
		if err := w.guard.RevokeUser(nguard.WithActor(t.Context(), "job"), "user"); err != nil {
			t.Error(err)
		}
		tablet.get("/api/auth/session").expect(401)
		for _, e := range w.back.read() {
			if e.Class == nguard.ClassEnd {
				t.Fatalf("the sink was to hang, but has %s", describe([]nguard.Event{e}))
			}
		}
		close(release)
		w.awaitEvent(nguard.EventLogout, nguard.Success)
		w.awaitEvent(nguard.EventTokenReuse, nguard.Denied)
		w.await("one device", func(e nguard.Event) bool { return e.Name == nguard.EventTokenRevoked && e.Session == id })
		w.await("all devices", func(e nguard.Event) bool { return e.Name == nguard.EventTokenRevoked && e.Actor == "job" })
	})
}

// While the sink is down a change is refused and nothing changes; ends go on; and when it is back, what
// was held back is written and the gap is named.
func TestP07_SinkDown(t *testing.T) {
	eachFaulty(t, func(t *testing.T, w *world, f *faults) {
		w.touchEpochs("user", "other", "admin", "admin2")
		for _, c := range p02Changes() {
			if strings.HasPrefix(c.name, "log out one") || c.name == "logout" {
				continue // ends
			}
			do := c.ready(w)
			before := w.snapshot("user", "other", "admin", "admin2")
			f.broken(sinkOps...)
			a := do().outage()
			f.mend()
			after := w.snapshot("user", "other", "admin", "admin2")
			if codeOf(a) != "unavailable" {
				t.Errorf("%s: code is %q", c.name, codeOf(a))
			}
			if before != after {
				t.Errorf("%s: something has changed:%s", c.name, difference(before, after))
			}
		}
		user := w.settled("user")
		failed := make(chan struct{})
		var once sync.Once
		f.set(func(_ context.Context, op string, run func() error) error {
			if slices.Contains(sinkOps, op) {
				defer once.Do(func() { close(failed) })
				return errBroken
			}
			return run()
		})
		user.post("/api/auth/logout", "").expect(200)
		<-failed
		f.mend()
		logout := w.awaitEvent(nguard.EventLogout, nguard.Success)
		if logout.Actor != "user" || logout.RequestID == "" || logout.IP == "" {
			t.Errorf("record after the outage: %+v", logout)
		}
		w.awaitEvent(nguard.EventMonitorEnabled, nguard.Success)
	})
}

// limiterFunc is a limiter of a test.
type limiterFunc func() (nguard.Quota, error)

func (l limiterFunc) Take(context.Context, nguard.Caller, int) (nguard.Quota, error) { return l() }

// A limiter or a policy that cannot answer refuses, with 503 and not with 429, 403 or a pass; so does one
// that panics, and the process lives.
func TestP07_N4_LimiterAndPolicyDown(t *testing.T) {
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
			w := newWorld(t, memory(t), func(c *nguard.Config) {
				c.Fields = append(c.Fields, note)
				c.Limits = nguard.Limits{Login: limiter, Update: limiter, Read: limiter}
			})
			mux := http.NewServeMux()
			mux.Handle("/limited", httpguard.Limit(w.guard, limiter)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
			mux.Handle("/asked", httpguard.Require(w.guard, ask)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
			server := httptest.NewServer(httpguard.Sessions(w.guard)(httpguard.Endpoints(w.guard)(mux)))
			t.Cleanup(server.Close)

			user := w.browserAt(server.URL)
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
			w.browserAt(server.URL).post("/api/auth/login", `{"id":"user","password":"`+guardtest.Password+`"}`).outage()
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

// A dependency that answers too late is one that is down: 503 at the deadline, and no goroutine is left.
func TestP07_N3_Deadline(t *testing.T) {
	eachFaulty(t, func(t *testing.T, w *world, f *faults) {
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
		w.server.CloseClientConnections()
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for range 2500 {
			if runtime.NumGoroutine() <= goroutines+20 {
				return
			}
			<-tick.C
		}
		t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), goroutines)
	}, func(c *nguard.Config) { c.Timeout = 150 * time.Millisecond })
}

// Shutdown ends at its deadline, whatever the sink does.
func TestP07_ShutdownDoesNotHang(t *testing.T) {
	for _, reason := range []string{"nothing held back", "records held back"} {
		t.Run(reason, func(t *testing.T) {
			b, f := faulty(memory(t))
			w := newWorld(t, b)
			user := w.settled("user")
			release := make(chan struct{})
			t.Cleanup(func() { close(release) })
			f.set(func(_ context.Context, op string, run func() error) error {
				if strings.HasPrefix(op, "record") {
					<-release
				}
				return run()
			})
			if reason == "records held back" {
				user.post("/api/auth/logout", "").expect(200)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			done := make(chan error, 1)
			go func() { done <- w.guard.Shutdown(ctx) }()
			select {
			case err := <-done:
				if err == nil {
					t.Error("Shutdown does not say that records are missing")
				}
			case <-time.After(5 * time.Second):
				t.Fatal("Shutdown hangs")
			}
		})
	}
}
