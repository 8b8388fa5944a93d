package adaptertest

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
)

// limitGuesses are the rules I8 to I11, I14 and I15 of the checklist: guesses of passwords.
var limitGuesses = []rule{
	{"I8 one password, many accounts", "One password tried on many accounts is stopped by the network, and the delay ends.", limitOnePassword},
	{"I9 one account, many addresses", "Guesses at one account from many addresses are stopped by the account; at the hundredth straight failure the record says that this authenticator is to be disabled.", limitOneAccount},
	{"I10 own logins between guesses", "Logging in oneself gives nothing back to the network; it does to the account whose password was right.", limitOwnLogins},
	{"I11 the victim", "Of a thousand wrong passwords from one network none keeps the person out elsewhere, and in the same network the documented delay ends.", limitVictim},
	{"I14 parallel guesses", "Of a thousand guesses at once five reach the verifier: the count is taken before anything is verified.", limitParallel},
	{"I15 headers", "What limits say tells nothing about who exists, and names nobody.", limitHeaders},
}

func limitOnePassword(t *testing.T, k *kit) {
	w := k.limitedWorld(t)
	b := w.browser()
	var last answer
	got := tries(b, 40, func(i int) answer { last = guess(b, fmt.Sprint("a", i), from("203.0.113.70")); return last })
	if got != 30 {
		t.Errorf("%d guesses passed, want 30", got)
	}
	w.wait(last)
	guess(b, "one more", from("203.0.113.70")).expect(401)
}

