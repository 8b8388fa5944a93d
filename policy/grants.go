package policy

import (
	"slices"

	nguard "github.com/nguard-go/nguard/core"
)

// bitset is a set of small numbers. Those in a model are never written again once it is built.
type bitset []uint64

func newBitset(n int) bitset { return make(bitset, (n+63)/64) }

func (b bitset) has(i int) bool { return b[i>>6]&(1<<(i&63)) != 0 }

func (b bitset) add(i int) { b[i>>6] |= 1 << (i & 63) }

func (b bitset) union(other bitset) {
	for i := range b {
		b[i] |= other[i]
	}
}

// grants is what one role, with or without extra permissions, amounts to: closed over inheritance,
// wildcards resolved. It is immutable.
type grants struct {
	model       *Model
	roles       bitset // by index in model.roles
	permissions bitset // by index in model.permissions
}

var _ nguard.Grants = (*grants)(nil)

// Is reports whether the role is held, itself or by inheritance.
func (g *grants) Is(role string) bool {
	i, ok := g.model.roleIndex[role]
	return ok && g.roles.has(i)
}

// Can reports whether the permission is held. A wildcard is no permission.
func (g *grants) Can(permission string) bool {
	i, ok := g.model.permissionIndex[permission]
	return ok && g.permissions.has(i)
}

// Permissions returns the names of all permissions that are held, sorted, in a slice of the caller's.
func (g *grants) Permissions() []string {
	names := make([]string, 0, len(g.model.permissionNames))
	for i, name := range g.model.permissionNames {
		if g.permissions.has(i) {
			names = append(names, name)
		}
	}
	return names
}

// Grants returns what the role with the extra permissions of one user may do. A role or permission
// that the model does not list grants nothing, so data that is older or newer than the program is
// safe. Extras are exact names: a wildcard in data grants nothing, because what it stands for would
// grow with the program and nobody would have decided that. The result is immutable; without
// extras beyond the role's own permissions nothing is allocated.
func (m *Model) Grants(role string, permissions []string) nguard.Grants {
	base := &m.nothing
	if i, ok := m.roleIndex[role]; ok {
		base = &m.compiled[i]
	}
	held, more := base.permissions, false
	for _, name := range permissions {
		i, ok := m.permissionIndex[name]
		if !ok || held.has(i) {
			continue
		}
		if !more {
			held, more = slices.Clone(held), true
		}
		held.add(i)
	}
	if more || base.model == nil {
		return &grants{model: m, roles: base.roles, permissions: held}
	}
	return base
}

// Subject returns a signed-in person with the role and extra permissions, for table tests of policies
// without a request. AuthAt and Level are for the test to set.
func (m *Model) Subject(userID, role string, permissions ...string) *nguard.Subject {
	return &nguard.Subject{
		UserID:      userID,
		Role:        role,
		Permissions: permissions,
		Grants:      m.Grants(role, permissions),
	}
}
