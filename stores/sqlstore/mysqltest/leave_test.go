package mysqltest

import (
	"context"
	"testing"

	"github.com/nguard-go/nguard/stores/servicetest"
	"github.com/nguard-go/nguard/stores/sqlstore"
)

// Whoever leaves a migration, at whatever moment, keeps nobody else waiting: no connection goes back to the pool
// with the lock.
func TestMigrateLeft(t *testing.T) {
	place := servicetest.MySQL(t)
	db, beside := place.Open(t), place.Open(t)
	store, other := sqlstore.New(db, sqlstore.MySQL), sqlstore.New(beside, sqlstore.MySQL)
	if err := store.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := func(s *sqlstore.Store) func(context.Context) error {
		return func(ctx context.Context) error {
			if _, err := beside.Exec(`DELETE FROM nguard_session_migrations`); err != nil { // or there is nothing to do
				t.Fatal(err)
			}
			return s.Migrate(ctx)
		}
	}
	servicetest.Leaving(t, again(store), again(other))
}
