package ratelimit

import (
	"context"
	"errors"
	"math"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

func TestNewRefusesWhatCannotWork(t *testing.T) {
	ok := PerUser("u", 5, time.Minute)
	with := func(change func(*Rule)) []Rule {
		r := ok
		change(&r)
		return []Rule{r}
	}
	for name, rules := range map[string][]Rule{
		"no rules":          {},
		"zero rule":         {{}},
		"bad name":          with(func(r *Rule) { r.Name = `a"b` }),
		"capitals":          with(func(r *Rule) { r.Name = "Login" }),
		"long name":         with(func(r *Rule) { r.Name = strings.Repeat("a", 65) }),
		"no part":           with(func(r *Rule) { r.By = 0 }),
		"unknown part":      with(func(r *Rule) { r.By = 8 }),
		"limit 0":           with(func(r *Rule) { r.Limit = 0 }),
		"negative limit":    with(func(r *Rule) { r.Limit = -1 }),
		"limit over a unit": with(func(r *Rule) { r.Limit, r.Window = 2_000_000, time.Millisecond }),
		"window too short":  with(func(r *Rule) { r.Window = time.Millisecond - 1 }),
		"window too long":   with(func(r *Rule) { r.Window = math.MaxInt64 }),
		"negative window":   with(func(r *Rule) { r.Window = -time.Minute }),
		"bad V4":            with(func(r *Rule) { r.V4 = 33 }),
		"bad V6":            with(func(r *Rule) { r.V6 = -1 }),
		"negative keys":     with(func(r *Rule) { r.Keys = -1 }),
		"too many keys":     with(func(r *Rule) { r.Keys = maxKeys + 1 }),
		"same name twice":   {ok, ok},
		"nine rules":        make([]Rule, 9),
	} {
		l, err := New(rules...)
		if err == nil || l != nil {
			t.Errorf("%s: no error", name)
			continue
		}
		if !strings.HasPrefix(err.Error(), "ratelimit: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestZeroLimiterRefuses(t *testing.T) {
	if q, err := new(Limiter).Take(context.Background(), nguard.Caller{User: "u"}, 1); err == nil || q.Allowed {
		t.Errorf("%+v, %v", q, err)
	}
	if q, err := new(UluleLimiter).Take(context.Background(), nguard.Caller{User: "u"}, 1); err == nil || q.Allowed {
		t.Errorf("%+v, %v", q, err)
	}
}

func TestUnitsOutOfRange(t *testing.T) {
	l, _ := limiterAt(t, PerUser("a", 5, time.Minute), PerUser("b", 3, time.Hour))
	for _, n := range []int{-1, 4, math.MaxInt, math.MinInt} {
		if q, err := l.Take(context.Background(), nguard.Caller{User: "u"}, n); !errors.Is(err, ErrUnits) || q.Allowed {
			t.Errorf("%d units: %+v, %v", n, q, err)
		}
	}
	if q := take(t, l, nguard.Caller{User: "u"}, 3); !q.Allowed {
		t.Errorf("calls that failed were debited: %+v", q)
	}
}

func TestLookingTakesNothing(t *testing.T) {
	l, _ := limiterAt(t, PerUser("u", 2, time.Minute))
	u := nguard.Caller{User: "u"}
	for range 5 {
		if q := take(t, l, u, 0); !q.Allowed || q.Remaining != 2 || q.Reset != 0 {
			t.Fatalf("%+v", q)
		}
	}
	allowed(t, l, u, 2)
	if q := take(t, l, u, 0); q.Allowed || q.Remaining != 0 || q.RetryAfter != time.Minute {
		t.Fatalf("with nothing left a look is refused: %+v", q)
	}
}

func TestRefusalDebitsNoRule(t *testing.T) {
	l, clock := limiterAt(t, PerAccount("account", 10, time.Hour), PerIP("net", 2, time.Minute))
	c := at("alice", "203.0.113.1")
	if got := allowed(t, l, c, 100); got != 2 {
		t.Fatalf("%d passed, want 2", got)
	}
	if got := allowed(t, l, at("alice", "203.0.113.2"), 2); got != 2 {
		t.Fatal("another network has its own count")
	}
	clock.step(time.Minute)
	q := take(t, l, c, 0)
	if q.Name != "net" || q.Remaining != 2 {
		t.Fatalf("%+v", q)
	}
	passed := 4
	for i := range 100 {
		passed += allowed(t, l, nguard.Caller{Account: "alice", IP: numbered(i)}, 1)
	}
	if passed != 10 {
		t.Errorf("the account got %d, want 10: refusals by the network must not have been debited", passed)
	}
}

func TestQuotaDescribesTheNearestRule(t *testing.T) {
	l, _ := limiterAt(t, PerAccount("account", 3, time.Hour), PerIP("net", 2, time.Minute))
	c := at("alice", "203.0.113.1")
	q := take(t, l, c, 1)
	if q.Name != "net" || q.Limit != 2 || q.Window != time.Minute || q.Remaining != 1 || q.Reset != time.Minute {
		t.Errorf("%+v", q)
	}
	take(t, l, at("alice", "203.0.113.2"), 2)
	q = take(t, l, c, 1)
	if q.Allowed || q.Name != "account" || q.Remaining != 0 || q.RetryAfter != time.Hour {
		t.Errorf("%+v", q)
	}
	q = take(t, l, at("bob", "203.0.113.2"), 1)
	if q.Allowed || q.Name != "net" || q.RetryAfter != time.Minute {
		t.Errorf("%+v", q)
	}
}

func TestPolicyHeader(t *testing.T) {
	l, _ := limiterAt(t, PerAccount("login-account", 5, time.Minute), PerIP("login-net", 30, 1500*time.Millisecond))
	want := `"login-account";q=5;w=60, "login-net";q=30;w=2`
	if l.Policy() != want {
		t.Errorf("%s, want %s", l.Policy(), want)
	}
	if q := take(t, l, at("alice", "::1"), 1); q.Policy != want {
		t.Errorf("%+v", q)
	}
}

func TestSecondsAreNeverEarly(t *testing.T) {
	for d, want := range map[time.Duration]int{
		-time.Hour: 1, 0: 1, 1: 1, time.Second: 1, time.Second + 1: 2, 90 * time.Second: 90, 90*time.Second - 1: 90, maxWindow: 366 * 24 * 3600,
	} {
		if got := Seconds(d); got != want {
			t.Errorf("Seconds(%v) = %d, want %d", d, got, want)
		}
	}
}

func TestI14_ParallelAttempts(t *testing.T) {
	rules := map[string][]Rule{
		"one rule":    {PerAccount("account", 5, time.Minute)},
		"three rules": {PerIP("net", 500, time.Minute), PerAccount("account", 5, time.Minute), PerAccountIP("pair", 9, time.Hour)},
		"gcra":        {PerUser("u", 1<<20, time.Hour), PerAccount("account", 5, time.Minute)},
	}
	for name, rules := range rules {
		t.Run(name, func(t *testing.T) {
			l, _ := limiterAt(t, rules...)
			c := at("alice", "203.0.113.1")
			c.User = "u"
			var passed atomic.Int64
			var wg sync.WaitGroup
			for range 1000 {
				wg.Go(func() {
					if q, err := l.Take(context.Background(), c, 1); err == nil && q.Allowed {
						passed.Add(1)
					}
				})
			}
			wg.Wait()
			if passed.Load() != 5 {
				t.Errorf("%d of 1000 passed, want exactly 5", passed.Load())
			}
		})
	}
}

// TestNoDeadlock takes, resets and reads on the same and on crossing keys at once.
func TestNoDeadlock(t *testing.T) {
	rules := []Rule{PerIP("net", 50, time.Millisecond), PerAccount("account", 5, time.Millisecond), PerAccountIP("pair", 100, time.Millisecond)}
	for i := range rules {
		rules[i].Keys = 8
	}
	l, err := New(rules...)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 3000 {
				c := nguard.Caller{Account: string(rune('a' + (i*g)%26)), IP: numbered(i * (g + 1) % 40)}
				if _, err := l.Take(context.Background(), c, i%3); err != nil {
					t.Error(err)
				}
				if i%100 == 0 {
					if err := l.Reset(context.Background(), c); err != nil {
						t.Error(err)
					}
					l.Stats()
				}
			}
		})
	}
	wg.Wait()
}

