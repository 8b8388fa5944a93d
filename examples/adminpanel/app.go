package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/nguard-go/nguard/audit"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/policy"
	"github.com/nguard-go/nguard/policy/ratelimit"
)

// The roles, from the lowest to the highest, and what they may do.
const (
	ReadAudit policy.Permission = "audit:read"
	ReadUsers policy.Permission = "users:read"
	EditPosts policy.Permission = "posts:edit"
)

var (
	User      = policy.NewRole("user")
	Moderator = policy.NewRole("moderator", EditPosts).Inherits(User)
	Admin     = policy.NewRole("admin", "*").Inherits(Moderator)
)

// The fields that a session carries. What is not listed here does not get in.
var (
	Name          = &nguard.Field[string]{Name: "user.name", Check: line(1, 80), Write: policy.Self, Scope: nguard.InUser}
	Email         = &nguard.Field[string]{Name: "user.email", Check: address, Write: policy.Self, Scope: nguard.InUser}
	Theme         = &nguard.Field[string]{Name: "theme", Default: "light", OneOf: []string{"light", "dark"}, Write: policy.Self, Scope: nguard.InUser}
	Language      = &nguard.Field[string]{Name: "language", Default: "en", OneOf: []string{"en", "tr", "de"}, Write: policy.Self, Scope: nguard.InUser}
	Notifications = &nguard.Field[bool]{Name: "notifications", Default: true, Write: policy.Self, Scope: nguard.InUser}
	Visits        = &nguard.Field[int]{Name: "visits"}
	Role          = &nguard.Field[string]{Name: "role", OneOf: []string{"user", "moderator", "admin"}, Write: Admin, Scope: nguard.InUser, Rotate: true}
	Permissions   = &nguard.Field[[]string]{Name: "permissions", Write: Admin, Scope: nguard.InUser, Rotate: true}
)

// All of them, for the guard and for the names that the page's TypeScript knows.
var (
	roles = policy.Config{
		Roles:       []*policy.Role{User, Moderator, Admin},
		Permissions: []policy.Permission{ReadAudit, ReadUsers, EditPosts},
	}
	fields = []nguard.AnyField{Name, Email, Theme, Language, Notifications, Visits, Role, Permissions}
)

// line accepts one line of text of a sensible length.
func line(shortest, longest int) func(string) error {
	return func(s string) error {
		if n := len([]rune(s)); n < shortest || n > longest || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return fmt.Errorf("must be one line of %d to %d characters", shortest, longest)
		}
		return nil
	}
}

func address(s string) error {
	at := strings.IndexByte(s, '@')
	if err := line(3, 254)(s); err != nil || at < 1 || at == len(s)-1 || strings.ContainsAny(s, " ,<>") {
		return fmt.Errorf("must be an e-mail address")
	}
	return nil
}

// app is the running program, whatever the web framework.
type app struct {
	guard  *nguard.Guard
	model  *policy.Model
	users  *users
	audit  *audit.SQL
	bursts nguard.Limiter
	place  *place
	log    *slog.Logger
}

// open connects to what -store names and builds the guard. With a SQL store, people, sessions and records
// share one database, so that a change of all three is one transaction.
func open(ctx context.Context, o options, log *slog.Logger) (*app, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	s, _ := findStore(o.store)
	p, err := s.open(ctx, o)
	if err != nil {
		return nil, err
	}
	a := &app{place: p, users: &users{db: p.people.DB, kind: p.people.kind}, log: log}
	if err := a.build(ctx, o); err != nil {
		p.close()
		return nil, err
	}
	return a, nil
}

func (a *app) build(ctx context.Context, o options) (err error) {
	if err := a.users.prepare(ctx); err != nil {
		return fmt.Errorf("%s: users: %w", a.place.people.where, err)
	}
	if a.audit, err = audit.NewSQL(a.place.people.DB, a.place.people.kind.records); err != nil {
		return err
	}
	if err := a.audit.Migrate(ctx); err != nil {
		return fmt.Errorf("%s: records: %w", a.place.people.where, err)
	}
	if a.model, err = policy.NewModel(roles); err != nil {
		return err
	}
	if a.bursts, err = ratelimit.New(ratelimit.PerUser("burst", 5, 5*time.Second)); err != nil {
		return err
	}
	a.guard, err = nguard.New(nguard.Config{
		Store:  a.place.sessions,
		Waive:  a.place.waive,
		Users:  a.users,
		Roles:  a.model,
		Fields: fields,
		Audit:  a.audit,
		Limits: a.place.limits,
		Cookie: nguard.Cookie{Insecure: !o.secure},
		Log:    a.log,
	})
	return err
}

func (a *app) close() { a.place.close() }
