package ratelimit

import (
	"context"
	"net/netip"
	"strconv"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// login is the default login limiter with a clock.
func login(t *testing.T) (*Limiter, *fakeClock) {
	t.Helper()
	return limiterAt(t, LoginRules()...)
}

func TestI8_OnePasswordOverManyAccounts(t *testing.T) {
	l, _ := login(t)
	passed := 0
	for i := range 1000 {
		passed += allowed(t, l, at("account-"+strconv.Itoa(i), "203.0.113.1"), 1)
	}
	if passed != 30 {
		t.Errorf("%d guesses from one address in a minute, want 30", passed)
	}
	for i := range 1000 {
		ip := netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 0, 1, byte(i >> 8), byte(i)})
		passed += allowed(t, l, nguard.Caller{Account: "other-" + strconv.Itoa(i), IP: ip}, 1)
	}
	if passed != 330 {
		t.Errorf("%d guesses with a rotating /48, want 330", passed)
	}
}

func TestI9_OneAccountFromManyAddresses(t *testing.T) {
	l, clock := login(t)
	passed := 0
	for i := range 900 {
		passed += allowed(t, l, nguard.Caller{Account: "alice", IP: numbered(i)}, 1)
		clock.step(time.Second)
	}
	if passed != 50 {
		t.Errorf("%d guesses at one account in 15 minutes, want 50", passed)
	}
}

func TestI10_OwnLoginsDoNotResetTheNetwork(t *testing.T) {
	l, _ := login(t)
	own := at("mallory", "203.0.113.1")
	passed := 0
	for i := range 1000 {
		passed += allowed(t, l, at("account-"+strconv.Itoa(i), "203.0.113.1"), 1)
		if err := l.Reset(context.Background(), own); err != nil {
			t.Fatal(err)
		}
	}
	if passed != 30 {
		t.Errorf("%d guesses between own logins, want 30", passed)
	}
}

func TestSuccessResetsTheAccount(t *testing.T) {
	l, clock := login(t)
	alice := at("alice", "203.0.113.1")
	if got := allowed(t, l, alice, 10); got != 5 {
		t.Fatalf("%d", got)
	}
	if err := l.Reset(context.Background(), at("ALICE ", "203.0.113.1")); err != nil {
		t.Fatal(err)
	}
	if got := allowed(t, l, alice, 10); got != 5 {
		t.Errorf("after a success %d pass, want 5", got)
	}
	clock.step(time.Minute)
	if q := take(t, l, alice, 1); !q.Allowed {
		t.Errorf("%+v", q)
	}
}

func TestLoginDelayGrowsAndEnds(t *testing.T) {
	l, clock := login(t)
	alice := at("alice", "203.0.113.1")
	var longest time.Duration
	var delays []time.Duration
	for range 100 {
		q := take(t, l, alice, 1)
		if !q.Allowed {
			delays = append(delays, q.RetryAfter)
			longest = max(longest, q.RetryAfter)
			clock.step(q.RetryAfter)
			if q = take(t, l, alice, 1); !q.Allowed {
				t.Fatalf("refused after the wait that was named: %+v", q)
			}
		}
	}
	if delays[0] != time.Minute || longest <= 5*time.Minute || longest > LoginDelay {
		t.Errorf("delays %v, want them to begin with a minute and end under %v", delays, LoginDelay)
	}
}

// TestI11_VictimGetsIn fails a victim's login a thousand times, in three ways.
func TestI11_VictimGetsIn(t *testing.T) {
	attacks := map[string]struct {
		from func(i int) netip.Addr
		// atOnce says that the victim, elsewhere, gets in without any delay.
		atOnce bool
	}{
		"one address":  {func(int) netip.Addr { return netip.MustParseAddr("198.51.100.66") }, true},
		"one /48":      {func(i int) netip.Addr { return netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 0, 1, 0, byte(i)}) }, true},
		"a thousand":   {numbered, false},
		"same network": {func(int) netip.Addr { return netip.MustParseAddr("203.0.113.1") }, false},
	}
	victim := at("alice", "203.0.113.1")
	for name, attack := range attacks {
		for _, pace := range []time.Duration{0, time.Second, 3 * time.Second} {
			t.Run(name+" every "+pace.String(), func(t *testing.T) {
				l, clock := login(t)
				for i := range 1000 {
					take(t, l, nguard.Caller{Account: "alice", IP: attack.from(i)}, 1)
					clock.step(pace)
				}
				q := take(t, l, victim, 1)
				if attack.atOnce && !q.Allowed {
					t.Errorf("the victim is at another network and has to wait: %+v", q)
				}
				if q.RetryAfter > LoginDelay {
					t.Errorf("a wait of %v, %v is documented", q.RetryAfter, LoginDelay)
				}
				clock.step(q.RetryAfter)
				if !q.Allowed && !take(t, l, victim, 1).Allowed {
					t.Error("the victim waited as told and is refused")
				}
			})
		}
	}
}

// TestI15_KnownAndUnknownLookAlike: an answer depends on what was counted, not on who exists, and names
// nobody.
func TestI15_KnownAndUnknownLookAlike(t *testing.T) {
	l, _ := login(t)
	known, unknown := at("alice", "198.51.100.1"), at("nobody", "203.0.113.1")
	for range 8 {
		a, b := take(t, l, known, 1), take(t, l, unknown, 1)
		if a != b {
			t.Errorf("%+v and %+v", a, b)
		}
		if !a.Allowed && Seconds(a.RetryAfter) < 1 {
			t.Errorf("%+v", a)
		}
	}
}

func TestDefaults(t *testing.T) {
	d := Defaults()
	c := nguard.Caller{User: "u", Account: "a", IP: netip.MustParseAddr("2001:db8::1")}
	for name, want := range map[string]struct {
		l     nguard.Limiter
		limit int
	}{"login": {d.Login, 5}, "update": {d.Update, 10}, "read": {d.Read, 600}} {
		if got := allowed(t, want.l, c, 2*want.limit); got < want.limit || got > want.limit+1 {
			t.Errorf("%s: %d pass at once, want %d", name, got, want.limit)
		}
	}
	if q, err := known(nil).Take(context.Background(), c, 1); q.Allowed || err == nil {
		t.Errorf("rules that cannot work make a limiter that refuses: %+v, %v", q, err)
	}
	other := c
	other.User = "v"
	if got := allowed(t, d.Update, other, 20); got != 10 {
		t.Errorf("another user at the same address gets %d updates, want 10", got)
	}
}
