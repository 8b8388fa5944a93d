package policy_test

import (
	"context"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/policy"
)

// The world of the tests: a small editorial office.
const (
	CreatePost policy.Permission = "posts:create"
	EditPost   policy.Permission = "posts:edit"
	DeletePost policy.Permission = "posts:delete"
	BanUser    policy.Permission = "users:ban"
)

var (
	User      = policy.NewRole("user", CreatePost)
	Moderator = policy.NewRole("moderator", "posts:*").Inherits(User)
	Auditor   = policy.NewRole("auditor")
	Admin     = policy.NewRole("admin", "*").Inherits(Moderator, Auditor)
)

// What the package comment composes of them.
var (
	Author = policy.On("author", func(a nguard.Access, p *Post) bool {
		return p.AuthorID == a.Subject.UserID
	})
	CanEdit    = policy.Any(EditPost, Author)
	ChangeRole = policy.All(Admin, policy.Fresh(5*time.Minute))
)

// Post is a resource.
type Post struct{ AuthorID string }

// Owner returns the author.
func (p *Post) Owner() string { return p.AuthorID }

var now = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

func office() policy.Config {
	return policy.Config{
		Roles:       []*policy.Role{Admin, User, Moderator, Auditor},
		Permissions: []policy.Permission{CreatePost, EditPost, DeletePost, BanUser},
	}
}

func newModel(t testing.TB, c policy.Config) *policy.Model {
	t.Helper()
	m, err := policy.NewModel(c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// decide asks p about an access of s, at noon.
func decide(p nguard.Policy, s *nguard.Subject, change ...func(*nguard.Access)) nguard.Decision {
	a := nguard.Access{Subject: s, Action: "test", Time: now}
	for _, fn := range change {
		fn(&a)
	}
	return p.Decide(context.Background(), a)
}