// TestTimeUnderSynctest uses the system's clock in a bubble, with a limiter made inside and one outside.
func TestTimeUnderSynctest(t *testing.T) {
	outside, err := New(PerUser("u", 10, time.Minute), PerUser("g", 1000, time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	u := nguard.Caller{User: "u"}
	synctest.Test(t, func(t *testing.T) {
		inside, err := New(outside.rules...)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range []*Limiter{inside, outside} {
			for range 3 {
				if got := allowed(t, l, u, 50); got != 10 {
					t.Fatalf("%d passed, want 10", got)
				}
				q := take(t, l, u, 1)
				if q.RetryAfter != time.Minute {
					t.Fatalf("%+v", q)
				}
				<-time.After(q.RetryAfter - 1)
				if take(t, l, u, 1).Allowed {
					t.Fatal("a nanosecond before RetryAfter a call is refused")
				}
				<-time.After(1)
			}
		}
	})
}

// TestClockThatSteps gives a clock that runs backwards: nothing is gained by it, and nothing lasts.
func TestClockThatSteps(t *testing.T) {
	for _, limit := range []int{5, 100} {
		l, clock := limiterAt(t, PerUser("u", limit, time.Minute))
		u := nguard.Caller{User: "u"}
		allowed(t, l, u, limit)
		clock.step(-time.Hour)
		if take(t, l, u, 1).Allowed {
			t.Error("a clock set back frees nothing (checklist O2)")
		}
		clock.step(time.Hour + time.Minute)
		if got := allowed(t, l, u, 2*limit); got != limit {
			t.Errorf("%d passed afterwards, want %d", got, limit)
		}
	}
}

func TestTakeAllocatesNothing(t *testing.T) {
	login := DefaultLogin()
	update := DefaultUpdate()
	c := nguard.Caller{User: "user-1", Account: "alice@example.com", IP: netip.MustParseAddr("2001:db8::1")}
	ctx := context.Background()
	for name, f := range map[string]func(){
		"login":  func() { login.Take(ctx, c, 1) },
		"update": func() { update.Take(ctx, c, 1) },
		"reset":  func() { login.Reset(ctx, c) },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
