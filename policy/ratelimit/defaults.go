package ratelimit

import (
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// LoginDelay is the longest that anybody has to wait before trying to log in once more under
// [LoginRules], unless others use up the same account's attempts meanwhile.
const LoginDelay = 15 * time.Minute

// LoginRules brake guessing at passwords (ASVS 6.1.1, 6.3.1; NIST SP 800-63B-4 3.2.2), with delays that
// grow and end: nobody is locked out for good.
//
//   - For one account at one IPv4 address or IPv6 /48: 5 tries a minute, 10 in 5 minutes, 20 in 15.
//     Somebody who goes on failing waits up to 1, then up to 5, then up to 15 minutes.
//   - For one account from everywhere: 50 tries in 15 minutes (checklist I9). One network gets 20 of
//     them at most, so that a stranger at one or two networks cannot use up a person's tries (I11);
//     whoever has three or more networks and never stops can keep this rule exhausted. The person then
//     needs another way in that the application offers; NIST wants it told by the 100th failure.
//   - For one IPv4 address or IPv6 /64: 30 tries a minute, whatever the accounts (I8).
//   - For one IPv4 /24 or IPv6 /48: 300 tries a minute (I5).
//
// A success resets the account's rules, and for the others nothing (I10). They can be altered before
// they are given to [New] or [FromUlule].
func LoginRules() []Rule {
	return []Rule{
		PerAccountIP("login-try-1m", 5, time.Minute),
		PerAccountIP("login-try-5m", 10, 5*time.Minute),
		PerAccountIP("login-try-15m", 20, LoginDelay),
		PerAccount("login-account", 50, LoginDelay),
		PerIP("login-net", 30, time.Minute),
		PerNetwork("login-area", 300, time.Minute),
	}
}

// UpdateRules allow each signed-in user 10 changes a minute (ASVS 2.4.1). They count by user only, so
// that the people behind one address do not use up each other's.
func UpdateRules() []Rule {
	return []Rule{PerUser("update", 10, time.Minute)}
}

// ReadRules allow each IPv4 address or IPv6 /64 600 reads of sessions a minute (ASVS 2.4.1): each costs
// one read of the store. They count by network only, since nobody may be signed in yet, and they brake
// whoever tries tokens. Many people behind one address may need more.
func ReadRules() []Rule {
	return []Rule{PerIP("read", 600, time.Minute)}
}

// DefaultLogin is a limiter of [LoginRules]: it sets 28 MB aside, for 16,384 keys a rule,
// of which the system provides what is used.
func DefaultLogin() *Limiter { return known(LoginRules()) }

// DefaultUpdate is a limiter of [UpdateRules].
func DefaultUpdate() *Limiter { return known(UpdateRules()) }

// DefaultRead is a limiter of [ReadRules].
func DefaultRead() *Limiter { return known(ReadRules()) }

// Defaults are the three together, each failing closed.
func Defaults() nguard.Limits {
	return nguard.Limits{Login: DefaultLogin(), Update: DefaultUpdate(), Read: DefaultRead()}
}

// known makes a limiter of rules that a test has made one of; with others it would refuse every call.
func known(rules []Rule) *Limiter {
	l, err := New(rules...)
	if err != nil {
		return &Limiter{}
	}
	return l
}
