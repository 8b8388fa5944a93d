package policy_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/policy"
)

// TestRules is one table over the leaves: who asks, what is answered, under which name.
func TestRules(t *testing.T) {
	m := newModel(t, office())
	visitor := &nguard.Subject{}
	ann, mod := m.Subject("ann", "user"), m.Subject("mo", "moderator")
	target := func(id string) func(*nguard.Access) { return func(a *nguard.Access) { a.Target = id } }
	resource := func(v any) func(*nguard.Access) { return func(a *nguard.Access) { a.Resource = v } }
	owned := policy.On("owner", func(a nguard.Access, r interface{ Owner() string }) bool { return r.Owner() == a.Subject.UserID })

	tests := []struct {
		name    string
		policy  nguard.Policy
		subject *nguard.Subject
		change  func(*nguard.Access)
		effect  nguard.Effect
		rule    string
		reason  string
	}{
		{"role held", User, ann, nil, nguard.Allow, "role:user", "role user is held"},
		{"role inherited", User, mod, nil, nguard.Allow, "role:user", "role user is held"},
		{"role above", Moderator, ann, nil, nguard.Abstain, "role:moderator", "role moderator is not held"},
		{"role of a visitor", User, visitor, nil, nguard.Abstain, "role:user", "the person is not signed in"},
		{"role without a model", User, &nguard.Subject{UserID: "x", Role: "user"}, nil, nguard.Deny, "role:user", "no roles are configured: nguard.Config.Roles is missing"},
		{"role not in the model", policy.NewRole("ghost"), ann, nil, nguard.Deny, "role:ghost", "the model lists no such role, or another one of this name"},
		{"role of unknown grants", Admin, &nguard.Subject{Grants: other{}}, nil, nguard.Abstain, "role:admin", "role admin is not held"},
		{"role of other grants", User, &nguard.Subject{Grants: other{}}, nil, nguard.Allow, "role:user", "role user is held"},
		{"unknown role in data", User, m.Subject("x", "root"), nil, nguard.Abstain, "role:user", "role user is not held"},

		{"permission held", CreatePost, ann, nil, nguard.Allow, "permission:posts:create", "permission posts:create is held"},
		{"permission by wildcard", EditPost, mod, nil, nguard.Allow, "permission:posts:edit", "permission posts:edit is held"},
		{"permission missing", EditPost, ann, nil, nguard.Abstain, "permission:posts:edit", "permission posts:edit is not held"},
		{"extra permission", BanUser, m.Subject("ann", "user", "users:ban"), nil, nguard.Allow, "permission:users:ban", "permission users:ban is held"},
		{"permission of a visitor", EditPost, visitor, nil, nguard.Abstain, "permission:posts:edit", "the person is not signed in"},
		{"permission without a model", EditPost, &nguard.Subject{UserID: "x"}, nil, nguard.Deny, "permission:posts:edit", "no roles are configured: nguard.Config.Roles is missing"},
		{"permission not in the model", policy.Permission("posts:edti"), m.Subject("x", "admin"), nil, nguard.Deny, "permission:posts:edti", "the model does not list this permission"},
		{"wildcard asked for", policy.Permission("*"), m.Subject("x", "admin"), nil, nguard.Deny, "permission:*", "the model does not list this permission"},
		{"permission of other grants", EditPost, &nguard.Subject{Grants: other{}}, nil, nguard.Allow, "permission:posts:edit", "the permission is held"},
		{"permission of other grants missing", BanUser, &nguard.Subject{Grants: other{}}, nil, nguard.Abstain, "permission:users:ban", "the permission is not held"},

		{"signed in", policy.SignedIn, ann, nil, nguard.Allow, "signed-in", "the person is signed in"},
		{"not signed in", policy.SignedIn, visitor, nil, nguard.Abstain, "signed-in", "the person is not signed in"},
		{"self", policy.Self, ann, target("ann"), nguard.Allow, "self", "the person acts on their own account"},
		{"another", policy.Self, ann, target("bob"), nguard.Abstain, "self", "the account is another person's"},
		{"no target", policy.Self, ann, nil, nguard.Abstain, "self", "the account is another person's"},
		{"nobody acts on nobody", policy.Self, visitor, nil, nguard.Abstain, "self", "the person is not signed in"},

		{"own post", Author, ann, resource(&Post{"ann"}), nguard.Allow, "on:author", "on:author holds"},
		{"another's post", Author, ann, resource(&Post{"bob"}), nguard.Abstain, "on:author", "on:author does not hold"},
		{"post of nobody, visitor", Author, visitor, resource(&Post{}), nguard.Abstain, "on:author", "the person is not signed in"},
		{"no resource", Author, ann, nil, nguard.Deny, "on:author", "the resource is not a *policy_test.Post"},
		{"value for pointer", Author, ann, resource(Post{"ann"}), nguard.Deny, "on:author", "the resource is not a *policy_test.Post"},
		{"by interface", owned, ann, resource(&Post{"ann"}), nguard.Allow, "on:owner", "on:owner holds"},
		{"another interface", owned, ann, resource(7), nguard.Deny, "on:owner", "the resource is not a interface { Owner() string }"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.change == nil {
				tt.change = func(*nguard.Access) {}
			}
			d := decide(tt.policy, tt.subject, tt.change)
			if d.Effect != tt.effect || d.Rule != tt.rule || d.Reason != tt.reason || d.Err != nil || d.Code != "" {
				t.Errorf("got %+v\nwant %v by %s: %s", d, tt.effect, tt.rule, tt.reason)
			}
		})
	}
}

