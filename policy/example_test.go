package policy_test

import (
	"context"
	"fmt"
	"log"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/policy"
)

// Roles and permissions are declared once, compiled at start-up, and asked like any policy.
func Example() {
	const Publish policy.Permission = "news:publish"
	reader := policy.NewRole("reader")
	editor := policy.NewRole("editor", "news:*").Inherits(reader)

	model, err := policy.NewModel(policy.Config{
		Roles:       []*policy.Role{reader, editor},
		Permissions: []policy.Permission{Publish},
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, role := range model.Roles() {
		d := Publish.Decide(context.Background(), nguard.Access{Subject: model.Subject("ann", role)})
		fmt.Printf("%s: %v, %s\n", role, d.Effect, d.Reason)
	}
	// Output:
	// reader: abstain, permission news:publish is not held
	// editor: allow, permission news:publish is held
}

// A misspelt permission does not start.
func ExampleNewModel() {
	_, err := policy.NewModel(policy.Config{
		Roles:       []*policy.Role{policy.NewRole("editor", "news:publsh")},
		Permissions: []policy.Permission{"news:publish"},
	})
	fmt.Println(err)
	// Output:
	// policy: role "editor" holds "news:publsh", which Config.Permissions does not list; list it there or correct the name
}

// Whoever wrote an article may edit it.
func ExampleOn() {
	type Article struct{ AuthorID string }
	owner := policy.On("author", func(a nguard.Access, r *Article) bool {
		return r.AuthorID == a.Subject.UserID
	})

	article := &Article{AuthorID: "ann"}
	for _, id := range []string{"ann", "bob"} {
		d := owner.Decide(context.Background(), nguard.Access{
			Subject:  &nguard.Subject{UserID: id},
			Resource: article,
		})
		fmt.Println(id, d.Allowed(), d.Rule)
	}
	// Output:
	// ann true on:author
	// bob false on:author
}

// A grave act takes a recent proof of identity beside the role. Whom it would help is told so.
func ExampleFresh() {
	admin := policy.NewRole("admin")
	model, err := policy.NewModel(policy.Config{Roles: []*policy.Role{admin}})
	if err != nil {
		log.Fatal(err)
	}
	changeRole := policy.All(admin, policy.Fresh(5*time.Minute))

	noon := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	for _, role := range []string{"admin", "visitor"} {
		for _, age := range []time.Duration{time.Minute, time.Hour} {
			s := model.Subject("ann", role)
			s.AuthAt = noon.Add(-age)
			d := changeRole.Decide(context.Background(), nguard.Access{Subject: s, Time: noon})
			fmt.Printf("%-7s %-6v allowed=%-5v code=%s\n", role, age, d.Allowed(), d.Code)
		}
	}
	// Output:
	// admin   1m0s   allowed=true  code=
	// admin   1h0m0s allowed=false code=step_up_required
	// visitor 1m0s   allowed=false code=
	// visitor 1h0m0s allowed=false code=
}

// A ban list that is down lets nobody in, and does not pass for a ban either.
func ExampleForbid() {
	var listErr error
	banned := policy.Func("banned", func(_ context.Context, a nguard.Access) (bool, error) {
		return a.Subject.UserID == "mallory", listErr
	})
	enter := policy.All(policy.SignedIn, policy.Forbid(banned))
	ask := func(id string) {
		d := enter.Decide(context.Background(), nguard.Access{Subject: &nguard.Subject{UserID: id}})
		fmt.Println(id, d.Effect, d.Err)
	}

	ask("ann")
	ask("mallory")
	listErr = fmt.Errorf("no route to host")
	ask("ann")
	// Output:
	// ann allow <nil>
	// mallory deny <nil>
	// ann abstain policy: func:banned: no route to host
}

// Check finds at start-up what the compiler cannot see in the policies of routes and fields.
func ExampleModel_Check() {
	admin := policy.NewRole("admin", "*")
	model, err := policy.NewModel(policy.Config{
		Roles:       []*policy.Role{admin},
		Permissions: []policy.Permission{"users:ban"},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(model.Check(policy.Any(admin, policy.Permission("users:bann"))))
	// Output:
	// policy: any(role:admin, permission:users:bann): permission "users:bann" is not listed in Config.Permissions; list it there or correct the name
}

// A table test of a policy needs no request, no guard and no store.
func Example_tableTest() {
	user := policy.NewRole("user")
	moderator := policy.NewRole("moderator").Inherits(user)
	model, err := policy.NewModel(policy.Config{Roles: []*policy.Role{user, moderator}})
	if err != nil {
		log.Fatal(err)
	}
	rename := policy.Any(policy.Self, moderator)

	for _, tt := range []struct {
		who, role, whom string
		want            bool
	}{
		{"ann", "user", "ann", true},
		{"ann", "user", "bob", false},
		{"mo", "moderator", "bob", true},
		{"eve", "no such role", "bob", false},
	} {
		d := rename.Decide(context.Background(), nguard.Access{
			Subject: model.Subject(tt.who, tt.role),
			Target:  tt.whom,
		})
		if d.Allowed() != tt.want {
			fmt.Printf("%+v: %+v\n", tt, d)
		}
		fmt.Println(tt.who, "renames", tt.whom, d.Allowed(), "by", d.Rule)
	}
	// Output:
	// ann renames ann true by any(self, role:moderator)
	// ann renames bob false by any(self, role:moderator)
	// mo renames bob true by any(self, role:moderator)
	// eve renames bob false by any(self, role:moderator)
}

// The matrix belongs in a golden file, where review sees each change of authority.
func ExampleModel_Matrix() {
	user := policy.NewRole("user", "posts:create")
	admin := policy.NewRole("admin", "*").Inherits(user)
	model, err := policy.NewModel(policy.Config{
		Roles:       []*policy.Role{user, admin},
		Permissions: []policy.Permission{"posts:create", "users:ban"},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(model.Matrix(
		&nguard.Field[string]{Name: "theme", Write: policy.Self},
		&nguard.Field[string]{Name: "role", Write: policy.All(admin, policy.Fresh(time.Minute))},
	))
	// Output:
	// role   inherits
	// user   -
	// admin  user
	//
	// permission    (none)  user  admin
	// posts:create  -       yes   yes
	// users:ban     -       -     yes
	//
	// field  (none)  user  admin
	// theme  self    self  self
	// role   -       -     any, step-up
}
