package ratelimit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/ulule/limiter/v3"

	nguard "github.com/nguard-go/nguard/core"
)

// UluleLimiter is a [nguard.Limiter] over a store of ulule/limiter, such as its Redis store, for
// limits that several processes share. [FromUlule] makes it. Safe for concurrent use if the store is.
// The zero value refuses every call with an error.
//
// The guarantees are the store's. With ulule's own stores windows are fixed, so that up to twice the
// limit less one passes around the end of one. The rules are looked at first and debited then, in two
// steps: calls at the same moment never get more than the limits, but one that is refused in between
// may have used units of other rules. Waits are rounded up to the next second, since the stores report
// no finer.
type UluleLimiter struct {
	store   limiter.Store
	rules   []Rule
	rates   []limiter.Rate
	prefix  []string
	policy  string
	timeout time.Duration
}

var (
	_ nguard.Limiter  = (*UluleLimiter)(nil)
	_ nguard.Resetter = (*UluleLimiter)(nil)
)

// DefaultTimeout is how long a [UluleLimiter] gives its store for one call.
const DefaultTimeout = time.Second

// FromUlule makes a limiter of 1 to 8 rules over store. A rule's Keys means nothing here. A
// limiter.Rate r is the rule with Limit r.Limit and Window r.Period.
//
// In the store a key has the rule's name, limit and window in clear and a SHA-256 of who is counted:
// two windows of one name do not mix, and keys have a bounded length and name nobody.
func FromUlule(store limiter.Store, rules ...Rule) (*UluleLimiter, error) {
	if store == nil {
		return nil, errors.New("ratelimit: FromUlule needs a store")
	}
	rules, err := CheckRules(rules)
	if err != nil {
		return nil, err
	}
	u := &UluleLimiter{store: store, rules: rules, policy: Header(rules), timeout: DefaultTimeout}
	for _, r := range rules {
		if r.Window%time.Millisecond != 0 {
			return nil, fmt.Errorf("ratelimit: rule %q: stores count in whole milliseconds, not %v", r.Name, r.Window)
		}
		formatted := strconv.Itoa(r.Limit) + "-" + r.Window.String()
		u.rates = append(u.rates, limiter.Rate{Formatted: formatted, Limit: int64(r.Limit), Period: r.Window})
		u.prefix = append(u.prefix, "nguard:"+r.Name+":"+formatted+":")
	}
	return u, nil
}

// WithTimeout is a copy of u that gives the store d for one call instead of [DefaultTimeout], all
// rules together. The store must heed its context, as ulule's Redis store does.
func (u *UluleLimiter) WithTimeout(d time.Duration) *UluleLimiter {
	v := *u
	v.timeout = d
	return &v
}

// Take is as [Limiter.Take], within what the store can promise. When the store fails, panics, or does
// not answer in time, the error matches [nguard.ErrUnavailable] and the store's own.
func (u *UluleLimiter) Take(ctx context.Context, c nguard.Caller, n int) (nguard.Quota, error) {
	if len(u.rules) == 0 {
		return nguard.Quota{}, errNoRules
	}
	if err := CheckUnits(u.rules, n); err != nil {
		return nguard.Quota{}, err
	}
	keys, err := u.keys(&c, User|Account|IP)
	if err != nil {
		return nguard.Quota{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, u.timeout)
	defer cancel()
	now := time.Now()

	var v verdict
	for i, k := range keys {
		seen, err := u.ask(i, func() (limiter.Context, error) { return u.store.Peek(ctx, k, u.rates[i]) })
		if err != nil {
			return nguard.Quota{}, err
		}
		v.add(i, u.answer(i, seen, seen.Remaining < int64(max(n, 1)), now))
	}
	if n == 0 || v.answer.wait > 0 {
		return v.quota(&u.rules[v.rule], u.policy), nil
	}
	v = verdict{}
	for i, k := range keys {
		seen, err := u.ask(i, func() (limiter.Context, error) { return u.store.Increment(ctx, k, int64(n), u.rates[i]) })
		if err != nil {
			return nguard.Quota{}, err
		}
		v.add(i, u.answer(i, seen, seen.Reached, now))
	}
	return v.quota(&u.rules[v.rule], u.policy), nil
}

// Reset is as [Limiter.Reset]. It fails as Take does.
func (u *UluleLimiter) Reset(ctx context.Context, c nguard.Caller) error {
	keys, err := u.keys(&c, Account)
	if err != nil {
		return fmt.Errorf("ratelimit: reset: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, u.timeout)
	defer cancel()
	for i, k := range keys {
		if k == "" {
			continue
		}
		_, err := u.ask(i, func() (limiter.Context, error) { return u.store.Reset(ctx, k, u.rates[i]) })
		if err != nil {
			return err
		}
	}
	return nil
}

// Policy is the RateLimit-Policy header of the rules.
func (u *UluleLimiter) Policy() string { return u.policy }

// keys are the store's keys for c, empty for rules that count by none of parts.
func (u *UluleLimiter) keys(c *nguard.Caller, parts Part) ([]string, error) {
	keys := make([]string, len(u.rules))
	var room [keySize]byte
	for i := range u.rules {
		if u.rules[i].By&parts == 0 {
			continue
		}
		b, err := u.rules[i].appendKey(room[:0], c)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(b)
		keys[i] = u.prefix[i] + hex.EncodeToString(sum[:16])
	}
	return keys, nil
}

// ask makes what goes wrong in the store an error.
func (u *UluleLimiter) ask(rule int, call func() (limiter.Context, error)) (seen limiter.Context, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the store panicked: %v", r)
		}
		if err != nil {
			err = fmt.Errorf("ratelimit: rule %q: %w: %w", u.rules[rule].Name, nguard.ErrUnavailable, err)
		}
	}()
	return call()
}

// answer reads what a store says. Its Reset is rounded down to the second, so a second is added; it
// is never more than the window away, whatever the clocks of the two machines say.
func (u *UluleLimiter) answer(rule int, seen limiter.Context, refused bool, now time.Time) answer {
	a := answer{left: seen.Remaining}
	if refused || seen.Remaining < seen.Limit {
		until := time.Unix(seen.Reset+1, 0).Sub(now)
		a.reset = int64(min(max(until, time.Second), u.rates[rule].Period+time.Second))
	}
	if refused {
		a.wait = a.reset
	}
	return a
}
