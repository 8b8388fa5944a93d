package adaptertest

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
)

// sqlUsers is a users table in the database of the sessions, as an application would write it.
type sqlUsers struct {
	db   *sql.DB
	kind kind
}

var (
	_ nguard.Authenticator = (*sqlUsers)(nil)
	_ nguard.UserUpdater   = (*sqlUsers)(nil)
	_ nguard.Transactional = (*sqlUsers)(nil)
)

func (u *sqlUsers) Database() *sql.DB { return u.db }

type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

func (u *sqlUsers) on(ctx context.Context) querier {
	if tx, ok := nguard.TxOf(ctx, u.db); ok {
		return tx
	}
	return u.db
}

// migrate leaves alone who is there already, as after a restart.
func (u *sqlUsers) migrate(ctx context.Context) error {
	text := u.kind.text
	if _, err := u.db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS people (id `+u.kind.key+` PRIMARY KEY,
		name `+text+`, email `+text+`, role `+text+`, permissions `+text+`, disabled BOOLEAN, data `+text+`)`); err != nil {
		return err
	}
	var n int
	if err := u.db.QueryRowContext(ctx, `SELECT count(*) FROM people`).Scan(&n); err != nil || n > 0 {
		return err
	}
	for _, p := range People() {
		if err := u.put(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

func columns(p nguard.User) []any {
	permissions, _ := json.Marshal(append([]string{}, p.Permissions...))
	data := p.Data
	if data == nil {
		data = map[string]any{}
	}
	raw, _ := json.Marshal(data)
	return []any{p.Name, p.Email, p.Role, string(permissions), p.Disabled, string(raw)}
}

// sql is a statement with this database's placeholders.
func (u *sqlUsers) sql(statement string) string {
	if !u.kind.numbered {
		return statement
	}
	var b strings.Builder
	for i, part := range strings.Split(statement, "?") {
		if i > 0 {
			fmt.Fprintf(&b, "$%d", i)
		}
		b.WriteString(part)
	}
	return b.String()
}

// put changes the person's row, or makes one.
func (u *sqlUsers) put(ctx context.Context, p nguard.User) error {
	var n int
	if err := u.on(ctx).QueryRowContext(ctx, u.sql(`SELECT count(*) FROM people WHERE id = ?`), p.ID).Scan(&n); err != nil {
		return err
	}
	statement := `INSERT INTO people (name, email, role, permissions, disabled, data, id) VALUES (?,?,?,?,?,?,?)`
	if n > 0 {
		statement = `UPDATE people SET name = ?, email = ?, role = ?, permissions = ?, disabled = ?, data = ? WHERE id = ?`
	}
	_, err := u.on(ctx).ExecContext(ctx, u.sql(statement), append(columns(p), p.ID)...)
	return err
}

func (u *sqlUsers) remove(ctx context.Context, id string) error {
	_, err := u.on(ctx).ExecContext(ctx, u.sql(`DELETE FROM people WHERE id = ?`), id)
	return err
}

func (u *sqlUsers) User(ctx context.Context, id string) (p nguard.User, err error) {
	p.ID = id
	var permissions, data string
	err = u.on(ctx).QueryRowContext(ctx, u.sql(`SELECT name, email, role, permissions, disabled, data FROM people WHERE id = ?`), id).
		Scan(&p.Name, &p.Email, &p.Role, &permissions, &p.Disabled, &data)
	if errors.Is(err, sql.ErrNoRows) {
		return p, nguard.ErrNoUser
	}
	if err != nil {
		return p, err
	}
	return p, errors.Join(json.Unmarshal([]byte(permissions), &p.Permissions), json.Unmarshal([]byte(data), &p.Data))
}

// Identify finds the account by "email" or "id", as guardtest.Users does.
func (u *sqlUsers) Identify(ctx context.Context, c nguard.Credentials) (string, error) {
	account := c.Get("email")
	if account == "" {
		account = c.Get("id")
	}
	if account == "" || c.Get("password") == "" {
		return "", nguard.ErrMissingCredentials
	}
	var id string
	err := u.on(ctx).QueryRowContext(ctx, u.sql(`SELECT id FROM people WHERE email = ?`), account).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return account, nil
	}
	return id, err
}

func (u *sqlUsers) Authenticate(ctx context.Context, c nguard.Credentials) (nguard.User, error) {
	id, err := u.Identify(ctx, c)
	if err != nil {
		return nguard.User{}, err
	}
	p, err := u.User(ctx, id)
	if errors.Is(err, nguard.ErrNoUser) || (err == nil && (p.Disabled || c.Get("password") != guardtest.Password)) {
		return nguard.User{}, nguard.ErrBadCredentials
	}
	return p, err
}

// UpdateUser keeps one admin in the same statement. Where several can write at once, two admins who demote
// each other would both still see the other one: they take turns, by locking the rows of all admins first.
func (u *sqlUsers) UpdateUser(ctx context.Context, before, after nguard.User) error {
	if u.kind.locks {
		if _, err := u.on(ctx).ExecContext(ctx, `SELECT id FROM people WHERE role = 'admin' ORDER BY id FOR UPDATE`); err != nil {
			return err
		}
	}
	args := append(columns(after), before.ID)
	args = append(args, columns(before)...)
	args = append(args, after.Role, after.Disabled, before.ID)
	res, err := u.on(ctx).ExecContext(ctx, u.sql(`UPDATE people SET name = ?, email = ?, role = ?, permissions = ?, disabled = ?, data = ?
		WHERE id = ? AND name = ? AND email = ? AND role = ? AND permissions = ? AND disabled = ? AND data = ?
		AND (role <> 'admin' OR (? = 'admin' AND NOT ?)
			OR EXISTS (SELECT 1 FROM (SELECT id FROM people WHERE role = 'admin' AND NOT disabled) AS p WHERE p.id <> ?))`), args...)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 1 {
		return err
	}
	now, err := u.User(ctx, before.ID)
	if err != nil {
		return err
	}
	if now.Role == before.Role && now.Role == "admin" && (after.Role != "admin" || after.Disabled) {
		return nguard.ErrLastAdmin
	}
	return nguard.ErrConflict
}
