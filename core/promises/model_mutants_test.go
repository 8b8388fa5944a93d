package promises

import (
	"context"
	"errors"
	"sync"

	nguard "github.com/nguard-go/nguard/core"
)

// mutants are stores and users tables that break one rule each.
var mutants = []mutant{
	{name: "Swap upserts", backend: func(b nguard.Backend) nguard.Backend {
		return &brokenRows{Backend: b, swap: func(ctx context.Context, r nguard.Row, version int64) error {
			err := b.Swap(ctx, r, version)
			if errors.Is(err, nguard.ErrNoSession) {
				_, err = b.Insert(ctx, r, nguard.Cap{})
			}
			return err
		}}
	}},
	{name: "Swap ignores the version", backend: func(b nguard.Backend) nguard.Backend {
		return &brokenRows{Backend: b, swap: func(ctx context.Context, r nguard.Row, version int64) error {
			err := b.Swap(ctx, r, version)
			if errors.Is(err, nguard.ErrConflict) {
				now, _, _ := b.Get(ctx, nguard.Key{Owner: r.Owner, ID: r.ID})
				next := *r.Record
				next.Version = versionOf(now) + 1
				r.Record = &next
				err = b.Swap(ctx, r, versionOf(now))
			}
			return err
		}}
	}},
	{name: "the grace begins again", backend: func(b nguard.Backend) nguard.Backend {
		return &brokenRows{Backend: b, get: func(ctx context.Context, k nguard.Key) (nguard.Row, nguard.Epoch, error) {
			r, e, err := b.Get(ctx, k)
			if err == nil && len(r.Prev) > 0 && !r.SeenAt.IsZero() {
				r.SeenAt = r.LastSeen // as if each use of the successor began the grace again
			}
			return r, e, err
		}}
	}},
	{name: "Delete does nothing", backend: func(b nguard.Backend) nguard.Backend {
		return &brokenRows{Backend: b, delete: func(ctx context.Context, k nguard.Key) error {
			_, _, err := b.Get(ctx, k)
			return err
		}}
	}},
	{name: "Insert ignores the revoke stamp", backend: func(b nguard.Backend) nguard.Backend {
		return &brokenRows{Backend: b, insert: func(ctx context.Context, r nguard.Row, c nguard.Cap) ([]string, error) {
			ended, err := b.Insert(ctx, r, c)
			if errors.Is(err, nguard.ErrConflict) {
				e, _ := b.(nguard.Epochs).Epoch(ctx, r.Owner)
				next := *r.Record
				next.Stamp.Revoke = e.Revoke
				r.Record = &next
				ended, err = b.Insert(ctx, r, c)
			}
			return ended, err
		}}
	}},
	{name: "Insert ignores the cap", backend: func(b nguard.Backend) nguard.Backend {
		return &brokenRows{Backend: b, insert: func(ctx context.Context, r nguard.Row, c nguard.Cap) ([]string, error) {
			c.Max = 0
			return b.Insert(ctx, r, c)
		}}
	}},
	{name: "Mark marks what was not shown", backend: func(b nguard.Backend) nguard.Backend {
		return &brokenRows{Backend: b, mark: func(ctx context.Context, k nguard.Key, m nguard.Mark) error {
			if r, _, err := b.Get(ctx, k); err == nil && m.SeenAt.IsZero() {
				m.Cur, m.SeenAt = r.Cur, m.LastSeen
			}
			return b.Mark(ctx, k, m)
		}}
	}},
	{name: "Get hides the theft", backend: func(b nguard.Backend) nguard.Backend {
		return &brokenRows{Backend: b, get: func(ctx context.Context, k nguard.Key) (nguard.Row, nguard.Epoch, error) {
			r, e, err := b.Get(ctx, k)
			if err == nil && len(r.Prev) > 0 && !r.SeenAt.IsZero() {
				r.SeenAt = r.LastSeen.AddDate(0, 0, 1)
			}
			return r, e, err
		}}
	}},
	{name: "Bump does not change", epochs: func(e nguard.Epochs) nguard.Epochs {
		return &brokenEpochs{e, func(b nguard.Bump) nguard.Bump { return b &^ nguard.BumpChange }}
	}},
	{name: "Bump does not revoke", epochs: func(e nguard.Epochs) nguard.Epochs {
		return &brokenEpochs{e, func(b nguard.Bump) nguard.Bump { return b &^ nguard.BumpRevoke }}
	}},
	{name: "Bump does not open", epochs: func(e nguard.Epochs) nguard.Epochs {
		return &brokenEpochs{e, func(b nguard.Bump) nguard.Bump { return b &^ nguard.BumpOpen }}
	}},
	{name: "Bump does not close", epochs: func(e nguard.Epochs) nguard.Epochs {
		return &brokenEpochs{e, func(b nguard.Bump) nguard.Bump { return b &^ nguard.BumpClose }}
	}},
	{name: "User is stale", users: func(u nguard.UserUpdater) nguard.UserUpdater {
		return &staleUsers{UserUpdater: u, kept: map[string]nguard.User{}}
	}},
	{name: "UpdateUser does not compare", users: func(u nguard.UserUpdater) nguard.UserUpdater { return &rashUsers{u} }},
}

