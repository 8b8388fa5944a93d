package servertest

import (
	"context"
	"maps"
	"strings"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/storetest"
)

// million is how many sessions and epochs the plans are made for.
const million = 1_000_000

// Plans checks that no statement of the store reads a table or an index from end to end, where there are a
// million sessions of a million users: an index leads to each row. There are that many statements.
func (s Server) Plans(t *testing.T, statements int) {
	ctx := context.Background()
	place := s.Open(t)
	db, heard := place.Listen(t)
	store := s.Migrated(t, db)
	now := time.Now()
	begin := time.Now()
	s.fill(t, db, million, now.Add(time.Hour))
	for _, table := range []string{"nguard_sessions", "nguard_epochs"} {
		if _, err := db.Exec(s.Analyze + table); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d rows took %v", million, time.Since(begin))

	// Each statement is run, so that the arguments are those that it is run with.
	c := storetest.Login(t, store, "ada")
	old, err := store.Create(ctx, storetest.Record(t, store, "ada"), nguard.Cap{Max: 2, EvictOldest: true, Replace: c.ID, Version: 1, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Bump(ctx, "ada", nguard.BumpOpen); err != nil {
		t.Fatal(err)
	}
	f, err := store.Load(ctx, old.Live)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = store.Replace(ctx, f, storetest.Next(f), true)
	_, _ = store.Replace(ctx, f, storetest.Next(f), true) // which asks why it failed
	_, _ = store.Touch(ctx, f, now)
	_, _ = store.List(ctx, "ada", "", 10)
	err = store.Tx(ctx, func(ctx context.Context) error {
		if _, err := store.Load(ctx, old.Live); err != nil {
			return err
		}
		if _, err := store.Epoch(ctx, "ada"); err != nil {
			return err
		}
		return store.Delete(ctx, "ada", old.ID)
	})
	if err != nil {
		t.Fatal(err)
	}
	// A few rows of the million are dead then, and the change of ada's is stale.
	begin = time.Now()
	if n, err := store.Sweep(ctx, now.Add(time.Hour+100), million); err != nil || n == 0 {
		t.Fatalf("removed %d, %v", n, err)
	}
	t.Logf("a sweep that found little took %v", time.Since(begin))

	plain := place.Open(t)
	for _, bad := range []string{
		`SELECT id FROM nguard_sessions WHERE created = 1`, `DELETE FROM nguard_sessions WHERE version = 2`,
		`SELECT count(*) FROM nguard_epochs`,
	} {
		if len(s.Explain(t, plain, bad, nil)) == 0 {
			t.Fatalf("the test would not see that this reads a table from end to end: %s", bad)
		}
	}
	ran := heard.Ran()
	maps.DeleteFunc(ran, func(text string, args []any) bool {
		return len(args) == 0 || strings.Contains(text, "nguard_session_migrations") // those of Migrate and of the test
	})
	for text, args := range ran {
		for _, scan := range s.Explain(t, plain, text, args) {
			t.Errorf("%s\n\tof %s", scan, text)
		}
	}
	if len(ran) != statements {
		for text := range ran {
			t.Log(text)
		}
		t.Errorf("%d statements were run, want %d: the test has to run them all", len(ran), statements)
	}

	// As many as there are, in a sweep that finds a good part of them dead.
	begin = time.Now()
	if n, err := store.Sweep(ctx, now.Add(time.Hour+10_000), 10_000); err != nil || n < 9000 {
		t.Fatalf("removed %d, %v", n, err)
	}
	t.Logf("a sweep of 10 000 rows took %v", time.Since(begin))
}
