package postgrestest

import (
	"context"
	"database/sql"
	"strings"
	"testing"
)

// explain finds tables and indexes that are read from end to end, in the plan for these arguments and in that
// for any, of which PostgreSQL takes the second when a statement has been run a few times.
func explain(t *testing.T, db *sql.DB, text string, args []any) (scans []string) {
	t.Helper()
	c, err := db.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	scans = endToEnd(lines(t, c, "EXPLAIN "+text, args...))
	for _, statement := range []string{"SET plan_cache_mode = force_generic_plan", "PREPARE explained AS " + text} {
		if _, err := c.ExecContext(context.Background(), statement); err != nil {
			t.Fatalf("%v: %s", err, statement)
		}
	}
	nulls := strings.TrimSuffix(strings.Repeat("NULL, ", len(args)), ", ")
	if nulls != "" {
		nulls = "(" + nulls + ")"
	}
	scans = append(scans, endToEnd(lines(t, c, "EXPLAIN EXECUTE explained"+nulls))...)
	for _, statement := range []string{"DEALLOCATE explained", "RESET plan_cache_mode"} {
		if _, err := c.ExecContext(context.Background(), statement); err != nil {
			t.Fatal(err)
		}
	}
	return scans
}

func lines(t *testing.T, c *sql.Conn, text string, args ...any) (list []string) {
	t.Helper()
	rs, err := c.QueryContext(context.Background(), text, args...)
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	defer rs.Close()
	for rs.Next() {
		var line string
		if err := rs.Scan(&line); err != nil {
			t.Fatal(err)
		}
		list = append(list, line)
	}
	if err := rs.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}

// endToEnd returns the scans of a plan that no condition of an index narrows.
func endToEnd(plan []string) (scans []string) {
	for i, line := range plan {
		if !strings.Contains(line, "Scan") || strings.Contains(line, "Bitmap Heap Scan") {
			continue
		}
		narrowed := false
		for _, below := range plan[i+1:] {
			if strings.Contains(below, "->") {
				break
			}
			narrowed = narrowed || strings.Contains(below, "Index Cond:")
		}
		if !narrowed {
			scans = append(scans, strings.Join(plan, "\n\t"))
		}
	}
	return scans
}
