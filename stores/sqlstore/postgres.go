package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"unicode/utf8"
)

// Postgres is the dialect of PostgreSQL 12 and later. It is tested with the driver of pgx/v5.
//
// The transactions that the store begins are READ COMMITTED, whatever the server's default is: each of
// their statements sees what others have committed, a write waits for the row that it is about and then
// judges the row as it has become, and nothing has to be run again because of a snapshot. Those that the
// store joins may be of any level: where a snapshot is too old, PostgreSQL says so with an error.
//
// Locks are taken in one order, the epoch of a user before the sessions, so that what the store does by
// itself never deadlocks.
var Postgres = &Dialect{
	dir:       "migrations/postgres",
	isolation: sql.LevelReadCommitted,
	returns:   true,
	holds:     postgresHolds,

	alone:    postgresAlone,
	versions: `SELECT coalesce(max(version), 0) FROM nguard_session_migrations`,
	note:     `INSERT INTO nguard_session_migrations (version, name) VALUES ($1, $2)`,

	busy:       postgresBusy,
	refused:    postgresRefused,
	unprepared: postgresUnprepared,
	taken:      never,

	sql: texts(map[op]string{
		// No row is touched when the user's revoke mark is another one, but it is locked all the same:
		// logins of one user wait for each other here, so that each counts the sessions of those before.
		opAdmit: `INSERT INTO nguard_epochs AS e (owner, change_mark, revoke_mark, open_count, bumped_at, keep_until)
			VALUES ($1, $2, $3, 0, $4, $5)
			ON CONFLICT (owner) DO UPDATE SET keep_until = greatest(e.keep_until, excluded.keep_until)
			WHERE e.revoke_mark = excluded.revoke_mark`,
		opPurge: `DELETE FROM nguard_sessions WHERE owner = $1 AND (expires <= $2 OR revoke_mark <> $3)`,
		opLive:  `SELECT id FROM nguard_sessions WHERE owner = $1 AND id <> $2 ORDER BY created, id`,
		// Locked, so that nobody changes it between here and its removal.
		opStands: `SELECT version FROM nguard_sessions WHERE id = $1 AND owner = $2 FOR UPDATE`,
		opInsert: `INSERT INTO nguard_sessions
			(id, owner, version, cur, prev, salt, last_seen, seen_at, expires, created, revoke_mark, record)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
			ON CONFLICT (id) DO NOTHING`,

		opGet: `SELECT s.id, s.owner, s.version, s.cur, s.prev, s.salt, s.last_seen, s.seen_at, s.expires, s.record,
				e.change_mark, e.revoke_mark, e.open_count
			FROM nguard_sessions AS s JOIN nguard_epochs AS e ON e.owner = s.owner
			WHERE s.id = $1`,
		// Both rows are locked, the epoch first: a transaction that reads a session and then changes it
		// would otherwise be refused where another did the same at the same time.
		opGetLocked: `SELECT s.id, s.owner, s.version, s.cur, s.prev, s.salt, s.last_seen, s.seen_at, s.expires, s.record,
				e.change_mark, e.revoke_mark, e.open_count
			FROM nguard_epochs AS e JOIN nguard_sessions AS s ON e.owner = s.owner
			WHERE s.id = $1 FOR UPDATE OF e, s`,
		opList: `SELECT s.id, s.owner, s.version, s.cur, s.prev, s.salt, s.last_seen, s.seen_at, s.expires, s.record,
				e.change_mark, e.revoke_mark, e.open_count
			FROM nguard_sessions AS s JOIN nguard_epochs AS e ON e.owner = s.owner
			WHERE s.owner = $1 AND s.id > $2 ORDER BY s.id LIMIT $3`,

		// Marks made since the row was loaded stay: the later last_seen with its expires, and seen_at
		// while the token is the same.
		opSwap: `UPDATE nguard_sessions SET
				version = $1, cur = $2, prev = $3, salt = $4, revoke_mark = $8, record = $9,
				expires = CASE WHEN last_seen > $5 THEN expires ELSE $7 END,
				last_seen = greatest(last_seen, $5),
				seen_at = CASE WHEN cur = $2 AND seen_at <> 0 THEN seen_at ELSE $6 END
			WHERE id = $10 AND owner = $11 AND version = $12`,
		opMark: `UPDATE nguard_sessions SET
				expires = CASE WHEN last_seen < $1 THEN $2 ELSE expires END,
				last_seen = greatest(last_seen, $1),
				seen_at = CASE WHEN seen_at = 0 AND cur = $4 THEN $3 ELSE seen_at END
			WHERE id = $5 AND owner = $6`,
		opDelete: `DELETE FROM nguard_sessions WHERE id = $1 AND owner = $2`,
		opExists: `SELECT 1 FROM nguard_sessions WHERE id = $1 AND owner = $2`,

		opEpoch: `SELECT change_mark, revoke_mark, open_count FROM nguard_epochs WHERE owner = $1`,
		opBump: `INSERT INTO nguard_epochs AS e (owner, change_mark, revoke_mark, open_count, bumped_at, keep_until)
			VALUES ($1, $2, $3, $4, $8, $9)
			ON CONFLICT (owner) DO UPDATE SET
				change_mark = e.change_mark + $5, revoke_mark = e.revoke_mark + $6,
				open_count = greatest(0, e.open_count + $7),
				bumped_at = greatest(e.bumped_at, $8), keep_until = greatest(e.keep_until, $9)
			RETURNING change_mark, revoke_mark, open_count`,

		// A sweep waits for nobody. A row that is locked has somebody at it, who may be reviving it: it
		// is passed by, and found by the next sweep if it is still dead.
		opDead: `SELECT id FROM nguard_sessions WHERE expires <= $1 ORDER BY expires LIMIT $2
			FOR UPDATE SKIP LOCKED`,
		opSweep: `DELETE FROM nguard_sessions WHERE id IN (` + dollars(1) + `)`,
		opStale: `SELECT owner FROM nguard_epochs WHERE open_count > 0 AND bumped_at <= $1 ORDER BY bumped_at LIMIT $2
			FOR UPDATE SKIP LOCKED`,
		opSettle: `UPDATE nguard_epochs SET open_count = 0, change_mark = change_mark + 1,
				bumped_at = greatest(bumped_at, $1), keep_until = greatest(keep_until, $2)
			WHERE owner IN (` + dollars(3) + `)`,
		// OFFSET 0 keeps the planner from making a join of it, which may read the whole table of sessions.
		opIdle: `SELECT e.owner FROM nguard_epochs AS e WHERE e.keep_until <= $1
				AND NOT EXISTS (SELECT 1 FROM nguard_sessions AS s WHERE s.owner = e.owner OFFSET 0)
			ORDER BY e.keep_until LIMIT $2 FOR UPDATE OF e SKIP LOCKED`,
		// A login may have come between the snapshot of opIdle and its lock. Since a login locks the epoch
		// first, none comes after that, and this statement sees each that was before.
		opForget: `DELETE FROM nguard_epochs AS e WHERE e.owner IN (` + dollars(1) + `)
			AND NOT EXISTS (SELECT 1 FROM nguard_sessions AS s WHERE s.owner = e.owner OFFSET 0)`,
	}),
}

