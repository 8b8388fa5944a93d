package policy_test

import (
	"context"
	"errors"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/policy"
)

// answer is one of the four answers. They are ordered so that the later one wins in All.
type answer int

const (
	allow answer = iota
	abstain
	failure
	deny
)

var answers = []answer{allow, abstain, failure, deny}

func (a answer) String() string { return [...]string{"Allow", "Abstain", "Err", "Deny"}[a] }

var errDown = errors.New("the ban list is down")

// Decide makes an answer a policy of another package.
func (a answer) Decide(context.Context, nguard.Access) nguard.Decision {
	switch a {
	case allow:
		return nguard.Decision{Effect: nguard.Allow}
	case failure:
		return nguard.Decision{Effect: nguard.Allow, Err: errDown} // an Err with Allow is still an Err
	case deny:
		return nguard.Decision{Effect: nguard.Deny}
	}
	return nguard.Decision{}
}

func ask(p nguard.Policy) nguard.Decision {
	return p.Decide(context.Background(), nguard.Access{Subject: &nguard.Subject{UserID: "ann"}})
}

func answerOf(t *testing.T, d nguard.Decision) answer {
	t.Helper()
	switch {
	case d.Err != nil:
		if d.Effect != nguard.Abstain {
			t.Fatalf("%s: an Err must come with Abstain, not %v", d.Rule, d.Effect)
		}
		return failure
	case d.Effect == nguard.Allow:
		return allow
	case d.Effect == nguard.Deny:
		return deny
	}
	return abstain
}

// The tables of the package comment, word for word.
var (
	allTable = [4][4]answer{
		allow:   {allow, abstain, failure, deny},
		abstain: {abstain, abstain, failure, deny},
		failure: {failure, failure, failure, deny},
		deny:    {deny, deny, deny, deny},
	}
	anyTable = [4][4]answer{
		allow:   {allow, allow, failure, deny},
		abstain: {allow, abstain, failure, deny},
		failure: {failure, failure, failure, deny},
		deny:    {deny, deny, deny, deny},
	}
	notTable    = [4]answer{allow: abstain, abstain: allow, failure: failure, deny: deny}
	forbidTable = [4]answer{allow: deny, abstain: abstain, failure: failure, deny: deny}
)

// expr is a policy beside what the tables say of it.
type expr struct {
	policy   nguard.Policy
	want     answer
	veto     bool // can only forbid
	hasErr   bool // some part is Err
	hasDeny  bool // some part is Deny
	negation bool // it has a Not or a Forbid
}

func leaf(a answer) expr {
	return expr{policy: a, want: a, hasErr: a == failure, hasDeny: a == deny}
}

func negate(e expr) expr {
	e.policy, e.want, e.veto, e.negation = policy.Not(e.policy), notTable[e.want], false, true
	return e
}

func forbid(e expr) expr {
	e.policy, e.want, e.veto, e.negation = policy.Forbid(e.policy), forbidTable[e.want], true, true
	return e
}

func join(all bool, parts ...expr) expr {
	j := expr{want: abstain, veto: true}
	var policies []nguard.Policy
	demand := false
	for _, e := range parts {
		policies = append(policies, e.policy)
		j.hasErr, j.hasDeny = j.hasErr || e.hasErr, j.hasDeny || e.hasDeny
		j.veto, j.negation = j.veto && e.veto, j.negation || e.negation
		switch {
		case !all:
			j.want = anyTable[j.want][e.want]
		case e.veto && e.want == abstain: // neutral
		case !demand:
			j.want, demand = e.want, true
		default:
			j.want = allTable[j.want][e.want]
		}
	}
	if all {
		j.policy = policy.All(policies...)
	} else {
		j.policy = policy.Any(policies...)
	}
	return j
}

func (e expr) check(t *testing.T) {
	t.Helper()
	d := ask(e.policy)
	got := answerOf(t, d)
	switch {
	case got != e.want:
		t.Fatalf("%s = %v, the tables say %v", d.Rule, got, e.want)
	case d.Rule != policy.RuleOf(e.policy):
		t.Fatalf("decided as %q, named %q", d.Rule, policy.RuleOf(e.policy))
	case d.Allowed() && e.hasErr:
		t.Fatalf("%s allows although a part of it is Err", d.Rule)
	case d.Allowed() && e.veto:
		t.Fatalf("%s allows although it can only forbid", d.Rule)
	case got != deny && e.hasDeny:
		t.Fatalf("%s does not deny although a part of it does", d.Rule)
	case got == failure && !errors.Is(d.Err, errDown):
		t.Fatalf("%s lost the cause: %v", d.Rule, d.Err)
	}
}

// TestAlgebra checks every combination of the four answers under All, Any, Not and Forbid, three levels
// deep, against the tables of the package comment.
func TestAlgebra(t *testing.T) {
	var flat []expr // the answers under up to two negations
	for _, a := range answers {
		e := leaf(a)
		flat = append(flat, e, negate(e), forbid(e), negate(negate(e)), negate(forbid(e)), forbid(negate(e)), forbid(forbid(e)))
	}
	var pairs []expr
	for _, e := range flat {
		if e.negation { // a bare answer is no policy of this package
			e.check(t)
		}
		pairs = append(pairs, join(true, e), join(false, e))
		for _, f := range flat {
			pairs = append(pairs, join(true, e, f), join(false, e, f))
		}
	}
	few := append(flat[:0:0], leaf(allow), leaf(abstain), leaf(failure), leaf(deny), forbid(leaf(allow)), forbid(leaf(abstain)))
	for _, e := range pairs {
		e.check(t)
		for _, f := range []expr{negate(e), forbid(e)} {
			f.check(t)
			for _, g := range few {
				join(true, f, g).check(t)
				join(false, g, f).check(t)
			}
		}
		for _, g := range few {
			join(true, e, g).check(t)
			join(false, e, g).check(t)
		}
	}
}

