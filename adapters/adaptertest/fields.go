package adaptertest

import (
	"errors"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
	"github.com/nguard-go/nguard/policy"
)

// The roles and fields of a world. The fields are given to each guard anew, as a program's are.
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

// keepsSecret has a job of the program put a value into the private field of a person's only session. Where that is
// in b's cookie, which no job can change, a page that b asks for does.
func (b *browser) keepsSecret(userID, value string) {
	b.w.t.Helper()
	put := func(d *nguard.Draft) error { return secret.Set(d, value) }
	_, err := b.w.guard.Update(byJob, userID, b.w.handle(userID), put)
	if b.w.back.sealed == nil {
		if err != nil {
			b.w.t.Fatal(err)
		}
		return
	}
	if !errors.Is(err, errors.ErrUnsupported) {
		b.w.t.Errorf("a job's change of what is in a cookie: error %v, want errors.ErrUnsupported", err)
	}
	base := b.w.pages(Route{Method: "POST", Path: "/secret", Handle: func(c Ctx) {
		if _, err := c.From().Update(c.Context(), put); err != nil {
			c.Fail(err)
		}
	}})
	b.on(base).post("/secret", "").expect(200)
}

// People are in the users table of every Backing. Their password is guardtest.Password.
func People() []nguard.User {
	return []nguard.User{
		{ID: "admin", Name: "Ada Admin", Email: "admin@example.com", Role: "admin"},
		{ID: "admin2", Name: "Abe Admin", Email: "admin2@example.com", Role: "admin"},
		{ID: "mod", Name: "Mo Derator", Email: "moderator@example.com", Role: "moderator"},
		{ID: "user", Name: "Uma User", Email: "user@example.com", Role: "user"},
		{ID: "other", Name: "Otto Other", Email: "other@example.com", Role: "user"},
	}
}

const (
	// credentials are the body of a login by the person "user".
	credentials = `{"id":"user","password":"` + guardtest.Password + `"}`

	// Lines of requests that are written by hand.
	sameOrigin = "Sec-Fetch-Site: same-origin"
	asJSON     = "Content-Type: application/json"
	textPlain  = "Content-Type: text/plain;charset=UTF-8"
)

// attempt is the body of a login.
func attempt(id, password string) string { return `{"id":"` + id + `","password":"` + password + `"}` }
