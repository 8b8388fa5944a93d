package sqlitetest

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"sync"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/sqlstore"
	"github.com/nguard-go/nguard/stores/storetest"
)

// Several processes may start, and migrate, at once.
func TestMigrateAtOnce(t *testing.T) {
	for _, settings := range []string{advised, ""} {
		path := file(t)
		var wg sync.WaitGroup
		errs := make([]error, 8)
		stores := make([]*sqlstore.Store, len(errs))
		for i := range errs {
			stores[i] = sqlstore.New(handle(t, path, settings), sqlstore.SQLite)
			wg.Go(func() { errs[i] = stores[i].Migrate(context.Background()) })
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Fatalf("with %q: %v", settings, err)
		}
		c := storetest.Login(t, stores[0], "ada")
		if err := stores[1].Migrate(context.Background()); err != nil {
			t.Fatal(err)
		}
		if _, err := stores[7].Load(context.Background(), c.Live); err != nil {
			t.Fatal(err)
		}
	}
}

// A process of an older version starts against tables of a newer one (rolling deploy).
func TestMigrateLater(t *testing.T) {
	db := handle(t, file(t), advised)
	s := migrated(t, db)
	if _, err := db.Exec(`INSERT INTO nguard_session_migrations VALUES (9999, 'later')`); err != nil {
		t.Fatal(err)
	}
	if err := s.Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// A migration that cannot be done leaves nothing half done, and is not noted as done.
func TestMigrateFails(t *testing.T) {
	ctx := context.Background()
	db := handle(t, file(t), advised)
	if _, err := db.Exec(`CREATE TABLE nguard_epochs (x)`); err != nil {
		t.Fatal(err)
	}
	s := sqlstore.New(db, sqlstore.SQLite)
	if err := s.Migrate(ctx); !errors.Is(err, nguard.ErrUnavailable) || !strings.Contains(err.Error(), "0001_") {
		t.Fatalf("got %v, want an error that names the file", err)
	}
	if _, err := db.Exec(`DROP TABLE nguard_epochs`); err != nil {
		t.Fatal(err)
	}
	if err := s.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	storetest.Login(t, s, "ada")
}

// Teams with a migration tool of their own run the files of Schema and never call Migrate.
func TestSchema(t *testing.T) {
	db := handle(t, file(t), advised)
	names, err := fs.Glob(sqlstore.SQLite.Schema(), "*.sql")
	if err != nil || len(names) == 0 {
		t.Fatalf("got the files %q, %v", names, err)
	}
	for _, name := range names {
		text, err := fs.ReadFile(sqlstore.SQLite.Schema(), name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(string(text)); err != nil {
			t.Fatal(err)
		}
	}
	s := sqlstore.New(db, sqlstore.SQLite)
	if _, err := s.Load(context.Background(), storetest.Login(t, s, "ada").Live); err != nil {
		t.Fatal(err)
	}
}
