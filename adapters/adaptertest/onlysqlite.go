package adaptertest

import (
	"testing"

	"github.com/nguard-go/nguard/stores/sqlstore"
)

// onlySQLite skips a case that changes rows of sessions behind the store's back, unless they are those of
// package sqlstore in SQLite.
func (b backing) onlySQLite(t testing.TB) {
	t.Helper()
	if _, ok := able[*sqlstore.Store](b.store); ok && b.db != nil {
		var version string
		if err := b.db.QueryRow("SELECT sqlite_version()").Scan(&version); err == nil {
			return
		}
	}
	t.Skip("sessions are not in SQLite, in the tables of package sqlstore")
}
