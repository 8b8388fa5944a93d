package scsstore

import (
	"context"
	"hash/maphash"

	"github.com/alexedwards/scs/v2"

	nguard "github.com/nguard-go/nguard/core"
)

// Store is a [nguard.Store] over a backend of scs, with [nguard.Lister] and [nguard.Epochs]. [New] makes
// one. It is safe for concurrent use; of one backend there should be one Store.
type Store struct {
	keyed
	rows *rows
}

// keyed is what nguard.Keyed makes of a Backend that can list.
type keyed interface {
	nguard.Store
	nguard.Lister
}

var (
	_ nguard.Store   = (*Store)(nil)
	_ nguard.Lister  = (*Store)(nil)
	_ nguard.Epochs  = (*Store)(nil)
	_ nguard.Partial = (*Store)(nil)
)

// Option changes what [New] makes.
type Option func(*rows)

// Namespace keeps apart what several programs have in one backend: stores of different namespaces never
// meet. It is hashed into every key and cannot be seen in them. Defaults to "nguard:".
func Namespace(name string) Option { return func(b *rows) { b.namespace = name } }

// New returns a store over a backend of scs. A backend that is an [scs.CtxStore] is given the context of each
// call. It does no I/O.
func New(store scs.Store, options ...Option) *Store {
	b := &rows{
		store:     store,
		namespace: "nguard:",
		turns:     turns{m: map[string]*turn{}},
		moments:   moments{seed: maphash.MakeSeed()},
		calls:     make(chan struct{}, mostCalls),
	}
	b.ctxStore, _ = store.(scs.CtxStore)
	for _, o := range options {
		o(b)
	}
	return &Store{keyed: nguard.Keyed(b).(keyed), rows: b}
}

// Backend returns the rows below the tokens, for a store that makes tokens of its own and keeps its
// rows here. It offers everything else that Store offers as well.
func (s *Store) Backend() nguard.Backend { return s.rows }

// Epoch returns the user's epoch, or a random one that is not stored. See [nguard.Epochs].
func (s *Store) Epoch(ctx context.Context, owner string) (nguard.Epoch, error) {
	return s.rows.Epoch(ctx, owner)
}

// Bump changes the user's epoch, by one call of Find and one of Commit. See [nguard.Epochs].
func (s *Store) Bump(ctx context.Context, owner string, b nguard.Bump) (nguard.Epoch, error) {
	return s.rows.Bump(ctx, owner, b)
}

// Lacks names what several processes on one backend lose, which a guard must waive. One process that has the
// backend for itself keeps it all, but the store cannot know that there is one. See the package comment for
// what happens with two.
func (s *Store) Lacks() []nguard.Promise { return s.rows.Lacks() }

// Lacks is Store.Lacks.
func (b *rows) Lacks() []nguard.Promise {
	return []nguard.Promise{
		nguard.NoLostUpdate, nguard.ReachesAll, nguard.CatchesThieves,
		nguard.StaysDead, nguard.ListsSessions, nguard.CapsSessions,
	}
}
