package main

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"

	"golang.org/x/crypto/argon2"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/policy/ratelimit"
)

// users is the application's users table: what nguard needs to log people in and to change them. A real
// application has one already and adds these five methods to it.
type users struct{ db *sql.DB }

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

func demoPassword() string {
	if p := os.Getenv("NGUARD_DEMO_PASSWORD"); p != "" {
		return p
	}
	return "nguard-demo"
}

// shownPassword keeps a password that somebody chose off the screen.
func shownPassword() string {
	if os.Getenv("NGUARD_DEMO_PASSWORD") != "" {
		return "as in NGUARD_DEMO_PASSWORD"
	}
	return demoPassword()
}

// prepare creates the table and the demo accounts.
func (u *users) prepare(ctx context.Context) error {
	_, err := u.db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS users (
		id TEXT PRIMARY KEY, email TEXT NOT NULL UNIQUE COLLATE NOCASE, name TEXT NOT NULL, role TEXT NOT NULL,
		permissions TEXT NOT NULL, disabled INTEGER NOT NULL, settings TEXT NOT NULL, password TEXT NOT NULL)`)
	if err != nil {
		return err
	}
	for _, p := range demoPeople {
		_, err := u.db.ExecContext(ctx, `INSERT INTO users (id, email, name, role, permissions, disabled, settings, password)
			VALUES (?, ?, ?, ?, '[]', 0, '{}', ?) ON CONFLICT (id) DO UPDATE SET password = excluded.password`,
			p.ID, p.Email, p.Name, p.Role, hash(demoPassword()))
		if err != nil {
			return err
		}
	}
	return nil
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

const columns = `id, email, name, role, permissions, disabled, settings, password`

func (u *users) find(ctx context.Context, where string, arg any) (p nguard.User, password string, err error) {
	var permissions, settings string
	err = u.on(ctx).QueryRowContext(ctx, `SELECT `+columns+` FROM users WHERE `+where+` = ?`, arg).
		Scan(&p.ID, &p.Email, &p.Name, &p.Role, &permissions, &p.Disabled, &settings, &password)
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
	p, _, err := u.find(ctx, "id", id)
	return p, err
}

// all returns everybody, for the panel.
func (u *users) all(ctx context.Context) ([]map[string]string, error) {
	rows, err := u.db.QueryContext(ctx, `SELECT id, name, email, role FROM users ORDER BY id`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list := []map[string]string{}
	for rows.Next() {
		var id, name, email, role string
		if err := rows.Scan(&id, &name, &email, &role); err != nil {
			return nil, err
		}
		list = append(list, map[string]string{"id": id, "name": name, "email": email, "role": role})
	}
	return list, rows.Err()
}

// Identify finds the account by e-mail address. For an unknown one the address itself stands, so that
// limits treat both alike.
func (u *users) Identify(ctx context.Context, c nguard.Credentials) (string, error) {
	email := ratelimit.FoldAccount(c.Get("email"))
	if email == "" || c.Get("password") == "" {
		return "", nguard.ErrMissingCredentials
	}
	p, _, err := u.find(ctx, "email", email)
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
	p, stored, err := u.find(ctx, "email", ratelimit.FoldAccount(c.Get("email")))
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

// UpdateUser is a compare-and-set that also keeps one admin: one statement, so that two admins cannot
// demote each other at once.
func (u *users) UpdateUser(ctx context.Context, before, after nguard.User) error {
	args := append(values(after), before.ID)
	args = append(args, values(before)...)
	args = append(args, after.Role, after.Disabled, before.ID)
	res, err := u.on(ctx).ExecContext(ctx, `UPDATE users SET email = ?, name = ?, role = ?, permissions = ?, disabled = ?, settings = ?
		WHERE id = ? AND email = ? AND name = ? AND role = ? AND permissions = ? AND disabled = ? AND settings = ?
		AND (role <> 'admin' OR (? = 'admin' AND NOT ?)
			OR EXISTS (SELECT 1 FROM users a WHERE a.role = 'admin' AND NOT a.disabled AND a.id <> ?))`, args...)
	if err != nil {
		if strings.Contains(err.Error(), "UNIQUE") {
			return &nguard.FieldError{Field: "user.email", Problem: "is taken"}
		}
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 1 {
		return err
	}
	now, err := u.User(ctx, before.ID)
	if err == nil && now.Role == "admin" && before.Role == "admin" && (after.Role != "admin" || after.Disabled) {
		return nguard.ErrLastAdmin
	}
	if err == nil {
		err = nguard.ErrConflict
	}
	return err
}

func values(p nguard.User) []any {
	return []any{p.Email, p.Name, p.Role, text(append([]string{}, p.Permissions...)), p.Disabled, text(withoutNil(p.Data))}
}

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

// Passwords are argon2id with the parameters that OWASP names: 19 MiB, 2 passes, 1 lane.
const (
	hashPasses = 2
	hashMemory = 19 << 10
	hashLength = 32
)

var hashing = make(chan struct{}, runtime.GOMAXPROCS(0))

// dummy is verified when there is no account, so that both cost the same.
var dummy = hash("no such account")

func hash(password string) string {
	var salt [16]byte
	_, _ = rand.Read(salt[:]) // never returns an error
	key := argon2.IDKey([]byte(password), salt[:], hashPasses, hashMemory, 1, hashLength)
	enc := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=1$%s$%s", argon2.Version, hashMemory, hashPasses, enc.EncodeToString(salt[:]), enc.EncodeToString(key))
}

func verify(password, stored string) bool {
	parts := strings.Split(stored, "$")
	if len(parts) != 6 {
		return false
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	want, err2 := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil || err2 != nil {
		return false
	}
	got := argon2.IDKey([]byte(password), salt, hashPasses, hashMemory, 1, hashLength)
	return subtle.ConstantTimeCompare(got, want) == 1
}
