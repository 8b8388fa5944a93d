package policy

import (
	"context"
	"fmt"
	"strconv"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// StepUpRequired is the code of a refusal that goes away when the person proves again, or more
// strongly, who they are. [All] gives it only when nothing else is missing.
const StepUpRequired = "step_up_required"

// skew is by how much the clock of the node that saw the proof may be ahead of this one.
const skew = time.Minute

// Fresh is a policy that allows whoever proved who they are at most maxAge ago (ASVS 7.5.1). Otherwise
// it abstains with the code [StepUpRequired]. It says nothing about who the person is: combine it, as
// in All(Admin, Fresh(5*time.Minute)). It reads Access.Time, so a test sets the clock, and an access
// without a time is denied. A maxAge that is not positive denies.
func Fresh(maxAge time.Duration) nguard.Policy {
	name := fmt.Sprintf("fresh(%s)", maxAge)
	if maxAge <= 0 {
		return newBroken(name, "an age that is not positive is never reached; give Fresh a positive one")
	}
	p := &fresh{
		leaf:   newLeaf(name, "the last proof of identity is recent", "the last proof of identity is older than "+maxAge.String()),
		maxAge: maxAge,
	}
	p.no.Code = StepUpRequired
	return p
}

type fresh struct {
	leaf
	maxAge time.Duration
}

func (p *fresh) Decide(_ context.Context, a nguard.Access) nguard.Decision {
	switch {
	case a.Subject == nil:
		return p.deny(noSubject)
	case a.Time.IsZero():
		return p.deny("the access has no time")
	case a.Subject.UserID == "":
		return p.abstain(notSignedIn)
	}
	age := a.Time.Sub(a.Subject.AuthAt)
	if a.Subject.AuthAt.IsZero() || age > p.maxAge || age < -skew {
		return p.no
	}
	return p.yes
}

func (p *fresh) inspect(*Model, reporter) {}

// Level is a policy that allows whoever proved who they are with at least the strength n, on the
// program's own scale (ASVS 6.3.3): often 1 is one factor and 2 is two. Otherwise it abstains with the
// code [StepUpRequired]. Like [Fresh] it is meant to be combined, and a level below 1 denies.
func Level(n int) nguard.Policy {
	name := "level(" + strconv.Itoa(n) + ")"
	if n < 1 {
		return newBroken(name, "a level below 1 demands nothing; give Level a higher one")
	}
	p := &level{
		leaf: newLeaf(name, "the last proof of identity is strong enough", "the last proof of identity is below level "+strconv.Itoa(n)),
		min:  n,
	}
	p.no.Code = StepUpRequired
	return p
}

type level struct {
	leaf
	min int
}

func (p *level) Decide(_ context.Context, a nguard.Access) nguard.Decision {
	switch {
	case a.Subject == nil:
		return p.deny(noSubject)
	case a.Subject.UserID == "":
		return p.abstain(notSignedIn)
	case a.Subject.Level < p.min:
		return p.no
	}
	return p.yes
}

func (p *level) inspect(*Model, reporter) {}
