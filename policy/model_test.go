package policy_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/policy"
)

func TestModelNames(t *testing.T) {
	m := newModel(t, office())
	if got, want := m.Roles(), []string{"user", "auditor", "moderator", "admin"}; !slices.Equal(got, want) {
		t.Errorf("Roles() = %v, want %v: lowest rank first, equals as listed", got, want)
	}
	if got, want := m.Permissions(), []string{"posts:create", "posts:delete", "posts:edit", "users:ban"}; !slices.Equal(got, want) {
		t.Errorf("Permissions() = %v, want %v", got, want)
	}
	m.Roles()[0], m.Permissions()[0] = "changed", "changed"
	if m.Roles()[0] != "user" || m.Permissions()[0] != "posts:create" {
		t.Error("a caller changed the model through its lists")
	}
}

func TestGrants(t *testing.T) {
	m := newModel(t, office())
	tests := []struct {
		role  string
		extra []string
		want  []string
	}{
		{"user", nil, []string{"posts:create"}},
		{"moderator", nil, []string{"posts:create", "posts:delete", "posts:edit"}},
		{"auditor", nil, nil},
		{"admin", nil, []string{"posts:create", "posts:delete", "posts:edit", "users:ban"}},
		{"user", []string{"users:ban"}, []string{"posts:create", "users:ban"}},
		{"user", []string{"posts:create", "posts:create"}, []string{"posts:create"}},
		{"", []string{"users:ban"}, []string{"users:ban"}},
		// Unknown names in data grant nothing, and wildcards in data are unknown names.
		{"root", nil, nil},
		{"Admin", nil, nil},
		{"user", []string{"*", "posts:*", "users:*", "posts:Edit", "", "posts:edit "}, []string{"posts:create"}},
	}
	for _, tt := range tests {
		g := m.Grants(tt.role, tt.extra)
		if got := g.Permissions(); !slices.Equal(got, tt.want) {
			t.Errorf("%q with %q holds %q, want %q", tt.role, tt.extra, got, tt.want)
		}
		for _, p := range append(m.Permissions(), "*", "posts:*", "") {
			if g.Can(p) != slices.Contains(tt.want, p) {
				t.Errorf("%q with %q: Can(%q) = %v", tt.role, tt.extra, p, g.Can(p))
			}
		}
	}
	// Extras of one person reach nobody else.
	if m.Grants("user", nil).Can("users:ban") {
		t.Error("an extra permission leaked into the role")
	}
}

func TestCovers(t *testing.T) {
	m := newModel(t, office())
	covered := map[string]string{
		"user": "user", "auditor": "auditor", "moderator": "user moderator",
		"admin": "user auditor moderator admin", "root": "", "": "",
	}
	for role, list := range covered {
		for other := range covered {
			want := slices.Contains(strings.Fields(list), other)
			if got := m.Covers(role, other); got != want {
				t.Errorf("Covers(%q, %q) = %v", role, other, got)
			}
			if got := m.Grants(role, nil).Is(other); got != want {
				t.Errorf("Grants(%q).Is(%q) = %v", role, other, got)
			}
		}
		if m.Knows(role) != (list != "") {
			t.Errorf("Knows(%q) = %v", role, m.Knows(role))
		}
	}
	if m.KnowsPermission("posts:*") || m.KnowsPermission("*") || !m.KnowsPermission("posts:edit") {
		t.Error("KnowsPermission must know exactly the listed names")
	}
}

func TestZeroModelGrantsNothing(t *testing.T) {
	var m policy.Model
	g := m.Grants("admin", []string{"posts:edit"})
	if g.Is("admin") || g.Can("posts:edit") || len(g.Permissions()) != 0 || m.Covers("a", "a") || m.Knows("") {
		t.Error("the zero Model must know and grant nothing")
	}
	if d := decide(policy.Any(policy.Not(Admin)), m.Subject("ann", "admin")); d.Allowed() {
		t.Errorf("allowed by %s", d.Rule)
	}
}

