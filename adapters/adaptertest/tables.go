package adaptertest

import "strings"

// tables are those of sessions and people, by name, where they are SQLite's; else there are none.
func (w *world) tables() (names []string) {
	w.t.Helper()
	if w.back.db == nil {
		return nil
	}
	rows, err := w.back.db.Query(`SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '%audit%' ORDER BY name`)
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