// other is the Grants of another implementation of nguard.Roles.
type other struct{}

func (other) Is(role string) bool   { return role == "user" }
func (other) Can(p string) bool     { return p == "posts:edit" }
func (other) Permissions() []string { return []string{"posts:edit"} }

func TestStepUp(t *testing.T) {
	m := newModel(t, office())
	fresh, level := policy.Fresh(5*time.Minute), policy.Level(2)
	tests := []struct {
		name   string
		policy nguard.Policy
		role   string
		age    time.Duration
		level  int
		allow  bool
		code   string
	}{
		{"just now", fresh, "user", 0, 1, true, ""},
		{"at the limit", fresh, "user", 5 * time.Minute, 1, true, ""},
		{"past it", fresh, "user", 5*time.Minute + 1, 1, false, "step_up_required"},
		{"a clock a little ahead", fresh, "user", -time.Minute, 1, true, ""},
		{"a proof from the future", fresh, "user", -time.Hour, 1, false, "step_up_required"},
		{"strong enough", level, "user", 0, 2, true, ""},
		{"too weak", level, "user", 0, 1, false, "step_up_required"},
		{"all: allowed", policy.All(Admin, fresh, level), "admin", 0, 2, true, ""},
		{"all: only step-up is missing", policy.All(Admin, fresh), "admin", time.Hour, 1, false, "step_up_required"},
		{"all: step-up would not help", policy.All(Admin, fresh), "user", time.Hour, 1, false, ""},
		{"all: whatever the order", policy.All(level, Admin, fresh), "user", time.Hour, 1, false, ""},
		{"all: a veto is no demand", policy.All(fresh, policy.Forbid(Moderator)), "user", time.Hour, 1, false, "step_up_required"},
		{"all: a veto decides", policy.All(fresh, policy.Forbid(User)), "user", time.Hour, 1, false, ""},
		{"any: one way is open to it", policy.Any(Admin, policy.All(User, fresh)), "user", time.Hour, 1, false, "step_up_required"},
		{"any: no way is", policy.Any(Admin, policy.All(Moderator, fresh)), "user", time.Hour, 1, false, ""},
		{"any: another way is taken", policy.Any(fresh, Admin), "admin", time.Hour, 1, true, ""},
		{"nested", policy.All(User, policy.Any(Admin, policy.All(policy.SignedIn, fresh))), "user", time.Hour, 1, false, "step_up_required"},
		{"not: the code speaks of the opposite", policy.Not(fresh), "user", time.Hour, 1, true, ""},
		{"not: of a fresh one", policy.Not(fresh), "user", 0, 1, false, ""},
		{"forbid: of a stale one", policy.Forbid(fresh), "user", time.Hour, 1, false, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := m.Subject("ann", tt.role)
			s.AuthAt, s.Level = now.Add(-tt.age), tt.level
			d := decide(tt.policy, s)
			if d.Allowed() != tt.allow || d.Code != tt.code || d.Rule != policy.RuleOf(tt.policy) {
				t.Errorf("%+v, want allowed %v with code %q", d, tt.allow, tt.code)
			}
		})
	}
	s := m.Subject("ann", "admin")
	if d := decide(fresh, s); d.Allowed() || d.Code != policy.StepUpRequired {
		t.Errorf("a person who never proved anything: %+v", d)
	}
	if d := decide(policy.Not(fresh), s, func(a *nguard.Access) { a.Time = time.Time{} }); d.Effect != nguard.Deny {
		t.Errorf("an access without a time: %+v", d)
	}
	for _, p := range []nguard.Policy{fresh, level} {
		if d := decide(p, &nguard.Subject{AuthAt: now, Level: 9}); d.Allowed() || d.Code != "" {
			t.Errorf("%s of a visitor: %+v", d.Rule, d)
		}
	}
}

