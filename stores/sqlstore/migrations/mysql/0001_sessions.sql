-- MySQL commits each statement about tables by itself, and a process can die between two of them. So each
-- statement here may be run again.
--
-- The sessions. record holds everything that is not needed to find, compare or sweep a row; cur and
-- prev are SHA-256 of secrets. Times are nanoseconds since 1970 in UTC, 0 for none. Keys are VARBINARY,
-- which compares bytes, also spaces at the end: no two keys are alike that are not the same.
CREATE TABLE IF NOT EXISTS nguard_sessions (
	id          VARBINARY(64)  NOT NULL PRIMARY KEY,
	owner       VARBINARY(255) NOT NULL,
	version     BIGINT         NOT NULL,
	cur         VARBINARY(64)  NOT NULL,
	prev        VARBINARY(64),
	salt        VARBINARY(64),
	last_seen   BIGINT         NOT NULL,
	seen_at     BIGINT         NOT NULL,
	expires     BIGINT         NOT NULL,
	created     BIGINT         NOT NULL,
	revoke_mark BIGINT         NOT NULL,
	record      LONGBLOB       NOT NULL,
	KEY nguard_sessions_owner (owner, id),
	KEY nguard_sessions_expires (expires)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC;

-- The epochs of users. keep_until is when a sweep may forget a user without sessions.
CREATE TABLE IF NOT EXISTS nguard_epochs (
	owner       VARBINARY(255) NOT NULL PRIMARY KEY,
	change_mark BIGINT         NOT NULL,
	revoke_mark BIGINT         NOT NULL,
	open_count  BIGINT         NOT NULL,
	bumped_at   BIGINT         NOT NULL,
	keep_until  BIGINT         NOT NULL,
	KEY nguard_epochs_open (open_count, bumped_at),
	KEY nguard_epochs_idle (keep_until)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC;
