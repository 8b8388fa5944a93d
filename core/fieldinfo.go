package nguard

import "reflect"

// FieldInfo is what a declared field is, for generators of code and documents.
type FieldInfo struct {
	// Name is the name that it is declared with, such as "theme" or "user.name".
	Name string
	// Type is that of its values.
	Type reflect.Type
	// OneOf lists all values that it takes; empty: any of its type.
	OneOf []any
	// Private says that it never leaves the server.
	Private bool
}

// Describe tells what a field is.
func Describe(f AnyField) FieldInfo { return f.info() }

func (f *Field[T]) info() FieldInfo {
	i := FieldInfo{Name: f.Name, Type: reflect.TypeFor[T](), Private: f.Private}
	for _, v := range f.OneOf {
		i.OneOf = append(i.OneOf, v)
	}
	return i
}
