package mysqltest

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"
)

// numbers counts with one table of ten digits for each place.
func numbers(n int) string {
	var value, from []string
	for place := 1; place < n; place *= 10 {
		name := fmt.Sprint("d", place)
		value = append(value, fmt.Sprintf("%s.d * %d", name, place))
		from = append(from, "(SELECT 0 AS d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL"+
			" SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9) AS "+name)
	}
	return "(SELECT " + strings.Join(value, " + ") + " AS n FROM " + strings.Join(from, " CROSS JOIN ") + ") AS numbers"
}

// explain finds tables and indexes that are read from end to end, and rows that are kept aside to be sorted,
// but for those of one user.
func explain(t *testing.T, db *sql.DB, text string, args []any) (scans []string) {
	t.Helper()
	if strings.HasPrefix(text, "INSERT") {
		return nil // of one row, by its key
	}
	rs, err := db.Query("EXPLAIN "+text, args...)
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	defer rs.Close()
	columns, err := rs.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rs.Next() {
		cells := make([]sql.NullString, len(columns))
		into := make([]any, len(columns))
		for i := range cells {
			into[i] = &cells[i]
		}
		if err := rs.Scan(into...); err != nil {
			t.Fatal(err)
		}
		step := map[string]string{}
		var shown []string
		for i, c := range columns {
			step[strings.ToLower(c)] = cells[i].String
			shown = append(shown, c+"="+cells[i].String)
		}
		sorts := strings.Contains(step["extra"], "filesort") && !strings.Contains(text, "ORDER BY created")
		if step["type"] == "ALL" || step["type"] == "index" || sorts || strings.Contains(step["extra"], "temporary") {
			scans = append(scans, strings.Join(shown, " "))
		}
	}
	if err := rs.Err(); err != nil {
		t.Fatal(err)
	}
	return scans
}
