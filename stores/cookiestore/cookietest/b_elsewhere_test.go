package cookietest

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/cookiestore"
	"github.com/nguard-go/nguard/stores/cookiestore/jwtcodec"
)

// clocked is a site without a companion that takes tokens made elsewhere, with or without a users table, and
// with a clock that stands still until it is set.
func clocked(t *testing.T, life nguard.Lifetime, users bool) (s *site, start time.Time, set func(since time.Duration)) {
	t.Helper()
	start = time.Now().Truncate(time.Second)
	var since atomic.Int64
	now := func() time.Time { return start.Add(time.Duration(since.Load())) }
	clock := func(c *cookiestore.Config, g *nguard.Config) {
		tokens(t, func(c *jwtcodec.Config) { c.Now, c.Older = now, []string{formerly} })(c, g)
		g.Now, g.Lifetime = now, life
	}
	s = program(t, bare, clock)
	if !users {
		c, g := cookiestore.Config{Keys: s.keys}, nguard.Config{Fields: []nguard.AnyField{note, pin}, Waive: everything}
		clock(&c, &g)
		var err error
		if g.Store, err = cookiestore.New(c); err == nil {
			s.guard, err = nguard.New(g)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	s.serve()
	return s, start, func(d time.Duration) { since.Store(int64(d)) }
}

// formerly is a secret that the front end had before.
const formerly = "h6Yt1Kv8Xq3Nw5Rb0Zm7Jc2Ls9Pd4Fg6TaUe8"

// for399 is a token of ann that its issuer wants to last for 399 days.
func for399(now time.Time) claims {
	return elsewhere("ann", "user").with("iat", now.Unix()).with("exp", now.Add(399*24*time.Hour).Unix())
}

// What another program has signed lives as long as the guard lets sessions live, whatever its end says: idle
// from when it was signed, since no later sign of the person is known, and no longer than a login of then.
func TestB6_MadeElsewhere(t *testing.T) {
	for name, c := range map[string]struct {
		life  nguard.Lifetime
		users bool
		idle  time.Duration
	}{
		"default":          {nguard.Lifetime{}, true, time.Hour},
		"AAL3":             {nguard.AAL3, true, 15 * time.Minute},
		"no users table":   {nguard.AAL3, false, 15 * time.Minute},
		"without an idle":  {nguard.Lifetime{Idle: 12 * time.Hour, Absolute: 12 * time.Hour}, true, 12 * time.Hour},
		"for a month":      {nguard.AAL1, true, 30 * 24 * time.Hour},
		"shorter than all": {nguard.Lifetime{Idle: time.Minute, Absolute: time.Hour}, true, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			s, start, set := clocked(t, c.life, c.users)
			token := signed(jwtHeader, for399(start), shared)
			at := func(since time.Duration) answer {
				set(since)
				return s.session(token)
			}
			if a := at(c.idle - time.Nanosecond); a.status != http.StatusOK {
				t.Errorf("just before the limit: got %d: %s", a.status, a.body)
			}
			for _, late := range []time.Duration{c.idle, c.idle + 5*time.Minute, c.idle + 13*time.Hour, 300 * 24 * time.Hour} {
				if a := at(late); a.status != http.StatusUnauthorized {
					t.Errorf("signed %v ago: got %d", late, a.status)
				}
			}
		})
	}
}

// Taken over, it is a session of the guard's: requests keep it alive up to the absolute end, which counts from
// when it was signed, and a front end reads an end that is true.
func TestB7_MadeElsewhere(t *testing.T) {
	for name, users := range map[string]bool{"users": true, "no users table": false} {
		t.Run(name, func(t *testing.T) {
			s, start, set := clocked(t, nguard.AAL3, users)
			value := signed(jwtHeader, for399(start), shared)
			for since := time.Duration(0); since < 12*time.Hour; since += 10 * time.Minute {
				set(since)
				a := s.session(value)
				next, ok := a.set()
				if a.status != http.StatusOK || !ok {
					t.Fatalf("%v after it was signed: got %d, a new cookie: %v: %s", since, a.status, ok, a.body)
				}
				value = next
				if ends := time.Unix(int64(payload(t, next)["exp"].(float64)), 0).Sub(start); ends > min(12*time.Hour, since+15*time.Minute) {
					t.Errorf("%v after it was signed its end is %v", since, ends)
				}
			}
			set(12*time.Hour - time.Nanosecond)
			if a := s.session(value); a.status != http.StatusOK {
				t.Errorf("just before the end: got %d", a.status)
			}
			set(12 * time.Hour)
			if a := s.session(value); a.status != http.StatusUnauthorized {
				t.Errorf("at the end: got %d", a.status)
			}
		})
	}
	for what, secret := range map[string]string{"left alone": shared, "left alone, with an older secret": formerly} {
		t.Run(what, func(t *testing.T) {
			s, start, set := clocked(t, nguard.AAL3, true)
			set(10 * time.Minute)
			value, ok := s.session(signed(jwtHeader, for399(start), secret)).set()
			if !ok || payload(t, value)["sealed"] == nil {
				t.Fatalf("it was not taken over: %q", value)
			}
			for since, want := range map[time.Duration]int{25*time.Minute - 1: http.StatusOK, 25 * time.Minute: http.StatusUnauthorized, 13 * time.Hour: http.StatusUnauthorized} {
				set(since)
				if a := s.session(value); a.status != want {
					t.Errorf("%v later: got %d, want %d", since, a.status, want)
				}
			}
		})
	}
	t.Run("an end of its own", func(t *testing.T) {
		s, start, set := clocked(t, nguard.Lifetime{}, true)
		token := signed(jwtHeader, for399(start).with("exp", start.Add(10*time.Minute).Unix()), shared)
		value, ok := s.session(token).set()
		if !ok {
			t.Fatal("it was not taken over")
		}
		for since, want := range map[time.Duration]int{10*time.Minute - 1: http.StatusOK, 10 * time.Minute: http.StatusUnauthorized} {
			set(since)
			for what, v := range map[string]string{"the token": token, "taken over": value} {
				if a := s.session(v); a.status != want {
					t.Errorf("%s, %v later: got %d, want %d", what, since, a.status, want)
				}
			}
		}
	})
}
