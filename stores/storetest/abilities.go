package storetest

import nguard "github.com/nguard-go/nguard/core"

func (k *kit) epochs() nguard.Epochs {
	k.Helper()
	e, ok := nguard.Ability[nguard.Epochs](k.Store)
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

// notSealed skips a case about updates at once, in a store whose tokens hold the values; see [Harness.Sealed].
func (k *kit) notSealed() {
	k.Helper()
	if k.Sealed {
		k.Skip("the store lacks NoLostUpdate: of two updates at once the token that arrives last counts")
	}
}

func need[T any](k *kit, name string) T {
	k.Helper()
	t, ok := nguard.Ability[T](k.Store)
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
