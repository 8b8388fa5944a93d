// Package pglisten lets streams of events hear what other processes change in PostgreSQL, by LISTEN and NOTIFY.
//
//	store := sqlstore.New(db, sqlstore.Postgres)
//	heard, err := pglisten.New(store, dsn)
//	err = heard.Install(ctx, db) // once, after Migrate
//	guard, err := nguard.New(nguard.Config{Store: heard, ...})
//
// Two triggers tell of each change when its transaction commits, and not at all when it is rolled back: whatever
// makes it, nguard or a statement by hand. What is told is the key of the user and nothing else; whoever may
// connect to the database may listen.
//
// It is a package of its own because it imports pgx, which users of other databases do not download, and because
// it is a choice: PostgreSQL lets transactions that notify commit one after the other, which a service with many
// thousand changes a second feels. Without it streams look every few seconds.
//
// One connection per process listens, while there are streams. It must reach the server itself: a pooler that
// gives connections to others between transactions, as PgBouncer can, has no LISTEN.
package pglisten

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	nguard "github.com/nguard-go/nguard/core"
)

// Store is a store whose changes are heard of. It is safe for concurrent use.
type Store struct {
	nguard.Store
	config *pgx.ConnConfig
}

var _ nguard.Watcher = (*Store)(nil)

// New returns store with the ability to tell of changes. dsn is what pgx takes, and leads to the schema of the
// store's tables. It does no I/O; the error says what is wrong with dsn.
func New(store nguard.Store, dsn string) (*Store, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("pglisten: %w", err)
	}
	return &Store{store, config}, nil
}

// Unwrap returns the store behind, for those who look for an ability.
func (s *Store) Unwrap() any { return s.Store }

// Schema is what [Store.Install] runs, for programs with a migration tool of their own. It stands beside the
// tables of package sqlstore, in the same schema, and may be run again.
//
// Of a session its version tells of a change, and of an epoch its marks: touches, and the time for which an epoch
// is kept, are told to nobody.
const Schema = `
CREATE OR REPLACE FUNCTION nguard_tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF TG_OP = 'DELETE' THEN
		PERFORM pg_notify('nguard_' || quote_ident(TG_TABLE_SCHEMA)::regnamespace::oid::text, OLD.owner);
	ELSE
		PERFORM pg_notify('nguard_' || quote_ident(TG_TABLE_SCHEMA)::regnamespace::oid::text, NEW.owner);
	END IF;
	RETURN NULL;
END $$;
DROP TRIGGER IF EXISTS nguard_tell ON nguard_sessions;
CREATE TRIGGER nguard_tell AFTER DELETE OR UPDATE OF version ON nguard_sessions
	FOR EACH ROW EXECUTE FUNCTION nguard_tell();
DROP TRIGGER IF EXISTS nguard_tell ON nguard_epochs;
CREATE TRIGGER nguard_tell AFTER INSERT OR UPDATE OF change_mark, revoke_mark, open_count ON nguard_epochs
	FOR EACH ROW EXECUTE FUNCTION nguard_tell();
`

// Install makes the triggers, unless they are there: making them locks the tables for a moment. Several processes
// may call it at once, and again after any error. It needs the right to create functions and triggers there.
func (s *Store) Install(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return unavailable(err)
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(7954892327421048)`); err != nil {
		return unavailable(err)
	}
	var there int
	err = tx.QueryRowContext(ctx, `SELECT count(*) FROM pg_trigger WHERE tgname = 'nguard_tell'
		AND tgrelid IN ('nguard_sessions'::regclass, 'nguard_epochs'::regclass)`).Scan(&there)
	if err != nil {
		return fmt.Errorf("pglisten: the tables of sqlstore are not there: call Migrate first: %w", err)
	}
	if there == 2 {
		return nil
	}
	if _, err := tx.ExecContext(ctx, Schema); err != nil {
		return unavailable(err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("%w: %w", unavailable(err), nguard.ErrOutcomeUnknown)
	}
	return nil
}

// quiet is how long nothing may be heard before the server is asked whether it is still there, and answer how
// long it may take to say so.
const (
	quiet  = 15 * time.Second
	answer = 5 * time.Second
)

// Watch listens on a connection of its own until ctx ends or the connection does. See [nguard.Watcher].
func (s *Store) Watch(ctx context.Context, fn func(owner string)) error {
	conn, err := s.listen(ctx)
	if err != nil {
		return ended(ctx, err)
	}
	defer func() {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(last) // it is closed whether the server says goodbye or not
	}()
	fn("")
	for {
		wait, cancel := context.WithTimeout(ctx, quiet)
		n, err := conn.WaitForNotification(wait)
		silent := wait.Err() != nil
		cancel()
		switch {
		case err == nil:
			fn(n.Payload)
		case ctx.Err() != nil || !silent || conn.IsClosed():
			return ended(ctx, err)
		default:
			if err := within(ctx, conn.Ping); err != nil {
				return ended(ctx, err)
			}
		}
	}
}

// listen opens a connection and listens where the triggers of the store's tables tell.
func (s *Store) listen(ctx context.Context) (conn *pgx.Conn, err error) {
	err = within(ctx, func(ctx context.Context) error {
		if conn, err = pgx.ConnectConfig(ctx, s.config.Copy()); err != nil {
			return err
		}
		var triggers int
		var channel string
		err = conn.QueryRow(ctx, `SELECT (SELECT count(*) FROM pg_trigger WHERE tgname = 'nguard_tell' AND tgrelid IN (c.oid, 'nguard_epochs'::regclass)),
			'nguard_' || c.relnamespace::oid::text FROM pg_class AS c WHERE c.oid = 'nguard_sessions'::regclass`).Scan(&triggers, &channel)
		// With one of the two, half of the changes would be heard by nobody.
		if err == nil && triggers != 2 {
			err = errors.New("pglisten: the triggers are not there: call Install")
		}
		if err == nil {
			_, err = conn.Exec(ctx, "LISTEN "+pgx.Identifier{channel}.Sanitize())
		}
		if err != nil {
			_ = conn.Close(ctx)
		}
		return err
	})
	return conn, err
}

func within(ctx context.Context, fn func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, answer)
	defer cancel()
	return fn(ctx)
}

func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return unavailable(err)
}

func unavailable(err error) error { return fmt.Errorf("%w: %w", nguard.ErrUnavailable, err) }
