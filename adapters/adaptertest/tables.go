package adaptertest

import (
	"fmt"
	"strings"
)

// tables are those of sessions and people, by name, where they are SQLite's; else there are none.
func (w *world) tables() (names []string) {
	w.t.Helper()
	if w.back.db == nil {
		return nil
	}
	rows, err := w.back.db.Query(`SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '%audit%' AND name NOT LIKE 'sqlite%' ORDER BY name`)
	if err != nil {
		return nil // another database
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			w.t.Fatal(err)
		}
		names = append(names, name)
	}
	if err := rows.Err(); err != nil {
		w.t.Fatal(err)
	}
	return names
}

// rowsOf is what stands in a table, a line for each row, but for when an epoch was last open: that is for
// the sweeper, and of no effect.
func (w *world) rowsOf(table string) string {
	w.t.Helper()
	var b strings.Builder
	rows, err := w.back.db.Query(`SELECT * FROM "` + table + `" ORDER BY 1`)
	if err != nil {
		w.t.Fatal(err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		w.t.Fatal(err)
	}
	for rows.Next() {
		cells := make([]any, len(names))
		for i := range cells {
			cells[i] = new(any)
		}
		if err := rows.Scan(cells...); err != nil {
			w.t.Fatal(err)
		}
		for i, c := range cells {
			if names[i] == "bumped_at" || names[i] == "keep_until" {
				continue
			}
			if raw, ok := (*c.(*any)).([]byte); ok {
				fmt.Fprintf(&b, "%s=%x ", names[i], raw)
			} else {
				fmt.Fprintf(&b, "%s=%v ", names[i], *c.(*any))
			}
		}
		b.WriteString("\n")
	}
	if err := rows.Err(); err != nil {
		w.t.Fatal(err)
	}
	return b.String()
}

// rowCounts is the number of rows of each table, as text. Where no table is known, it is empty.
func (w *world) rowCounts() string {
	w.t.Helper()
	var out strings.Builder
	for _, name := range w.tables() {
		var n string
		if err := w.back.db.QueryRow(`SELECT count(*) FROM "` + name + `"`).Scan(&n); err != nil {
			w.t.Fatal(err)
		}
		out.WriteString(name + "=" + n + " ")
	}
	return out.String()
}
