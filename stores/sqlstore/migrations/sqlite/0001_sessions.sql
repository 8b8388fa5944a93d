-- The sessions. record holds everything that is not needed to find, compare or sweep a row; cur and
-- prev are SHA-256 of secrets. Times are nanoseconds since 1970 in UTC, 0 for none.
CREATE TABLE nguard_sessions (
	id          TEXT    NOT NULL PRIMARY KEY,
	owner       TEXT    NOT NULL,
	version     INTEGER NOT NULL,
	cur         BLOB    NOT NULL,
	prev        BLOB,
	salt        BLOB,
	last_seen   INTEGER NOT NULL,
	seen_at     INTEGER NOT NULL,
	expires     INTEGER NOT NULL,
	created     INTEGER NOT NULL,
	revoke_mark INTEGER NOT NULL,
	record      BLOB    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX nguard_sessions_owner ON nguard_sessions (owner, id);
CREATE INDEX nguard_sessions_expires ON nguard_sessions (expires);

-- The epochs of users. keep_until is when a sweep may forget a user without sessions.
CREATE TABLE nguard_epochs (
	owner       TEXT    NOT NULL PRIMARY KEY,
	change_mark INTEGER NOT NULL,
	revoke_mark INTEGER NOT NULL,
	open_count  INTEGER NOT NULL,
	bumped_at   INTEGER NOT NULL,
	keep_until  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX nguard_epochs_open ON nguard_epochs (bumped_at) WHERE open_count > 0;
CREATE INDEX nguard_epochs_idle ON nguard_epochs (keep_until);
