-- One row for each record. record is the whole event as one line of JSON (audit.AppendJSON); the other
-- columns are what lists are filtered and purged by. They are bytes, since a collation would take two names
-- for one. A number is given out once, also after a purge. One statement that may run again: each commits by
-- itself, and a process may end before it has noted that it did.
CREATE TABLE IF NOT EXISTS nguard_audit (
	seq     BIGINT         NOT NULL AUTO_INCREMENT PRIMARY KEY,
	time    BIGINT         NOT NULL, -- microseconds since 1970, UTC
	event   VARBINARY(512) NOT NULL,
	outcome VARBINARY(512) NOT NULL,
	actor   VARBINARY(512) NOT NULL,
	target  VARBINARY(512) NOT NULL,
	record  MEDIUMTEXT     NOT NULL,
	INDEX nguard_audit_time (time, seq),
	INDEX nguard_audit_actor (actor, seq),
	INDEX nguard_audit_target (target, seq),
	INDEX nguard_audit_event (event, seq),
	INDEX nguard_audit_outcome (outcome, seq)
) ENGINE = InnoDB DEFAULT CHARACTER SET = utf8mb4 COLLATE = utf8mb4_bin ROW_FORMAT = DYNAMIC;
