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
// processes at once: one does the work, the others wait and find it done. Tables of a later version are
// left as they are. When everything is done already it only reads, so that an account without the right to
// make tables may call it.
//
// SQLite and PostgreSQL do it in one transaction, and all of it or nothing has happened. MySQL commits each
// statement: what was done before an error stays, [nguard.ErrOutcomeUnknown] says that the answer to one was lost, and
// the next call finishes it. There, call it outside of transactions.
func (s *Store) Migrate(ctx context.Context) error {
	b := s.rows
	files, err := b.dialect.files()
	if err != nil {
		return err
	}
	if b.upToDate(ctx, files) {
		return nil
	}
	return b.dialect.alone(ctx, b, func(ctx context.Context, c connection) error { return b.migrate(ctx, c, files) })
}

// connection is one connection, in a transaction or not.
type connection interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// migrating is what is done on a connection, with the context of its transaction where there is one.
type migrating func(ctx context.Context, c connection) error

// change runs a statement that writes.
func (b *rows) change(ctx context.Context, c connection, text string, args ...any) error {
	if err := ctx.Err(); err != nil {
		return unavailable(err) // it is not sent
	}
	_, err := c.ExecContext(ctx, text, args...)
	return b.doubt(ctx, err)
}

// upToDate says that every file is noted. An error of this question means that it is not so, or shows again
// in what comes next. It is not asked inside a transaction, which PostgreSQL would end for the error.
func (b *rows) upToDate(ctx context.Context, files []file) bool {
	if _, joined := nguard.TxOf(ctx, b.db); joined {
		return false
	}
	done := 0
	err := b.db.QueryRowContext(ctx, b.dialect.versions).Scan(&done)
	return err == nil && done >= files[len(files)-1].version
}

// migration runs fn in a transaction that begins with some statements.
func (b *rows) migration(ctx context.Context, fn migrating, begin ...string) error {
	return b.tx(ctx, func(ctx context.Context) error {
		tx, _ := nguard.TxOf(ctx, b.db)
		for _, text := range begin {
			if err := b.change(ctx, tx, text); err != nil {
				return err
			}
		}
		return fn(ctx, tx)
	})
}

// migrate runs the files that are not noted yet. Nobody else does so meanwhile.
func (b *rows) migrate(ctx context.Context, c connection, files []file) error {
	done := 0
	if err := c.QueryRowContext(ctx, b.dialect.versions).Scan(&done); err != nil {
		return unavailable(err)
	}
	for _, f := range files {
		if f.version <= done {
			continue
		}
		for _, text := range f.statements() {
			if err := b.change(ctx, c, text); err != nil {
				return fmt.Errorf("migration %s: %w", f.name, err)
			}
		}
		if err := b.change(ctx, c, b.dialect.note, f.version, f.name); err != nil {
			return err
		}
	}
	return nil
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

// statements are what a file consists of, since not every driver takes several at once. A statement ends
// with a semicolon at the end of a line.
func (f file) statements() (list []string) {
	for text := range strings.SplitSeq(f.text, ";\n") {
		if strings.TrimSpace(text) != "" {
			list = append(list, text)
		}
	}
	return list
}
