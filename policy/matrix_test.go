package policy_test

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/policy"
)

var update = flag.Bool("update", false, "write the golden files")

func TestMatrix(t *testing.T) {
	m := newModel(t, office())
	fields := []nguard.AnyField{
		&nguard.Field[string]{Name: "theme", Write: policy.Self},
		&nguard.Field[string]{Name: "user.name", Write: policy.Any(policy.Self, Moderator)},
		&nguard.Field[string]{Name: "user.email", Write: policy.All(policy.Self, policy.Fresh(5*time.Minute))},
		&nguard.Field[string]{Name: "role", Write: policy.All(Admin, policy.Not(policy.Self), policy.Level(2))},
		&nguard.Field[string]{Name: "note", Write: policy.Any(Auditor, policy.On("vip", func(_ nguard.Access, u nguard.User) bool { return u.ID == "self" }))},
		&nguard.Field[int]{Name: "visits"},
		&nguard.Field[string]{Name: "team", Write: policy.Func("members", func(context.Context, nguard.Access) (bool, error) { return false, errDown })},
		&nguard.Field[string]{Name: "odd", Write: nguard.PolicyFunc(func(context.Context, nguard.Access) nguard.Decision { panic("odd") })},
	}
	golden(t, "matrix.txt", m.Matrix(fields...))
	golden(t, "matrix_roles.txt", m.Matrix())
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("authority changed; if that is meant, run the test with -update\n got:\n%s\nwant:\n%s", got, want)
	}
}