func TestPackageComment(t *testing.T) {
	m := newModel(t, office())
	for _, tt := range []struct {
		id, role string
		want     bool
	}{{"ann", "user", true}, {"bob", "user", false}, {"mo", "moderator", true}, {"eve", "", false}} {
		d := decide(CanEdit, m.Subject(tt.id, tt.role), func(a *nguard.Access) { a.Resource = &Post{"ann"} })
		if d.Allowed() != tt.want {
			t.Errorf("%s the %s: %+v", tt.id, tt.role, d)
		}
	}
	boss := m.Subject("ann", "admin")
	boss.AuthAt = now
	if d := decide(ChangeRole, boss); !d.Allowed() || d.Rule != "all(role:admin, fresh(5m0s))" {
		t.Errorf("%+v", d)
	}
}

// TestLayers removes each layer of a grave act in turn (ASVS 8.4.2).
func TestLayers(t *testing.T) {
	m := newModel(t, office())
	inOffice := policy.Func("in-office", func(_ context.Context, a nguard.Access) (bool, error) {
		return a.Subject.UserAgent == "office", nil
	})
	grave := policy.All(Admin, policy.Fresh(time.Minute), policy.Level(2), inOffice)
	full := func() *nguard.Subject {
		s := m.Subject("ann", "admin")
		s.AuthAt, s.Level, s.UserAgent = now, 2, "office"
		return s
	}
	if d := decide(grave, full()); !d.Allowed() {
		t.Fatalf("all layers: %+v", d)
	}
	for name, remove := range map[string]func(*nguard.Subject){
		"role":    func(s *nguard.Subject) { s.Grants = m.Grants("moderator", nil) },
		"fresh":   func(s *nguard.Subject) { s.AuthAt = now.Add(-time.Hour) },
		"level":   func(s *nguard.Subject) { s.Level = 1 },
		"network": func(s *nguard.Subject) { s.UserAgent = "" },
	} {
		s := full()
		remove(s)
		if d := decide(grave, s); d.Allowed() {
			t.Errorf("allowed without the layer %s", name)
		}
	}
}

func TestCodesOfOthersSurvive(t *testing.T) {
	paid := nguard.PolicyFunc(func(context.Context, nguard.Access) nguard.Decision {
		return nguard.Decision{Rule: "plan", Reason: "the plan is free", Code: "payment_required"}
	})
	banned := nguard.PolicyFunc(func(context.Context, nguard.Access) nguard.Decision {
		return nguard.Decision{Effect: nguard.Deny, Reason: "the account is locked", Code: "locked"}
	})
	for _, tt := range []struct {
		policy       nguard.Policy
		reason, code string
	}{
		{policy.All(policy.SignedIn, paid), "the plan is free", "payment_required"},
		{policy.All(policy.Level(9), paid), "the plan is free", "payment_required"},
		{policy.Any(abstain, paid), "the plan is free", "payment_required"},
		{policy.Any(policy.SignedIn, policy.All(paid, banned)), "the account is locked", "locked"},
		{policy.Not(policy.Forbid(banned)), "the account is locked", "locked"},
	} {
		if d := ask(tt.policy); d.Reason != tt.reason || d.Code != tt.code || d.Allowed() {
			t.Errorf("%+v, want %q with code %q", d, tt.reason, tt.code)
		}
	}
}

