package promises

import (
	"testing"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/policy"
)

// The roles and fields of the guards here. The fields are given to each anew, as a program's are.
var (
	roleUser      = policy.NewRole("user")
	roleModerator = policy.NewRole("moderator", "posts:edit").Inherits(roleUser)
	roleAdmin     = policy.NewRole("admin", "*").Inherits(roleModerator)

	theme    = &nguard.Field[string]{Name: "theme", Default: "light", OneOf: []string{"light", "dark"}, Write: policy.Self, Scope: nguard.InUser}
	language = &nguard.Field[string]{Name: "language", Default: "en", OneOf: []string{"en", "tr", "de"}, Write: policy.Self, Scope: nguard.InUser}
	name     = &nguard.Field[string]{Name: "user.name", Write: policy.Self, Scope: nguard.InUser}
	email    = &nguard.Field[string]{Name: "user.email", Write: policy.Self, Scope: nguard.InUser}
	role     = &nguard.Field[string]{Name: "role", Write: roleAdmin, Scope: nguard.InUser, Rotate: true}
	perms    = &nguard.Field[[]string]{Name: "permissions", Write: roleAdmin, Scope: nguard.InUser, Rotate: true}
	visits   = &nguard.Field[int]{Name: "visits"}
	draftBox = &nguard.Field[string]{Name: "draft", Write: policy.Self}
	secret   = &nguard.Field[string]{Name: "secret", Private: true}
)

func fields() []nguard.AnyField {
	return []nguard.AnyField{theme, language, name, email, role, perms, visits, draftBox, secret}
}

func model(t testing.TB) *policy.Model {
	t.Helper()
	m, err := policy.NewModel(policy.Config{Roles: []*policy.Role{roleUser, roleModerator, roleAdmin}, Permissions: []policy.Permission{"posts:edit", "posts:delete"}})
	if err != nil {
		t.Fatal(err)
	}
	return m
}