func TestOrderNeverChangesTheEffect(t *testing.T) {
	for _, a := range answers {
		for _, b := range answers {
			for _, c := range answers {
				for _, combine := range []func(...nguard.Policy) nguard.Policy{policy.All, policy.Any} {
					want := answerOf(t, ask(combine(a, b, c)))
					for _, p := range []nguard.Policy{
						combine(a, c, b), combine(b, a, c), combine(b, c, a), combine(c, a, b), combine(c, b, a),
						combine(combine(a, b), c), combine(a, combine(b, c)),
					} {
						if d := ask(p); answerOf(t, d) != want {
							t.Errorf("%s = %v, another order is %v", d.Rule, answerOf(t, d), want)
						}
					}
				}
			}
		}
	}
}

// TestErrNeverAllows puts an Err at each place of each shape that could turn a refusal around.
func TestErrNeverAllows(t *testing.T) {
	wrap := []func(expr) expr{
		func(e expr) expr { return e }, negate, forbid,
		func(e expr) expr { return join(true, e, leaf(allow)) },
		func(e expr) expr { return join(true, leaf(abstain), e) },
		func(e expr) expr { return join(false, e, leaf(allow)) },
		func(e expr) expr { return join(false, leaf(abstain), e) },
	}
	level := []expr{leaf(failure)}
	for range 4 {
		var next []expr
		for _, e := range level {
			for _, w := range wrap {
				next = append(next, w(e))
			}
		}
		level = next
		for _, e := range level {
			if d := ask(e.policy); d.Allowed() || d.Err == nil {
				t.Fatalf("%s = %+v, want Err", d.Rule, d)
			}
		}
	}
}

func TestForbidIsAVetoInAll(t *testing.T) {
	bans := policy.Any(policy.Forbid(abstain), policy.All(policy.Forbid(abstain)))
	tests := []struct {
		policy nguard.Policy
		want   answer
	}{
		{policy.All(allow, policy.Forbid(abstain)), allow},
		{policy.All(policy.Forbid(abstain), abstain), abstain},
		{policy.All(allow, policy.Forbid(allow)), deny},
		{policy.All(allow, policy.Forbid(failure)), failure},
		{policy.All(allow, bans), allow},
		{policy.All(policy.Forbid(abstain)), abstain},
		{policy.All(allow, policy.Any(abstain, policy.Forbid(abstain))), abstain},
		{policy.Any(abstain, policy.Forbid(abstain)), abstain},
	}
	for _, tt := range tests {
		if d := ask(tt.policy); answerOf(t, d) != tt.want {
			t.Errorf("%s = %v, want %v", d.Rule, answerOf(t, d), tt.want)
		}
	}
}

// TestBrokenDenies: what is built wrongly denies under every combinator, without a panic.
func TestBrokenDenies(t *testing.T) {
	var role *policy.Role
	var function nguard.PolicyFunc
	broken := []nguard.Policy{
		nil, role, function, (*nothing)(nil), &policy.Role{}, policy.Permission(""),
		policy.All(), policy.Any(), policy.Not(nil), policy.Forbid(nil),
		policy.Fresh(0), policy.Fresh(-1), policy.Level(0),
		policy.Func("", func(context.Context, nguard.Access) (bool, error) { return true, nil }),
		policy.Func("f", nil), policy.On[int]("o", nil), policy.OnFunc[int]("o", nil),
		policy.On("", func(nguard.Access, int) bool { return true }),
		effect(7),
	}
	for _, p := range broken {
		for _, whole := range []nguard.Policy{
			policy.All(p, policy.SignedIn), policy.Any(policy.SignedIn, p),
			policy.Not(p), policy.Forbid(p), policy.Not(policy.Not(p)),
			policy.Any(policy.SignedIn, policy.Not(policy.Forbid(p))),
		} {
			if d := ask(whole); d.Effect != nguard.Deny {
				t.Errorf("%s = %+v, want Deny", d.Rule, d)
			}
		}
	}
}

// TestNoSubjectDenies: an access without a subject denies under every policy.
func TestNoSubjectDenies(t *testing.T) {
	yes := func(context.Context, nguard.Access) (bool, error) { return true, nil }
	for _, p := range []nguard.Policy{
		policy.SignedIn, policy.Self, policy.Fresh(1), policy.Level(1), policy.Func("f", yes),
		policy.On("o", func(nguard.Access, any) bool { return true }),
		policy.NewRole("admin"), policy.Permission("a"),
	} {
		if d := policy.Not(p).Decide(context.Background(), nguard.Access{}); d.Effect != nguard.Deny {
			t.Errorf("%s = %+v, want Deny", d.Rule, d)
		}
	}
}

type nothing struct{ effect }

// effect is a policy that answers with itself.
type effect nguard.Effect

func (e effect) Decide(context.Context, nguard.Access) nguard.Decision {
	return nguard.Decision{Effect: nguard.Effect(e)}
}
