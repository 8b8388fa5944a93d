package adaptertest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Each name of a record that the engine has is in one of the two tables: a new one needs its case.
func TestEveryEventHasACase(t *testing.T) {
	events := p12Events()
	for constant, value := range eventNames(t) {
		if len(events[value]) == 0 && notEmitted[value] == "" {
			t.Errorf("no case for %s", constant)
		}
		if len(events[value]) > 0 && notEmitted[value] != "" {
			t.Errorf("%s is emitted after all", constant)
		}
	}
}

// eventNames reads the constants Event... of the engine, name to value.
func eventNames(t *testing.T) map[string]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "..", "core", "audit.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "Event") {
			return true
		}
		value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		names[spec.Names[0].Name] = value
		return true
	})
	if len(names) < 20 {
		t.Fatalf("only %d event names found", len(names))
	}
	return names
}