func TestFailures(t *testing.T) {
	fails := policy.Func("list", func(context.Context, nguard.Access) (bool, error) { return true, errDown })
	boom := errors.New("boom")
	panics := func(v any) nguard.Policy {
		return policy.Func("list", func(context.Context, nguard.Access) (bool, error) { panic(v) })
	}
	onFails := policy.OnFunc("team", func(context.Context, nguard.Access, *Post) (bool, error) { return true, errDown })
	var noPost *Post

	for _, tt := range []struct {
		name   string
		policy nguard.Policy
		is     error
		says   string
	}{
		{"error", fails, errDown, "policy: func:list: the ban list is down"},
		{"error on a resource", onFails, errDown, "policy: on:team: the ban list is down"},
		{"panic", panics("boom"), nil, "policy: func:list panicked: boom"},
		{"panic with an error", panics(boom), boom, "policy: func:list panicked: boom"},
		{"panic with nil", panics(nil), nil, "policy: func:list panicked"},
		{"panic on a nil resource", Author, nil, "policy: on:author panicked: runtime error"},
		{"panic of another package", policy.All(nguard.PolicyFunc(func(context.Context, nguard.Access) nguard.Decision { panic(boom) })), boom, "policy: nguard.PolicyFunc panicked: boom"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, p := range []nguard.Policy{tt.policy, policy.Not(tt.policy), policy.Forbid(tt.policy), policy.Any(policy.SignedIn, tt.policy), policy.Not(policy.All(abstain, tt.policy))} {
				d := decide(p, &nguard.Subject{UserID: "ann"}, func(a *nguard.Access) { a.Resource = noPost })
				if d.Allowed() || d.Err == nil || d.Effect != nguard.Abstain || d.Rule != policy.RuleOf(p) {
					t.Fatalf("%s: %+v, want Err", policy.RuleOf(p), d)
				}
				if !strings.HasPrefix(d.Err.Error(), tt.says) || tt.is != nil && !errors.Is(d.Err, tt.is) {
					t.Errorf("error %q, want %q", d.Err, tt.says)
				}
				var p *policy.PanicError
				if errors.As(d.Err, &p) && len(p.Stack) == 0 {
					t.Error("the panic has no stack")
				}
			}
		})
	}
}

type named struct{ policy.Permission }

func (named) String() string { return "named" }

func (named) Decide(context.Context, nguard.Access) nguard.Decision { panic("named") }

func TestRuleOf(t *testing.T) {
	yes := func(context.Context, nguard.Access) (bool, error) { return true, nil }
	for _, tt := range []struct {
		policy nguard.Policy
		want   string
	}{
		{nil, "nil"},
		{Admin, "role:admin"},
		{EditPost, "permission:posts:edit"},
		{policy.Any(policy.Self, policy.All(Admin, policy.Fresh(5*time.Minute))), "any(self, all(role:admin, fresh(5m0s)))"},
		{policy.Not(policy.Forbid(policy.Func("banned", yes))), "not(forbid(func:banned))"},
		{policy.All(nil, policy.SignedIn, policy.Level(2)), "all(nil, signed-in, level(2))"},
		{nguard.PolicyFunc(func(context.Context, nguard.Access) nguard.Decision { return nguard.Decision{} }), "nguard.PolicyFunc"},
		// It embeds a policy of this package and is none: its own Decide is guarded.
		{named{EditPost}, "named"},
		{policy.All(), "all()"},
	} {
		if got := policy.RuleOf(tt.policy); got != tt.want {
			t.Errorf("RuleOf = %q, want %q", got, tt.want)
		}
	}
	if d := ask(policy.Not(named{EditPost})); d.Err == nil {
		t.Errorf("a policy that embeds another must still be guarded: %+v", d)
	}
}

func TestPartsAreCopied(t *testing.T) {
	parts := []nguard.Policy{policy.SignedIn}
	p := policy.All(parts...)
	parts[0] = deny
	if d := ask(p); !d.Allowed() {
		t.Error("a caller changed the combination through its slice")
	}
}
