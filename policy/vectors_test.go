package policy_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nguard-go/nguard/policy"
)

// TestPermissionVectors: the browser client decides what to show by the same vectors as the model decides
// what to allow.
func TestPermissionVectors(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "adapters", "browser", "testdata", "permissions.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Vectors []struct {
			Held    []string `json:"held"`
			Asked   string   `json:"asked"`
			Want    bool     `json:"want"`
			Refused bool     `json:"refused"` // no role may hold this: NewModel says so
		} `json:"vectors"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Vectors) == 0 {
		t.Fatal("no vectors")
	}
	for _, v := range file.Vectors {
		m, err := listing(v.Held, v.Asked)
		if (err != nil) != v.Refused {
			t.Errorf("a role that holds %q: %v", v.Held, err)
		}
		if m == nil {
			continue
		}
		if got := m.Grants("holder", nil).Can(v.Asked); got != v.Want {
			t.Errorf("who holds %q and is asked for %q: %v", v.Held, v.Asked, got)
		}
	}
}

// listing is a model of one role that holds these permissions. It lists what they stand for, and what is
// asked for when it is a name: what is none cannot be listed, and so is never held.
func listing(held []string, asked string) (*policy.Model, error) {
	var names []policy.Permission
	var grants []policy.Permission
	add := func(name string) {
		p := policy.Permission(name)
		alone := policy.Config{Permissions: []policy.Permission{p}}
		if _, err := policy.NewModel(alone); err == nil && !slices.Contains(names, p) {
			if !slices.ContainsFunc(names, func(q policy.Permission) bool { return strings.EqualFold(string(q), name) }) {
				names = append(names, p)
			}
		}
	}
	for _, name := range held {
		grants = append(grants, policy.Permission(name))
		add(strings.ReplaceAll(name, "*", "any"))
	}
	add(asked)
	return policy.NewModel(policy.Config{
		Roles:       []*policy.Role{policy.NewRole("holder", grants...)},
		Permissions: names,
	})
}
