package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// Migrate brings the table to the version that this program needs: it runs each schema file that has
// not been run, in order, each in a transaction of its own. It may be called at every start, by several
// processes at once. It does not join the transaction of ctx.
func (s *SQL) Migrate(ctx context.Context) error {
	if s.db == nil {
		return unavailable("sql", errNoSink)
	}
	files, err := fs.Glob(s.schema, "*.sql")
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	if _, err := s.db.ExecContext(ctx, s.stmt.createVersions); err != nil {
		return unavailable("sql: migrate", err)
	}
	for _, name := range files {
		if err := s.migrate(ctx, name); err != nil {
			return unavailable("sql: migrate "+name, err)
		}
	}
	return nil
}

// migrate runs one file. Its first statement takes the version, and with it the lock that makes a
// second process wait and find it taken.
func (s *SQL) migrate(ctx context.Context, name string) error {
	number, _, _ := strings.Cut(name, "_")
	version, err := strconv.Atoi(number)
	if err != nil {
		return err
	}
	text, err := fs.ReadFile(s.schema, name)
	if err != nil {
		return err
	}
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	result, err := tx.ExecContext(ctx, s.stmt.claimVersion, version, name)
	if err != nil {
		return errors.Join(err, tx.Rollback())
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, tx.Rollback())
	}
	if _, err := tx.ExecContext(ctx, string(text)); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}
