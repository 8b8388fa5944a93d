package policy_test

import (
	"context"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/policy"
)

// costs are the decisions whose cost is promised: no allocation in any of them.
func costs(t testing.TB) []struct {
	name   string
	policy nguard.Policy
	access nguard.Access
} {
	m := newModel(t, office())
	admin, user := m.Subject("ann", "admin"), m.Subject("bob", "user")
	admin.AuthAt = now
	by := func(s *nguard.Subject) nguard.Access {
		return nguard.Access{Subject: s, Action: "update", Target: s.UserID, Resource: &Post{"bob"}, Time: now}
	}
	yes := policy.Func("yes", func(context.Context, nguard.Access) (bool, error) { return true, nil })
	return []struct {
		name   string
		policy nguard.Policy
		access nguard.Access
	}{
		{"role/held", User, by(admin)},
		{"role/refused", Admin, by(user)},
		{"permission/held", EditPost, by(admin)},
		{"permission/refused", EditPost, by(user)},
		{"self", policy.Self, by(user)},
		{"on", Author, by(user)},
		{"func", yes, by(user)},
		{"all/allowed", policy.All(Admin, policy.Fresh(5*time.Minute)), by(admin)},
		{"all/refused", policy.All(Admin, policy.Fresh(5*time.Minute)), by(user)},
		{"any", policy.Any(policy.Self, Admin), by(user)},
		{"nested", policy.Any(EditPost, policy.All(Author, policy.Not(Auditor)), policy.Forbid(Moderator)), by(user)},
	}
}

func TestDecidingAllocatesNothing(t *testing.T) {
	ctx := context.Background()
	for _, c := range costs(t) {
		if n := testing.AllocsPerRun(100, func() { c.policy.Decide(ctx, c.access) }); n != 0 {
			t.Errorf("%s: %v allocations", c.name, n)
		}
	}
	m := newModel(t, office())
	known := []string{"posts:create", "unknown"}
	for role, extra := range map[string][]string{"admin": nil, "root": nil, "user": known} {
		if n := testing.AllocsPerRun(100, func() { m.Grants(role, extra) }); n != 0 {
			t.Errorf("Grants(%s, %v): %v allocations", role, extra, n)
		}
	}
}

func BenchmarkDecide(b *testing.B) {
	ctx := context.Background()
	for _, c := range costs(b) {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			p, a, allowed := c.policy, c.access, 0
			for range b.N {
				if d := p.Decide(ctx, a); d.Allowed() {
					allowed++
				}
			}
			if allowed != 0 && allowed != b.N {
				b.Error("the decision changed")
			}
		})
	}
}

func BenchmarkGrants(b *testing.B) {
	m := newModel(b, office())
	for name, extra := range map[string][]string{"role": nil, "extras": {"users:ban"}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				m.Grants("user", extra)
			}
		})
	}
}
