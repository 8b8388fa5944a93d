package ratelimit

import nguard "github.com/nguard-go/nguard/core"

// What follows is for limiters that count by these rules somewhere else, such as policy/ratelimit/redislimit.

// CheckRules returns the rules with their defaults filled in. It refuses what [New] refuses: an error names the rule
// and the remedy.
func CheckRules(rules []Rule) ([]Rule, error) { return checkRules(rules) }

// CheckUnits refuses, with [ErrUnits], a number of units that no wait could grant under rules that were checked.
func CheckUnits(rules []Rule, n int) error { return checkUnits(n, most(rules)) }

// Key is what identifies c under a rule that was checked: two callers have the same bytes exactly when the rule counts
// them together. It fails with [ErrMissing] when c lacks a part that the rule counts by. The bytes hold names and
// addresses in clear; hash them before they go anywhere.
func (r Rule) Key(c nguard.Caller) ([]byte, error) { return r.appendKey(nil, &c) }

// Header is the RateLimit-Policy header of rules, as [Limiter.Policy] has it.
func Header(rules []Rule) string { return header(rules) }
