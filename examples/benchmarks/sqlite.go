package main

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/alexedwards/scs/sqlite3store"
	"github.com/alexedwards/scs/v2"
	_ "modernc.org/sqlite"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/sqlstore"
)

func sqliteDB(b testing.TB) *sql.DB {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(b.TempDir(), "bench.db")+"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	return db
}

func sqliteStore(b testing.TB) nguard.Store {
	s := sqlstore.New(sqliteDB(b), sqlstore.SQLite)
	if err := s.Migrate(context.Background()); err != nil {
		b.Fatal(err)
	}
	return s
}

func scsSQLite(b testing.TB) scs.Store {
	db := sqliteDB(b)
	if _, err := db.Exec(`CREATE TABLE sessions (token TEXT PRIMARY KEY, data BLOB NOT NULL, expiry REAL NOT NULL);
		CREATE INDEX sessions_expiry_idx ON sessions(expiry)`); err != nil {
		b.Fatal(err)
	}
	return sqlite3store.NewWithCleanupInterval(db, 0)
}

// storeLoad is the store alone.
func storeLoad(open func(testing.TB) nguard.Store) side {
	return func(b *testing.B) {
		store := open(b)
		_, token := loggedIn(b, store)
		ctx := context.Background()
		measured(b, func(int) {
			if _, err := store.Load(ctx, token); err != nil {
				b.Fatal(err)
			}
		})
	}
}

func sqliteSelect(b *testing.B) { bareSelect(b, sqliteStore, "?") }

// bareSelect reads the same row by its primary key with a prepared statement, and does nothing with it.
func bareSelect(b *testing.B, open func(testing.TB) nguard.Store, placeholder string) {
	store := open(b).(*sqlstore.Store)
	loggedIn(b, store)
	var id string
	if err := store.Database().QueryRow(`SELECT id FROM nguard_sessions`).Scan(&id); err != nil {
		b.Fatal(err)
	}
	stmt, err := store.Database().Prepare(`SELECT owner, version, cur, prev, salt, last_seen, seen_at, expires, record FROM nguard_sessions WHERE id = ` + placeholder)
	if err != nil {
		b.Fatal(err)
	}
	ctx := context.Background()
	measured(b, func(int) {
		var owner string
		var version, seen, seenAt, expires int64
		var cur, prev, salt, record []byte
		if err := stmt.QueryRowContext(ctx, id).Scan(&owner, &version, &cur, &prev, &salt, &seen, &seenAt, &expires, &record); err != nil {
			b.Fatal(err)
		}
	})
}
