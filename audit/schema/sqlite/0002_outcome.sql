-- A list of one outcome, such as all failures, reads no others.
CREATE INDEX nguard_audit_outcome ON nguard_audit (outcome, seq);