// TestManyNames crosses the word boundary of the bitsets.
func TestManyNames(t *testing.T) {
	var c policy.Config
	for i := range 200 {
		p := policy.Permission("p:" + strconv.Itoa(i))
		r := policy.NewRole("r"+strconv.Itoa(i), p)
		if i > 0 {
			r = r.Inherits(c.Roles[i-1])
		}
		c.Permissions, c.Roles = append(c.Permissions, p), append(c.Roles, r)
	}
	m := newModel(t, c)
	for i := range 200 {
		g := m.Grants("r"+strconv.Itoa(i), []string{"p:199"})
		for j := range 200 {
			if got, want := g.Can("p:"+strconv.Itoa(j)), j <= i || j == 199; got != want {
				t.Fatalf("r%d: Can(p:%d) = %v", i, j, got)
			}
			if got, want := g.Is("r"+strconv.Itoa(j)), j <= i; got != want {
				t.Fatalf("r%d: Is(r%d) = %v", i, j, got)
			}
		}
	}
}

// TestLint: what is wrong does not start, and the error names culprit and remedy.
func TestLint(t *testing.T) {
	roles := func(r ...*policy.Role) policy.Config {
		return policy.Config{Roles: r, Permissions: []policy.Permission{EditPost}}
	}
	permissions := func(p ...policy.Permission) policy.Config { return policy.Config{Permissions: p} }
	base := policy.NewRole("editor", EditPost)
	loop := policy.NewRole("a")
	*loop = *policy.NewRole("b").Inherits(policy.NewRole("c").Inherits(loop, nil))
	tests := []struct {
		name   string
		config policy.Config
		want   string
	}{
		{"nothing", policy.Config{}, `Config lists neither roles nor permissions`},
		{"nil role", roles(nil), `Config.Roles lists nil; leave it out`},
		{"zero role", roles(&policy.Role{}), `Config.Roles lists "", which is not a name; use letters`},
		{"ill-formed role", roles(policy.NewRole("ad min")), `"ad min", which is not a name`},
		{"long role", roles(policy.NewRole(strings.Repeat("a", 129))), `which is not a name`},
		{"role twice", roles(base, base), `Config.Roles lists "editor" twice; leave one out`},
		{"two roles of one name", roles(base, policy.NewRole("editor")), `Config.Roles lists "editor" twice`},
		{"roles that differ in case", roles(base, policy.NewRole("Editor")), `"editor" and "Editor", which differ only in case`},
		{"empty permission", permissions(""), `Config.Permissions lists "", which is not a name`},
		{"empty segment", permissions("posts::edit"), `"posts::edit", which is not a name`},
		{"trailing colon", permissions("posts:"), `"posts:", which is not a name`},
		{"long permission", permissions(policy.Permission(strings.Repeat("a:", 64) + "a")), `which is not a name`},
		{"not ASCII", permissions("gönderi"), `which is not a name`},
		{"declared wildcard", permissions("posts:*"), `Config.Permissions lists the wildcard "posts:*"`},
		{"permission twice", permissions("a", "a"), `Config.Permissions lists "a" twice`},
		{"permissions that differ in case", permissions("a:b", "a:B"), `"a:b" and "a:B", which differ only in case`},
		{"undeclared permission", roles(policy.NewRole("r", "posts:edti")), `role "r" holds "posts:edti", which Config.Permissions does not list; list it there or correct the name`},
		{"wildcard for nothing", roles(policy.NewRole("r", "users:*")), `role "r" holds the wildcard "users:*", which matches nothing`},
		{"star for nothing", policy.Config{Roles: []*policy.Role{policy.NewRole("r", "*")}}, `role "r" holds the wildcard "*", which matches nothing`},
		{"half a wildcard", roles(policy.NewRole("r", "pos*")), `role "r" holds "pos*", which is not a name`},
		{"inner wildcard", roles(policy.NewRole("r", "*:edit")), `role "r" holds "*:edit", which is not a name`},
		{"double wildcard", roles(policy.NewRole("r", "**")), `role "r" holds "**", which is not a name`},
		{"colon and star", roles(policy.NewRole("r", ":*")), `role "r" holds ":*", which is not a name`},
		{"empty holding", roles(policy.NewRole("r", "")), `role "r" holds "", which is not a name`},
		{"inherits nil", roles(policy.NewRole("r").Inherits(nil)), `role "r" inherits nil`},
		{"inherits itself", roles(loop), `role "b" inherits itself by way of "c"; declare roles with NewRole and Inherits alone`},
		{"inherits an unlisted role", roles(policy.NewRole("r").Inherits(base)), `role "r" inherits "editor", which Config.Roles does not list; list it there`},
		{"inherits a namesake", roles(base.Inherits(User), User, policy.NewRole("r").Inherits(base)), `role "r" inherits "editor", but not the one in Config.Roles`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, err := policy.NewModel(tt.config)
			if err == nil || m != nil {
				t.Fatalf("NewModel = %v, %v; want an error", m, err)
			}
			if !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "policy: ") {
				t.Errorf("error %q\ndoes not say %q", err, tt.want)
			}
		})
	}
}

