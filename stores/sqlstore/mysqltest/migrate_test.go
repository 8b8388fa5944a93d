package mysqltest

import (
	"io/fs"
	"strings"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/sqlstore"
)

// A process died after each of the statements of a migration, one after the other: MySQL had committed it, and
// nothing was noted.
func TestMigrateHalf(t *testing.T) {
	text, err := fs.ReadFile(sqlstore.MySQL.Schema(), "0001_sessions.sql")
	if err != nil {
		t.Fatal(err)
	}
	statements := strings.Split(strings.TrimSpace(string(text)), ";\n")
	for done := range statements {
		db := server.Open(t).Open(t)
		for _, statement := range statements[:done+1] {
			if _, err := db.Exec(statement); err != nil {
				t.Fatal(err)
			}
		}
		store := sqlstore.New(db, sqlstore.MySQL)
		if err := store.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := store.Bump(t.Context(), "ada", nguard.BumpChange); err != nil {
			t.Fatal(err)
		}
		var noted int
		if err := db.QueryRow(`SELECT max(version) FROM nguard_session_migrations`).Scan(&noted); err != nil || noted != 1 {
			t.Fatalf("version %d is noted, %v", noted, err)
		}
	}
}
