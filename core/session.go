package nguard

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// Session is one person on one device, as of one moment. It is immutable and safe for concurrent use;
// [Request.Session] returns the current one also after an update. Values of declared fields are read
// through [Field.Get].
type Session struct {
	rec    *Record
	seen   time.Time
	extra  map[string]any
	fields *fieldSet
}

// ID is the public handle: it may be shown, logged and put into URLs, and opens nothing.
func (s *Session) ID() string { return s.rec.ID }

// UserID is the ID of the person.
func (s *Session) UserID() string { return s.rec.User.ID }

// User is the person as the session knows them; a copy.
func (s *Session) User() User { return cloneUser(s.rec.User) }

// Version grows with each change of the session.
func (s *Session) Version() int64 { return s.rec.Version }

// Created is when the person logged in.
func (s *Session) Created() time.Time { return s.rec.Created }

// Updated is when the session last changed.
func (s *Session) Updated() time.Time { return s.rec.Updated }

// LastSeen is the idle clock, which moves at most once a minute or tenth of the idle limit.
func (s *Session) LastSeen() time.Time { return s.seen }

// Expires is when the session ends if nothing more is heard: the earlier of the idle and the absolute
// limit.
func (s *Session) Expires() time.Time { return deadline(s.rec, s.seen) }

// AuthAt is when the person last proved who they are.
func (s *Session) AuthAt() time.Time { return s.rec.AuthAt }

// Methods are the ways in which the person proved who they are; a copy.
func (s *Session) Methods() []string { return slices.Clone(s.rec.Methods) }

// Level is how strong the proof of who the person is was, as the program counts it.
func (s *Session) Level() int { return s.rec.Level }

// Remembered reports whether the cookie persists when the browser is closed.
func (s *Session) Remembered() bool { return s.rec.Remember }

// Device is the user agent at login, at most 256 bytes, as the client sent it: not for trust, and to
// be escaped where it is shown.
func (s *Session) Device() string { return s.rec.Device }

// IP is the address at login.
func (s *Session) IP() string { return s.rec.IP }

// Extra returns what [Hooks.OnLoad] has added under this name for this request.
func (s *Session) Extra(name string) any { return s.extra[name] }

func (s *Session) column(name string) *string { return s.rec.User.column(name) }

func (s *Session) stored(name string, scope Scope) (any, bool) {
	if scope == InSession {
		v, ok := s.rec.Data[name]
		return v, ok
	}
	return s.rec.User.stored(name)
}

// MarshalJSON writes what the person may see: {"user", "data", "expires", "role", "permissions"}, with
// declared fields that are not private, and what OnLoad has added. The token is not part of it.
func (s *Session) MarshalJSON() ([]byte, error) { return json.Marshal(s.object(s.Expires())) }

func (s *Session) object(expires time.Time) map[string]any {
	u := s.rec.User
	perms := append([]string{}, u.Permissions...)
	user := map[string]any{"id": u.ID, "name": u.Name, "email": u.Email, "role": u.Role}
	data := map[string]any{}
	for name, v := range s.extra {
		data[name] = v
	}
	for _, f := range s.fields.order {
		spec := f.spec()
		rest, in := strings.CutPrefix(spec.name, "user.")
		if spec.private {
			if in {
				delete(user, rest) // the name and the e-mail address stand there already
			}
			continue
		}
		v, ok := s.stored(spec.name, spec.scope)
		if !ok {
			v = f.fallback()
		}
		if in {
			user[rest] = v
		} else {
			data[spec.name] = v
		}
	}
	data["role"], data["permissions"] = u.Role, perms
	return map[string]any{
		"user": user, "data": data, "expires": expires.UnixMilli(), "role": u.Role, "permissions": perms,
	}
}
