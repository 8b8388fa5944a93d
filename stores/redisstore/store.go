package redisstore

import (
	"context"

	"github.com/redis/go-redis/v9"

	nguard "github.com/nguard-go/nguard/core"
)

// Store is a [nguard.Store] in Redis, with [nguard.Lister], [nguard.Epochs] and [nguard.Watcher]. [New] makes one. It is safe for
// concurrent use, also of several processes on one server or cluster.
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
	_ nguard.Watcher = (*Store)(nil)
)

// New returns the store that client reaches: a *redis.Client, of which sentinel's failover client is one, or a
// *redis.ClusterClient. It does no I/O, and the client stays the caller's to close. It fails, naming the
// remedy, when the client's options would break a promise; see the package comment.
func New(client redis.UniversalClient, c Config) (*Store, error) {
	c, err := c.checked()
	if err != nil {
		return nil, err
	}
	if err := checkClient(client); err != nil {
		return nil, err
	}
	b := &rows{client: client, prefix: c.Prefix}
	return &Store{keyed: nguard.Keyed(b).(keyed), rows: b}, nil
}

// Backend returns the rows below the tokens, for a store that makes tokens of its own and keeps its rows here. It
// offers [nguard.RowLister], [nguard.Epochs] and [nguard.Router] as well.
func (s *Store) Backend() nguard.Backend { return s.rows }

// Unwrap returns the same, for those who look for an ability.
func (s *Store) Unwrap() any { return s.rows }

// Epoch returns the user's epoch, or a random one that is not stored. See [nguard.Epochs].
func (s *Store) Epoch(ctx context.Context, owner string) (nguard.Epoch, error) {
	return s.rows.Epoch(ctx, owner)
}

// Bump changes the user's epoch by one script, whose work does not depend on how many sessions the user has. See
// [nguard.Epochs].
func (s *Store) Bump(ctx context.Context, owner string, b nguard.Bump) (nguard.Epoch, error) {
	return s.rows.Bump(ctx, owner, b)
}
