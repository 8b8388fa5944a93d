package main

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/nguard-go/nguard/policy"
	"github.com/nguard-go/nguard/policy/tsgen"
)

//go:generate go test -count=1 -run ^TestTypeScript$ . -args -write

var write = flag.Bool("write", false, "write nguard.d.ts instead of comparing it")

// TestTypeScript: the names that a page's TypeScript knows are those that the program declares. After a change,
// run go generate.
func TestTypeScript(t *testing.T) {
	const file = "nguard.d.ts"
	model, err := policy.NewModel(roles)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := tsgen.Write(&b, tsgen.Names{Roles: model.Roles(), Permissions: model.Permissions(), Fields: fields}); err != nil {
		t.Fatal(err)
	}
	if *write {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if have, err := os.ReadFile(file); err != nil || string(have) != b.String() {
		t.Errorf("%s is stale (%v): run go generate ./examples/adminpanel; it must be\n%s", file, err, &b)
	}
}