type brokenRows struct {
	nguard.Backend
	insert func(context.Context, nguard.Row, nguard.Cap) ([]string, error)
	get    func(context.Context, nguard.Key) (nguard.Row, nguard.Epoch, error)
	swap   func(context.Context, nguard.Row, int64) error
	mark   func(context.Context, nguard.Key, nguard.Mark) error
	delete func(context.Context, nguard.Key) error
}

func (b *brokenRows) Rows(ctx context.Context, owner, after string, n int) ([]nguard.Row, nguard.Epoch, error) {
	return b.Backend.(nguard.RowLister).Rows(ctx, owner, after, n)
}

func (b *brokenRows) Insert(ctx context.Context, r nguard.Row, c nguard.Cap) ([]string, error) {
	if b.insert != nil {
		return b.insert(ctx, r, c)
	}
	return b.Backend.Insert(ctx, r, c)
}

func (b *brokenRows) Get(ctx context.Context, k nguard.Key) (nguard.Row, nguard.Epoch, error) {
	if b.get != nil {
		return b.get(ctx, k)
	}
	return b.Backend.Get(ctx, k)
}

func (b *brokenRows) Swap(ctx context.Context, r nguard.Row, version int64) error {
	if b.swap != nil {
		return b.swap(ctx, r, version)
	}
	return b.Backend.Swap(ctx, r, version)
}

func (b *brokenRows) Mark(ctx context.Context, k nguard.Key, m nguard.Mark) error {
	if b.mark != nil {
		return b.mark(ctx, k, m)
	}
	return b.Backend.Mark(ctx, k, m)
}

func (b *brokenRows) Delete(ctx context.Context, k nguard.Key) error {
	if b.delete != nil {
		return b.delete(ctx, k)
	}
	return b.Backend.Delete(ctx, k)
}

type brokenEpochs struct {
	nguard.Epochs
	keep func(nguard.Bump) nguard.Bump
}

func (e *brokenEpochs) Bump(ctx context.Context, owner string, b nguard.Bump) (nguard.Epoch, error) {
	return e.Epochs.Bump(ctx, owner, e.keep(b))
}

// staleUsers answers every second question from what it answered before, as a cache in front of a
// users table would.
type staleUsers struct {
	nguard.UserUpdater
	mu   sync.Mutex
	n    int
	kept map[string]nguard.User
}

func (u *staleUsers) User(ctx context.Context, id string) (nguard.User, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if old, ok := u.kept[id]; ok {
		if u.n++; u.n%2 == 0 {
			return old, nil
		}
	}
	p, err := u.UserUpdater.User(ctx, id)
	if err == nil {
		u.kept[id] = p
	}
	return p, err
}

// rashUsers writes whatever is stored now.
type rashUsers struct{ nguard.UserUpdater }

func (u *rashUsers) UpdateUser(ctx context.Context, before, after nguard.User) error {
	now, err := u.User(ctx, before.ID)
	if err != nil {
		return err
	}
	return u.UserUpdater.UpdateUser(ctx, now, after)
}
