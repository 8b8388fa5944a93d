package sqlstore

import (
	"context"
	"database/sql"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// Store is a [nguard.Store] in a SQL database, with [nguard.Lister], [nguard.Epochs],
// [nguard.Sweeper] and [nguard.Transactor]. [New] makes one. It is safe for concurrent use, also of
// several processes on one database.
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
	_ nguard.Store      = (*Store)(nil)
	_ nguard.Lister     = (*Store)(nil)
	_ nguard.Epochs     = (*Store)(nil)
	_ nguard.Sweeper    = (*Store)(nil)
	_ nguard.Transactor = (*Store)(nil)
)

// New returns the store whose tables are in db. It does no I/O: statements are prepared when they are
// first needed, and are closed with db. The tables come from [Store.Migrate] or [Dialect.Schema].
func New(db *sql.DB, d *Dialect) *Store {
	b := &rows{db: db, dialect: d}
	return &Store{keyed: nguard.Keyed(b).(keyed), rows: b}
}

// Backend returns the rows below the tokens, for a store that makes tokens of its own and keeps its
// rows here. It offers everything else that Store offers as well.
func (s *Store) Backend() nguard.Backend { return s.rows }

// Database returns the handle. See [nguard.Transactional].
func (s *Store) Database() *sql.DB { return s.rows.db }

// Tx runs fn in a transaction. In SQLite it has the right to write from its start. In PostgreSQL and MySQL it is
// READ COMMITTED, and loading a session in it locks that session for others that write. While the database is
// busy it rolls back and runs fn again until ctx ends. See [nguard.Transactor].
func (s *Store) Tx(ctx context.Context, fn func(ctx context.Context) error) error {
	return s.rows.Tx(ctx, fn)
}

// Epoch returns the user's epoch, or a random one that is not stored. See [nguard.Epochs].
func (s *Store) Epoch(ctx context.Context, owner string) (nguard.Epoch, error) {
	return s.rows.Epoch(ctx, owner)
}

// Bump changes the user's epoch by one statement. See [nguard.Epochs].
func (s *Store) Bump(ctx context.Context, owner string, b nguard.Bump) (nguard.Epoch, error) {
	return s.rows.Bump(ctx, owner, b)
}

// Sweep removes at most n dead rows, a few hundred in one statement. It keeps the epoch of a user
// without sessions for [nguard.KeepEpoch] after the last bump, and at least until the last session that
// began would have reached its absolute end. See [nguard.Sweeper].
func (s *Store) Sweep(ctx context.Context, now time.Time, n int) (int, error) {
	return s.rows.Sweep(ctx, now, n)
}
