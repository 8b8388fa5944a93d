package ratelimit

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Part says which parts of a [nguard.Caller] make the key of a [Rule]. Parts are combined with |:
// Account|IP counts each account apart for each network. The zero value is no part and is refused.
type Part uint8

// The parts of a caller.
const (
	// User is the signed-in user's ID, compared byte for byte: it comes from the session.
	User Part = 1 << iota
	// Account is the account that a login names, folded so that re-spellings share one count
	// (checklist I7).
	Account
	// IP is the client's network: its address cut to the rule's prefix length.
	IP
)

// Bounds of a [Rule].
const (
	// ExactLimit is the largest Limit that is counted by a log of times, so that no window of any
	// position holds more. Above it a rule is a GCRA cell.
	ExactLimit = 64
	// DefaultKeys is how many keys a rule remembers when Keys is 0.
	DefaultKeys = 1 << 14

	maxKeys   = 1 << 26
	maxLimit  = 1<<31 - 1
	minWindow = time.Millisecond
	maxWindow = 366 * 24 * time.Hour
)

// Rule is one limit: at most Limit units in any Window for each key. [PerUser], [PerAccount],
// [PerAccountIP], [PerIP] and [PerNetwork] build the usual ones. The zero value is refused by [New].
type Rule struct {
	// Name appears in the RateLimit headers: 1 to 64 of a-z, 0-9, dot, dash and underscore. It says
	// what is counted and never who (checklist I15).
	Name string
	// Limit is how many units a Window holds: at least 1, at most 2^31-1 and one for each nanosecond.
	Limit int
	// Window is a millisecond to 366 days. Headers show it in whole seconds, rounded up.
	Window time.Duration
	// By says what is counted.
	By Part
	// V4 and V6 are the prefix lengths of By IP. Default to 32 and 64: a household is given a /64 of
	// IPv6, so single addresses of one cost nothing (checklist I5).
	V4, V6 int
	// Keys is how many keys are remembered at once; the memory for them is set aside by [New].
	// Defaults to [DefaultKeys]. Beyond it, keys with the least used are forgotten first, and
	// exhausted ones never before their time.
	Keys int
}

// PerUser counts each signed-in user (ASVS 2.4.1).
func PerUser(name string, limit int, window time.Duration) Rule {
	return Rule{Name: name, Limit: limit, Window: window, By: User}
}

// PerAccount counts each account that a login names, from wherever (ASVS 6.1.1, checklist I9). By
// itself it lets strangers use up a person's attempts; see [PerAccountIP].
func PerAccount(name string, limit int, window time.Duration) Rule {
	return Rule{Name: name, Limit: limit, Window: window, By: Account}
}

// PerAccountIP counts each account apart for each IPv4 address or IPv6 /48, so that what a stranger
// uses up at one network is not missing at another (ASVS 6.1.1, checklist I11). A /48 is what one
// customer can have for the asking: its 65,536 /64 shall not count as so many networks.
func PerAccountIP(name string, limit int, window time.Duration) Rule {
	return Rule{Name: name, Limit: limit, Window: window, By: Account | IP, V6: 48}
}

// PerIP counts each IPv4 address and each IPv6 /64 (checklist I5, I6, I8).
func PerIP(name string, limit int, window time.Duration) Rule {
	return Rule{Name: name, Limit: limit, Window: window, By: IP}
}

// PerNetwork counts each IPv4 /24 and each IPv6 /48: the wider tier for an attacker who owns many
// addresses (checklist I5).
func PerNetwork(name string, limit int, window time.Duration) Rule {
	return Rule{Name: name, Limit: limit, Window: window, By: IP, V4: 24, V6: 48}
}

