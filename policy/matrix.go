package policy

import (
	"context"
	"fmt"
	"math"
	"strings"
	"text/tabwriter"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// Matrix prints who may do what, for a golden file: a change of authority then shows up in review
// (ASVS 8.1.1, 8.1.2). It has three tables: what each role inherits, which permissions it amounts to,
// and which of the fields it may write. The column "(none)" is a person who is signed in with no role
// that the model knows.
//
// The fields are usually those of the guard: model.Matrix(config.Fields...). Each cell is what the
// field's policy answers about one's own row and about another person's with the same role: "self",
// "others", "any" row or "-". Where a recent or strong proof of identity is needed, ", step-up" follows;
// "error" is a policy that could not decide, such as one that needs a database.
func (m *Model) Matrix(fields ...nguard.AnyField) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row := func(cells ...string) { fmt.Fprintln(w, strings.Join(cells, "\t")) }
	roles := m.Roles()

	row("role", "inherits")
	for i, name := range roles {
		row(name, orDash(strings.Join(m.inherited(i), ", ")))
	}

	columns := append([]string{""}, roles...)
	heading := strings.Join(append([]string{"(none)"}, roles...), "\t")
	row()
	row("permission", heading)
	for _, permission := range m.permissionNames {
		cells := []string{permission}
		for _, role := range columns {
			cells = append(cells, yesOrDash(m.Grants(role, nil).Can(permission)))
		}
		row(cells...)
	}

	if len(fields) > 0 {
		row()
		row("field", heading)
	}
	for _, f := range fields {
		cells := []string{f.FieldName()}
		for _, role := range columns {
			cells = append(cells, m.writes(f, role))
		}
		row(cells...)
	}
	w.Flush()
	return b.String()
}

// inherited returns the names of all roles that the one with index i inherits, highest rank first.
func (m *Model) inherited(i int) []string {
	var names []string
	for j := i - 1; j >= 0; j-- {
		if m.compiled[i].roles.has(j) {
			names = append(names, m.roles[j].role)
		}
	}
	return names
}

// writes is the cell of a field and a role.
func (m *Model) writes(f nguard.AnyField, role string) string {
	if f.WritePolicy() == nil {
		return "-"
	}
	now := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	strong := m.Subject("self", role)
	strong.AuthAt, strong.Level = now, math.MaxInt
	weak := m.Subject("self", role)
	cell := rows(f, strong, now)
	if cell != "-" && cell != "error" && rows(f, weak, now) != cell {
		cell += ", step-up"
	}
	return cell
}

// rows says whose rows s may write.
func rows(f nguard.AnyField, s *nguard.Subject, now time.Time) string {
	policy := adopt(f.WritePolicy())
	ask := func(target string) nguard.Decision {
		return policy.Decide(context.Background(), nguard.Access{
			Subject:  s,
			Action:   "update",
			Target:   target,
			Resource: nguard.User{ID: target, Role: s.Role},
			Field:    f.FieldName(),
			Time:     now,
		})
	}
	own, other := ask("self"), ask("other")
	switch {
	case own.Err != nil || other.Err != nil:
		return "error"
	case own.Allowed() && other.Allowed():
		return "any"
	case own.Allowed():
		return "self"
	case other.Allowed():
		return "others"
	}
	return "-"
}

func yesOrDash(yes bool) string {
	if yes {
		return "yes"
	}
	return "-"
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
