package nguard

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Scope says where a field lives.
type Scope uint8

// The scopes.
const (
	// InSession fields live in one session.
	InSession Scope = iota
	// InUser fields live in the users table and reach every session of the person.
	InUser
)

// Field declares one value that sessions carry. Declare it once, as a package variable, list it in
// Config.Fields, and read and write it through its methods. Nothing undeclared is accepted from outside
// (promise P8, ASVS 15.3.3). A Field is not changed after New; its methods are safe for concurrent use.
//
// The names "role", "permissions", "user.name" and "user.email" with scope InUser are the members of
// [User] of that name; every other InUser field lives in User.Data under its name. A name that begins
// with "user." appears in the "user" object of the session's JSON, others in "data".
type Field[T any] struct {
	// Name is 1 to 64 letters, digits, "_", "-", with an optional "user." before them.
	Name string
	// Default is what Get returns while no value is stored.
	Default T
	// OneOf, when not empty, lists all values that are accepted.
	OneOf []T
	// Check, when set, refuses a value by an error whose text is shown to the caller.
	Check func(T) error
	// Write decides who may change the value from outside, by update or [Request.Apply]; nil means
	// nobody may. The program's own [Request.Update] does not ask it.
	Write Policy
	// Scope defaults to InSession.
	Scope Scope
	// Rotate asks for a new token when the value changes: set it on authority.
	Rotate bool
	// Private values never leave the server, neither in JSON nor in an audit record.
	Private bool
}

// AnyField is a *Field[T] of any T. Only this package implements it.
type AnyField interface {
	// FieldName is the name, WritePolicy the policy for changes from outside; nil means nobody.
	FieldName() string
	WritePolicy() Policy
	spec() fieldSpec
	parse(raw []byte) (any, error)
	check(stored any) error
	valid() error
	fallback() any
	info() FieldInfo
}

type fieldSpec struct {
	name            string
	scope           Scope
	rotate, private bool
}

// Values is what a Field reads from: a *[Session] or a *[Draft].
type Values interface {
	stored(name string, s Scope) (any, bool)
	column(name string) *string // of the user; nil when there is none of this name
}

// FieldName returns f.Name.
func (f *Field[T]) FieldName() string { return f.Name }

// WritePolicy returns f.Write.
func (f *Field[T]) WritePolicy() Policy { return f.Write }

func (f *Field[T]) spec() fieldSpec { return fieldSpec{f.Name, f.Scope, f.Rotate, f.Private} }

func (f *Field[T]) fallback() any { return f.Default }

// Get returns the value in v, or the Default. A string, bool, int, int64 or float64 costs no allocation;
// what is no scalar is a copy.
func (f *Field[T]) Get(v Values) T {
	if f.Scope == InUser {
		// A column of the users table: to hand out a string as any would be an allocation.
		if t, ok := any(v.column(f.Name)).(*T); ok && t != nil {
			return *t
		}
	}
	if s, ok := v.stored(f.Name, f.Scope); ok {
		if t, err := fromStored[T](s); err == nil {
			return t
		}
	}
	return f.initial()
}

// initial is the Default, as a copy where the caller could change it.
func (f *Field[T]) initial() T {
	if scalar(reflect.TypeFor[T]().Kind()) {
		return f.Default
	}
	if s, err := storedForm(f.Default); err == nil {
		if t, err := fromStored[T](s); err == nil {
			return t
		}
	}
	return f.Default // of a type that JSON cannot express: Set refuses it too
}

// Set writes the value into a draft. *FieldError: OneOf or Check refuses it.
func (f *Field[T]) Set(d *Draft, value T) error {
	s, err := storedForm(value)
	if err != nil {
		return &FieldError{f.Name, "cannot be stored: " + err.Error()}
	}
	if err := f.accept(value, s); err != nil {
		return err
	}
	if d.fields.byName[f.Name] != AnyField(f) {
		return fmt.Errorf("nguard: the field %q is not in Config.Fields: list it there", f.Name)
	}
	return d.set(f.spec(), s)
}

// valid reports what New must refuse: a nil pointer, a type that cannot be stored, a Default that Set
// would not take.
func (f *Field[T]) valid() error {
	var zero T
	if f == nil {
		return errors.New("is nil: list pointers to declared fields")
	}
	if _, raw := any(zero).(json.RawMessage); raw {
		return nil
	}
	if _, err := storedForm(zero); err != nil {
		return fmt.Errorf("has the type %T, which JSON cannot express: use another", zero)
	}
	s, err := storedForm(f.Default)
	if err == nil && !reflect.ValueOf(&f.Default).Elem().IsZero() {
		err = f.accept(f.Default, s)
	}
	if err != nil {
		return fmt.Errorf("has a Default that it refuses itself: %w", err)
	}
	return nil
}

// Modify sets the value to what fn makes of it. fn may be called again when another request was faster.
func (f *Field[T]) Modify(d *Draft, fn func(T) T) error { return f.Set(d, fn(f.Get(d))) }

