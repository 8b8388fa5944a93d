-- The sessions. record holds everything that is not needed to find, compare or sweep a row; cur and
-- prev are SHA-256 of secrets. Times are nanoseconds since 1970 in UTC, 0 for none. The collation "C"
-- compares bytes: no two keys are alike that are not the same.
CREATE TABLE nguard_sessions (
	id          TEXT COLLATE "C" NOT NULL PRIMARY KEY,
	owner       TEXT COLLATE "C" NOT NULL,
	version     BIGINT NOT NULL,
	cur         BYTEA  NOT NULL,
	prev        BYTEA,
	salt        BYTEA,
	last_seen   BIGINT NOT NULL,
	seen_at     BIGINT NOT NULL,
	expires     BIGINT NOT NULL,
	created     BIGINT NOT NULL,
	revoke_mark BIGINT NOT NULL,
	record      BYTEA  NOT NULL
);

CREATE INDEX nguard_sessions_owner ON nguard_sessions (owner, id);
CREATE INDEX nguard_sessions_expires ON nguard_sessions (expires);

-- The epochs of users. keep_until is when a sweep may forget a user without sessions.
CREATE TABLE nguard_epochs (
	owner       TEXT COLLATE "C" NOT NULL PRIMARY KEY,
	change_mark BIGINT NOT NULL,
	revoke_mark BIGINT NOT NULL,
	open_count  BIGINT NOT NULL,
	bumped_at   BIGINT NOT NULL,
	keep_until  BIGINT NOT NULL
);

CREATE INDEX nguard_epochs_open ON nguard_epochs (bumped_at) WHERE open_count > 0;
CREATE INDEX nguard_epochs_idle ON nguard_epochs (keep_until);
