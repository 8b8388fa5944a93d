-- One row for each record. record is the whole event as one line of JSON (audit.AppendJSON); the other
-- columns are what lists are filtered and purged by. A number is given out once, also after a purge.
CREATE TABLE nguard_audit (
	seq     BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	time    BIGINT NOT NULL, -- microseconds since 1970, UTC
	event   TEXT   NOT NULL,
	outcome TEXT   NOT NULL,
	actor   TEXT   NOT NULL,
	target  TEXT   NOT NULL,
	record  TEXT   NOT NULL
);
CREATE INDEX nguard_audit_time ON nguard_audit (time, seq);
CREATE INDEX nguard_audit_actor ON nguard_audit (actor, seq);
CREATE INDEX nguard_audit_target ON nguard_audit (target, seq);
CREATE INDEX nguard_audit_event ON nguard_audit (event, seq);
CREATE INDEX nguard_audit_outcome ON nguard_audit (outcome, seq);