// parse reads a value from outside. It is stricter than encoding/json: null is refused for every type.
func (f *Field[T]) parse(raw []byte) (any, error) {
	var v T
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if string(raw) == "null" || dec.Decode(&v) != nil {
		return nil, &FieldError{f.Name, "must be a " + kindName(v)}
	}
	s, err := storedForm(v)
	if err != nil {
		return nil, &FieldError{f.Name, "must be a " + kindName(v)}
	}
	return s, f.accept(v, s)
}

// check verifies a stored form, such as one that a ChangeUser function has put into a User.
func (f *Field[T]) check(stored any) error {
	v, err := fromStored[T](stored)
	if err != nil {
		return &FieldError{f.Name, "must be a " + kindName(v)}
	}
	return f.accept(v, stored)
}

func (f *Field[T]) accept(v T, stored any) error {
	if len(f.OneOf) > 0 {
		names := make([]string, len(f.OneOf))
		ok := false
		for i, one := range f.OneOf {
			s, _ := storedForm(one)
			ok = ok || equalStored(s, stored)
			names[i] = fmt.Sprint(one)
		}
		if !ok {
			return &FieldError{f.Name, "must be one of " + strings.Join(names, ", ")}
		}
	}
	if f.Check != nil {
		if err := f.Check(v); err != nil {
			return &FieldError{f.Name, err.Error()}
		}
	}
	return nil
}

// fromStored converts a stored form to T, without allocation where T is string, bool, int, int64 or
// float64. What is not a scalar is a copy.
func fromStored[T any](s any) (t T, err error) {
	switch s := s.(type) {
	case json.RawMessage:
		return decodeStored[T](s)
	case int64:
		if p, ok := any(&t).(*int); ok {
			*p = int(s)
			return t, nil
		}
	}
	if v, ok := s.(T); ok {
		return v, nil
	}
	return decodeStored[T](s)
}

// decodeStored is apart from fromStored because the value that json decodes into escapes to the heap.
func decodeStored[T any](s any) (t T, err error) {
	raw, ok := s.(json.RawMessage)
	if !ok {
		if raw, err = json.Marshal(s); err != nil {
			return t, err
		}
	}
	return t, json.Unmarshal(raw, &t)
}

func kindName(v any) string {
	s, _ := storedForm(v)
	switch s.(type) {
	case string:
		return "string"
	case bool:
		return "boolean"
	case int64:
		return "whole number"
	case float64:
		return "number"
	}
	return "value of the declared type"
}

// fieldSet is the declared fields by name.
type fieldSet struct {
	byName map[string]AnyField
	order  []AnyField // by name
	folded map[string]string
}

// protectedNames cannot be smuggled in under another spelling or in another place, declared or not.
var protectedNames = []string{"role", "roles", "permissions", "isAdmin", "isSuperAdmin"}

func newFieldSet(fields []AnyField) (*fieldSet, error) {
	s := &fieldSet{byName: map[string]AnyField{}, folded: map[string]string{}}
	for i, f := range fields {
		if f == nil {
			return nil, fmt.Errorf("nguard: Config.Fields[%d] is nil: list pointers to declared fields", i)
		}
		if err := f.valid(); err != nil {
			return nil, fmt.Errorf("nguard: Config.Fields[%d] %w", i, err)
		}
		spec := f.spec()
		if err := validFieldName(spec.name); err != nil {
			return nil, fmt.Errorf("nguard: Config.Fields[%d]: %w", i, err)
		}
		if s.byName[spec.name] != nil {
			return nil, fmt.Errorf("nguard: Config.Fields: %q is declared twice: remove one", spec.name)
		}
		if other, taken := s.folded[foldKey(spec.name)]; taken {
			return nil, fmt.Errorf("nguard: Config.Fields: %q and %q differ in case only: rename one", spec.name, other)
		}
		if authority(spec.name) && spec.scope != InUser {
			return nil, fmt.Errorf("nguard: Config.Fields: %q must have Scope InUser: authority lives in the users table", spec.name)
		}
		s.byName[spec.name] = f
		s.folded[foldKey(spec.name)] = spec.name
		s.order = append(s.order, f)
	}
	slices.SortFunc(s.order, func(a, b AnyField) int { return strings.Compare(a.FieldName(), b.FieldName()) })
	return s, nil
}

func authority(name string) bool { return name == "role" || name == "permissions" }

func validFieldName(name string) error {
	rest := strings.TrimPrefix(name, "user.")
	if rest == "" || len(name) > 64 || strings.Trim(rest, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != "" {
		return fmt.Errorf("field name %q: use 1 to 64 letters, digits, '_' or '-', with an optional \"user.\" before them", name)
	}
	switch name {
	case "user", "data", "id", "disabled":
		return fmt.Errorf("field name %q has a meaning of its own: use another", name)
	}
	if rest == "id" && name != rest {
		return fmt.Errorf("field name %q: a user's ID never changes", name)
	}
	return nil
}

// foldKey maps names that some JSON reader would take for the same to one string.
func foldKey(s string) string { return strings.ToLower(strings.ToUpper(s)) }
