package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	nguard "github.com/nguard-go/nguard/core"
)

// Migrate makes the tables, or brings them up to date. It may be called at every start, by several
// processes at once: one does the work in one transaction, the others wait and find it done. Tables of
// a later version are left as they are.
func (s *Store) Migrate(ctx context.Context) error {
	files, err := s.rows.dialect.files()
	if err != nil {
		return err
	}
	b := s.rows
	if _, err := b.exec(ctx, opVersions); err != nil {
		return err
	}
	return b.tx(ctx, func(ctx context.Context) error {
		if _, err := b.exec(ctx, opHold); err != nil {
			return err
		}
		done := 0
		_, err := b.query(ctx, opVersion, func(_ int, rs *sql.Rows) error { return rs.Scan(&done) })
		if err != nil {
			return err
		}
		for _, f := range files {
			if f.version <= done {
				continue
			}
			if err := b.apply(ctx, f); err != nil {
				return err
			}
		}
		return nil
	}, opHold, opVersion)
}

// file is a migration.
type file struct {
	version    int
	name, text string
}

// files returns the migrations in order; a name begins with its version, 0001_.
func (d *Dialect) files() ([]file, error) {
	schema := d.Schema()
	names, err := fs.Glob(schema, "*.sql") // sorted
	if err != nil {
		return nil, err
	}
	var list []file
	for _, name := range names {
		number, _, _ := strings.Cut(name, "_")
		version, err := strconv.Atoi(number)
		if err != nil {
			return nil, fmt.Errorf("nguard: migration %s: %w", name, err)
		}
		text, err := fs.ReadFile(schema, name)
		if err != nil {
			return nil, err
		}
		list = append(list, file{version, name, string(text)})
	}
	return list, nil
}

// apply runs a migration statement by statement, since not every driver takes several at once. A
// statement ends with a semicolon at the end of a line.
func (b *rows) apply(ctx context.Context, f file) error {
	tx, _ := nguard.TxOf(ctx, b.db)
	for _, text := range strings.Split(f.text, ";\n") {
		if strings.TrimSpace(text) == "" {
			continue
		}
		if _, err := tx.ExecContext(ctx, text); err != nil {
			return fmt.Errorf("migration %s: %w", f.name, unavailable(err))
		}
	}
	_, err := b.exec(ctx, opNote, f.version, f.name)
	return err
}
