// Package tsgen writes the names that a Go program declares as TypeScript, for the browser client of nguard:
// its roles, its permissions and its fields. A page that asks for a permission which does not exist then does
// not compile.
//
//	//go:generate go test -run ^TestTypeScript$ . -args -write
//
// The program's own test calls [Write], compares the result with the committed file, and writes it when it is
// asked to: so it can neither be forgotten nor be stale. Names alone are written, no policy: what a person may
// do, the server decides.
package tsgen

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// Names are what is written.
type Names struct {
	// Module is the one whose interface Register is filled in. Defaults to "@nguard/browser".
	Module string
	// Roles and Permissions are those of the model: policy.Model has methods of these names. They are
	// written in this order.
	Roles, Permissions []string
	// Fields are those of nguard.Config. Private ones never reach a browser and are left out; "role" and
	// "permissions" are known to the client by themselves.
	Fields []nguard.AnyField
}

// Write writes a module that fills in the client's interface Register:
//
//	declare module "@nguard/browser" {
//	  interface Register {
//	    roles: "user" | "admin";
//	    permissions: "posts:edit";
//	    fields: {
//	      "theme": "light" | "dark";
//	    };
//	  }
//	}
//
// The same Names give the same bytes. The error says that n names nothing, or is the writer's.
func Write(w io.Writer, n Names) error {
	if len(n.Roles)+len(n.Permissions)+len(n.Fields) == 0 {
		return errors.New("tsgen: nothing to write: give roles, permissions or fields")
	}
	module := quote(n.Module)
	if n.Module == "" {
		module = quote("@nguard/browser")
	}
	var b strings.Builder
	fmt.Fprintf(&b, "// Code generated from the Go declarations by nguard's policy/tsgen. DO NOT EDIT.\n\nimport %s;\n\ndeclare module %[1]s {\n  interface Register {\n", module)
	fmt.Fprintf(&b, "    roles: %s;\n    permissions: %s;\n    fields: {\n", union(n.Roles), union(n.Permissions))
	for _, f := range n.Fields {
		if i := nguard.Describe(f); !i.Private && i.Name != "role" && i.Name != "permissions" {
			fmt.Fprintf(&b, "      %s: %s;\n", quote(i.Name), typeOf(i))
		}
	}
	b.WriteString("    };\n  }\n}\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// union is one of several texts; of none, there is none.
func union(names []string) string {
	if len(names) == 0 {
		return "never"
	}
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = quote(name)
	}
	return strings.Join(quoted, " | ")
}

func typeOf(i nguard.FieldInfo) string {
	var literals []string
	for _, v := range i.OneOf {
		raw, err := json.Marshal(v)
		if err != nil || !scalar(reflect.TypeOf(v)) {
			return typeScript(i.Type, nil) // a literal of TypeScript is text, a number or a boolean
		}
		literals = append(literals, string(raw))
	}
	if len(literals) > 0 {
		return strings.Join(literals, " | ")
	}
	return typeScript(i.Type, nil)
}

func scalar(t reflect.Type) bool {
	switch typeScript(t, nil) {
	case "string", "number", "boolean":
		return true
	}
	return false
}

var (
	raw     = reflect.TypeFor[json.RawMessage]()
	moment  = reflect.TypeFor[time.Time]()
	encodes = reflect.TypeFor[json.Marshaler]()
	texts   = reflect.TypeFor[encoding.TextMarshaler]()
)

// typeScript is the type of the JSON that encoding/json makes of a type. What only running it would tell, and a
// type within itself, is unknown, which TypeScript lets nobody use unseen.
func typeScript(t reflect.Type, within []reflect.Type) string {
	switch {
	case t == moment:
		return "string"
	case t == raw, t.Implements(encodes), slices.Contains(within, t):
		return "unknown"
	case t.Implements(texts) && t.Kind() == reflect.Pointer:
		return "string | null"
	case t.Implements(texts) && t.Kind() != reflect.Interface: // of an interface the value may have more methods
		return "string"
	case reflect.PointerTo(t).Implements(encodes), reflect.PointerTo(t).Implements(texts):
		return "unknown" // encoding/json calls a pointer's method only where the value has an address
	}
	within = append(slices.Clone(within), t)
	switch t.Kind() {
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "boolean"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8, reflect.Uint16,
		reflect.Uint32, reflect.Uint64, reflect.Float32, reflect.Float64:
		return "number"
	case reflect.Pointer:
		return typeScript(t.Elem(), within) + " | null"
	case reflect.Slice, reflect.Array:
		null := ""
		if t.Kind() == reflect.Slice {
			null = " | null" // what a nil slice becomes
		}
		if e := reflect.PointerTo(t.Elem()); t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8 && !e.Implements(encodes) && !e.Implements(texts) {
			return "string" + null // base64
		}
		element := typeScript(t.Elem(), within)
		if strings.Contains(element, " ") {
			element = "(" + element + ")"
		}
		return element + "[]" + null
	case reflect.Map:
		return "Record<string, " + typeScript(t.Elem(), within) + "> | null"
	case reflect.Struct:
		return object(t, within)
	}
	return "unknown"
}

// object is a struct: its exported members, under the names that encoding/json gives them.
func object(t reflect.Type, within []reflect.Type) string {
	var members []string
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || name == "-" && options == "" {
			continue
		}
		if f.Anonymous && name == "" || strings.Contains(options, "string") {
			return "unknown"
		}
		if name == "" {
			name = f.Name
		}
		mark, of := "", typeScript(f.Type, within)
		if strings.Contains(options, "omit") {
			mark = "?"
			if k := f.Type.Kind(); k == reflect.Slice || k == reflect.Map {
				of = strings.TrimSuffix(of, " | null") // nil is left out
			}
		}
		members = append(members, quote(name)+mark+": "+of)
	}
	if len(members) == 0 {
		return "Record<string, never>"
	}
	return "{ " + strings.Join(members, "; ") + " }"
}

// quote is a text as JSON, of which TypeScript's literals are a superset.
func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		return `""` // not of a string
	}
	return string(b)
}
