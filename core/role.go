package nguard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// Authority is what update-role asks for. Nil members stay as they are.
type Authority struct {
	// Role is the new role; Permissions are all permissions beyond it.
	Role        *string
	Permissions *[]string
}

// ChangeAuthority changes the role or permissions of a user, the caller included, on the caller's behalf:
// the write policies of the fields "role" and "permissions" decide, nobody reaches above their own rank,
// and the last admin stays (see [UserUpdater]). It returns the user as it is now, and the caller's own
// new session when it was their own authority.
//
// Errors: [ErrDenied], [ErrInvalid] for unknown names, [ErrLastAdmin], [ErrNoUser] for callers whom the
// policy would allow, [ErrNoSession], [ErrUnavailable].
func (r *Request) ChangeAuthority(ctx context.Context, userID string, to Authority) (User, *Session, error) {
	if r == nil {
		return User{}, nil, ErrNotInstalled
	}
	if _, err := r.Session(); err != nil {
		return User{}, nil, err
	}
	ctx = r.attach(ctx)
	by, g := r.Subject(), r.g
	fn := func(ctx context.Context, d *Draft) error { return g.applyAuthority(ctx, by, to, d) }
	var user User
	var own *Session
	var err error
	if userID == by.UserID {
		if own, err = r.change(ctx, change{action: "update-role", fn: fn}); err == nil {
			user = own.User()
		}
	} else {
		user, err = g.changeUser(ctx, userChange{action: "update-role", id: userID, fn: fn})
	}
	var field *FieldError
	switch {
	case errors.Is(err, ErrNoUser):
		// Who may not change roles learns nothing about who exists.
		if _, denied := g.mayChangeAuthority(ctx, by, User{ID: userID}, to); denied != nil {
			return User{}, nil, denied
		}
		g.observe(ctx, Event{Name: EventDiscreteInvalid, Outcome: Failure, Action: "update-role", Target: userID, Reason: "no such user"})
	case errors.As(err, &field):
		g.observe(ctx, Event{Name: EventDiscreteInvalid, Outcome: Failure, Action: "update-role", Target: userID, Reason: "refused value of " + field.Field})
	}
	return user, own, err
}

// items are the fields that to names, with their values.
func (to Authority) items() map[string]any {
	m := map[string]any{}
	if to.Role != nil {
		m["role"] = *to.Role
	}
	if to.Permissions != nil {
		m["permissions"] = append([]string{}, *to.Permissions...)
	}
	return m
}

func (g *Guard) applyAuthority(ctx context.Context, by *Subject, to Authority, d *Draft) error {
	by, err := g.asks(ctx, by)
	if err != nil {
		return err
	}
	before := d.User()
	rules, err := g.mayChangeAuthority(ctx, by, before, to)
	if err != nil {
		return err
	}
	for _, rule := range rules {
		d.allowed(rule)
	}
	for name, v := range to.items() {
		f := g.fields.byName[name]
		raw, err := json.Marshal(v)
		if err != nil {
			return &FieldError{name, "cannot be read"}
		}
		stored, err := f.parse(raw)
		if err != nil {
			return err
		}
		if err := d.set(f.spec(), stored); err != nil {
			return err
		}
	}
	if err := g.checkNames(before, d.user); err != nil || !authorityChanged(before, d.user) {
		return err
	}
	return g.outranks(ctx, by, "update-role", before, d.user)
}

func (g *Guard) mayChangeAuthority(ctx context.Context, by *Subject, before User, to Authority) (rules []string, err error) {
	for name, v := range to.items() {
		f := g.fields.byName[name]
		if f == nil {
			return nil, fmt.Errorf("%w: the field %q is not declared", ErrNotFound, name)
		}
		from, _ := before.stored(name)
		a := Access{Subject: by, Action: "update-role", Target: before.ID, Resource: before, Field: name, From: from, To: v, Time: g.now()}
		rule, err := g.decide(ctx, f.WritePolicy(), a)
		if err != nil {
			return nil, err
		}
		rules = append(rules, rule)
	}
	return rules, nil
}

// Manage asks Config.Admin whether the caller may see and end the sessions of a user.
func (r *Request) Manage(ctx context.Context, userID string) error {
	if r == nil {
		return ErrNotInstalled
	}
	if _, err := r.Session(); err != nil {
		return err
	}
	ctx = r.attach(ctx)
	by, err := r.g.asks(ctx, r.Subject())
	if err != nil {
		return err
	}
	if _, err := r.g.decide(ctx, r.g.admin, Access{Subject: by, Action: "sessions", Target: userID, Time: r.g.now()}); err != nil {
		return err
	}
	if r.g.users == nil {
		return nil
	}
	_, err = r.g.lookUp(ctx, userID)
	return err
}