// checked fills in the defaults and refuses what cannot work; the error names rule and remedy.
func (r Rule) checked() (Rule, error) {
	if r.V4 == 0 {
		r.V4 = 32
	}
	if r.V6 == 0 {
		r.V6 = 64
	}
	if r.Keys == 0 {
		r.Keys = DefaultKeys
	}
	fail := func(format string, args ...any) (Rule, error) {
		return Rule{}, fmt.Errorf("ratelimit: rule %q: "+format, append([]any{r.Name}, args...)...)
	}
	switch {
	case r.Name == "" || len(r.Name) > 64 || strings.Trim(r.Name, "abcdefghijklmnopqrstuvwxyz0123456789.-_") != "":
		return fail("Name must be 1 to 64 of a-z, 0-9, dot, dash and underscore")
	case r.By == 0 || r.By > User|Account|IP:
		return fail("By must be made of User, Account and IP")
	case r.V4 < 1 || r.V4 > 32:
		return fail("V4 is a prefix length of 1 to 32, not %d", r.V4)
	case r.V6 < 1 || r.V6 > 128:
		return fail("V6 is a prefix length of 1 to 128, not %d", r.V6)
	case r.Keys < 1 || r.Keys > maxKeys:
		return fail("Keys must be 1 to %d, not %d", maxKeys, r.Keys)
	}
	if err := checkRate(int64(r.Limit), r.Window); err != nil {
		return fail("%w", err)
	}
	return r, nil
}

// checkRate refuses limits and windows that cannot be counted in whole nanoseconds, and windows
// under a millisecond, for which ulule's Redis store sets no expiry.
func checkRate(limit int64, window time.Duration) error {
	switch {
	case window < minWindow || window > maxWindow:
		return fmt.Errorf("the window must be %v to %v, not %v", minWindow, maxWindow, window)
	case limit < 1 || limit > maxLimit || limit > int64(window):
		return fmt.Errorf("the limit must be 1 to 2^31-1, and no more than one unit a nanosecond, not %d", limit)
	}
	return nil
}

// CheckRules returns the rules with their defaults filled in. It refuses what [New] refuses: an error names the rule
// and the remedy. It is for limiters that count by these rules somewhere else, such as policy/ratelimit/redislimit,
// and so are [CheckUnits], [Rule.Key] and [Header].
func CheckRules(rules []Rule) ([]Rule, error) {
	if len(rules) == 0 || len(rules) > maxRules {
		return nil, fmt.Errorf("ratelimit: a limiter takes 1 to %d rules, not %d", maxRules, len(rules))
	}
	checked := make([]Rule, len(rules))
	seen := make(map[string]bool)
	for i, rule := range rules {
		var err error
		if checked[i], err = rule.checked(); err != nil {
			return nil, err
		}
		if seen[rule.Name] {
			return nil, fmt.Errorf("ratelimit: rule %q: another rule has this name, rename one", rule.Name)
		}
		seen[rule.Name] = true
	}
	return checked, nil
}

// Header is the RateLimit-Policy header of rules, as [Limiter.Policy] has it.
func Header(rules []Rule) string {
	var b strings.Builder
	for i, r := range rules {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(`"` + r.Name + `";q=` + strconv.Itoa(r.Limit) + ";w=" + strconv.Itoa(Seconds(r.Window)))
	}
	return b.String()
}

// Seconds is d as a Retry-After header takes it: whole seconds, rounded up so that nobody is sent
// back early, and at least 1.
func Seconds(d time.Duration) int {
	if d <= time.Second {
		return 1
	}
	s := int64(d / time.Second)
	if d%time.Second != 0 {
		s++
	}
	return int(s)
}

// ErrUnits says that a call asked for fewer than 0 units, or for more than the smallest limit ever
// holds: waiting would not help. It is a fault of the program.
var ErrUnits = errors.New("ratelimit: units out of range")

// CheckUnits refuses, with [ErrUnits], a number of units that no wait could grant under rules that were checked.
func CheckUnits(rules []Rule, n int) error {
	most := rules[0].Limit
	for i := range rules {
		most = min(most, rules[i].Limit)
	}
	if n < 0 || n > most {
		return fmt.Errorf("%w: %d asked, 0 to %d possible", ErrUnits, n, most)
	}
	return nil
}
