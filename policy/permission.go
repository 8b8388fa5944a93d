package policy

import (
	"context"
	"strings"

	nguard "github.com/nguard-go/nguard/core"
)

// A Permission is one thing that people may be allowed to do, named in segments: "posts:edit",
// "billing:invoices:refund". Declare it as a constant and list it in [Config].Permissions:
//
//	const EditPost policy.Permission = "posts:edit"
//
// It is a policy: it allows whoever holds it, by role or as an extra of the user (ASVS 8.2.1). It
// denies when the model does not list it, which [Model.Check] finds at start-up.
//
// Roles may also hold wildcards: "*" is every listed permission, "posts:*" every one that begins with
// "posts:". A wildcard is granted, never asked for: as a policy it denies. The zero value denies.
type Permission string

// Decide allows when the subject holds p.
func (p Permission) Decide(_ context.Context, a nguard.Access) nguard.Decision {
	return *p.decide(a.Subject) // small enough to be inlined in the method of the interface: one copy less
}

func (p Permission) decide(s *nguard.Subject) *nguard.Decision {
	if s == nil {
		return p.answer(nguard.Deny, noSubject)
	}
	switch g := s.Grants.(type) {
	case *grants:
		i, ok := g.model.permissionIndex[string(p)]
		if !ok {
			return p.answer(nguard.Deny, "the model does not list this permission")
		}
		if g.permissions.has(i) {
			return &g.model.permissions[i].yes
		}
		return &g.model.permissions[i].no
	case nil:
		if s.UserID == "" {
			return p.answer(nguard.Abstain, notSignedIn)
		}
		return p.answer(nguard.Deny, noModel)
	default:
		if g.Can(string(p)) {
			return p.answer(nguard.Allow, "the permission is held")
		}
		return p.answer(nguard.Abstain, "the permission is not held")
	}
}

// answer is for the rare cases in which no model has the decision ready.
func (p Permission) answer(e nguard.Effect, reason string) *nguard.Decision {
	return &nguard.Decision{Effect: e, Rule: p.rule(), Reason: reason}
}

func (p Permission) rule() string { return "permission:" + string(p) }

func (p Permission) inspect(m *Model, report reporter) {
	switch {
	case m.KnowsPermission(string(p)):
	case strings.Contains(string(p), "*"):
		report("permission %q is a wildcard, which a role may hold but no policy can ask for; name one permission", string(p))
	default:
		report("permission %q is not listed in Config.Permissions; list it there or correct the name", string(p))
	}
}

// leaf returns the answers that a model keeps ready for p.
func (p Permission) leaf() leaf {
	return newLeaf(p.rule(), "permission "+string(p)+" is held", "permission "+string(p)+" is not held")
}

// covers reports whether holding p, which may be a wildcard, means holding the declared name.
func (p Permission) covers(name Permission) bool {
	if prefix, ok := strings.CutSuffix(string(p), "*"); ok {
		return strings.HasPrefix(string(name), prefix)
	}
	return p == name
}
