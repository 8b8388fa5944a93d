package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// maxName bounds names, which travel in audit records and tables.
const maxName = 128

// lint returns all mistakes in c, or nil.
func lint(c Config) error {
	l := &linter{}
	if len(c.Roles) == 0 && len(c.Permissions) == 0 {
		l.report("Config lists neither roles nor permissions; list what the program uses")
	}
	l.permissions(c.Permissions)
	l.roles(c.Roles)
	for _, r := range c.Roles {
		if r != nil {
			l.holdings(r, c.Permissions)
			l.inheritance(r, c.Roles)
		}
	}
	return errors.Join(l.problems...)
}

type linter struct{ problems []error }

func (l *linter) report(format string, args ...any) {
	l.problems = append(l.problems, fmt.Errorf("policy: "+format, args...))
}

func (l *linter) permissions(list []Permission) {
	seen := make(map[string]string, len(list))
	for _, p := range list {
		name := string(p)
		switch {
		case strings.Contains(name, "*"):
			l.report("Config.Permissions lists the wildcard %q; list the permissions themselves, roles may hold wildcards", name)
		case !wellFormedPermission(name):
			l.report("Config.Permissions lists %q, which is not a name; %s", name, permissionForm)
		default:
			l.unique("Config.Permissions", name, seen)
		}
	}
}

func (l *linter) roles(list []*Role) {
	seen := make(map[string]string, len(list))
	for _, r := range list {
		switch {
		case r == nil:
			l.report("Config.Roles lists nil; leave it out or name the role that is meant")
		case !wellFormed(r.role):
			l.report("Config.Roles lists %q, which is not a name; %s", r.role, roleForm)
		default:
			l.unique("Config.Roles", r.role, seen)
		}
	}
}

// unique reports a name that was seen before, in the same or in another case.
func (l *linter) unique(where, name string, seen map[string]string) {
	folded := strings.ToLower(name)
	switch earlier, ok := seen[folded]; {
	case !ok:
		seen[folded] = name
	case earlier == name:
		l.report("%s lists %q twice; leave one out or rename it", where, name)
	default:
		l.report("%s lists %q and %q, which differ only in case; rename one", where, earlier, name)
	}
}

// holdings reports permissions of r that mean nothing.
func (l *linter) holdings(r *Role, listed []Permission) {
	for _, held := range r.grants {
		base, wildcard := strings.CutSuffix(string(held), "*")
		base, segmented := strings.CutSuffix(base, ":")
		wellFormed := wildcard && base == "" && !segmented ||
			wildcard == segmented && wellFormedPermission(base)
		switch {
		case !wellFormed:
			l.report("role %q holds %q, which is not a name; %s, or * or a wildcard such as posts:*", r.role, held, permissionForm)
		case slices.ContainsFunc(listed, held.covers):
		case wildcard:
			l.report("role %q holds the wildcard %q, which matches nothing in Config.Permissions; list what it stands for or leave it out", r.role, held)
		default:
			l.report("role %q holds %q, which Config.Permissions does not list; list it there or correct the name", r.role, held)
		}
	}
}

// inheritance reports roles above r that cannot be found by their names.
func (l *linter) inheritance(r *Role, listed []*Role) {
	for _, parent := range r.parents {
		switch {
		case parent == nil:
			l.report("role %q inherits nil; leave it out or name the role that is meant", r.role)
		case parent.closure(make(map[*Role]bool))[r]: // only where a program assigns to *parent
			l.report("role %q inherits itself by way of %q; declare roles with NewRole and Inherits alone", r.role, parent.role)
		case slices.Contains(listed, parent):
		case slices.ContainsFunc(listed, func(o *Role) bool { return o.Name() == parent.role }):
			l.report("role %q inherits %q, but not the one in Config.Roles; use one declaration for both (Inherits returns a new role)", r.role, parent.role)
		default:
			l.report("role %q inherits %q, which Config.Roles does not list; list it there", r.role, parent.role)
		}
	}
}

const (
	roleForm       = `use letters, digits and "-", "_", ".", "/", at most 128`
	permissionForm = `use letters, digits and "-", "_", ".", "/" in segments between ":", at most 128`
)

func wellFormedPermission(name string) bool {
	if len(name) > maxName {
		return false
	}
	for segment := range strings.SplitSeq(name, ":") {
		if !wellFormed(segment) {
			return false
		}
	}
	return true
}

func wellFormed(name string) bool {
	if name == "" || len(name) > maxName {
		return false
	}
	for _, c := range []byte(name) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '-', c == '_', c == '.', c == '/':
		default:
			return false
		}
	}
	return true
}
