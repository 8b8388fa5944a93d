package policy

import (
	"context"
	"fmt"
	"reflect"

	nguard "github.com/nguard-go/nguard/core"
)

// check is a policy that asks a function of the program.
type check struct {
	leaf
	ask func(ctx context.Context, a nguard.Access) nguard.Decision
}

// Func is a policy that asks fn: true allows, false abstains. An error says that fn could not find out;
// the access is then refused with 503, whatever stands around the policy. So does a panic. The name
// appears in the rule, as "func:office-hours".
//
// In All and Any fn is asked even if another part has not allowed, because its error must count. Where
// that costs, let fn return false first for whom it does not concern. fn may run concurrently, and
// for people who are not signed in. For a policy with codes or reasons of its own use
// [nguard.PolicyFunc].
func Func(name string, fn func(ctx context.Context, a nguard.Access) (bool, error)) nguard.Policy {
	c, problem := newCheck("func:", name, fn == nil)
	if problem != nil {
		return problem
	}
	c.ask = func(ctx context.Context, a nguard.Access) nguard.Decision {
		return c.answer(fn(ctx, a))
	}
	return c
}

// On is a policy about a resource that the program has loaded and given to Authorize, such as its
// ownership (ASVS 8.2.2): true allows, false abstains, a panic refuses with 503. The name appears in
// the rule, as "on:author":
//
//	var Author = policy.On("author", func(a nguard.Access, p *Post) bool {
//		return p.AuthorID == a.Subject.UserID
//	})
//
// fn is asked only about an R (which may be an interface) and only for people who are signed in: the
// resource of nobody, with an empty owner, is not that of a visitor, with an empty user ID. A visitor
// gets Abstain; no resource, or one of another type, is a mistake in the program and gets Deny.
func On[R any](name string, fn func(a nguard.Access, r R) bool) nguard.Policy {
	if fn == nil {
		return OnFunc[R](name, nil)
	}
	return OnFunc(name, func(_ context.Context, a nguard.Access, r R) (bool, error) {
		return fn(a, r), nil
	})
}

// OnFunc is [On] for a question that takes a look-up, such as membership in the team that owns the
// resource: an error refuses with 503, as in [Func].
func OnFunc[R any](name string, fn func(ctx context.Context, a nguard.Access, r R) (bool, error)) nguard.Policy {
	c, problem := newCheck("on:", name, fn == nil)
	if problem != nil {
		return problem
	}
	otherType := "the resource is not a " + reflect.TypeFor[R]().String()
	c.ask = func(ctx context.Context, a nguard.Access) nguard.Decision {
		if a.Subject.UserID == "" {
			return c.abstain(notSignedIn)
		}
		r, ok := a.Resource.(R)
		if !ok {
			return c.deny(otherType)
		}
		return c.answer(fn(ctx, a, r))
	}
	return c
}

// newCheck returns a check without its function, or the policy that stands for the mistake.
func newCheck(kind, name string, noFunc bool) (*check, *broken) {
	rule := kind + name
	switch {
	case name == "":
		return nil, newBroken(rule, "a policy has no name, which its decisions need; give it one")
	case noFunc:
		return nil, newBroken(rule, "a policy has no function; give it one")
	}
	return &check{leaf: newLeaf(rule, rule+" holds", rule+" does not hold")}, nil
}

func (c *check) answer(held bool, err error) nguard.Decision {
	switch {
	case err != nil:
		return nguard.Decision{
			Rule:   c.name,
			Reason: "the policy could not find out",
			Err:    fmt.Errorf("policy: %s: %w", c.name, err),
		}
	case held:
		return c.yes
	}
	return c.no
}

// Decide asks the function.
func (c *check) Decide(ctx context.Context, a nguard.Access) (d nguard.Decision) {
	if a.Subject == nil {
		return c.deny(noSubject)
	}
	defer func() {
		if v := recover(); v != nil {
			d = panicked(c.name, v)
		}
	}()
	return c.ask(ctx, a)
}

func (c *check) inspect(*Model, reporter) {}
