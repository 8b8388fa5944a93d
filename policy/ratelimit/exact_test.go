package ratelimit

import (
	"context"
	"flag"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

var seedFlag = flag.Uint64("seed", 0, "seed of the random sequences; 0 picks one")

// seeded is a source of randomness whose seed is shown when the test fails.
func seeded(t *testing.T) *rand.Rand {
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("run again with -seed=%d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

// reference is the plainest limiter: for each unit of a key, when it comes back.
type reference struct {
	rule  Rule
	step  time.Duration // 0: each unit comes back a window later; else one by one, step apart
	backs map[nguard.Caller][]time.Duration
}

func newReference(r Rule) *reference {
	ref := &reference{rule: r, backs: make(map[nguard.Caller][]time.Duration)}
	if r.Limit > ExactLimit {
		ref.step = (r.Window + time.Duration(r.Limit) - 1) / time.Duration(r.Limit)
	}
	return ref
}

// part keeps what the rule counts by.
func (r *reference) part(c nguard.Caller) nguard.Caller {
	var p nguard.Caller
	if r.rule.By&User != 0 {
		p.User = c.User
	}
	if r.rule.By&Account != 0 {
		p.Account = c.Account
	}
	if r.rule.By&IP != 0 {
		p.IP = c.IP
	}
	return p
}

// look says how many units are left, how long until n are, and until all are.
func (r *reference) look(c nguard.Caller, n int, now time.Duration) (left int, wait, reset time.Duration) {
	var out []time.Duration
	for _, back := range r.backs[r.part(c)] {
		if back > now {
			out = append(out, back)
		}
	}
	left = r.rule.Limit - len(out)
	if n > left {
		wait = out[n-left-1] - now
	}
	if len(out) > 0 {
		reset = out[len(out)-1] - now
	}
	return left, wait, reset
}

func (r *reference) debit(c nguard.Caller, n int, now time.Duration) {
	p := r.part(c)
	for range n {
		back := now + r.rule.Window
		if r.step > 0 {
			back = now + r.step
			if all := r.backs[p]; len(all) > 0 {
				back = max(now, all[len(all)-1]) + r.step
			}
		}
		r.backs[p] = append(r.backs[p], back)
	}
}

// TestExactAgainstReference runs random sequences of takes, looks and resets under random rules and
// compares every number with the plain reference's.
func TestExactAgainstReference(t *testing.T) {
	random := seeded(t)
	by := []Part{User, Account, IP, Account | IP, User | IP}
	for range 300 {
		rules := make([]Rule, 1+random.IntN(4))
		refs := make([]*reference, len(rules))
		smallest := 1 << 30
		for i := range rules {
			limit := 1 + random.IntN(12)
			switch random.IntN(4) {
			case 0:
				limit = ExactLimit + 1 + random.IntN(30)
			case 1:
				limit = ExactLimit - random.IntN(3)
			}
			rules[i] = Rule{Name: string(rune('a' + i)), Limit: limit, Window: time.Duration(1+random.IntN(5)) * 997 * time.Millisecond,
				By: by[random.IntN(len(by))], Keys: 256}
			refs[i] = newReference(rules[i])
			smallest = min(smallest, limit)
		}
		l, clock := limiterAt(t, rules...)
		for call := range 400 {
			clock.step(time.Duration(random.Int64N(int64(200 * time.Millisecond))))
			now := time.Duration(clock.nanos.Load())
			c := nguard.Caller{
				User:    []string{"u", "v"}[random.IntN(2)],
				Account: []string{"a", "b"}[random.IntN(2)],
				IP:      netip.AddrFrom4([4]byte{10, 0, 0, byte(random.IntN(2))}),
			}
			if random.IntN(60) == 0 {
				if err := l.Reset(context.Background(), c); err != nil {
					t.Fatal(err)
				}
				for _, r := range refs {
					if r.rule.By&Account != 0 {
						delete(r.backs, r.part(c))
					}
				}
				continue
			}
			n := random.IntN(min(4, smallest+1))
			got := take(t, l, c, n)

			var wait time.Duration
			fewest, named := 1<<30, -1
			for i, r := range refs {
				left, w, _ := r.look(c, max(n, 1), now)
				wait = max(wait, w)
				fewest = min(fewest, left)
				if rules[i].Name == got.Name {
					named = i
				}
			}
			if got.Allowed != (wait == 0) || got.RetryAfter != wait {
				t.Fatalf("call %d of %d units under %+v: %+v, want a wait of %v", call, n, rules, got, wait)
			}
			if got.Allowed && n > 0 {
				fewest -= n
				for _, r := range refs {
					r.debit(c, n, now)
				}
			}
			left, w, reset := refs[named].look(c, max(n, 1), now)
			if got.Remaining != left || got.Reset != reset {
				t.Fatalf("call %d of %d units under %+v: %+v, want %d left and all in %v", call, n, rules, got, left, reset)
			}
			if got.Allowed && got.Remaining != fewest || !got.Allowed && w != wait {
				t.Fatalf("call %d: %+v does not describe the rule nearest to its limit", call, got)
			}
		}
		for _, s := range l.Stats() {
			if s.Evicted+s.Shared != 0 {
				t.Fatalf("a handful of keys does not fill a table: %+v", s)
			}
		}
	}
}

// TestNoWindowHoldsMore hammers one key at random moments and counts every window of what passed.
func TestNoWindowHoldsMore(t *testing.T) {
	random := seeded(t)
	for _, limit := range []int{1, 2, 5, 10, ExactLimit, ExactLimit + 1, 600} {
		l, clock := limiterAt(t, PerUser("u", limit, time.Minute))
		var passed []time.Duration
		for range 60_000 {
			clock.step(time.Duration(random.Int64N(int64(2*time.Minute) / int64(limit) / 20)))
			if take(t, l, nguard.Caller{User: "u"}, 1).Allowed {
				passed = append(passed, time.Duration(clock.nanos.Load()))
			}
		}
		bound := limit
		if limit > ExactLimit {
			bound = 2 * limit
		}
		if len(passed) < 5*limit {
			t.Fatalf("limit %d: only %d passed", limit, len(passed))
		}
		for i, first := range passed {
			if j := i + bound; j < len(passed) && passed[j]-first < time.Minute {
				t.Fatalf("limit %d: %d units within %v", limit, bound+1, passed[j]-first)
			}
		}
	}
}

// TestGCRAPacesAfterABurst shows what a large limit promises: the limit at once, then one a step.
func TestGCRAPacesAfterABurst(t *testing.T) {
	l, clock := limiterAt(t, PerUser("u", 600, time.Minute))
	u := nguard.Caller{User: "u"}
	if got := allowed(t, l, u, 1000); got != 600 {
		t.Fatalf("%d at once, want 600", got)
	}
	for range 50 {
		clock.step(100 * time.Millisecond)
		if got := allowed(t, l, u, 5); got != 1 {
			t.Fatalf("%d in a step, want 1", got)
		}
	}
}
