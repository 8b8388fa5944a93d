package ratelimit

import (
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// verdict is the answer of the rule that matters most so far: of those that refuse the one with the
// longest wait, since all must have the units; else the one with the fewest units left, and of equals
// the one that is longest in coming back.
type verdict struct {
	rule   int
	some   bool
	answer answer
}

// add weighs the answer of another rule.
func (v *verdict) add(rule int, a answer) {
	b := v.answer
	switch {
	case !v.some, a.wait > b.wait:
	case a.wait < b.wait, a.wait > 0:
		return
	case a.left > b.left, a.left == b.left && a.reset <= b.reset:
		return
	}
	v.rule, v.some, v.answer = rule, true, a
}

// quota puts the verdict in the engine's words.
func (v *verdict) quota(r *Rule, policy string) nguard.Quota {
	return nguard.Quota{
		Allowed:    v.answer.wait == 0,
		Name:       r.Name,
		Limit:      r.Limit,
		Window:     r.Window,
		Remaining:  int(max(0, v.answer.left)),
		Reset:      time.Duration(v.answer.reset),
		RetryAfter: time.Duration(v.answer.wait),
		Policy:     policy,
	}
}
