package httpguard_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/nguard-go/nguard/adapters/httpguard"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
	"github.com/nguard-go/nguard/policy"
)

var (
	roleUser  = policy.NewRole("user")
	roleAdmin = policy.NewRole("admin", "*").Inherits(roleUser)

	theme  = &nguard.Field[string]{Name: "theme", Default: "light", OneOf: []string{"light", "dark"}, Write: policy.Self, Scope: nguard.InUser}
	visits = &nguard.Field[int]{Name: "visits"}
	role   = &nguard.Field[string]{Name: "role", Write: roleAdmin, Scope: nguard.InUser, Rotate: true}
)

// newGuard is a guard in memory with an admin and two users.
func newGuard(t testing.TB, options ...func(*nguard.Config)) *nguard.Guard {
	t.Helper()
	model, err := policy.NewModel(policy.Config{Roles: []*policy.Role{roleUser, roleAdmin}, Permissions: []policy.Permission{"posts:edit"}})
	if err != nil {
		t.Fatal(err)
	}
	c := nguard.Config{Roles: model, Fields: []nguard.AnyField{theme, visits, role}}
	for _, option := range options {
		option(&c)
	}
	return guardtest.New(t, c, nguard.User{ID: "ann", Role: "admin"}, nguard.User{ID: "bob", Role: "user"}, nguard.User{ID: "eve", Role: "user"})
}

// who answers with the ID of the person.
func who(w http.ResponseWriter, r *http.Request) {
	s, err := httpguard.From(r).Session()
	if err != nil {
		httpguard.Fail(w, r, err)
		return
	}
	fmt.Fprint(w, s.UserID())
}

func TestSessions(t *testing.T) {
	g := newGuard(t)
	c := serve(t, httpguard.Sessions(g)(http.HandlerFunc(who)))
	if got := c.get("/").expect(401).code(); got != "no_session" {
		t.Errorf("code %q", got)
	}
	c.signIn(g, "bob")
	a := c.get("/").expect(200)
	if a.body != "bob" || a.header.Get("Vary") != "Cookie" || a.header.Get(nguard.VersionHeader) == "" {
		t.Errorf("%q %v", a.body, a.header)
	}
	if got := c.do("POST", "/", "", "Sec-Fetch-Site: cross-site").expect(403).code(); got != "cross_origin" {
		t.Errorf("code %q", got)
	}
}