func TestLintTellsAll(t *testing.T) {
	_, err := policy.NewModel(policy.Config{
		Roles:       []*policy.Role{nil, policy.NewRole("a", "x", "y")},
		Permissions: []policy.Permission{"z", "z"},
	})
	if n := strings.Count(err.Error(), "policy: "); n != 4 {
		t.Errorf("%d of 4 mistakes are told:\n%v", n, err)
	}
}

// TestCheck: a policy with a mistake inside is found at start-up, however deep.
func TestCheck(t *testing.T) {
	m := newModel(t, office())
	var none *policy.Role
	bad := []struct {
		policy nguard.Policy
		want   string
	}{
		{nil, "policy: nil: a policy is nil"},
		{none, "policy: nil: a role is nil"},
		{policy.Permission("posts:edti"), `policy: permission:posts:edti: permission "posts:edti" is not listed`},
		{policy.Permission("posts:*"), `"posts:*" is a wildcard, which a role may hold but no policy can ask for`},
		{policy.NewRole("ghost"), `role "ghost" is not listed in Config.Roles`},
		{policy.NewRole("admin"), `role "admin" is not the one of that name in Config.Roles`},
		{&policy.Role{}, `role "" is not listed`},
		{policy.Forbid(policy.Any(policy.Not(policy.All()))), "a combination has no parts"},
		{policy.All(Admin, policy.Fresh(0)), "policy: all(role:admin, fresh(0s)): an age that is not positive"},
		{policy.Level(0), "a level below 1"},
		{policy.Func("", nil), "a policy has no name"},
		{policy.On[int]("x", nil), "a policy has no function"},
	}
	var all []nguard.Policy
	for _, tt := range bad {
		all = append(all, tt.policy)
		if err := m.Check(Admin, tt.policy); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Check(%s) = %v\nwant %q", policy.RuleOf(tt.policy), err, tt.want)
		}
	}
	if err := m.Check(all...); strings.Count(err.Error(), "\n") != len(bad)-1 {
		t.Errorf("not each mistake has a line:\n%v", err)
	}
	good := policy.Any(policy.SignedIn, policy.Self, policy.All(Admin, EditPost, policy.Fresh(1), policy.Level(1)), policy.Forbid(policy.Not(allow)))
	if err := m.Check(good, allow); err != nil {
		t.Error(err)
	}
}

func TestRolesAreImmutable(t *testing.T) {
	held := []policy.Permission{EditPost}
	parents := []*policy.Role{User}
	r := policy.NewRole("editor", held...)
	heir := r.Inherits(parents...)
	again := heir.Inherits(Auditor)
	held[0], parents[0] = BanUser, Admin
	c := office()
	c.Roles = append(c.Roles, again)
	m := newModel(t, c)
	g := m.Grants("editor", nil)
	if !g.Can("posts:edit") || g.Can("users:ban") || g.Is("admin") || !g.Is("user") || !g.Is("auditor") {
		t.Error("a role changed after its declaration")
	}
	// The earlier values are other roles: alone they inherit less, and in this model they deny.
	if r == heir || heir == again {
		t.Error("Inherits must return another role")
	}
	if d := decide(r, m.Subject("ann", "editor")); d.Effect != nguard.Deny {
		t.Errorf("%s = %v; a namesake must deny", d.Rule, d.Effect)
	}
	c.Roles[len(c.Roles)-1] = heir
	if newModel(t, c).Covers("editor", "auditor") {
		t.Error("Inherits changed the role it was called on")
	}
	if (*policy.Role)(nil).Inherits(User) != nil || (*policy.Role)(nil).Name() != "" {
		t.Error("nil must stay nil")
	}
}
