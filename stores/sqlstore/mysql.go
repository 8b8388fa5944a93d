package sqlstore

import (
	"context"
	"database/sql"
	"regexp"
	"strconv"
	"time"
)

// MySQL is the dialect of MariaDB 10.6 and later and of MySQL 8.0 and later, with tables of InnoDB. It is
// tested with the driver github.com/go-sql-driver/mysql on MariaDB.
//
// The transactions that the store begins are READ COMMITTED, whatever the server's default is: at
// REPEATABLE READ, InnoDB locks the gaps between rows as well, and logins of users whose keys are
// neighbours would deadlock. Those that the store joins may be of any level: what the store reads in a
// transaction it reads with a lock, which sees the row as it is and not as the snapshot has it.
//
// Locks are taken in one order, the epoch of a user before the sessions. InnoDB may find a deadlock all the
// same, for instance when two first logins of one user insert the same epoch. The store then runs its
// transaction again.
var MySQL = &Dialect{
	dir:           "migrations/mysql",
	isolation:     sql.LevelReadCommitted,
	deaf:          true,
	countsChanges: true,
	holds:         func(s string) bool { return len(s) <= longestKey }, // more could be cut off, where sql_mode is not strict

	alone:    mysqlAlone,
	versions: `SELECT coalesce(max(version), 0) FROM nguard_session_migrations`,
	note:     `INSERT INTO nguard_session_migrations (version, name) VALUES (?, ?)`,

	busy:       mysqlBusy,
	refused:    mysqlRefused,
	unprepared: mysqlUnprepared,
	taken:      mysqlTaken,

	sql: numbered(map[op]string{
		// Whether the mark was another one, the count does not say: it is 0 as well when keep_until was
		// late enough. opAdmitted says it, of the row that is locked now. Logins of one user wait for each
		// other here, so that each counts the sessions of those before.
		opAdmit: `INSERT INTO nguard_epochs (owner, change_mark, revoke_mark, open_count, bumped_at, keep_until)
			VALUES (?1, ?2, ?3, 0, ?4, ?5)
			ON DUPLICATE KEY UPDATE
				keep_until = CASE WHEN revoke_mark = ?3 THEN greatest(keep_until, ?5) ELSE keep_until END`,
		opAdmitted: `SELECT 1 FROM nguard_epochs WHERE owner = ?1 AND revoke_mark = ?2 FOR UPDATE`,
		// The form of DELETE that is for several tables can name an index. Without one, a small table may be
		// read, and locked, from end to end.
		opPurge: `DELETE s FROM nguard_sessions AS s FORCE INDEX (nguard_sessions_owner)
			WHERE s.owner = ?1 AND (s.expires <= ?2 OR s.revoke_mark <> ?3)`,
		opLive: `SELECT id FROM nguard_sessions FORCE INDEX (nguard_sessions_owner)
			WHERE owner = ?1 AND id <> ?2 ORDER BY created, id FOR UPDATE`,
		opStands: `SELECT version FROM nguard_sessions WHERE id = ?1 AND owner = ?2 FOR UPDATE`,
		opInsert: `INSERT INTO nguard_sessions
			(id, owner, version, cur, prev, salt, last_seen, seen_at, expires, created, revoke_mark, record)
			VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)`,

		opGet: mysqlGet,
		// A transaction that reads a session and then changes it would otherwise be refused where another did
		// the same at the same time.
		opGetLocked: mysqlGet + ` FOR UPDATE`,
		opList: `SELECT s.id, s.owner, s.version, s.cur, s.prev, s.salt, s.last_seen, s.seen_at, s.expires, s.record,
				e.change_mark, e.revoke_mark, e.open_count
			FROM nguard_sessions AS s FORCE INDEX (nguard_sessions_owner) JOIN nguard_epochs AS e ON e.owner = s.owner
			WHERE s.owner = ?1 AND s.id > ?2 ORDER BY s.id LIMIT ?3`,

		// Marks made since the row was loaded stay: the later last_seen with its expires, and seen_at
		// while the token is the same. MySQL assigns from left to right, and what stands further right
		// sees the new values: last_seen and cur come after those that ask for the old ones.
		opSwap: `UPDATE nguard_sessions SET
				version = ?1, prev = ?3, salt = ?4, revoke_mark = ?8, record = ?9,
				expires = CASE WHEN last_seen > ?5 THEN expires ELSE ?7 END,
				last_seen = greatest(last_seen, ?5),
				seen_at = CASE WHEN cur = ?2 AND seen_at <> 0 THEN seen_at ELSE ?6 END,
				cur = ?2
			WHERE id = ?10 AND owner = ?11 AND version = ?12`,
		opMark: `UPDATE nguard_sessions SET
				expires = CASE WHEN last_seen < ?1 THEN ?2 ELSE expires END,
				last_seen = greatest(last_seen, ?1),
				seen_at = CASE WHEN seen_at = 0 AND cur = ?4 THEN ?3 ELSE seen_at END
			WHERE id = ?5 AND owner = ?6`,
		opDelete: `DELETE FROM nguard_sessions WHERE id = ?1 AND owner = ?2`,
		// With a lock, since the snapshot of a transaction that the store has joined may have a row that is gone.
		opExists: `SELECT 1 FROM nguard_sessions WHERE id = ?1 AND owner = ?2 FOR UPDATE`,

		opEpoch:       `SELECT change_mark, revoke_mark, open_count FROM nguard_epochs WHERE owner = ?1`,
		opEpochLocked: `SELECT change_mark, revoke_mark, open_count FROM nguard_epochs WHERE owner = ?1 FOR UPDATE`,
		opBump: `INSERT INTO nguard_epochs (owner, change_mark, revoke_mark, open_count, bumped_at, keep_until)
			VALUES (?1, ?2, ?3, ?4, ?8, ?9)
			ON DUPLICATE KEY UPDATE
				change_mark = change_mark + ?5, revoke_mark = revoke_mark + ?6,
				open_count = greatest(0, open_count + ?7),
				bumped_at = greatest(bumped_at, ?8), keep_until = greatest(keep_until, ?9)`,

		// A sweep waits for nobody. A row that is locked has somebody at it, who may be reviving it: it
		// is passed by, and found by the next sweep if it is still dead.
		opDead: `SELECT id FROM nguard_sessions FORCE INDEX (nguard_sessions_expires)
			WHERE expires <= ?1 ORDER BY expires LIMIT ?2 FOR UPDATE SKIP LOCKED`,
		opSweep: `DELETE s FROM nguard_sessions AS s FORCE INDEX (PRIMARY) WHERE s.id IN (` + places("?", 1) + `)`,
		opStale: `SELECT owner FROM nguard_epochs FORCE INDEX (nguard_epochs_open)
			WHERE open_count > 0 AND bumped_at <= ?1 LIMIT ?2 FOR UPDATE SKIP LOCKED`,
		opSettle: `UPDATE nguard_epochs FORCE INDEX (PRIMARY) SET open_count = 0, change_mark = change_mark + 1,
				bumped_at = greatest(bumped_at, ?1), keep_until = greatest(keep_until, ?2)
			WHERE owner IN (` + places("?", 3) + `)`,
		opIdle: `SELECT e.owner FROM nguard_epochs AS e FORCE INDEX (nguard_epochs_idle) WHERE e.keep_until <= ?1
				AND NOT EXISTS (SELECT 1 FROM nguard_sessions AS s FORCE INDEX (nguard_sessions_owner) WHERE s.owner = e.owner)
			ORDER BY e.keep_until LIMIT ?2 FOR UPDATE SKIP LOCKED`,
		// A login may have come between the snapshot of opIdle and its lock. Since a login locks the epoch
		// first, none comes after that, and this statement sees each that was before.
		opForget: `DELETE e FROM nguard_epochs AS e FORCE INDEX (PRIMARY) WHERE e.owner IN (` + places("?", 1) + `)
			AND NOT EXISTS (SELECT 1 FROM nguard_sessions AS s FORCE INDEX (nguard_sessions_owner) WHERE s.owner = e.owner)`,
	}),
}

