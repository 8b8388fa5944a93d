package nguard

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/nguard-go/nguard/core/internal/strictjson"
)

// View is what others may see of sessions: the "user" and "data" objects that [Session.MarshalJSON] writes.
// It is for codecs that put sessions into a form which others read, and is safe for concurrent use.
type View struct{ fields *fieldSet }

// NewView makes the view of a guard with these Config.Fields. The error says which one is wrong.
func NewView(fields []AnyField) (*View, error) {
	set, err := newFieldSet(fields)
	if err != nil {
		return nil, err
	}
	return &View{set}, nil
}

// Show returns the two objects of a record: declared fields that are not private, and the person's id, name,
// email, role and permissions.
func (v *View) Show(r *Record) (user, data map[string]any) {
	s := Session{rec: r, fields: v.fields}
	o := s.object(time.Time{})
	return o["user"].(map[string]any), o["data"].(map[string]any)
}

// Read returns the person and the session's own values of an object with members "user" and "data", as
// Show's results are written in JSON. It is for objects whose origin the caller has verified. Members that
// are not declared, private, or not of their field's type are left out; role and permissions are taken from
// "user", "data" or the top level, the first that has one. [ErrMalformed]: it is no strict JSON, or has no
// user.id.
func (v *View) Read(object []byte) (u User, data map[string]any, err error) {
	members := map[string]map[string][]byte{} // of the top level, "user" and "data"
	limits := strictjson.Limits{Depth: 16, Keys: 1000, Items: 1000, String: MaxCookieToken}
	for _, place := range []string{"", "user", "data"} {
		raw := object
		if place != "" {
			if raw = members[""][place]; raw == nil {
				continue
			}
		}
		list, err := strictjson.Object(raw, limits)
		if err != nil {
			return User{}, nil, fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		members[place] = map[string][]byte{}
		for _, m := range list {
			members[place][m.Name] = m.Raw
		}
	}
	if json.Unmarshal(members["user"]["id"], &u.ID) != nil || u.ID == "" {
		return User{}, nil, fmt.Errorf("%w: no user.id", ErrMalformed)
	}
	hidden := func(name string) bool {
		f := v.fields.byName[name]
		return f != nil && f.spec().private
	}
	for name, to := range map[string]any{"role": &u.Role, "permissions": &u.Permissions, "name": &u.Name, "email": &u.Email} {
		for _, place := range []string{"user", "data", ""} {
			if raw := members[place][name]; raw != nil && (place == "user" || authority(name)) && !hidden("user."+name) {
				_ = json.Unmarshal(raw, to) // of another type: left out
				break
			}
		}
	}
	data = map[string]any{}
	for _, f := range v.fields.order {
		spec := f.spec()
		raw := members["data"][spec.name]
		if rest, in := strings.CutPrefix(spec.name, "user."); in {
			raw = members["user"][rest]
		}
		if raw == nil || spec.private || authority(spec.name) || u.column(spec.name) != nil {
			continue
		}
		value, err := f.parse(raw)
		if err != nil {
			continue
		}
		if spec.scope == InSession {
			data[spec.name] = value
		} else if err := u.set(spec.name, value); err != nil {
			return User{}, nil, err
		}
	}
	return u, data, nil
}
