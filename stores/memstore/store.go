package memstore

import (
	"context"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// Store is a [nguard.Store] in memory, with [nguard.Lister], [nguard.Epochs], [nguard.Sweeper] and [nguard.Watcher]. Its
// zero value is of no use; [New] makes one. It is safe for concurrent use.
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
	_ nguard.Sweeper = (*Store)(nil)
	_ nguard.Watcher = (*Store)(nil)
)

// New returns an empty store.
func New() *Store {
	b := newRows()
	return &Store{keyed: nguard.Keyed(b).(keyed), rows: b}
}

// Backend returns the rows below the tokens, for a store that makes tokens of its own and keeps its
// rows here. It offers [nguard.RowLister], [nguard.Epochs], [nguard.Sweeper] and [nguard.Watcher] as well.
func (s *Store) Backend() nguard.Backend { return s.rows }

// Epoch returns the user's epoch, or a random one that is not stored. See [nguard.Epochs].
func (s *Store) Epoch(ctx context.Context, owner string) (nguard.Epoch, error) {
	return s.rows.Epoch(ctx, owner)
}

// Bump changes the user's epoch in one atomic step. See [nguard.Epochs].
func (s *Store) Bump(ctx context.Context, owner string, b nguard.Bump) (nguard.Epoch, error) {
	return s.rows.Bump(ctx, owner, b)
}

// Sweep removes at most n dead rows, holding a lock for one row at a time. See [nguard.Sweeper].
func (s *Store) Sweep(ctx context.Context, now time.Time, n int) (int, error) {
	return s.rows.Sweep(ctx, now, n)
}
