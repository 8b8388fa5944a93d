package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/policy/ratelimit"
)

// users is the application's users table: what nguard needs to log people in and to change them. A real
// application has one already and adds these five methods to it. It runs on each database that people may be
// kept in; what differs between them is in kind.
type users struct {
	db   *sql.DB
	kind *kind
}

var (
	_ nguard.Authenticator = (*users)(nil)
	_ nguard.UserUpdater   = (*users)(nil)
	_ nguard.Transactional = (*users)(nil)
)

var demoPeople = []nguard.User{
	{ID: "1", Name: "Ada Admin", Email: "admin@example.com", Role: "admin"},
	{ID: "2", Name: "Mo Derator", Email: "moderator@example.com", Role: "moderator"},
	{ID: "3", Name: "Uma User", Email: "user@example.com", Role: "user"},
}

// prepare creates the table and the demo accounts. Several processes may start at once.
func (u *users) prepare(ctx context.Context) error {
	hashes := make([]string, len(demoPeople)) // which take their time: not while others wait
	for i := range demoPeople {
		hashes[i] = hash(demoPassword())
	}
	return u.together(ctx, func(q queries) error {
		if u.kind.hold != "" {
			if _, err := q.ExecContext(ctx, u.kind.hold); err != nil {
				return err
			}
		}
		if _, err := q.ExecContext(ctx, u.kind.table); err != nil {
			return err
		}
		for i, p := range demoPeople {
			set := u.kind.bind(`UPDATE adminpanel_users SET password = ? WHERE id = ?`)
			if n, err := affected(q.ExecContext(ctx, set, hashes[i], p.ID)); err != nil || n > 0 {
				if err != nil {
					return err
				}
				continue
			}
			add := u.kind.bind(`INSERT INTO adminpanel_users (id, password, ` + columns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`)
			_, err := q.ExecContext(ctx, add, append([]any{p.ID, hashes[i]}, values(p)...)...)
			if err != nil && !u.kind.taken(err) { // another process was faster
				return err
			}
		}
		return nil
	})
}

// Database says that UpdateUser joins transactions on db: nguard then writes people, sessions and records
// in one.
func (u *users) Database() *sql.DB { return u.db }

type queries interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

func (u *users) on(ctx context.Context) queries {
	if tx, ok := nguard.TxOf(ctx, u.db); ok {
		return tx
	}
	return u.db
}

// together runs fn in the transaction of ctx, or in one of its own.
func (u *users) together(ctx context.Context, fn func(q queries) error) error {
	if tx, ok := nguard.TxOf(ctx, u.db); ok {
		return fn(tx)
	}
	tx, err := u.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // without effect after a commit
	if err := fn(tx); err != nil {
		return err
	}
	return tx.Commit()
}

func affected(res sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// columns are what changes of a person, in the order of values.
const columns = `login, email, name, role, permissions, disabled, settings`

// values are those of columns. login is the e-mail address as logins compare it: folded here and not by the
// database, since each folds in its own way.
func values(p nguard.User) []any {
	return []any{ratelimit.FoldAccount(p.Email), p.Email, p.Name, p.Role, text(append([]string{}, p.Permissions...)), p.Disabled, text(withoutNil(p.Data))}
}

// find returns the person whose column where has the value arg. lock, if not empty, is the database's way to
// read what is committed by now, whatever the transaction has seen.
func (u *users) find(ctx context.Context, q queries, where string, arg any, lock string) (p nguard.User, password string, err error) {
	var login, permissions, settings string
	query := u.kind.bind(`SELECT id, password, ` + columns + ` FROM adminpanel_users WHERE ` + where + ` = ?` + lock)
	err = q.QueryRowContext(ctx, query, arg).
		Scan(&p.ID, &password, &login, &p.Email, &p.Name, &p.Role, &permissions, &p.Disabled, &settings)
	if errors.Is(err, sql.ErrNoRows) {
		return p, "", nguard.ErrNoUser
	}
	if err == nil {
		err = errors.Join(json.Unmarshal([]byte(permissions), &p.Permissions), json.Unmarshal([]byte(settings), &p.Data))
	}
	return p, password, err
}

// User returns one person.
func (u *users) User(ctx context.Context, id string) (nguard.User, error) {
	p, _, err := u.find(ctx, u.on(ctx), "id", id, "")
	return p, err
}

// all returns everybody, for the panel.
func (u *users) all(ctx context.Context) ([]*row, error) {
	rows, err := u.db.QueryContext(ctx, `SELECT id, name, email, role, disabled FROM adminpanel_users ORDER BY id`)
	if err != nil {
		return nil, unavailable(err)
	}
	defer rows.Close()
	list := []*row{}
	for rows.Next() {
		p := &row{}
		if err := rows.Scan(&p.ID, &p.Name, &p.Email, &p.Role, &p.disabled); err != nil {
			return nil, unavailable(err)
		}
		list = append(list, p)
	}
	if err := rows.Err(); err != nil {
		return nil, unavailable(err)
	}
	return list, nil
}

// unavailable makes 503 of an error of the database: a handler's own statements are no fault of the program
// when the server is away.
func unavailable(err error) error { return fmt.Errorf("%w: users: %w", nguard.ErrUnavailable, err) }

// Identify finds the account by e-mail address. For an unknown one the address itself stands, so that
// limits treat both alike.
func (u *users) Identify(ctx context.Context, c nguard.Credentials) (string, error) {
	email := ratelimit.FoldAccount(c.Get("email"))
	if email == "" || c.Get("password") == "" {
		return "", nguard.ErrMissingCredentials
	}
	p, _, err := u.find(ctx, u.on(ctx), "login", email, "")
	if errors.Is(err, nguard.ErrNoUser) {
		return "unknown:" + clip(email), nil
	}
	return p.ID, err
}

// clip keeps a made-up address within the length of a user ID.
func clip(s string) string {
	if len(s) > 150 {
		s = strings.ToValidUTF8(s[:150], "")
	}
	return s
}

// Authenticate verifies the password. An unknown or disabled account costs the same hash.
func (u *users) Authenticate(ctx context.Context, c nguard.Credentials) (nguard.User, error) {
	p, stored, err := u.find(ctx, u.on(ctx), "login", ratelimit.FoldAccount(c.Get("email")), "")
	switch {
	case errors.Is(err, nguard.ErrNoUser):
		stored = dummy
	case err != nil:
		return nguard.User{}, err
	}
	// Each hash takes 19 MiB: as many at once as there are processors, or a burst of guesses takes them all.
	select {
	case hashing <- struct{}{}:
		defer func() { <-hashing }()
	case <-ctx.Done():
		return nguard.User{}, ctx.Err()
	}
	if right := verify(c.Get("password"), stored); !right || err != nil || p.Disabled {
		return nguard.User{}, nguard.ErrBadCredentials
	}
	return p, nil
}

// UpdateUser is a compare-and-set that also keeps one admin: one statement decides both. Where several can
// write at once, each would still count the other's row as it was before, and two admins could demote each
// other: there the rows of all admins are locked before it, and the second one counts after the first.
func (u *users) UpdateUser(ctx context.Context, before, after nguard.User) error {
	return u.together(ctx, func(q queries) error {
		query := `UPDATE adminpanel_users SET login = ?, email = ?, name = ?, role = ?, permissions = ?, disabled = ?, settings = ?
			WHERE id = ? AND login = ? AND email = ? AND name = ? AND role = ? AND permissions = ? AND disabled = ? AND settings = ?`
		args := append(values(after), before.ID)
		args = append(args, values(before)...)
		steppingDown := admin(before) && !admin(after)
		if steppingDown {
			if u.kind.lockAdmins != "" {
				if _, err := q.ExecContext(ctx, u.kind.lockAdmins); err != nil {
					return err
				}
			}
			// The count stands in a table of its own: MySQL reads no table that it updates.
			query += ` AND (SELECT n FROM (SELECT count(*) AS n FROM adminpanel_users WHERE role = 'admin' AND NOT disabled AND id <> ?) AS others) > 0`
			args = append(args, before.ID)
		}
		n, err := affected(q.ExecContext(ctx, u.kind.bind(query), args...))
		switch {
		case err != nil && u.kind.taken(err):
			return &nguard.FieldError{Field: "user.email", Problem: "is taken"}
		case err != nil || n == 1:
			return err
		}
		now, _, err := u.find(ctx, q, "id", before.ID, u.kind.lockRow)
		switch {
		case err != nil:
			return err
		case steppingDown && admin(now):
			return nguard.ErrLastAdmin
		default:
			return nguard.ErrConflict
		}
	})
}

func admin(p nguard.User) bool { return p.Role == "admin" && !p.Disabled }

func withoutNil(m map[string]any) map[string]any {
	if m == nil {
		m = map[string]any{}
	}
	return m
}

// text is JSON with sorted keys, so that equal values are equal text.
func text(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		panic("adminpanel: " + err.Error()) // strings, booleans and numbers always marshal
	}
	return string(raw)
}
