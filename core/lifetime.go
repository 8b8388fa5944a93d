package nguard

import (
	"fmt"
	"time"
)

// Lifetime says how long sessions live. Zero fields take their defaults; negative ones, more than ten
// years, and pairs that make no sense are errors from New (checklist O4, ASVS 2.2.3).
type Lifetime struct {
	// Idle ends a session without requests. Defaults to 1 hour, or Absolute if that is less. Set it to
	// Absolute for none. It does not apply to remembered sessions.
	Idle time.Duration
	// Absolute ends a session however busy it is. Defaults to 24 hours.
	Absolute time.Duration
	// Remember is Absolute for remembered sessions. Defaults to 30 days, or Absolute if that is more. Set it
	// to Absolute, above a shorter Idle, for none: wishes to be remembered then count nothing.
	Remember time.Duration
	// RotateEvery replaces the token of a busy session at this age. Defaults to 1 hour; at least a minute.
	RotateEvery time.Duration
}

// The lifetimes that NIST SP 800-63B-4 sets for its assurance levels (2.1.3, 2.2.3, 2.3.3).
var (
	// AAL1 ends sessions after 30 days.
	AAL1 = Lifetime{Idle: 30 * 24 * time.Hour, Absolute: 30 * 24 * time.Hour}
	// AAL2 ends sessions after 24 hours, or 1 hour without a request.
	AAL2 = Lifetime{Idle: time.Hour, Absolute: 24 * time.Hour, Remember: 24 * time.Hour}
	// AAL3 ends sessions after 12 hours, or 15 minutes without a request.
	AAL3 = Lifetime{Idle: 15 * time.Minute, Absolute: 12 * time.Hour, Remember: 12 * time.Hour}
)

// Grace is how long the previous token still works after its successor was first seen (promise P5).
const Grace = 10 * time.Second

// Skew is how far the clocks of processes that share a store may be apart (checklist O3). A session
// that was last seen further in the future than this is refused, and kept.
const Skew = 5 * time.Minute

func (l Lifetime) withDefaults() (Lifetime, error) {
	const most = 10 * 365 * 24 * time.Hour
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"Idle", l.Idle}, {"Absolute", l.Absolute}, {"Remember", l.Remember}, {"RotateEvery", l.RotateEvery}} {
		if d.value < 0 || d.value > most {
			return l, fmt.Errorf("nguard: Config.Lifetime.%s is %v: use 0 for the default, or up to 10 years", d.name, d.value)
		}
	}
	if l.Absolute == 0 {
		l.Absolute = 24 * time.Hour
	}
	if l.Idle == 0 {
		l.Idle = min(time.Hour, l.Absolute)
	}
	if l.Remember == 0 {
		l.Remember = max(30*24*time.Hour, l.Absolute)
	}
	if l.RotateEvery == 0 {
		l.RotateEvery = time.Hour
	}
	switch {
	case l.Idle > l.Absolute:
		return l, fmt.Errorf("nguard: Config.Lifetime.Idle (%v) is above Absolute (%v): lower it", l.Idle, l.Absolute)
	case l.Remember < l.Absolute:
		return l, fmt.Errorf("nguard: Config.Lifetime.Remember (%v) is below Absolute (%v): raise it", l.Remember, l.Absolute)
	case l.RotateEvery < time.Minute:
		return l, fmt.Errorf("nguard: Config.Lifetime.RotateEvery (%v) is too close to the grace of %v: use at least a minute", l.RotateEvery, Grace)
	}
	return l, nil
}

// remembers reports whether sessions can be remembered. Where that would add nothing to Absolute it
// would only take away the idle limit, which the person is not to choose (checklist F5).
func (l Lifetime) remembers() bool { return l.Remember > l.Absolute || l.Idle >= l.Absolute }

// limits returns the absolute end and the idle limit of a session that starts now.
func (l Lifetime) limits(now time.Time, remember bool) (expires time.Time, idle time.Duration) {
	if remember {
		return now.Add(l.Remember), 0
	}
	if l.Idle < l.Absolute {
		idle = l.Idle
	}
	return now.Add(l.Absolute), idle
}

// bound is a session that another program has made, held to these limits as if it had begun here. An earlier end
// of its own stays.
func (l Lifetime) bound(r *Record) *Record {
	own := *r
	own.Remember = r.Remember && l.remembers()
	expires, idle := l.limits(r.Created, own.Remember)
	if expires.Before(own.Expires) {
		own.Expires = expires
	}
	own.Idle = idle
	return &own
}

// touchEvery is how often the idle clock is written: a session may end that much early, never late.
func touchEvery(idle time.Duration) time.Duration { return min(time.Minute, idle/10) }
