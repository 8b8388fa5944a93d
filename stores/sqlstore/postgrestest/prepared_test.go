package postgrestest

import (
	"context"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/sqlstore"
	"github.com/nguard-go/nguard/stores/storetest"
)

// A prepared statement that is lost, or whose result has other types since a table was altered, is prepared
// again: outside of transactions and in those of the store.
func TestPreparedAgain(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	db := server.Open(t).Open(t)
	db.SetMaxOpenConns(1)
	store := sqlstore.New(db, sqlstore.Postgres)
	if err := store.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	c := storetest.Login(t, store, "ada")
	use := map[string]func() error{
		"Load":   func() error { _, err := store.Load(ctx, c.Live); return err },
		"Epoch":  func() error { _, err := store.Epoch(ctx, "ada"); return err },
		"Touch":  func() error { _, err := store.Touch(ctx, c.Found, c.LastSeen.Add(time.Minute)); return err },
		"Create": func() error { _, err := store.Create(ctx, storetest.Stamped("ada", c.Stamp), nguard.Cap{}); return err },
		"Sweep":  func() error { _, err := store.Sweep(ctx, time.Now().Add(48*time.Hour), 0); return err },
	}
	for name, fn := range use {
		for _, harm := range []string{
			`DEALLOCATE ALL`,
			`ALTER TABLE nguard_sessions ALTER COLUMN owner TYPE varchar(255) COLLATE "C"`,
			`ALTER TABLE nguard_sessions ALTER COLUMN owner TYPE text COLLATE "C"`,
		} {
			if err := fn(); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if _, err := db.Exec(harm); err != nil {
				t.Fatal(err)
			}
			if err := fn(); err != nil {
				t.Fatalf("%s after %s: %v", name, harm, err)
			}
		}
	}
}
