package sqlstore

import (
	"context"
	"errors"
	"strings"
)

// SQLite is the dialect of SQLite 3.37 and later.
var SQLite = &Dialect{
	dir:     "migrations/sqlite",
	returns: true,
	holds:   func(string) bool { return true },

	alone:    sqliteAlone,
	versions: `SELECT coalesce(max(version), 0) FROM nguard_session_migrations`,
	note:     `INSERT INTO nguard_session_migrations (version, name) VALUES (?, ?)`,

	busy:       sqliteBusy,
	refused:    sqliteRefused,
	unprepared: never,
	taken:      never,

	sql: texts(map[op]string{
		// No row is touched when the user's revoke mark is another one.
		opAdmit: `INSERT INTO nguard_epochs (owner, change_mark, revoke_mark, open_count, bumped_at, keep_until)
			VALUES (?, ?, ?, 0, ?, ?)
			ON CONFLICT (owner) DO UPDATE SET keep_until = max(keep_until, excluded.keep_until)
			WHERE revoke_mark = excluded.revoke_mark`,
		opPurge:  `DELETE FROM nguard_sessions WHERE owner = ? AND (expires <= ? OR revoke_mark <> ?)`,
		opLive:   `SELECT id FROM nguard_sessions WHERE owner = ? AND id <> ? ORDER BY created, id`,
		opStands: `SELECT version FROM nguard_sessions WHERE id = ? AND owner = ?`,
		opInsert: `INSERT INTO nguard_sessions
			(id, owner, version, cur, prev, salt, last_seen, seen_at, expires, created, revoke_mark, record)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (id) DO NOTHING`,

		opGet: `SELECT s.id, s.owner, s.version, s.cur, s.prev, s.salt, s.last_seen, s.seen_at, s.expires, s.record,
				e.change_mark, e.revoke_mark, e.open_count
			FROM nguard_sessions AS s JOIN nguard_epochs AS e ON e.owner = s.owner
			WHERE s.id = ?`,
		opList: `SELECT s.id, s.owner, s.version, s.cur, s.prev, s.salt, s.last_seen, s.seen_at, s.expires, s.record,
				e.change_mark, e.revoke_mark, e.open_count
			FROM nguard_sessions AS s JOIN nguard_epochs AS e ON e.owner = s.owner
			WHERE s.owner = ? AND s.id > ? ORDER BY s.id LIMIT ?`,

		// Marks made since the row was loaded stay: the later last_seen with its expires, and seen_at
		// while the token is the same.
		opSwap: `UPDATE nguard_sessions SET
				version = ?1, prev = ?3, salt = ?4, revoke_mark = ?8, record = ?9,
				expires = CASE WHEN last_seen > ?5 THEN expires ELSE ?7 END,
				last_seen = max(last_seen, ?5),
				seen_at = CASE WHEN cur = ?2 AND seen_at <> 0 THEN seen_at ELSE ?6 END,
				cur = ?2
			WHERE id = ?10 AND owner = ?11 AND version = ?12`,
		opMark: `UPDATE nguard_sessions SET
				expires = CASE WHEN last_seen < ?1 THEN ?2 ELSE expires END,
				last_seen = max(last_seen, ?1),
				seen_at = CASE WHEN seen_at = 0 AND cur = ?4 THEN ?3 ELSE seen_at END
			WHERE id = ?5 AND owner = ?6`,
		opDelete: `DELETE FROM nguard_sessions WHERE id = ? AND owner = ?`,
		opExists: `SELECT 1 FROM nguard_sessions WHERE id = ? AND owner = ?`,

		opEpoch: `SELECT change_mark, revoke_mark, open_count FROM nguard_epochs WHERE owner = ?`,
		opBump: `INSERT INTO nguard_epochs (owner, change_mark, revoke_mark, open_count, bumped_at, keep_until)
			VALUES (?1, ?2, ?3, ?4, ?8, ?9)
			ON CONFLICT (owner) DO UPDATE SET
				change_mark = change_mark + ?5, revoke_mark = revoke_mark + ?6,
				open_count = max(0, open_count + ?7),
				bumped_at = max(bumped_at, ?8), keep_until = max(keep_until, ?9)
			RETURNING change_mark, revoke_mark, open_count`,

		opSweep: `DELETE FROM nguard_sessions WHERE id IN
			(SELECT id FROM nguard_sessions WHERE expires <= ? ORDER BY expires LIMIT ?)`,
		opSettle: `UPDATE nguard_epochs SET open_count = 0, change_mark = change_mark + 1,
				bumped_at = max(bumped_at, ?1), keep_until = max(keep_until, ?2)
			WHERE owner IN
			(SELECT owner FROM nguard_epochs WHERE open_count > 0 AND bumped_at <= ?3 LIMIT ?4)`,
		opForget: `DELETE FROM nguard_epochs WHERE owner IN
			(SELECT e.owner FROM nguard_epochs AS e WHERE e.keep_until <= ?1
				AND NOT EXISTS (SELECT 1 FROM nguard_sessions AS s WHERE s.owner = e.owner) LIMIT ?2)`,

		opLock: `UPDATE nguard_epochs SET open_count = open_count WHERE owner = ''`,
	}),
}

// sqliteAlone begins with a write: SQLite lets one connection write at a time.
func sqliteAlone(ctx context.Context, b *rows, fn migrating) error {
	return b.migration(ctx, fn,
		`CREATE TABLE IF NOT EXISTS nguard_session_migrations
			(version INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL) STRICT`,
		`UPDATE nguard_session_migrations SET name = name WHERE version = 0`)
}

// The result codes of SQLite, and the words for those drivers that have no method Code.
const (
	codeBusy, codeLocked, codeIO = 5, 6, 10
)

func sqliteCode(err error) (int, bool) {
	var coded interface{ Code() int }
	if errors.As(err, &coded) {
		return coded.Code() & 0xff, true
	}
	return 0, false
}

func sqliteBusy(err error) bool {
	if code, ok := sqliteCode(err); ok {
		return code == codeBusy || code == codeLocked
	}
	text := err.Error()
	return strings.Contains(text, "database is locked") || strings.Contains(text, "table is locked")
}

// sqliteRefused trusts every code but that of a failed read or write of the file.
func sqliteRefused(err error) bool {
	code, ok := sqliteCode(err)
	return (ok && code != codeIO) || sqliteBusy(err)
}

// never is the answer to what a database has no error for.
func never(error) bool { return false }