func limitOneAccount(t *testing.T, k *kit) {
	w := k.limitedWorld(t)
	b := w.browser()
	if got := tries(b, 60, func(i int) answer { return guess(b, "user", from(fmt.Sprintf("198.%d.%d.1", 51+i, i))) }); got != 50 {
		t.Errorf("%d guesses passed, want 50", got)
	}
	w = k.newWorld(t, behindProxy)
	b = w.browser()
	for i := range 101 {
		guess(b, "user", from(fmt.Sprintf("198.%d.%d.1", 51+i, i))).expect(401)
	}
	e := w.awaitEvent(nguard.EventLoginFailMax, nguard.Failure)
	if e.Target != "user" || e.Count != 100 {
		t.Errorf("record: %+v", e)
	}
	b.login("user")
	if e := w.awaitEvent(nguard.EventLoginAfterFail, nguard.Success); e.Count != 101 || e.Target != "user" {
		t.Errorf("record of the success after: %+v", e)
	}
	guess(b, "user").expect(401)
	n := 0
	for _, e := range w.back.read() {
		if e.Name == nguard.EventLoginFailMax {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d records of the hundredth failure", n)
	}
}

func limitOwnLogins(t *testing.T, k *kit) {
	w := k.limitedWorld(t)
	b, here := w.browser(), from("203.0.113.80")
	own := `{"id":"other","password":"` + guardtest.Password + `"}`
	got := 0
	for i := range 40 {
		a := guess(b, fmt.Sprint("a", i), here)
		if a.status == 429 {
			break
		}
		got++
		if a = b.do("POST", "/api/auth/login", own, here); a.status == 429 {
			break
		}
		got++
	}
	if got != 30 {
		t.Errorf("%d logins passed, want 30", got)
	}
	// Four wrong, one right: the person has all five again, as often as they like within the network's 30.
	there := from("203.0.113.81")
	for range 4 {
		for range 4 {
			guess(b, "user", there).expect(401)
		}
		b.do("POST", "/api/auth/login", `{"id":"user","password":"`+guardtest.Password+`"}`, there).expect(200)
	}
	if got := tries(b, 10, func(int) answer { return guess(b, "user", there) }); got != 5 {
		t.Errorf("%d guesses after a success passed, want 5", got)
	}
}

func limitVictim(t *testing.T, k *kit) {
	w := k.limitedWorld(t)
	attacker := w.browser()
	passed := 0
	var last answer
	for i := range 1000 {
		last = guess(attacker, "user", from("203.0.113.90"))
		if last.status == 401 {
			passed++
		}
		if i%10 == 9 {
			w.clock.Advance(time.Second)
		}
	}
	if passed > 10 || last.status != 429 {
		t.Errorf("%d guesses passed in 100 s, the last got %d", passed, last.status)
	}
	right := `{"id":"user","password":"` + guardtest.Password + `"}`
	w.browser().do("POST", "/api/auth/login", right, from("198.51.100.7")).expect(200)
	begin, delay := w.clock.Now(), k.limits(t, w.clock.Now).LoginDelay
	for range 10 {
		a := w.browser().do("POST", "/api/auth/login", right, from("203.0.113.90"))
		if a.status == 200 {
			return
		}
		a.expect(429)
		w.wait(a)
		if waited := w.clock.Now().Sub(begin); waited > delay+time.Minute {
			t.Fatalf("the person waits for %v", waited)
		}
	}
	t.Error("the person never gets in")
}

// The five are held at the verifier until everybody else has been answered.
func limitParallel(t *testing.T, k *kit) {
	const parallel, limit = 1000, 5
	users := &countingUsers{Users: guardtest.NewUsers(People()...), gate: make(chan struct{})}
	w := k.newWorld(t, k.defaultLimits(t), func(c *nguard.Config) { c.Users, c.Timeout = users, time.Minute })
	b := w.browser()
	b.client.Transport.(*http.Transport).MaxConnsPerHost = 200
	b.client.Timeout = time.Minute
	var limited, failed, other atomic.Int64
	var done sync.WaitGroup
	start := make(chan struct{})
	for range parallel {
		done.Add(1)
		go func() {
			defer done.Done()
			<-start
			a, err := b.try("POST", "/api/auth/login", `{"id":"user","password":"wrong"}`)
			switch {
			case err == nil && a.status == 429:
				if limited.Add(1) == parallel-limit {
					close(users.gate)
				}
			case err == nil && a.status == 401:
				failed.Add(1)
			default:
				other.Add(1)
				t.Errorf("a guess got %d, %v", a.status, err)
			}
		}()
	}
	close(start)
	done.Wait()
	if n := users.verified.Load(); n != limit || failed.Load() != limit || limited.Load() != parallel-limit || other.Load() != 0 {
		t.Errorf("%d reached the verifier; %d were wrong, %d limited, %d something else", n, failed.Load(), limited.Load(), other.Load())
	}
}

func limitHeaders(t *testing.T, k *kit) {
	w := k.limitedWorld(t)
	w.back.put(nguard.User{ID: "disabled", Email: "disabled@example.com", Role: "user", Disabled: true})
	seconds := regexp.MustCompile(`;t=\d+`)
	shape := func(account, address string) string {
		var b strings.Builder
		for range 7 {
			a := guess(w.browser(), account, from(address))
			fmt.Fprintf(&b, "%d %s %s %s %v", a.status, a.raw, seconds.ReplaceAllString(a.header.Get("RateLimit"), ""), a.header.Get("RateLimit-Policy"), a.header.Get("Retry-After") != "")
			names := make([]string, 0, len(a.header))
			for name := range a.header {
				names = append(names, name)
			}
			for _, name := range names {
				for _, v := range a.header.Values(name) {
					if strings.Contains(v, account) || strings.Contains(v, address) {
						t.Errorf("header %s says %q", name, v)
					}
				}
			}
			fmt.Fprintf(&b, " %d headers\n", len(names))
		}
		return b.String()
	}
	known := shape("user@example.com", "203.0.113.201")
	for i, account := range []string{"user", "nobody@example.com", "disabled@example.com", "x"} {
		if got := shape(account, fmt.Sprintf("203.0.113.%d", 202+i)); got != known {
			t.Errorf("%s:\n%s\nuser@example.com:\n%s", account, got, known)
		}
	}
}
