package policy

import (
	"context"
	"strings"

	nguard "github.com/nguard-go/nguard/core"
)

// All is a policy that allows when every part allows; a part that can only forbid (see [Forbid]) must
// merely not do so. It is how the gravest acts get more than one layer (ASVS 8.4.2):
//
//	policy.All(Admin, policy.Fresh(5*time.Minute), policy.Level(2), InOffice)
//
// A refusal is that of the first part that denies, else could not decide, else abstains; a part with
// the code [StepUpRequired] is named only if nothing but step-up is missing. All without parts denies.
func All(parts ...nguard.Policy) nguard.Policy {
	g, problem := newGroup("all", parts)
	if problem != nil {
		return problem
	}
	return &all{g}
}

// Any is a policy that allows when at least one part allows, none denies and all could decide. A
// refusal is that of the first part that denies, else could not decide, else abstains with a code, else
// abstains. Any without parts denies.
func Any(parts ...nguard.Policy) nguard.Policy {
	g, problem := newGroup("any", parts)
	if problem != nil {
		return problem
	}
	return &anyOf{g}
}

// group is what All and Any have in common.
type group struct {
	name  string
	parts []node
	veto  []bool // by part: it can only forbid
}

func newGroup(kind string, parts []nguard.Policy) (group, *broken) {
	if len(parts) == 0 {
		return group{}, newBroken(kind+"()", "a combination has no parts; give it at least one")
	}
	g := group{parts: make([]node, len(parts)), veto: make([]bool, len(parts))}
	rules := make([]string, len(parts))
	for i, p := range parts {
		g.parts[i] = adopt(p)
		g.veto[i] = onlyForbids(g.parts[i])
		rules[i] = g.parts[i].rule()
	}
	g.name = kind + "(" + strings.Join(rules, ", ") + ")"
	return g, nil
}

func (g *group) rule() string { return g.name }

func (g *group) inspect(m *Model, report reporter) {
	for _, p := range g.parts {
		p.inspect(m, report)
	}
}

// onlyVetoes reports whether every part can only forbid.
func (g *group) onlyVetoes() bool {
	for _, veto := range g.veto {
		if !veto {
			return false
		}
	}
	return true
}

// onlyForbids reports whether n never allows by its construction.
func onlyForbids(n node) bool {
	switch n := n.(type) {
	case *forbid:
		return true
	case *all:
		return n.onlyVetoes()
	case *anyOf:
		return n.onlyVetoes()
	}
	return false
}

type all struct{ group }

func (p *all) Decide(ctx context.Context, a nguard.Access) nguard.Decision {
	var failure, refusal nguard.Decision
	failed, refused, allowed := false, false, false
	for i, part := range p.parts {
		d := part.Decide(ctx, a)
		switch {
		case d.Effect == nguard.Deny:
			d.Rule = p.name
			return d
		case d.Err != nil:
			if !failed {
				failed, failure = true, d
			}
		case d.Effect == nguard.Allow:
			allowed = true
		case p.veto[i]:
		case !refused, refusal.Code == StepUpRequired && d.Code != StepUpRequired:
			refused, refusal = true, d
		}
	}
	switch {
	case failed:
		failure.Rule = p.name
		return failure
	case refused:
		refusal.Rule = p.name
		return refusal
	case !allowed:
		return nguard.Decision{Rule: p.name, Reason: "nothing in it forbids, and nothing in it can allow"}
	}
	return nguard.Decision{Effect: nguard.Allow, Rule: p.name, Reason: "every part allows"}
}

type anyOf struct{ group }

func (p *anyOf) Decide(ctx context.Context, a nguard.Access) nguard.Decision {
	var failure, refusal, grant nguard.Decision
	failed, refused, allowed := false, false, false
	for _, part := range p.parts {
		d := part.Decide(ctx, a)
		switch {
		case d.Effect == nguard.Deny:
			d.Rule = p.name
			return d
		case d.Err != nil:
			if !failed {
				failed, failure = true, d
			}
		case d.Effect == nguard.Allow:
			if !allowed {
				allowed, grant = true, d
			}
		case !refused, refusal.Code == "" && d.Code != "":
			refused, refusal = true, d
		}
	}
	d := refusal
	switch {
	case failed:
		d = failure
	case allowed:
		d = grant
	}
	d.Rule = p.name
	return d
}
