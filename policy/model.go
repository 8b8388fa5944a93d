package policy

import (
	"slices"

	nguard "github.com/nguard-go/nguard/core"
)

// Config lists the words of a [Model].
type Config struct {
	// Roles are all roles that a user may have, those that others inherit included.
	Roles []*Role
	// Permissions are all permissions that a role may hold or a policy ask for, without wildcards.
	Permissions []Permission
}

// A Model is the roles and permissions of a program, compiled so that each question is one look-up
// and a bit test. It is an [nguard.Roles]: give it to nguard.Config.Roles. Two models may share roles.
// Build it with [NewModel]; it is immutable and safe for concurrent use. The zero value knows no role
// and grants nothing.
type Model struct {
	roles           []*Role // lowest rank first
	roleIndex       map[string]int
	permissions     []leaf // sorted by name
	permissionNames []string
	permissionIndex map[string]int
	compiled        []grants // by role
	nothing         grants
}

var _ nguard.Roles = (*Model)(nil)

// NewModel compiles the roles and permissions. Its error tells of every mistake, with the remedy: a
// name that is empty, ill-formed, listed twice or told from another only by its case; a role that holds
// what is not listed, or a wildcard that matches nothing; a role that inherits nil, itself or one that is
// not listed.
//
// Names are made of the ASCII letters, digits and "-", "_", ".", "/"; those of permissions also of
// segments between ":".
func NewModel(c Config) (*Model, error) {
	if err := lint(c); err != nil {
		return nil, err
	}
	m := &Model{roles: byRank(c.Roles), permissionNames: make([]string, len(c.Permissions))}
	for i, p := range c.Permissions {
		m.permissionNames[i] = string(p)
	}
	slices.Sort(m.permissionNames)
	m.permissionIndex = make(map[string]int, len(m.permissionNames))
	for i, name := range m.permissionNames {
		m.permissionIndex[name] = i
		m.permissions = append(m.permissions, Permission(name).leaf())
	}
	m.nothing = m.newGrants()
	m.roleIndex = make(map[string]int, len(m.roles))
	for i, r := range m.roles {
		m.roleIndex[r.role] = i
		m.compiled = append(m.compiled, m.compile(i))
	}
	return m, nil
}

func (m *Model) newGrants() grants {
	return grants{model: m, roles: newBitset(len(m.roles)), permissions: newBitset(len(m.permissionNames))}
}

// compile closes the role with index i. Those that it inherits rank lower, so they are compiled.
func (m *Model) compile(i int) grants {
	g := m.newGrants()
	g.roles.add(i)
	for _, parent := range m.roles[i].parents {
		inherited := m.compiled[m.roleIndex[parent.role]]
		g.roles.union(inherited.roles)
		g.permissions.union(inherited.permissions)
	}
	for _, held := range m.roles[i].grants {
		for p, name := range m.permissionNames {
			if held.covers(Permission(name)) {
				g.permissions.add(p)
			}
		}
	}
	return g
}

// byRank sorts roles by how many they amount to, themselves included; equals keep their order. A role
// amounts to more than any that it inherits.
func byRank(roles []*Role) []*Role {
	rank := make(map[*Role]int, len(roles))
	for _, r := range roles {
		rank[r] = len(r.closure(make(map[*Role]bool)))
	}
	sorted := slices.Clone(roles)
	slices.SortStableFunc(sorted, func(a, b *Role) int { return rank[a] - rank[b] })
	return sorted
}

// closure adds r and all that it inherits to seen.
func (r *Role) closure(seen map[*Role]bool) map[*Role]bool {
	if r != nil && !seen[r] {
		seen[r] = true
		for _, parent := range r.parents {
			parent.closure(seen)
		}
	}
	return seen
}

// Knows reports whether the role is listed.
func (m *Model) Knows(role string) bool {
	_, ok := m.roleIndex[role]
	return ok
}

// KnowsPermission reports whether the permission is listed. Wildcards are not.
func (m *Model) KnowsPermission(permission string) bool {
	_, ok := m.permissionIndex[permission]
	return ok
}

// Covers reports whether role is other or inherits it, directly or not. An unknown role covers nothing
// and is covered by nothing: it may be one that a newer version of the program put above all others.
func (m *Model) Covers(role, other string) bool {
	i, ok := m.roleIndex[role]
	return ok && m.compiled[i].Is(other)
}

// Roles returns the names of all roles, lowest rank first: a role comes after all that it inherits.
func (m *Model) Roles() []string {
	names := make([]string, len(m.roles))
	for i, r := range m.roles {
		names[i] = r.role
	}
	return names
}

// Permissions returns the names of all permissions, sorted.
func (m *Model) Permissions() []string { return slices.Clone(m.permissionNames) }
