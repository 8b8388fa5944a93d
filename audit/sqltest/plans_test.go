package sqltest

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"modernc.org/sqlite"

	"github.com/nguard-go/nguard/audit"
	nguard "github.com/nguard-go/nguard/core"
)

// fill makes a table of 50 000 records (of SQLite, where only the plan counts, 5 000) with as many times, in which one actor, target, event and outcome are
// rare, and lets the database count them.
var fill = map[string][]string{
	"sqlite": {
		`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
			INSERT INTO nguard_audit (time, event, outcome, actor, target, record)
			SELECT i * 1000000, 'common', 'success', 'actor-' || i % 7, 'target-' || i % 5, '{"v":1}' FROM n`,
		`ANALYZE`,
	},
	"postgres": {
		`INSERT INTO nguard_audit (time, event, outcome, actor, target, record)
			SELECT i * 1000000::bigint, 'common', 'success', 'actor-' || i % 7, 'target-' || i % 5, '{"v":1}'
			FROM generate_series(1, 50000) AS i`,
		`ANALYZE nguard_audit`,
	},
	"mysql": {
		`INSERT INTO nguard_audit (time, event, outcome, actor, target, record)
			SELECT i * 1000000, 'common', 'success', concat('actor-', i % 7), concat('target-', i % 5), '{"v":1}'
			FROM (SELECT a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 10000 * f.d + 1 AS i FROM
				(SELECT 0 d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL
				 SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9) AS a,
				(SELECT 0 d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL
				 SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9) AS b,
				(SELECT 0 d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL
				 SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9) AS c,
				(SELECT 0 d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL
				 SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9) AS e,
				(SELECT 0 d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4) AS f) AS numbers`,
		`ANALYZE TABLE nguard_audit`,
	},
}

// TestNoFullScan counts the rows that each database reads for lists that find next to nothing: the work must not
// grow with the table. SQLite does not count, so there the plan must be a search in an index.
func TestNoFullScan(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		var spied spy
		db := d.open(t)
		if d.name == "sqlite" {
			spied.dsn = "file:" + filepath.Join(t.TempDir(), "plans.db")
			db = sql.OpenDB(&spied)
			defer db.Close()
		}
		s := d.sink(t, db)
		rare := nguard.Event{Time: time.UnixMicro(25_000_500_000), Name: "rare", Outcome: nguard.Failure, Actor: "rare", Target: "rare"}
		record(t, s, t.Context(), rare)
		for _, statement := range fill[d.name] {
			if _, err := db.ExecContext(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		check := func(name string, run func(ctx context.Context)) {
			tx, err := db.BeginTx(t.Context(), nil) // counters belong to a connection, and to a transaction
			if err != nil {
				t.Fatal(err)
			}
			defer tx.Rollback()
			before := rowsRead(t, d, tx)
			run(nguard.WithTx(t.Context(), db, tx))
			if n := rowsRead(t, d, tx) - before; n > 500 {
				t.Errorf("%s: %d rows read of 50 001", name, n)
			}
			if d.name == "sqlite" {
				if plan := spied.plan(t, tx); !strings.Contains(plan, "INDEX nguard_audit_") {
					t.Errorf("%s: %s", name, plan)
				}
			}
		}
		for name, f := range map[string]audit.Filter{
			"actor":         {Actor: "rare"},
			"target":        {Target: "rare"},
			"event":         {Event: "rare"},
			"outcome":       {Outcome: nguard.Failure},
			"nobody":        {Actor: "nobody"},
			"actor, page":   {Actor: "rare", Before: 40_000},
			"a short time":  {Since: time.UnixMicro(25_000_000_000), Until: time.UnixMicro(25_001_000_000)},
			"since lately":  {Since: time.UnixMicro(49_990_000_000)},
			"until early":   {Until: time.UnixMicro(10_000_000)},
			"actor in time": {Actor: "rare", Since: time.UnixMicro(25_000_000_000)},
		} {
			check(name, func(ctx context.Context) {
				if _, err := s.List(ctx, f); err != nil {
					t.Error(err)
				}
			})
		}
		check("purge", func(ctx context.Context) {
			if n, err := s.Purge(ctx, time.UnixMicro(20_000_000)); err != nil || n != 19 {
				t.Errorf("purged %d, %v", n, err)
			}
		})
		if d.name == "sqlite" {
			return // which reads by the number of a row here, and its plan calls that a scan
		}
		for name, f := range map[string]audit.Filter{"the newest": {}, "a page": {Before: 40_000}} {
			check(name, func(ctx context.Context) {
				if entries, err := s.List(ctx, f); err != nil || len(entries) != 50 {
					t.Errorf("%d entries, %v", len(entries), err)
				}
			})
		}
	})
}

// rowsRead is how many rows the connection has read so far, as the database counts them.
func rowsRead(t *testing.T, d database, tx *sql.Tx) (n int) {
	t.Helper()
	var query string
	switch d.name {
	case "postgres":
		query = `SELECT coalesce(sum(seq_tup_read + idx_tup_fetch), 0) FROM pg_stat_xact_user_tables WHERE relname = 'nguard_audit'`
	case "mysql":
		query = `SELECT CAST(sum(VARIABLE_VALUE) AS UNSIGNED) FROM information_schema.SESSION_STATUS
			WHERE VARIABLE_NAME IN ('HANDLER_READ_FIRST', 'HANDLER_READ_KEY', 'HANDLER_READ_LAST', 'HANDLER_READ_NEXT', 'HANDLER_READ_PREV',
				'HANDLER_READ_RND', 'HANDLER_READ_RND_NEXT')`
	default:
		return 0
	}
	if err := tx.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// spy is SQLite, and keeps the last query.
type spy struct {
	dsn   string
	query string
	args  []driver.NamedValue
}

type conn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ExecerContext
	driver.QueryerContext
}

type spiedConn struct {
	conn
	spy *spy
}

func (s *spy) Driver() driver.Driver { return &sqlite.Driver{} }

func (s *spy) Connect(context.Context) (driver.Conn, error) {
	c, err := s.Driver().Open(s.dsn)
	if err != nil {
		return nil, err
	}
	return spiedConn{c.(conn), s}, nil
}

func (c spiedConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	c.spy.query, c.spy.args = query, args
	return c.conn.QueryContext(ctx, query, args)
}

func (c spiedConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	c.spy.query, c.spy.args = query, args
	return c.conn.ExecContext(ctx, query, args)
}

func (s *spy) plan(t *testing.T, tx *sql.Tx) string {
	t.Helper()
	var args []any
	for _, a := range s.args {
		args = append(args, a.Value)
	}
	rows, err := tx.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+s.query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var plan []string
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		plan = append(plan, detail)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(plan, "; ")
}
