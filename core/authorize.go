package nguard

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Subject is who asks, for policies. Without a session it has no UserID. It is never nil.
func (r *Request) Subject() *Subject {
	if r == nil {
		return &Subject{}
	}
	s := &Subject{IP: r.IP(), UserAgent: r.userAgent()}
	live, err := r.Session()
	if err == nil && live != nil {
		r.g.fill(s, live.rec)
	} else if r.g.roles != nil {
		s.Grants = r.g.roles.Grants("", nil)
	}
	return s
}

// fill copies the person of a record into a Subject.
func (g *Guard) fill(s *Subject, r *Record) {
	s.UserID, s.Role, s.Permissions, s.Session = r.User.ID, r.User.Role, r.User.Permissions, r.ID
	s.AuthAt, s.Methods, s.Level = r.AuthAt, r.Methods, r.Level
	if g.roles != nil {
		s.Grants = g.roles.Grants(r.User.Role, r.User.Permissions)
	}
}

// Permissions are all that the person of a session holds, by role or otherwise, sorted: what a policy that
// asks for one of them finds. Without Config.Roles there are none. It is for showing; what is done, a policy
// decides. The result is the caller's.
func (g *Guard) Permissions(s *Session) []string {
	if g.roles == nil {
		return []string{}
	}
	return append([]string{}, g.roles.Grants(s.rec.User.Role, s.rec.User.Permissions).Permissions()...)
}

// Authorize asks a policy whether the person may do something to a resource, such as a row that the
// handler has loaded (ASVS 8.2.2). nil means yes. [ErrNoSession]: nobody is signed in and the policy
// does not allow everybody. [ErrDenied]: refused, and recorded with the rule that decided.
// [ErrUnavailable]: the session or something the policy needs is down. A nil policy refuses.
func (r *Request) Authorize(ctx context.Context, p Policy, resource any) error {
	if r == nil {
		return ErrNotInstalled
	}
	ctx = r.attach(ctx)
	_, err := r.Session()
	if err != nil && !errors.Is(err, ErrNoSession) {
		return err
	}
	a := Access{Subject: r.Subject(), Action: r.line.Method + " " + r.line.Path, Resource: resource, Time: r.g.now()}
	_, denied := r.g.decide(ctx, p, a)
	if err != nil && errors.Is(denied, ErrDenied) {
		return err
	}
	return denied
}

// decide asks a policy and returns the rule that allowed. A panic, an error and a nil policy deny
// (checklist P9, N4). A refusal is recorded with its rule.
func (g *Guard) decide(ctx context.Context, p Policy, a Access) (rule string, err error) {
	d := Decision{Rule: "none", Reason: "no policy"}
	if p != nil {
		err := g.guarded(ctx, "policy", func() error {
			d = p.Decide(ctx, a)
			return nil
		})
		if err != nil {
			d = Decision{Rule: "panic", Err: err}
		}
	}
	if d.Allowed() {
		return d.Rule, nil
	}
	e := Event{Name: EventAuthzFail, Outcome: Denied, Action: a.Action, Target: a.Target, Rule: d.Rule, Reason: d.Reason}
	if a.Field != "" {
		e.Changes = []Change{{Field: a.Field, From: a.From, To: a.To}}
		if f := g.fields.byName[a.Field]; f != nil && f.spec().private {
			e.Changes[0].From, e.Changes[0].To = Redacted{}, Redacted{}
		}
	}
	g.observe(ctx, e)
	if d.Err != nil {
		return "", fmt.Errorf("%w: policy %s: %w", ErrUnavailable, d.Rule, d.Err)
	}
	return "", &DeniedError{Action: a.Action, Decision: d}
}

// outranks refuses a change of authority above the caller's own rank: neither a person who stands
// above, nor a role or permission that the caller does not hold (checklist F6).
func (g *Guard) outranks(ctx context.Context, by *Subject, action string, before, after User) error {
	refuse := func(rule, reason string) error {
		g.observe(ctx, Event{Name: EventAuthzFail, Outcome: Denied, Action: action, Target: before.ID, Rule: rule, Reason: reason,
			Changes: diffUser(before, after)})
		return &DeniedError{action, Decision{Effect: Deny, Rule: rule, Reason: reason}}
	}
	if g.roles == nil || by.Grants == nil {
		return refuse("no-roles", "no roles are configured")
	}
	if g.roles.Knows(before.Role) && !g.roles.Covers(by.Role, before.Role) {
		return refuse("rank:person", "the person stands above the caller")
	}
	if after.Role != before.Role && !g.roles.Covers(by.Role, after.Role) {
		return refuse("rank:role", "the role stands above the caller's")
	}
	for _, p := range after.Permissions {
		if !slices.Contains(before.Permissions, p) && !by.Grants.Can(p) {
			return refuse("rank:permission", "the caller does not hold the permission")
		}
	}
	// Taking away what one does not hold is as much above one's rank as giving it. What the roles do not
	// know any more grants nothing, and whoever may write the field may tidy it up.
	for _, p := range before.Permissions {
		if !slices.Contains(after.Permissions, p) && g.roles.KnowsPermission(p) && !by.Grants.Can(p) {
			return refuse("rank:permission", "the caller does not hold the permission taken away")
		}
	}
	return nil
}
