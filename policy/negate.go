package policy

import (
	"context"

	nguard "github.com/nguard-go/nguard/core"
)

// Not is a policy that allows where p abstains, and abstains where p allows. It leaves Deny and Err as
// they are, so that a list that cannot be read never lets anybody in. Not(Banned) also allows visitors
// who are not signed in: combine it with what says who may, as in All(SignedIn, Not(Banned)). A nil p
// denies.
func Not(p nguard.Policy) nguard.Policy {
	n := adopt(p)
	return &not{n, "not(" + n.rule() + ")"}
}

type not struct {
	part node
	name string
}

func (p *not) rule() string { return p.name }

func (p *not) inspect(m *Model, report reporter) { p.part.inspect(m, report) }

func (p *not) Decide(ctx context.Context, a nguard.Access) nguard.Decision {
	d := p.part.Decide(ctx, a)
	d.Rule = p.name
	switch {
	case d.Effect == nguard.Deny || d.Err != nil:
		return d
	case d.Effect == nguard.Allow:
		d.Effect = nguard.Abstain
	default:
		d.Effect = nguard.Allow
	}
	d.Code = "" // it spoke of the opposite
	return d
}

// Forbid is a policy that denies where p allows, whatever else would allow. Where p abstains it
// abstains, and Deny and Err stay: a ban list that is down denies nobody for good and lets nobody in.
//
// It never allows. In [All] it is a veto and not a demand: All(Admin, Forbid(Banned)) allows an admin
// who is not banned; in [Any] it stands beside the ways in. What consists only of vetoes is a veto.
// A nil p denies.
func Forbid(p nguard.Policy) nguard.Policy {
	n := adopt(p)
	return &forbid{n, "forbid(" + n.rule() + ")"}
}

type forbid struct {
	part node
	name string
}

func (p *forbid) rule() string { return p.name }

func (p *forbid) inspect(m *Model, report reporter) { p.part.inspect(m, report) }

func (p *forbid) Decide(ctx context.Context, a nguard.Access) nguard.Decision {
	d := p.part.Decide(ctx, a)
	d.Rule = p.name
	switch {
	case d.Effect == nguard.Allow:
		d.Effect, d.Code = nguard.Deny, ""
	case d.Effect == nguard.Abstain && d.Err == nil:
		d.Code = ""
	}
	return d
}
