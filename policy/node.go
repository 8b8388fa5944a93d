package policy

import (
	"context"
	"fmt"
	"reflect"
	"runtime/debug"

	nguard "github.com/nguard-go/nguard/core"
)

// A node is a policy of this package. Its decisions are settled (see settle) and name their rule, and
// it never panics, so that combinators can rely on their parts.
type node interface {
	nguard.Policy
	// rule is the name under which the policy decides.
	rule() string
	// inspect reports what is wrong with the policy under m, one sentence for each mistake.
	inspect(m *Model, report reporter)
}

// A reporter takes one mistake, with its remedy.
type reporter func(format string, args ...any)

// RuleOf returns the name under which p decides, such as "any(self, role:admin)": for panels, logs and
// tables of routes. A policy from elsewhere is named by its String method or else by its type, and nil
// is "nil".
func RuleOf(p nguard.Policy) string { return adopt(p).rule() }

// adopt makes any policy a node: nil denies, and one from elsewhere is named, settled and kept from
// panicking.
func adopt(p nguard.Policy) node {
	// A list of types and not the interface: what embeds a *Role has the methods of a node too, with a
	// Decide of its own.
	switch p.(type) {
	case Permission, *Role, person, *check, *fresh, *level, *all, *anyOf, *not, *forbid, *foreign, *broken:
		return p.(node)
	}
	if isNil(p) {
		return newBroken("nil", "a policy is nil; leave it out or say what is meant")
	}
	if _, ok := p.(fmt.Stringer); ok {
		return &foreign{p, fmt.Sprint(p)}
	}
	return &foreign{p, fmt.Sprintf("%T", p)}
}

// isNil reports whether p is nil or holds a nil pointer or function.
func isNil(p nguard.Policy) bool {
	v := reflect.ValueOf(p)
	switch v.Kind() {
	case reflect.Invalid:
		return true
	case reflect.Pointer, reflect.Func:
		return v.IsNil()
	}
	return false
}

// foreign is a policy that another package wrote.
type foreign struct {
	policy nguard.Policy
	name   string
}

func (f *foreign) rule() string             { return f.name }
func (f *foreign) inspect(*Model, reporter) {}

func (f *foreign) Decide(ctx context.Context, a nguard.Access) (d nguard.Decision) {
	defer func() {
		if v := recover(); v != nil {
			d = panicked(f.name, v)
		}
	}()
	d = f.policy.Decide(ctx, a)
	if d.Rule == "" {
		d.Rule = f.name
	}
	return settle(d)
}

// settle makes d one of the four answers: whoever has an error could not decide, and an effect that
// does not exist denies.
func settle(d nguard.Decision) nguard.Decision {
	switch {
	case d.Err != nil:
		d.Effect = nguard.Abstain
	case d.Effect > nguard.Deny:
		d.Effect = nguard.Deny
	}
	return d
}

// broken stands for a policy that was built wrongly: it denies, and [Model.Check] says why.
type broken struct{ leaf }

func newBroken(name, problem string) *broken {
	return &broken{newLeaf(name, problem, problem)}
}

func (b *broken) Decide(context.Context, nguard.Access) nguard.Decision {
	return b.deny(b.no.Reason)
}

func (b *broken) inspect(_ *Model, report reporter) { report("%s", b.no.Reason) }

// leaf is what policies without parts have in common: a name and two ready answers.
type leaf struct {
	name    string
	yes, no nguard.Decision
}

func newLeaf(name, yes, no string) leaf {
	return leaf{
		name: name,
		yes:  nguard.Decision{Effect: nguard.Allow, Rule: name, Reason: yes},
		no:   nguard.Decision{Effect: nguard.Abstain, Rule: name, Reason: no},
	}
}

func (l *leaf) rule() string { return l.name }

// abstain is the answer no for another reason than the usual one.
func (l *leaf) abstain(reason string) nguard.Decision {
	return nguard.Decision{Effect: nguard.Abstain, Rule: l.name, Reason: reason}
}

func (l *leaf) deny(reason string) nguard.Decision {
	return nguard.Decision{Effect: nguard.Deny, Rule: l.name, Reason: reason}
}

// Reasons that several policies share.
const (
	noSubject   = "the access has no subject"
	notSignedIn = "the person is not signed in"
	noModel     = "no roles are configured: nguard.Config.Roles is missing"
)

// A PanicError is the Err of a decision during which a function of the program panicked. The access is
// refused: a policy that fails must never allow.
type PanicError struct {
	// Rule names the policy, Value is what it panicked with, Stack where.
	Rule  string
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("policy: %s panicked: %v", e.Rule, e.Value) }

// Unwrap returns the Value if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

func panicked(rule string, v any) nguard.Decision {
	return nguard.Decision{
		Rule:   rule,
		Reason: "the policy panicked",
		Err:    &PanicError{Rule: rule, Value: v, Stack: debug.Stack()},
	}
}
