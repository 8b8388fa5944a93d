package redislimit

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/policy/ratelimit"
)

// Config are the settings of a [Limiter]. The zero value works.
type Config struct {
	// Prefix stands before every key, and has no braces. Defaults to "nguard-limit:". Limiters with the same prefix
	// and rules count together, in one process or several.
	Prefix string
}

// DefaultPrefix is what Config.Prefix defaults to.
const DefaultPrefix = "nguard-limit:"

// Limiter is a [nguard.Limiter] in Redis. [New] makes one. It is safe for concurrent use. The zero value refuses
// every call with an error.
type Limiter struct {
	client redis.UniversalClient
	prefix string
	rules  []ratelimit.Rule
	names  []string // of the rules, in keys
	rates  []any    // what the script knows of the rules
	policy string
}

var (
	_ nguard.Limiter  = (*Limiter)(nil)
	_ nguard.Resetter = (*Limiter)(nil)
)

// New makes a limiter of 1 to 8 rules with different names, that counts on the server that client reaches. It does no
// I/O, and the client stays the caller's to close. A rule's Keys means nothing here. It fails, naming what is wrong
// and the remedy, when a rule cannot work, or when the client would not heed the deadline of a call.
func New(client redis.UniversalClient, c Config, rules ...ratelimit.Rule) (*Limiter, error) {
	if err := checkClient(client); err != nil {
		return nil, err
	}
	if c.Prefix == "" {
		c.Prefix = DefaultPrefix
	}
	if strings.ContainsAny(c.Prefix, "{}") {
		return nil, errors.New("redislimit: Config.Prefix has braces, which would choose the cluster's slot: leave them out")
	}
	rules, err := ratelimit.CheckRules(rules)
	if err != nil {
		return nil, err
	}
	l := &Limiter{client: client, prefix: c.Prefix, rules: rules, policy: ratelimit.Header(rules)}
	for _, r := range rules {
		window := micros(r.Window)
		if int64(r.Limit) > window {
			return nil, fmt.Errorf("redislimit: rule %q: Redis counts in microseconds, and the window has fewer than the limit: lower the limit", r.Name)
		}
		step := int64(0) // a log of times
		if r.Limit > ratelimit.ExactLimit {
			step = (window + int64(r.Limit) - 1) / int64(r.Limit) // rounded up: never more than asked for
		}
		l.rates = append(l.rates, r.Limit, window, step)
		l.names = append(l.names, r.Name+":"+strconv.Itoa(r.Limit)+"-"+r.Window.String()+":")
	}
	return l, nil
}

// micros is d in microseconds, rounded up.
func micros(d time.Duration) int64 {
	return int64((d + time.Microsecond - 1) / time.Microsecond)
}

// Defaults are limiters of [ratelimit.LoginRules], [ratelimit.UpdateRules] and [ratelimit.ReadRules], each failing
// closed.
func Defaults(client redis.UniversalClient) (limits nguard.Limits, err error) {
	for _, l := range []struct {
		to    *nguard.Limiter
		rules []ratelimit.Rule
	}{
		{&limits.Login, ratelimit.LoginRules()},
		{&limits.Update, ratelimit.UpdateRules()},
		{&limits.Read, ratelimit.ReadRules()},
	} {
		if *l.to, err = New(client, Config{}, l.rules...); err != nil {
			return nguard.Limits{}, err
		}
	}
	return limits, nil
}

var errNoRules = errors.New("redislimit: a limiter without rules refuses: make it with New")

// Take asks every rule for n units on behalf of c and debits all or none; n 0 only looks, and is allowed when 1 unit
// would be. The Quota is as that of [ratelimit.Limiter.Take]. It fails with [ratelimit.ErrMissing] when c lacks a part
// that a rule counts by and [ratelimit.ErrUnits] when n is out of range; nothing is then debited. When Redis does not
// answer until ctx ends, the error matches [nguard.ErrUnavailable], and what was asked for may have been debited.
func (l *Limiter) Take(ctx context.Context, c nguard.Caller, n int) (nguard.Quota, error) {
	if len(l.rules) == 0 {
		return nguard.Quota{}, errNoRules
	}
	if err := ratelimit.CheckUnits(l.rules, n); err != nil {
		return nguard.Quota{}, err
	}
	keys, err := l.keys(c, ratelimit.User|ratelimit.Account|ratelimit.IP)
	if err != nil {
		return nguard.Quota{}, err
	}
	v, err := l.run(ctx, keys, append([]any{n}, l.rates...))
	if err != nil {
		return nguard.Quota{}, err
	}
	if len(v) != 3*len(l.rules) {
		return nguard.Quota{}, fmt.Errorf("redislimit: a script answered %v", v)
	}
	best := 0
	answers := make([]answer, len(l.rules))
	for i := range answers {
		answers[i] = answer{v[3*i], v[3*i+1], v[3*i+2]}
		if answers[i].before(answers[best]) {
			best = i
		}
	}
	return answers[best].quota(&l.rules[best], l.policy), nil
}

// Reset forgets what the rules that count by [ratelimit.Account] hold against c, as [ratelimit.Limiter.Reset] does.
// Its errors are those of Take.
func (l *Limiter) Reset(ctx context.Context, c nguard.Caller) error {
	keys, err := l.keys(c, ratelimit.Account)
	if err != nil {
		return fmt.Errorf("redislimit: reset: %w", err)
	}
	if len(keys) == 0 {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return unavailable(err)
	}
	if err := l.client.Del(ctx, keys...).Err(); err != nil {
		l.lost(err)
		return unavailable(err)
	}
	return nil
}

// Policy is the RateLimit-Policy header of the rules. Every Quota carries it.
func (l *Limiter) Policy() string { return l.policy }

// keys are those of c under the rules that count by one of parts. They have a rule's name, limit and window in clear,
// so that another limit is another count, and a hash of who is counted: keys have a bounded length and name nobody.
// What stands in braces chooses the slot.
func (l *Limiter) keys(c nguard.Caller, parts ratelimit.Part) (keys []string, err error) {
	for i, r := range l.rules {
		if r.By&parts == 0 {
			continue
		}
		who, err := r.Key(c)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(who)
		hash := base64.RawURLEncoding.EncodeToString(sum[:16])
		if len(l.rules) == 1 {
			keys = append(keys, l.prefix+l.names[i]+"{"+hash+"}")
		} else {
			keys = append(keys, l.prefix+"{"+l.rules[0].Name+"}"+l.names[i]+hash)
		}
	}
	return keys, nil
}

// answer is what a rule says, in units and microseconds: what is left, how long to wait, when all is back.
type answer struct{ left, wait, reset int64 }

// before says that a matters more than b: of rules that refuse the one with the longest wait, since all must have the
// units; else the one with the fewest units left, and of equals the one that is longest in coming back.
func (a answer) before(b answer) bool {
	switch {
	case a.wait != b.wait:
		return a.wait > b.wait
	case a.wait > 0:
		return false
	case a.left != b.left:
		return a.left < b.left
	}
	return a.reset > b.reset
}

func (a answer) quota(r *ratelimit.Rule, policy string) nguard.Quota {
	return nguard.Quota{
		Allowed: a.wait == 0, Name: r.Name, Limit: r.Limit, Window: r.Window, Remaining: int(a.left),
		Reset: time.Duration(a.reset) * time.Microsecond, RetryAfter: time.Duration(a.wait) * time.Microsecond,
		Policy: policy,
	}
}
