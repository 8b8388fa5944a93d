package ratelimit

import (
	"context"
	"errors"
	"fmt"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// maxRules is how many rules a limiter holds; what a call finds out about them stands on the stack.
const maxRules = 8

// Limiter is a [nguard.Limiter] in this process's memory. A call is counted by all rules or by none:
// it locks the keys' shards in the order of the rules, looks at every rule, and debits only if each
// has the units. It reads the clock once and allocates nothing for names of usual length.
//
// Each rule has memory of its own, set aside by [New], so that a flood of addresses forgets no
// account. There is no goroutine and nothing to close. Safe for concurrent use. The zero value refuses
// every call with an error.
type Limiter struct {
	rules  []Rule
	tables []*table
	rates  []rate
	policy string
	clock  clock
}

var (
	_ nguard.Limiter  = (*Limiter)(nil)
	_ nguard.Resetter = (*Limiter)(nil)
)

// New makes a limiter of 1 to 8 rules with different names. It fails, naming the rule and the remedy,
// when one of them cannot work.
func New(rules ...Rule) (*Limiter, error) { return NewWithClock(nil, rules...) }

// NewWithClock is [New] with a clock, for tests: now is called once for each call that is counted, by
// any number of goroutines. If its times have no monotonic reading, steps of it shift windows. Nil
// means the system's clock; programs under testing/synctest need none of their own.
func NewWithClock(now func() time.Time, rules ...Rule) (*Limiter, error) {
	rules, err := CheckRules(rules)
	if err != nil {
		return nil, err
	}
	l := &Limiter{rules: rules, policy: Header(rules), clock: newClock(now)}
	for _, r := range rules {
		width := r.Limit
		if width > ExactLimit {
			width = 0
		}
		l.tables = append(l.tables, newTable(r.Keys, width))
		l.rates = append(l.rates, newRate(int64(r.Limit), int64(r.Window), width))
	}
	return l, nil
}

// A table of a rule holds one rate, so any ID but 0 names it.
const onlyRate = 1

// Take asks every rule for n units on behalf of c and debits all or none; n 0 only looks, and is
// allowed when 1 unit would be. When allowed, the Quota describes the rule with the fewest units left;
// when refused, the rule that takes longest, and RetryAfter is exactly how long it takes if nobody
// else is counted by the same keys meanwhile. It fails with [ErrMissing] when c lacks a part that a
// rule counts by and [ErrUnits] when n is negative or more than the smallest limit; nothing is then
// debited. It does not wait, so ctx is not looked at.
func (l *Limiter) Take(_ context.Context, c nguard.Caller, n int) (nguard.Quota, error) {
	if len(l.rules) == 0 {
		return nguard.Quota{}, errNoRules
	}
	if err := CheckUnits(l.rules, n); err != nil {
		return nguard.Quota{}, err
	}
	var keys [maxRules]key
	var places [maxRules]place
	var room [keySize]byte
	for i, t := range l.tables {
		k, err := l.rules[i].appendKey(room[:0], &c)
		if err != nil {
			return nguard.Quota{}, err
		}
		keys[i] = t.hash(k)
	}
	now := l.clock.elapsed()
	// Every call locks in the order of the rules and no two rules share a shard: no deadlock.
	for i, t := range l.tables {
		t.shardOf(keys[i]).mu.Lock()
	}
	units := int64(max(n, 1))
	var v verdict
	for i, t := range l.tables {
		sh := t.shardOf(keys[i])
		t.find(&places[i], sh, keys[i], onlyRate, now)
		a := l.rates[i].look(t.cell(sh, places[i].at), units, now)
		a.left -= int64(n)
		v.add(i, a)
	}
	if n > 0 && v.answer.wait == 0 {
		for i, t := range l.tables {
			c := t.debit(&places[i], t.shardOf(keys[i]), keys[i], onlyRate, l.rates[i], units, now)
			if i == v.rule {
				v.answer.reset = c[cellIdle] - now
			}
		}
	}
	for i, t := range l.tables {
		t.shardOf(keys[i]).mu.Unlock()
	}
	if v.answer.wait > 0 {
		v.answer.left += int64(n)
	}
	return v.quota(&l.rules[v.rule], l.policy), nil
}

var errNoRules = errors.New("ratelimit: a limiter without rules refuses: make it with New")

// Reset forgets what the rules that count by [Account] hold against c, alone or with its network: the
// person has proved who they are (NIST SP 800-63B-4 3.2.2). Rules by network or user are not reset:
// an attacker's own logins between guesses gain nothing (checklist I10). It fails with [ErrMissing]
// when c lacks a part of such a rule, and has then reset the rules before it.
func (l *Limiter) Reset(_ context.Context, c nguard.Caller) error {
	var room [keySize]byte
	now := l.clock.elapsed()
	for i, t := range l.tables {
		if l.rules[i].By&Account == 0 {
			continue
		}
		b, err := l.rules[i].appendKey(room[:0], &c)
		if err != nil {
			return fmt.Errorf("ratelimit: reset: %w", err)
		}
		k := t.hash(b)
		sh := t.shardOf(k)
		sh.mu.Lock()
		var p place
		t.find(&p, sh, k, onlyRate, now)
		p.forget(sh)
		sh.mu.Unlock()
	}
	return nil
}

// Policy is the RateLimit-Policy header of the rules (draft-ietf-httpapi-ratelimit-headers-10), such
// as `"login-account";q=5;w=60, "login-net";q=30;w=60`. Every Quota carries it.
func (l *Limiter) Policy() string { return l.policy }

// Stats says for each rule how full its memory has been.
func (l *Limiter) Stats() []Stats {
	all := make([]Stats, len(l.rules))
	for i, t := range l.tables {
		all[i] = t.stats()
		all[i].Name = l.rules[i].Name
	}
	return all
}
