package main

import (
	"context"
	"net/netip"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/policy"
	"github.com/nguard-go/nguard/policy/ratelimit"
	"github.com/nguard-go/nguard/stores/memstore"
)

// Post is a row of the program's own, as a handler has loaded it.
type Post struct{ ID, AuthorID string }

// What people may be allowed to do.
const (
	CreatePost policy.Permission = "posts:create"
	EditPost   policy.Permission = "posts:edit"
	DeletePost policy.Permission = "posts:delete"
)

// The roles, from the lowest to the highest: each has what the one below it has.
var (
	Writer = policy.NewRole("writer", CreatePost)
	Editor = policy.NewRole("editor", EditPost).Inherits(Writer)
	Admin  = policy.NewRole("admin", "*").Inherits(Editor)
)

// Own is about the row: who wrote a post may do more to it than others.
var Own = policy.On("own", func(a nguard.Access, p *Post) bool { return p.AuthorID == a.Subject.UserID })

// Office is about the network that a request comes from; here the office is this machine.
var Office = policy.Func("office", func(_ context.Context, a nguard.Access) (bool, error) {
	return netip.MustParsePrefix("127.0.0.0/8").Contains(a.Subject.IP), nil
})

// Daytime is about the hour, by the guard's clock: a weekday from 8 to 18 o'clock UTC.
var Daytime = policy.Func("daytime", func(_ context.Context, a nguard.Access) (bool, error) {
	t := a.Time.UTC()
	return t.Weekday() != time.Saturday && t.Weekday() != time.Sunday && t.Hour() >= 8 && t.Hour() < 18, nil
})

// Who may do what.
var (
	CanEdit   = policy.Any(EditPost, Own)
	CanDelete = policy.All(policy.Any(DeletePost, Own), policy.Fresh(5*time.Minute))
	CanExport = policy.All(Admin, policy.Any(Office, Daytime))
)

// Fields are what people may change of themselves and of others.
var Fields = []nguard.AnyField{
	&nguard.Field[string]{Name: "theme", OneOf: []string{"light", "dark"}, Write: policy.Self, Scope: nguard.InUser},
	&nguard.Field[string]{Name: "role", Write: policy.All(Admin, policy.Fresh(5*time.Minute)), Scope: nguard.InUser, Rotate: true},
}

// newModel compiles roles and permissions: a name that is misspelt does not start.
func newModel() (*policy.Model, error) {
	return policy.NewModel(policy.Config{
		Roles:       []*policy.Role{Writer, Editor, Admin},
		Permissions: []policy.Permission{CreatePost, EditPost, DeletePost},
	})
}

func newGuard() (*nguard.Guard, error) {
	model, err := newModel()
	if err != nil {
		return nil, err
	}
	if err := model.Check(CanEdit, CanDelete, CanExport); err != nil {
		return nil, err
	}
	return nguard.New(nguard.Config{Store: memstore.New(), Users: people, Limits: ratelimit.Defaults(), Roles: model, Fields: Fields})
}
