package adaptertest

import (
	"database/sql"
	"fmt"
	"os"
	"testing"
)

// cellsOf is every value of every table of a SQLite database.
func cellsOf(t testing.TB, db *sql.DB) (values [][]byte) {
	t.Helper()
	for _, table := range tablesOf(t, db) {
		rows, err := db.Query(`SELECT * FROM "` + table + `"`)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		names, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			cells := make([]any, len(names))
			for i := range cells {
				cells[i] = new(any)
			}
			if err := rows.Scan(cells...); err != nil {
				t.Fatal(err)
			}
			for _, c := range cells {
				switch v := (*c.(*any)).(type) {
				case []byte:
					values = append(values, v)
				case string:
					values = append(values, []byte(v))
				case nil:
				default:
					values = append(values, []byte(fmt.Sprint(v)))
				}
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	return values
}

func tablesOf(t testing.TB, db *sql.DB) (list []string) {
	t.Helper()
	rows, err := db.Query("SELECT name FROM sqlite_master WHERE type = 'table'")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		list = append(list, s)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}

// pathOf is the file of a SQLite database.
func pathOf(t testing.TB, db *sql.DB) (path string) {
	t.Helper()
	var seq int
	var schema string
	if err := db.QueryRow("PRAGMA database_list").Scan(&seq, &schema, &path); err != nil {
		t.Fatal(err)
	}
	return path
}

// filesOf is what the files of a SQLite database hold, the log of changes included: what a row no longer
// shows may still stand there.
func filesOf(t testing.TB, db *sql.DB) (values [][]byte) {
	t.Helper()
	file := pathOf(t, db)
	for _, name := range []string{file, file + "-wal"} {
		raw, err := os.ReadFile(name)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		values = append(values, raw)
	}
	return values
}