const mysqlGet = `SELECT s.id, s.owner, s.version, s.cur, s.prev, s.salt, s.last_seen, s.seen_at, s.expires, s.record,
				e.change_mark, e.revoke_mark, e.open_count
			FROM nguard_epochs AS e JOIN nguard_sessions AS s ON e.owner = s.owner
			WHERE s.id = ?1`

var number = regexp.MustCompile(`\?(\d+)`)

// numbered makes statements of texts in which the arguments have numbers, ?1 and so on, for a database that
// knows them by their places only.
func numbered(list map[op]string) (all [ops]statement) {
	for o, text := range list {
		s := statement{text: number.ReplaceAllString(text, "?")}
		inOrder := true
		for i, found := range number.FindAllStringSubmatch(text, -1) {
			n, err := strconv.Atoi(found[1])
			if err != nil {
				panic(err) // more digits than a number has, and all are constants
			}
			s.order = append(s.order, n-1)
			inOrder = inOrder && n == i+1
		}
		if inOrder {
			s.order = nil
		}
		all[o] = s
	}
	return all
}

// mysqlAlone takes a lock by name, which a connection has until it gives it back or ends. There is no
// transaction: statements about tables would end it. One that died half way is finished by the next, since
// each statement may be run again.
func mysqlAlone(ctx context.Context, b *rows, fn migrating) error {
	c, err := b.db.Conn(ctx)
	if err != nil {
		return unavailable(err)
	}
	defer c.Close()
	const name = `concat('nguard migrate ', md5(database()))` // locks are the server's, not the database's
	// Whether or not its answer has come: who left in that moment may have it.
	defer func() {
		// A connection that cannot be asked any more is closed, and that gives the lock back as well.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_, _ = c.ExecContext(ctx, `DO release_lock(`+name+`)`)
	}()
	for got := 0; got == 0; {
		// In small portions, so that a server which never sees the end of ctx gives up soon after.
		if err := c.QueryRowContext(ctx, `SELECT coalesce(get_lock(`+name+`, 2), 0)`).Scan(&got); err != nil {
			return unavailable(err)
		}
	}
	err = b.change(ctx, c, `CREATE TABLE IF NOT EXISTS nguard_session_migrations
		(version BIGINT NOT NULL PRIMARY KEY, name VARCHAR(255) NOT NULL) ENGINE = InnoDB`)
	if err != nil {
		return err
	}
	return fn(ctx, c)
}
