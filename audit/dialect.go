package audit

import (
	"embed"
	"io/fs"
)

// Dialect names the kind of database that a [SQL] sink speaks to.
type Dialect string

// SQLite is SQLite 3. Give its connections a busy timeout, shorter than the deadlines of requests, and
// a journal in WAL mode, so that readers do not wait for writers; both belong into the driver's DSN.
const SQLite Dialect = "sqlite"

//go:embed schema
var schemaFiles embed.FS

// Schema returns the versioned schema files of d, NNNN_name.sql, for programs that run migrations with
// a tool of their own instead of [SQL.Migrate].
func Schema(d Dialect) (fs.FS, error) { return fs.Sub(schemaFiles, "schema/"+string(d)) }

// statements are what differs between dialects, in one place.
type statements struct {
	createVersions string
	claimVersion   string // version, name; no row affected: already there
	insert         string // time, event, outcome, actor, target, record
	columns        string // of a list; conditions with ? follow, then order
	order          string // limit
	purge          string // time, limit
}

var dialects = map[Dialect]statements{
	SQLite: {
		createVersions: `CREATE TABLE IF NOT EXISTS nguard_audit_schema (version INTEGER PRIMARY KEY, name TEXT NOT NULL)`,
		claimVersion:   `INSERT INTO nguard_audit_schema (version, name) VALUES (?, ?) ON CONFLICT DO NOTHING`,
		insert:         `INSERT INTO nguard_audit (time, event, outcome, actor, target, record) VALUES (?, ?, ?, ?, ?, ?)`,
		columns:        `SELECT seq, record FROM nguard_audit`,
		order:          ` ORDER BY seq DESC LIMIT ?`,
		purge:          `DELETE FROM nguard_audit WHERE seq IN (SELECT seq FROM nguard_audit WHERE time < ? ORDER BY time LIMIT ?)`,
	},
}
