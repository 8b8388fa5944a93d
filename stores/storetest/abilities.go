package storetest

import nguard "github.com/nguard-go/nguard/core"

// find looks for an ability as the guard does: the store itself, then what Unwrap returns.
func find[T any](v any) (T, bool) {
	for v != nil {
		if t, ok := v.(T); ok {
			return t, true
		}
		u, ok := v.(interface{ Unwrap() any })
		if !ok {
			break
		}
		v = u.Unwrap()
	}
	var zero T
	return zero, false
}

func (k *kit) epochs() nguard.Epochs {
	k.Helper()
	e, ok := find[nguard.Epochs](k.Store)
	if !ok {
		k.Fatal("the store offers no nguard.Epochs, which a guard needs")
	}
	return e
}

func (k *kit) lister() nguard.Lister {
	return need[nguard.Lister](k, "nguard.Lister")
}

func (k *kit) sweeper() nguard.Sweeper {
	return need[nguard.Sweeper](k, "nguard.Sweeper")
}

func (k *kit) transactor() nguard.Transactor {
	return need[nguard.Transactor](k, "nguard.Transactor")
}

func need[T any](k *kit, name string) T {
	k.Helper()
	t, ok := find[T](k.Store)
	if !ok {
		k.Skip("the store offers no " + name)
	}
	return t
}

func (k *kit) bump(owner string, b nguard.Bump) nguard.Epoch {
	k.Helper()
	e, err := k.epochs().Bump(k.ctx, owner, b)
	k.ok(err)
	return e
}

func (k *kit) epoch(owner string) nguard.Epoch {
	k.Helper()
	e, err := k.epochs().Epoch(k.ctx, owner)
	k.ok(err)
	return e
}

// hasEpoch reports whether the user's epoch is stored: one that is not is random at each reading.
func (k *kit) hasEpoch(owner string) bool {
	k.Helper()
	first := k.epoch(owner)
	return k.epoch(owner) == first
}

// all lists every session of a user.
func (k *kit) all(owner string) []nguard.Found {
	k.Helper()
	list, err := k.lister().List(k.ctx, owner, "", 10_000)
	k.ok(err)
	return list
}
