package guides

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"testing"

	_ "modernc.org/sqlite"

	"github.com/nguard-go/nguard/adapters/httpguard"
	"github.com/nguard-go/nguard/audit"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
	"github.com/nguard-go/nguard/stores/sqlstore"
)

// staff is the application's users table.
type staff struct{ db *sql.DB }

var (
	_ nguard.UserUpdater   = (*staff)(nil)
	_ nguard.Transactional = (*staff)(nil)
)

// Database says whose transactions the methods join.
func (s *staff) Database() *sql.DB { return s.db }

func (s *staff) on(ctx context.Context) interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
	QueryRowContext(context.Context, string, ...any) *sql.Row
} {
	if tx, ok := nguard.TxOf(ctx, s.db); ok {
		return tx
	}
	return s.db
}

func (s *staff) User(ctx context.Context, id string) (nguard.User, error) {
	u := nguard.User{ID: id}
	err := s.on(ctx).QueryRowContext(ctx, `SELECT name, role FROM staff WHERE id = ?`, id).Scan(&u.Name, &u.Role)
	if errors.Is(err, sql.ErrNoRows) {
		return u, nguard.ErrNoUser
	}
	return u, err
}

func (s *staff) UpdateUser(ctx context.Context, before, after nguard.User) error {
	done, err := s.on(ctx).ExecContext(ctx, `UPDATE staff SET name = ?, role = ? WHERE id = ? AND name = ? AND role = ?`,
		after.Name, after.Role, before.ID, before.Name, before.Role)
	if err != nil {
		return err
	}
	if n, err := done.RowsAffected(); err != nil || n == 1 {
		return err
	}
	if _, err := s.User(ctx, before.ID); err != nil {
		return err
	}
	return nguard.ErrConflict
}

type shop struct {
	db    *sql.DB
	guard *nguard.Guard
}

// promote changes a person by statements of the application's own.
func (s *shop) promote(ctx context.Context, id, reason string) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()

	if _, err := tx.ExecContext(ctx, `UPDATE staff SET role = 'admin' WHERE id = ?`, id); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO letters (staff, text) VALUES (?, ?)`, id, reason); err != nil {
		return err
	}
	if err := s.guard.UserChanged(nguard.WithTx(ctx, s.db, tx), id); err != nil {
		return err
	}
	return tx.Commit()
}

// order counts in the session and inserts a row: both, or neither.
func (s *shop) order(w http.ResponseWriter, r *http.Request) {
	session, err := s.buy(r, r.FormValue("item"))
	if err != nil {
		httpguard.Fail(w, r, err)
		return
	}
	fmt.Fprint(w, "order ", Views.Get(session))
}

func (s *shop) buy(r *http.Request, item string) (*nguard.Session, error) {
	tx, err := s.db.BeginTx(r.Context(), nil)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback()

	session, err := httpguard.From(r).Update(nguard.WithTx(r.Context(), s.db, tx), func(d *nguard.Draft) error {
		return Views.Modify(d, func(n int) int { return n + 1 })
	})
	if err != nil {
		return nil, err
	}
	if _, err := tx.ExecContext(r.Context(), `INSERT INTO orders (staff, item) VALUES (?, ?)`, session.UserID(), item); err != nil {
		return nil, err
	}
	return session, tx.Commit()
}

func TestTransactions(t *testing.T) {
	ctx := t.Context()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "shop.db")+"?_txlock=immediate&_pragma=journal_mode(WAL)&_pragma=busy_timeout(2000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() }) // not deferred: the guard shuts down before it, in a Cleanup of its own

	people, store := &staff{db}, sqlstore.New(db, sqlstore.SQLite)
	trail, err := audit.NewSQL(db, audit.SQLite)
	if err != nil {
		t.Fatal(err)
	}

	if err := errors.Join(store.Migrate(ctx), trail.Migrate(ctx)); err != nil {
		t.Fatal(err)
	}
	_, err = db.ExecContext(ctx, `CREATE TABLE staff (id TEXT PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL);
		CREATE TABLE letters (staff TEXT NOT NULL, text TEXT NOT NULL CHECK (text <> ''));
		CREATE TABLE orders (staff TEXT NOT NULL, item TEXT NOT NULL CHECK (item <> ''));
		INSERT INTO staff VALUES ('bob', 'Bob', 'reader')`)
	if err != nil {
		t.Fatal(err)
	}
	guard := guardtest.New(t, nguard.Config{Store: store, Users: people, Audit: trail, Roles: newModel(t), Fields: []nguard.AnyField{Views}})
	s := &shop{db, guard}
	job := nguard.WithActor(ctx, "job:promotion")
	token, _, err := guard.Login(job, "bob", nguard.LoginOptions{})
	if err != nil {
		t.Fatal(err)
	}
	role := func() string {
		session, err := guard.Lookup(ctx, token)
		if err != nil {
			t.Fatal(err)
		}
		return session.User().Role
	}
	records := func(event string) int {
		list, err := trail.List(ctx, audit.Filter{Event: event})
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}

	if err := s.promote(job, "bob", ""); err == nil || role() != "reader" || records(nguard.EventUserUpdated) != 0 {
		t.Errorf("a promotion without a letter: %v, role %s, %d records", err, role(), records(nguard.EventUserUpdated))
	}
	if err := s.promote(ctx, "bob", "well done"); !errors.Is(err, nguard.ErrNoActor) {
		t.Errorf("nobody promotes: %v", err)
	}
	if err := s.promote(job, "bob", "well done"); err != nil || role() != "admin" || records(nguard.EventUserUpdated) != 1 {
		t.Errorf("a promotion: %v, role %s, %d records", err, role(), records(nguard.EventUserUpdated))
	}

	handler := httpguard.Sessions(guard)(http.HandlerFunc(s.order))
	expect(t, send(t, guard, handler, "bob", "POST", "/", "item="), "500 ")
	expect(t, send(t, guard, handler, "bob", "POST", "/", "item=pen"), "200 order 1")
	if records(nguard.EventSessionUpdated) != 1 {
		t.Errorf("%d records of an order", records(nguard.EventSessionUpdated))
	}

	_, err = guard.ChangeUser(job, "bob", func(u *nguard.User) error { u.Name = "Robert"; return nil })
	if err != nil || records(nguard.EventUserUpdated) != 2 {
		t.Errorf("ChangeUser: %v, %d records", err, records(nguard.EventUserUpdated))
	}
}
