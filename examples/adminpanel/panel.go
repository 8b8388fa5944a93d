package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/policy"
)

// row is a person as the panel shows them.
type row struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Email string `json:"email"`
	Role  string `json:"role"`
	// Sessions and LastSeen (milliseconds since 1970, 0 for never) are told of the first people of a long list.
	Sessions *int  `json:"sessions,omitempty"`
	LastSeen int64 `json:"lastSeen,omitempty"`
	// Grants are the roles that whoever asks may give this person; Locked says why there are none.
	Grants []string `json:"grants"`
	Locked string   `json:"locked,omitempty"`

	disabled bool
}

// overview is for how many people the sessions are counted: each costs one read of the store.
const overview = 100

// listUsers answers everybody, with what whoever asks may do about them. It is for showing: the server decides
// again when the change is asked for.
func (a *app) listUsers(ctx context.Context, r *nguard.Request, _ func(string) string) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, ownTimeout)
	defer cancel()
	list, err := a.users.all(ctx)
	if err != nil {
		return nil, err
	}
	admins := 0
	for _, p := range list {
		if p.Role == Admin.Name() && !p.disabled {
			admins++
		}
	}
	by := r.Subject()
	for i, p := range list {
		if p.Grants = a.grants(ctx, by, p); len(p.Grants) == 0 {
			p.Locked = "You may not change this person's role."
		}
		if admins == 1 && p.Role == Admin.Name() && !p.disabled {
			p.Grants, p.Locked = []string{}, "The last admin keeps the role."
		}
		if i >= overview {
			continue
		}
		sessions, err := a.guard.Sessions(ctx, p.ID)
		if err != nil {
			return nil, err
		}
		n := len(sessions)
		p.Sessions = &n
		for _, s := range sessions {
			p.LastSeen = max(p.LastSeen, s.LastSeen().UnixMilli())
		}
	}
	return map[string]any{"users": list}, nil
}

// grants are the roles that by may give p: the write policy of the field must allow it, and neither the person
// nor the role may stand above the one who asks.
func (a *app) grants(ctx context.Context, by *nguard.Subject, p *row) []string {
	roles := []string{}
	d := Role.WritePolicy().Decide(ctx, nguard.Access{
		Subject: by, Action: "update-role", Target: p.ID, Resource: nguard.User{ID: p.ID, Role: p.Role}, Field: "role", Time: a.guard.Now(),
	})
	if !d.Allowed() || a.model.Knows(p.Role) && !a.model.Covers(by.Role, p.Role) {
		return roles
	}
	for _, name := range a.model.Roles() {
		if a.model.Covers(by.Role, name) {
			roles = append(roles, name)
		}
	}
	return roles
}

// showPolicy answers the model as tables: which role holds which permission, and whose fields it may write.
func (a *app) showPolicy(ctx context.Context, _ *nguard.Request, _ func(string) string) (any, error) {
	type roleRow struct {
		Name     string   `json:"name"`
		Inherits []string `json:"inherits"`
	}
	type permissionRow struct {
		Name string   `json:"name"`
		Held []string `json:"held"` // by these roles
	}
	type fieldRow struct {
		Name   string            `json:"name"`
		Rule   string            `json:"rule"`
		Writes map[string]string `json:"writes"` // by role: "own", "any" or "none"
	}
	rows, permissions, writable := []roleRow{}, []permissionRow{}, []fieldRow{}
	names := a.model.Roles()
	for _, name := range names {
		below := slices.DeleteFunc(slices.Clone(names), func(other string) bool { return other == name || !a.model.Covers(name, other) })
		rows = append(rows, roleRow{name, below})
	}
	for _, name := range a.model.Permissions() {
		held := slices.DeleteFunc(slices.Clone(names), func(role string) bool { return !a.model.Grants(role, nil).Can(name) })
		permissions = append(permissions, permissionRow{name, held})
	}
	for _, f := range fields {
		r := fieldRow{f.FieldName(), "nobody from outside", map[string]string{}}
		if f.WritePolicy() != nil {
			r.Rule = policy.RuleOf(f.WritePolicy())
		}
		for _, role := range names {
			who := a.model.Subject("self", role)
			own, other := a.mayWrite(ctx, who, f, "self").Allowed(), a.mayWrite(ctx, who, f, "other").Allowed()
			r.Writes[role] = map[[2]bool]string{{true, true}: "any", {true, false}: "own", {false, true}: "others"}[[2]bool{own, other}]
			if r.Writes[role] == "" {
				r.Writes[role] = "none"
			}
		}
		writable = append(writable, r)
	}
	return map[string]any{"roles": rows, "permissions": permissions, "fields": writable}, nil
}

// mayWrite asks the policy of a field.
func (a *app) mayWrite(ctx context.Context, who *nguard.Subject, f nguard.AnyField, target string) nguard.Decision {
	if f.WritePolicy() == nil {
		return nguard.Decision{Rule: "none", Reason: "no policy lets anybody write it from outside"}
	}
	return f.WritePolicy().Decide(ctx, nguard.Access{
		Subject: who, Action: "update", Target: target, Resource: nguard.User{ID: target, Role: who.Role}, Field: f.FieldName(), Time: a.guard.Now(),
	})
}

// mayThey answers whether a person ("user") may do something: hold a permission ("permission"), or write a field
// ("field") of a person ("target"). It names the rule that decides, and through which role a permission is held.
func (a *app) mayThey(ctx context.Context, _ *nguard.Request, query func(string) string) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, ownTimeout)
	defer cancel()
	p, err := a.person(ctx, "user", query("user"))
	if err != nil {
		return nil, err
	}
	who := a.model.Subject(p.ID, p.Role, p.Permissions...)
	var d nguard.Decision
	via := ""
	if name := query("field"); name != "" {
		i := slices.IndexFunc(fields, func(f nguard.AnyField) bool { return f.FieldName() == name })
		if i < 0 {
			return nil, &nguard.FieldError{Field: "field", Problem: "is no declared field"}
		}
		target, err := a.person(ctx, "target", query("target"))
		if err != nil {
			return nil, err
		}
		d = a.mayWrite(ctx, who, fields[i], target.ID)
	} else {
		permission := query("permission")
		if !a.model.KnowsPermission(permission) {
			return nil, &nguard.FieldError{Field: "permission", Problem: "is no declared permission"}
		}
		d = policy.Permission(permission).Decide(ctx, nguard.Access{Subject: who, Action: "ask", Time: a.guard.Now()})
		via = a.via(p, permission)
	}
	if d.Err != nil {
		return nil, fmt.Errorf("%w: %w", nguard.ErrUnavailable, d.Err)
	}
	return map[string]any{"allowed": d.Allowed(), "rule": d.Rule, "reason": d.Reason, "via": via}, nil
}

// person is the one that a parameter names.
func (a *app) person(ctx context.Context, parameter, id string) (nguard.User, error) {
	p, err := a.users.User(ctx, id)
	switch {
	case errors.Is(err, nguard.ErrNoUser):
		return p, &nguard.FieldError{Field: parameter, Problem: "names nobody"}
	case err != nil:
		return p, unavailable(err)
	}
	return p, nil
}

// via is the lowest of the person's roles that holds the permission.
func (a *app) via(p nguard.User, permission string) string {
	for _, name := range a.model.Roles() {
		if a.model.Covers(p.Role, name) && a.model.Grants(name, nil).Can(permission) {
			return "role " + name
		}
	}
	if slices.Contains(p.Permissions, permission) {
		return "this person's own permissions"
	}
	return ""
}
