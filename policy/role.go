package policy

import (
	"context"
	"slices"

	nguard "github.com/nguard-go/nguard/core"
)

// A Role is a named set of permissions that a user has as a whole. It is a policy: it allows whoever
// has the role or one that inherits it (ASVS 8.2.1). Declare roles as variables, so that a misspelt
// one does not compile, and list them in [Config].Roles:
//
//	var (
//		Moderator = policy.NewRole("moderator", EditPost)
//		Admin     = policy.NewRole("admin", "*").Inherits(Moderator)
//	)
//
// A Role never changes: Inherits returns another one. A role can therefore only inherit what exists
// before it, and a cycle cannot be written; between package variables the compiler reports it as an
// initialization cycle. The zero value and nil deny, and so does a role that the model does not list.
type Role struct {
	leaf
	role    string
	grants  []Permission
	parents []*Role
}

// NewRole declares a role that holds the permissions, wildcards included. The name is what the users
// table stores. What is wrong with either is an error of [NewModel].
func NewRole(name string, permissions ...Permission) *Role {
	return &Role{
		leaf:   newLeaf("role:"+name, "role "+name+" is held", "role "+name+" is not held"),
		role:   name,
		grants: slices.Clone(permissions),
	}
}

// Inherits returns a role like r that also is each of the given roles and holds what they hold. It
// leaves r as it was: use the result.
func (r *Role) Inherits(roles ...*Role) *Role {
	if r == nil {
		return nil
	}
	heir := *r
	heir.parents = slices.Concat(r.parents, roles)
	return &heir
}

// Name returns the name that the users table stores.
func (r *Role) Name() string {
	if r == nil {
		return ""
	}
	return r.role
}

// Decide allows when the subject has the role, itself or by inheritance.
func (r *Role) Decide(_ context.Context, a nguard.Access) nguard.Decision {
	if r == nil || r.role == "" {
		return nguard.Decision{Effect: nguard.Deny, Rule: r.rule(), Reason: "the role is nil or has no name"}
	}
	if a.Subject == nil {
		return r.deny(noSubject)
	}
	held := false
	switch g := a.Subject.Grants.(type) {
	case *grants:
		i, ok := g.model.roleIndex[r.role]
		if !ok || g.model.roles[i] != r {
			return r.deny("the model lists no such role, or another one of this name")
		}
		held = g.roles.has(i)
	case nil:
		if a.Subject.UserID == "" {
			return r.abstain(notSignedIn)
		}
		return r.deny(noModel)
	default:
		held = g.Is(r.role)
	}
	if held {
		return r.yes
	}
	return r.no
}

func (r *Role) rule() string {
	if r == nil {
		return "nil"
	}
	return "role:" + r.role
}

func (r *Role) inspect(m *Model, report reporter) {
	if r == nil {
		report("a role is nil; leave it out or name the one that is meant")
		return
	}
	i, ok := m.roleIndex[r.role]
	switch {
	case !ok:
		report("role %q is not listed in Config.Roles; list it there", r.role)
	case m.roles[i] != r:
		report("role %q is not the one of that name in Config.Roles; use one declaration for both (Inherits returns a new role)", r.role)
	}
}
