package sqlitetest

import (
	"context"
	"database/sql"
	"strings"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/storetest"
)

// Whatever the number of rows, a statement touches those that it is about: an index leads to each.
func TestNoStatementScans(t *testing.T) {
	ctx := context.Background()
	place := file(t)
	db, w := place.Listen(t)
	s := server.Migrated(t, db)
	now := time.Now()
	create := func(c nguard.Cap) nguard.Created {
		c.Now = now
		created, err := s.Create(ctx, storetest.Record(t, s, "ada"), c)
		if err != nil {
			t.Fatal(err)
		}
		return created
	}
	old := create(nguard.Cap{})
	c := create(nguard.Cap{Max: 2, EvictOldest: true, Replace: old.ID, Version: 1})
	if _, err := s.Bump(ctx, "ada", nguard.BumpOpen); err != nil {
		t.Fatal(err)
	}
	f, err := s.Load(ctx, c.Live)
	if err != nil {
		t.Fatal(err)
	}
	s.Replace(ctx, f, storetest.Next(f), true)
	s.Replace(ctx, f, storetest.Next(f), true) // which asks why it failed
	s.Touch(ctx, f, now)
	s.Find(ctx, "ada", c.ID)
	s.List(ctx, "ada", "", 10)
	s.Delete(ctx, "ada", c.ID)
	s.Tx(ctx, func(ctx context.Context) error { return s.Delete(ctx, "ada", c.ID) })
	s.Sweep(ctx, now.Add(nguard.StaleOpen+time.Hour), 10) // when the change is stale

	plain := place.Open(t)
	statements := 0
	for text := range w.Ran() {
		if strings.Contains(text, "CREATE ") || strings.Contains(text, "_migrations") {
			continue
		}
		statements++
		sorts := strings.Contains(text, "ORDER BY created") // the sessions of one user
		for _, step := range plan(t, plain, text) {
			scans := strings.HasPrefix(step, "SCAN") && step != "SCAN CONSTANT ROW"
			if scans || (strings.Contains(step, "TEMP B-TREE") && !sorts) {
				t.Errorf("%s\n\tof %s", step, text)
			}
		}
	}
	if statements != 17 {
		t.Errorf("%d statements were run, want 17: the test has to run them all", statements)
	}
}

func plan(t *testing.T, db *sql.DB, text string) (steps []string) {
	t.Helper()
	rs, err := db.Query("EXPLAIN QUERY PLAN "+text, make([]any, 12)...)
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	defer rs.Close()
	for rs.Next() {
		var id, parent, unused int
		var step string
		if err := rs.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step)
	}
	if err := rs.Err(); err != nil {
		t.Fatal(err)
	}
	return steps
}
