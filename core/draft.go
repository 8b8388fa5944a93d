package nguard

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// Draft is a session being changed, inside the function given to Update. It starts as the session is
// stored now; what is set in it is written in one step, or not at all. The function may be called
// again with a newer session, so it must have no effect but on the draft. A Draft is not safe for
// concurrent use and must not be kept.
type Draft struct {
	base   *Record
	fields *fieldSet
	user   User
	data   map[string]any
	rules  []string // that allowed what came from outside
	err    error
}

func newDraft(r *Record, fields *fieldSet) *Draft {
	d := &Draft{base: r, fields: fields, user: r.User, data: maps.Clone(r.Data)}
	d.user.Permissions = slices.Clone(r.User.Permissions)
	d.user.Data = maps.Clone(r.User.Data)
	return d
}

// allowed notes the rule that let a change from outside pass.
func (d *Draft) allowed(rule string) {
	if !slices.Contains(d.rules, rule) {
		d.rules = append(d.rules, rule)
	}
}

// rule is what an audit record says decided: the policies that were asked, or the program itself.
func (d *Draft) rule() string {
	if len(d.rules) == 0 {
		return "program"
	}
	return strings.Join(d.rules, ", ")
}

// UserID returns the ID of the session's user.
func (d *Draft) UserID() string { return d.base.User.ID }

// User returns the user as it stands in the draft; a copy.
func (d *Draft) User() User { return cloneUser(d.user) }

func (d *Draft) stored(name string, s Scope) (any, bool) {
	if s == InSession {
		v, ok := d.data[name]
		return v, ok
	}
	return d.user.stored(name)
}

func (d *Draft) column(name string) *string { return d.user.column(name) }

// maxSession bounds what the fields of one session hold together, in bytes: several thousand sessions
// must fit where one did, and a sealed session must fit into cookies (checklist C5).
const maxSession = 16 << 10

func (d *Draft) set(spec fieldSpec, v any) error {
	v = ownedValue(v) // what fiber gives to a handler is overwritten by the next request
	if spec.scope == InSession {
		if d.data == nil {
			d.data = map[string]any{}
		}
		d.data[spec.name] = v
	} else if err := d.user.set(spec.name, v); err != nil {
		return err
	}
	size := 0
	for _, m := range []map[string]any{d.data, d.user.Data} {
		for name, v := range m {
			size += len(name) + sizeOf(v)
		}
	}
	if size > maxSession {
		d.err = ErrTooLarge // remembered: a function that ignores the error does not get by
		return ErrTooLarge
	}
	return nil
}

// changes lists what differs from the base, fields in the order of their names. Values are stored
// forms; permissions are a []string.
func (d *Draft) changes(fields *fieldSet) (list []Change, inUser, rotate bool) {
	list = diffUser(d.base.User, d.user)
	inUser = len(list) > 0
	list = append(list, diffValues(d.base.Data, d.data)...)
	slices.SortFunc(list, func(a, b Change) int { return strings.Compare(a.Field, b.Field) })
	for i, c := range list {
		rotate = rotate || authority(c.Field)
		if f := fields.byName[c.Field]; f != nil {
			spec := f.spec()
			rotate = rotate || spec.rotate
			if spec.private {
				list[i].From, list[i].To = Redacted{}, Redacted{}
			}
		}
	}
	return list, inUser, rotate
}

func diffUser(a, b User) (list []Change) {
	for _, name := range []string{"user.name", "user.email", "role", "permissions", "disabled"} {
		from, _ := a.stored(name)
		to, _ := b.stored(name)
		if p, ok := from.([]string); ok {
			if !slices.Equal(p, to.([]string)) {
				list = append(list, Change{name, p, to})
			}
		} else if from != to {
			list = append(list, Change{name, from, to})
		}
	}
	return append(list, diffValues(a.Data, b.Data)...)
}

func diffValues(a, b map[string]any) (list []Change) {
	for name, to := range b {
		if from, ok := a[name]; !ok || !equalStored(from, to) {
			list = append(list, Change{name, from, to})
		}
	}
	for name, from := range a {
		if _, ok := b[name]; !ok {
			list = append(list, Change{name, from, nil})
		}
	}
	return list
}

// column returns the member of the user that a field of this name is, if it is a string.
func (u *User) column(name string) *string {
	switch name {
	case "role":
		return &u.Role
	case "user.name":
		return &u.Name
	case "user.email":
		return &u.Email
	}
	return nil
}

// stored returns a member of the user by field name. "disabled" is no field: it has no declaration, but
// stands in audit records.
func (u *User) stored(name string) (any, bool) {
	switch name {
	case "role":
		return u.Role, true
	case "permissions":
		return slices.Clone(u.Permissions), true
	case "user.name":
		return u.Name, true
	case "user.email":
		return u.Email, true
	case "disabled":
		return u.Disabled, true
	}
	v, ok := u.Data[name]
	return v, ok
}

func (u *User) set(name string, v any) error {
	switch name {
	case "permissions":
		list, err := fromStored[[]string](v)
		if err != nil {
			return &FieldError{name, "must be a list of strings"}
		}
		u.Permissions = list
		return nil
	case "role", "user.name", "user.email":
		s, ok := v.(string)
		if !ok {
			return &FieldError{name, "must be a string"}
		}
		switch name {
		case "role":
			u.Role = s
		case "user.name":
			u.Name = s
		default:
			u.Email = s
		}
		return nil
	}
	if u.Data == nil {
		u.Data = map[string]any{}
	}
	u.Data[name] = v
	return nil
}

func cloneUser(u User) User {
	u.Permissions = slices.Clone(u.Permissions)
	u.Data = maps.Clone(u.Data)
	for name, v := range u.Data {
		if raw, ok := v.(json.RawMessage); ok {
			u.Data[name] = slices.Clone(raw)
		}
	}
	return u
}
