package main

import (
	"context"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/policy"
)

const editPosts policy.Permission = "posts:edit"

var (
	member = policy.NewRole("member", editPosts)
	admin  = policy.NewRole("admin", "*").Inherits(member)
)

func decide(p nguard.Policy) side {
	return func(b *testing.B) {
		m, err := policy.NewModel(policy.Config{Roles: []*policy.Role{member, admin}, Permissions: []policy.Permission{editPosts}})
		if err != nil {
			b.Fatal(err)
		}
		a := nguard.Access{Subject: m.Subject("1", "admin")}
		ctx := context.Background()
		measured(b, func(int) {
			if !p.Decide(ctx, a).Allowed() {
				b.Fatal("refused")
			}
		})
	}
}
