package nguard

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nguard-go/nguard/core/internal/strictjson"
)

// ApplyOptions bound what [Request.Apply] does. The zero value is the update endpoint's.
type ApplyOptions struct {
	// Version, when not 0, is the only version of the session that is changed; else ErrConflict. It is
	// what If-Match asks for.
	Version int64
	// Only, when not empty, lists the fields that may be named; others are dropped like undeclared ones.
	Only []string
}

// Apply changes the session by a JSON object from outside: declared fields at the top level, in "user"
// and in "data". The write policy of each field that changes decides with its values from and to; a
// protected field with its present value is no change. Undeclared names are dropped and recorded.
// Either all that changes is written, or nothing.
//
// Errors: [ErrMalformed], [ErrNoUsableField], [ErrInvalid] and [ErrDenied], naming the field; [ErrTooLarge],
// [ErrConflict], [ErrNoSession], [ErrUnavailable], [ErrTooLate].
func (r *Request) Apply(ctx context.Context, body []byte, o ApplyOptions) (*Session, error) {
	if r == nil {
		return nil, ErrNotInstalled
	}
	if _, err := r.Session(); err != nil {
		return nil, err
	}
	ctx = r.attach(ctx)
	p, err := r.g.parsePatch(body, o.Only)
	if err != nil {
		r.g.observe(ctx, Event{Name: EventInputInvalid, Outcome: Failure, Action: "update", Reason: "malformed update"})
		return nil, err
	}
	if len(p.dropped) > 0 {
		r.g.observe(ctx, Event{Name: EventExtraneous, Outcome: Denied, Action: "update", Reason: "undeclared: " + strings.Join(p.dropped, ", ")})
	}
	if len(p.items) == 0 && p.userID == "" {
		return nil, ErrNoUsableField
	}
	by := r.Subject()
	s, err := r.change(ctx, change{action: "update", version: o.Version, fn: func(ctx context.Context, d *Draft) error {
		return r.g.applyPatch(ctx, by, p, d)
	}})
	if f := (*FieldError)(nil); errors.As(err, &f) {
		r.g.observe(ctx, Event{Name: EventInputInvalid, Outcome: Failure, Action: "update", Reason: "refused value of " + f.Field})
	}
	return s, err
}

// patch is what a body asks for.
type patch struct {
	items   []patchItem
	userID  string // "user.id", when it is named
	dropped []string
}

type patchItem struct {
	field AnyField
	raw   []byte
}

// parsePatch routes members to fields. Authority is recognised in all three places, so that no place is
// a way around its policy (contract 8.4). A name that a lenient reader would take for a declared or
// protected one is refused rather than dropped (checklist E2).
func (g *Guard) parsePatch(body []byte, only []string) (*patch, error) {
	top, err := strictjson.Object(body, strictjson.Limits{})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	p := &patch{}
	for _, m := range top {
		if m.Name != "user" && m.Name != "data" {
			if folded := foldKey(m.Name); folded == "user" || folded == "data" {
				// Dropped, it would take a change with it that the caller believes made (checklist E2).
				return nil, fmt.Errorf("%w: a name differs from \"user\" or \"data\" in case only", ErrMalformed)
			}
			if err := g.route(p, "", m, only); err != nil {
				return nil, err
			}
			continue
		}
		inner, err := strictjson.Object(m.Raw, strictjson.Limits{})
		if err != nil {
			return nil, fmt.Errorf("%w: %q must be an object", ErrMalformed, m.Name)
		}
		for _, in := range inner {
			if err := g.route(p, m.Name, in, only); err != nil {
				return nil, err
			}
		}
	}
	return p, nil
}

func (g *Guard) route(p *patch, place string, m strictjson.Member, only []string) error {
	name := m.Name
	if place == "user" && !authority(name) {
		name = "user." + name
	}
	if name == "user.id" {
		if p.userID != "" && p.userID != string(m.Raw) {
			// Else the last one would count, and hide the other.
			return fmt.Errorf("%w: %q is given twice", ErrMalformed, name)
		}
		p.userID = string(m.Raw)
		return nil
	}
	f := g.fields.byName[name]
	if f == nil || (len(only) > 0 && !slices.Contains(only, name)) {
		if f == nil && g.fields.lookalike(name, m.Name) {
			return fmt.Errorf("%w: a name differs from a declared one in case only", ErrMalformed)
		}
		if len(p.dropped) < 8 {
			p.dropped = append(p.dropped, clean(m.Name))
		}
		return nil
	}
	for _, other := range p.items {
		if other.field == f && !bytes.Equal(other.raw, m.Raw) {
			return fmt.Errorf("%w: %q is given twice", ErrMalformed, name)
		}
	}
	p.items = append(p.items, patchItem{f, m.Raw})
	return nil
}

// lookalike reports a name that is none of the declared or protected ones, but folds to one of them.
func (s *fieldSet) lookalike(names ...string) bool {
	for _, name := range names {
		folded := foldKey(name)
		if declared, ok := s.folded[folded]; ok && declared != name {
			return true
		}
		for _, protected := range protectedNames {
			if folded == foldKey(protected) && name != protected {
				return true
			}
		}
	}
	return false
}

// applyPatch is the draft function of Apply. It may run again on a newer session, and then decides
// again by the newer values.
func (g *Guard) applyPatch(ctx context.Context, by *Subject, p *patch, d *Draft) error {
	by, err := g.asks(ctx, by)
	if err != nil {
		return err
	}
	if p.userID != "" {
		if id, err := fromStored[string](json.RawMessage(p.userID)); err != nil || id != d.UserID() {
			g.observe(ctx, Event{Name: EventAuthzFail, Outcome: Denied, Action: "update", Target: d.UserID(), Rule: "immutable:user.id", Reason: "a user's ID never changes"})
			return &DeniedError{"update", Decision{Effect: Deny, Rule: "immutable:user.id"}}
		}
	}
	before := d.User()
	for _, item := range p.items {
		spec := item.field.spec()
		to, err := item.field.parse(item.raw)
		from := g.current(d, item.field)
		if err == nil && equalStored(from, to) && !spec.private {
			continue // a private value is never sent back: a no-op for the right guess would tell it
		}
		if err != nil {
			// A value that does not parse is refused as such even where the caller may not write: it tells
			// nothing that the declaration does not.
			return err
		}
		a := Access{Subject: by, Action: "update", Target: d.UserID(), Resource: before, Field: spec.name, From: from, To: to, Time: g.now()}
		rule, err := g.decide(ctx, item.field.WritePolicy(), a)
		if err != nil {
			return err
		}
		d.allowed(rule)
		if err := d.set(spec, to); err != nil {
			return err
		}
	}
	// A name that does not exist stands above nobody: it is a bad value, as it is for update-role.
	if err := g.checkNames(before, d.user); err != nil || !authorityChanged(before, d.user) {
		return err
	}
	return g.outranks(ctx, by, "update", before, d.user)
}

// current is the stored form of what a field would read now, its default included.
func (g *Guard) current(d *Draft, f AnyField) any {
	spec := f.spec()
	v, ok := d.stored(spec.name, spec.scope)
	if !ok {
		v = f.fallback()
	}
	if list, isList := v.([]string); isList && list == nil {
		v = []string{}
	}
	s, _ := storedForm(v)
	return s
}

func authorityChanged(a, b User) bool {
	return a.Role != b.Role || !slices.Equal(a.Permissions, b.Permissions)
}
