package adaptertest

import (
	"context"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

type faultyStore struct {
	nguard.Store
	f *faults
}

func (s *faultyStore) Unwrap() any { return s.Store }

func (s *faultyStore) Create(ctx context.Context, r *nguard.Record, c nguard.Cap) (made nguard.Created, err error) {
	err = s.f.around(ctx, "create", func() (err error) { made, err = s.Store.Create(ctx, r, c); return err })
	return made, err
}

func (s *faultyStore) Load(ctx context.Context, token string) (found nguard.Found, err error) {
	err = s.f.around(ctx, "load", func() (err error) { found, err = s.Store.Load(ctx, token); return err })
	return found, err
}

func (s *faultyStore) Replace(ctx context.Context, f nguard.Found, next *nguard.Record, rotate bool) (found nguard.Found, err error) {
	err = s.f.around(ctx, "replace", func() (err error) { found, err = s.Store.Replace(ctx, f, next, rotate); return err })
	return found, err
}

func (s *faultyStore) Touch(ctx context.Context, f nguard.Found, at time.Time) (found nguard.Found, err error) {
	err = s.f.around(ctx, "touch", func() (err error) { found, err = s.Store.Touch(ctx, f, at); return err })
	return found, err
}

func (s *faultyStore) Delete(ctx context.Context, owner, id string) error {
	return s.f.around(ctx, "delete", func() error { return s.Store.Delete(ctx, owner, id) })
}

func (s *faultyStore) Find(ctx context.Context, owner, id string) (found nguard.Found, err error) {
	err = s.f.around(ctx, "find", func() (err error) { found, err = ability[nguard.Lister](s.Store).Find(ctx, owner, id); return err })
	return found, err
}

func (s *faultyStore) List(ctx context.Context, owner, after string, n int) (list []nguard.Found, err error) {
	err = s.f.around(ctx, "list", func() (err error) {
		list, err = ability[nguard.Lister](s.Store).List(ctx, owner, after, n)
		return err
	})
	return list, err
}

func (s *faultyStore) Epoch(ctx context.Context, owner string) (e nguard.Epoch, err error) {
	err = s.f.around(ctx, "epoch", func() (err error) { e, err = ability[nguard.Epochs](s.Store).Epoch(ctx, owner); return err })
	return e, err
}

// Bump is "bump open", "bump close", "bump settle" (close and change in one step), "bump change" or "bump revoke".
func (s *faultyStore) Bump(ctx context.Context, owner string, b nguard.Bump) (e nguard.Epoch, err error) {
	op := "bump change"
	switch {
	case b&nguard.BumpOpen != 0:
		op = "bump open"
	case b&nguard.BumpClose != 0 && b&nguard.BumpChange != 0:
		op = "bump settle"
	case b&nguard.BumpClose != 0:
		op = "bump close"
	case b&nguard.BumpRevoke != 0 && b&nguard.BumpChange == 0:
		op = "bump revoke"
	}
	err = s.f.around(ctx, op, func() (err error) { e, err = ability[nguard.Epochs](s.Store).Bump(ctx, owner, b); return err })
	return e, err
}

func (s *faultyStore) Sweep(ctx context.Context, now time.Time, n int) (removed int, err error) {
	err = s.f.around(ctx, "sweep", func() (err error) { removed, err = sweepIfAble(ctx, s.Store, now, n); return err })
	return removed, err
}

type fullUsers interface {
	nguard.Authenticator
	nguard.UserUpdater
}

type faultyUsers struct {
	inner fullUsers
	f     *faults
}

func (u *faultyUsers) Unwrap() any { return u.inner }

func (u *faultyUsers) User(ctx context.Context, id string) (p nguard.User, err error) {
	err = u.f.around(ctx, "user", func() (err error) { p, err = u.inner.User(ctx, id); return err })
	return p, err
}

func (u *faultyUsers) Identify(ctx context.Context, c nguard.Credentials) (id string, err error) {
	err = u.f.around(ctx, "identify", func() (err error) { id, err = u.inner.Identify(ctx, c); return err })
	return id, err
}

func (u *faultyUsers) Authenticate(ctx context.Context, c nguard.Credentials) (p nguard.User, err error) {
	err = u.f.around(ctx, "authenticate", func() (err error) { p, err = u.inner.Authenticate(ctx, c); return err })
	return p, err
}

func (u *faultyUsers) UpdateUser(ctx context.Context, before, after nguard.User) error {
	return u.f.around(ctx, "update user", func() error { return u.inner.UpdateUser(ctx, before, after) })
}

// faultySink names its operation for the outcome: "record attempt", "record success" and so on.
type faultySink struct {
	inner nguard.Sink
	f     *faults
}

func (s *faultySink) Unwrap() any { return s.inner }

func (s *faultySink) Record(ctx context.Context, e nguard.Event) error {
	return s.f.around(ctx, "record "+string(e.Outcome), func() error { return s.inner.Record(ctx, e) })
}