// dollars are the numbers of a batch of keys, from first on.
func dollars(first int) string { return places("$", first) }

// postgresHolds says whether s can be a value of type TEXT. With another, PostgreSQL answers with an error,
// which ends the transaction that it happens in.
func postgresHolds(s string) bool {
	return len(s) <= longestKey && utf8.ValidString(s) && !strings.Contains(s, "\x00")
}

// postgresAlone takes a lock that the end of the transaction gives back. CREATE TABLE IF NOT EXISTS is not
// enough: two that run at once both find nothing, and one fails.
func postgresAlone(ctx context.Context, b *rows, fn migrating) error {
	return b.migration(ctx, fn,
		`SELECT pg_advisory_xact_lock(7954892327421047)`,
		`CREATE TABLE IF NOT EXISTS nguard_session_migrations (version BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL)`)
}

// sqlState is the code of an error by which PostgreSQL answered. The types of errors of pgx and of lib/pq
// have this method.
func sqlState(err error) string {
	var coded interface{ SQLState() string }
	if errors.As(err, &coded) {
		return coded.SQLState()
	}
	return ""
}

// postgresBusy knows what an error says of the other transactions: serialization_failure,
// deadlock_detected, lock_not_available.
func postgresBusy(err error) bool {
	switch sqlState(err) {
	case "40001", "40P01", "55P03":
		return true
	}
	return false
}

// postgresRefused trusts every answer but those that come with the end of the connection: 57P01 and 57P02,
// by which an administrator or a crash ends it, and class 08. These can come after a commit. And 40003 says so.
func postgresRefused(err error) bool {
	switch code := sqlState(err); {
	case code == "", code == "57P01", code == "57P02", code == "40003", strings.HasPrefix(code, "08"):
		return false
	}
	return true
}

// postgresUnprepared knows the two ways in which a prepared statement is lost: a pooler between has given
// the connection to somebody else, or a table was altered in such a way that the result has other types.
func postgresUnprepared(err error) bool {
	switch sqlState(err) {
	case "26000":
		return true
	case "0A000":
		return strings.Contains(err.Error(), "cached plan must not change result type")
	}
	return false
}
