package nguard

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ChangeUser changes a user outside of a session: fn receives the user as stored and alters it. The
// change reaches every live session of the person by its next request (promise P3). ctx names the
// actor (see [WithActor]). fn may be called again when somebody else was faster, and its error is
// returned as it is. Declared fields are checked; write policies are not asked.
//
// Errors: [ErrNoUser], [ErrLastAdmin], [ErrInvalid], [ErrTooLarge] where the store is [Bounded] and could not
// take a login of the person afterwards, [ErrConflict], [ErrUnavailable]; with [ErrOutcomeUnknown] too when the write was sent and its answer was lost.
func (g *Guard) ChangeUser(ctx context.Context, id string, fn func(u *User) error) (User, error) {
	return g.changeUser(ctx, userChange{action: "change-user", id: id, fn: func(_ context.Context, d *Draft) error {
		u := cloneUser(d.user)
		if err := fn(&u); err != nil {
			return err
		}
		return g.adopt(d, u)
	}})
}

// UserChanged tells the guard that the program has changed a user by statements of its own: every live
// session of the person looks them up at its next request. Call it inside the transaction of the change,
// with a context from [WithTx], so that neither is without the other; where users live in another
// database use [Guard.ChangeUser], which survives a crash in between. After deleting a user call
// [Guard.RevokeUser]. Nobody asks a [Bounded] store here: one who has become too large for it is looked up at
// each request and cannot log in. ctx names the actor.
func (g *Guard) UserChanged(ctx context.Context, userID string) error {
	who, err := actor(ctx)
	if err != nil {
		return err
	}
	owner, err := g.owner(userID)
	if err != nil {
		return err
	}
	e := Event{ID: newEventID(), Name: EventUserUpdated, Action: "user-changed", Actor: who, Target: userID}
	return g.recorded(ctx, e, true, func(ctx context.Context) error {
		defer g.changed(ctx, owner)
		return g.call(ctx, "store.bump", func(ctx context.Context) error {
			_, err := g.epochs.Bump(ctx, owner, BumpChange)
			return err
		})
	})
}

// adopt puts a User that the program has made into a draft, by the rules of the fields.
func (g *Guard) adopt(d *Draft, u User) error {
	if u.ID != d.base.User.ID {
		return &FieldError{"user.id", "never changes"}
	}
	u, err := storedUser(u)
	if err != nil {
		return err
	}
	for _, c := range diffUser(d.base.User, u) {
		f := g.fields.byName[c.Field]
		if f == nil || c.To == nil {
			continue
		}
		to, err := storedForm(c.To)
		if err == nil {
			err = f.check(to)
		}
		if err != nil {
			return err
		}
	}
	d.user = owned(u)
	return nil
}

// owned copies the text that a function of the program has put into a user: what is kept must not point into a
// buffer that a framework uses again.
func owned(u User) User {
	for _, s := range []*string{&u.Name, &u.Email, &u.Role} {
		*s = strings.Clone(*s)
	}
	u.Permissions = ownedList(u.Permissions)
	for name, v := range u.Data {
		u.Data[name] = ownedValue(v)
	}
	return u
}

// ownedValue is owned for a value of a field, of which only text can be borrowed.
func ownedValue(v any) any {
	if s, ok := v.(string); ok {
		return strings.Clone(s)
	}
	return v
}

// ownedList is owned for a list.
func ownedList(list []string) []string {
	list = slices.Clone(list)
	for i, s := range list {
		list[i] = strings.Clone(s)
	}
	return list
}

// userChange is one change of a row of the users table, with the session of the caller if it is theirs.
type userChange struct {
	action, id string
	fn         func(ctx context.Context, d *Draft) error
	own        *change // nil: no session of the caller is part of it
}

// changeOwnUser is a change of a session that reaches into the users table.
func (g *Guard) changeOwnUser(ctx context.Context, c change, e Event) (got Found, err error) {
	err = g.tryUser(ctx, userChange{action: c.action, id: c.found.Record.User.ID, fn: c.fn, own: &c}, e.ID, &got, nil)
	return got, err
}

// changeUser runs the change until no conflict remains or the deadline ends it.
func (g *Guard) changeUser(ctx context.Context, u userChange) (after User, err error) {
	if _, err := actor(ctx); err != nil {
		return User{}, err
	}
	ctx, cancel := g.lasting(ctx)
	defer cancel()
	id := newEventID()
	for try := 0; ; try++ {
		err := g.tryUser(ctx, u, id, nil, &after)
		if !errors.Is(err, ErrConflict) {
			return after, ranOut(ctx, try, err)
		}
		if try == 0 {
			defer g.turns.take(ctx, "user/"+u.id)()
		}
		if ctx.Err() != nil || try > 100 {
			return User{}, fmt.Errorf("%w: retries ran out", ErrConflict)
		}
	}
}

// tryUser makes one try: in one transaction where users live in the store's database, by the marked
// way elsewhere. Each reads the user fresh, so that a session's older copy is never what is compared.
func (g *Guard) tryUser(ctx context.Context, u userChange, id string, got *Found, after *User) error {
	if g.updater == nil {
		return fmt.Errorf("nguard: a user was to be changed, but Config.Users is no UserUpdater: add UpdateUser to it")
	}
	owner, err := g.owner(u.id)
	if err != nil {
		return err
	}
	t := &userTry{g: g, u: u, owner: owner, id: id}
	if g.oneTx {
		err = t.together(ctx)
	} else {
		err = t.marked(ctx)
	}
	if err != nil && !errors.Is(err, errUnchanged) {
		return err
	}
	if after != nil {
		*after = cloneUser(t.draft.user)
	}
	if got != nil {
		*got = t.got
	}
	if err == nil {
		g.after(ctx, t.event)
	}
	return nil
}
