package sqltest

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/nguard-go/nguard/audit"
	"github.com/nguard-go/nguard/audit/audittest"
	nguard "github.com/nguard-go/nguard/core"
)

var clock = time.Date(2026, 2, 3, 4, 5, 6, 7000, time.UTC)

func open(t testing.TB) *sql.DB {
	t.Helper()
	dsn := "file:" + filepath.Join(t.TempDir(), "audit.db") +
		"?_pragma=busy_timeout(10000)&_pragma=journal_mode(wal)&_pragma=synchronous(normal)"
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func newSink(t testing.TB, db *sql.DB) *audit.SQL {
	t.Helper()
	s, err := audit.NewSQL(db, audit.SQLite)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

func event(n int) nguard.Event {
	return nguard.Event{
		ID: fmt.Sprint("id-", n), Time: clock.Add(time.Duration(n) * time.Second), Name: nguard.EventUserUpdated,
		Outcome: nguard.Success, Class: nguard.ClassChange, Actor: fmt.Sprint("user-", n%3), Target: fmt.Sprint("user-", n%5),
	}
}

func record(t testing.TB, s nguard.Sink, ctx context.Context, events ...nguard.Event) {
	t.Helper()
	for _, e := range events {
		if err := s.Record(ctx, e); err != nil {
			t.Fatal(err)
		}
	}
}

func list(t testing.TB, s *audit.SQL, f audit.Filter) []audit.Entry {
	t.Helper()
	entries, err := s.List(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

func ids(entries []audit.Entry) string {
	var out []string
	for _, e := range entries {
		out = append(out, strings.TrimPrefix(e.ID, "id-"))
	}
	return strings.Join(out, " ")
}

// harness is the suite's view of a SQL sink behind wrap.
func harness(wrap func(t *testing.T, s nguard.Sink) nguard.Sink) func(t *testing.T) audittest.Harness {
	return func(t *testing.T) audittest.Harness {
		db := open(t)
		s := newSink(t, db)
		rows := func() ([]string, error) {
			rows, err := db.QueryContext(t.Context(), `SELECT record, event || actor || target FROM nguard_audit`)
			if err != nil {
				return nil, err
			}
			defer rows.Close()
			var out []string
			for rows.Next() {
				var record, columns string
				if err := rows.Scan(&record, &columns); err != nil {
					return nil, err
				}
				out = append(out, record+" "+columns)
			}
			return out, rows.Err()
		}
		return audittest.Harness{
			Sink: wrap(t, s),
			Events: func() ([]nguard.Event, error) {
				entries, err := s.List(t.Context(), audit.Filter{Limit: 500})
				var events []nguard.Event
				for _, e := range entries {
					events = append(events, e.Event)
				}
				return events, err
			},
			Output: func() ([]byte, error) {
				records, err := rows()
				return []byte(strings.Join(records, "\n")), err
			},
			Stall: func() func() { // another connection holds the write lock
				tx, err := db.BeginTx(t.Context(), nil)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := tx.ExecContext(t.Context(), `DELETE FROM nguard_audit WHERE seq < 0`); err != nil {
					t.Fatal(err)
				}
				return func() {
					if err := tx.Rollback(); err != nil {
						t.Error(err)
					}
				}
			},
			Break: func() {
				if err := db.Close(); err != nil {
					t.Fatal(err)
				}
			},
		}
	}
}

func TestSuite(t *testing.T) {
	t.Run("SQL", func(t *testing.T) {
		audittest.Run(t, harness(func(_ *testing.T, s nguard.Sink) nguard.Sink { return s }))
	})
	t.Run("Fanout", func(t *testing.T) {
		audittest.Run(t, harness(func(t *testing.T, s nguard.Sink) nguard.Sink {
			f, err := audit.NewFanout(audit.FanoutOptions{Deadline: 20 * time.Second},
				audit.Durable(audit.NewRedact(s)), audit.BestEffort(&audit.Memory{}))
			if err != nil {
				t.Fatal(err)
			}
			return f
		}))
	})
	t.Run("Async", func(t *testing.T) {
		audittest.Run(t, harness(func(_ *testing.T, s nguard.Sink) nguard.Sink { return audit.NewAsync(s, audit.AsyncOptions{}) }))
	})
}

func TestNew(t *testing.T) {
	db := open(t)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := audit.NewSQL(db, audit.SQLite); err != nil {
		t.Errorf("New does I/O: %v", err)
	}
	if _, err := audit.NewSQL(nil, audit.SQLite); err == nil {
		t.Error("no error without a database")
	}
	if _, err := audit.NewSQL(db, "oracle"); err == nil || !strings.Contains(err.Error(), `"oracle"`) {
		t.Errorf("unknown dialect: %v", err)
	}
	files, err := audit.Schema(audit.SQLite)
	if err != nil {
		t.Fatal(err)
	}
	text, err := fs.ReadFile(files, "0001_audit.sql")
	if err != nil || !bytes.Contains(text, []byte("CREATE TABLE nguard_audit")) {
		t.Errorf("schema: %v", err)
	}
}

// TestMigrate: many processes may start at once, and again.
func TestMigrate(t *testing.T) {
	db := open(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			s, err := audit.NewSQL(db, audit.SQLite)
			if err == nil {
				err = s.Migrate(t.Context())
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	s := newSink(t, db)
	record(t, s, t.Context(), event(1))
	if err := s.Migrate(t.Context()); err != nil || ids(list(t, s, audit.Filter{})) != "1" {
		t.Errorf("again: %v", err)
	}
	without, err := audit.NewSQL(open(t), audit.SQLite)
	if err != nil {
		t.Fatal(err)
	}
	if err := without.Record(t.Context(), event(1)); !errors.Is(err, nguard.ErrUnavailable) {
		t.Errorf("without a table: %v", err)
	}
}

// TestTransaction is the sink's part of P2: the record is there exactly if the change is, through
// wrappers too, and alone with one connection.
func TestTransaction(t *testing.T) {
	db := open(t)
	db.SetMaxOpenConns(1) // whoever leaves the transaction waits for ever
	s := newSink(t, db)
	both, err := audit.NewFanout(audit.FanoutOptions{}, audit.Durable(s), audit.Durable(audit.NewRedact(s)))
	if err != nil {
		t.Fatal(err)
	}
	mixed, err := audit.NewFanout(audit.FanoutOptions{}, audit.Durable(s), audit.BestEffort(&audit.Memory{}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), `CREATE TABLE users (role TEXT)`); err != nil {
		t.Fatal(err)
	}
	for name, sink := range map[string]nguard.Sink{
		"SQL": s, "Redact": audit.NewRedact(s), "Fanout": both, "FanoutWithMemory": mixed,
		"Async": audit.NewAsync(s, audit.AsyncOptions{}),
	} {
		for _, commit := range []bool{false, true} {
			before := len(list(t, s, audit.Filter{Limit: 500}))
			tx, err := db.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			ctx := nguard.WithTx(t.Context(), db, tx)
			if _, err := tx.ExecContext(ctx, `INSERT INTO users VALUES ('admin')`); err != nil {
				t.Fatal(err)
			}
			record(t, sink, ctx, event(1), event(2))
			end := tx.Rollback
			if commit {
				end = tx.Commit
			}
			if err := end(); err != nil {
				t.Fatal(err)
			}
			want := 0
			if commit {
				want = 2
				if name == "Fanout" {
					want = 4
				}
			}
			if got := len(list(t, s, audit.Filter{Limit: 500})) - before; got != want {
				t.Errorf("%s, commit %v: %d records, want %d", name, commit, got, want)
			}
		}
	}
}

func TestDatabase(t *testing.T) {
	a, b := newSink(t, open(t)), newSink(t, open(t))
	fan := func(members ...audit.Member) *audit.Fanout {
		f, err := audit.NewFanout(audit.FanoutOptions{}, members...)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	for _, c := range []struct {
		name string
		sink nguard.Transactional
		want *sql.DB
	}{
		{"SQL", a, a.Database()},
		{"Redact", audit.NewRedact(audit.NewRedact(a)), a.Database()},
		{"Redact of memory", audit.NewRedact(&audit.Memory{}), nil},
		{"Fanout of one database", fan(audit.Durable(a), audit.BestEffort(audit.NewRedact(a))), a.Database()},
		{"Fanout of two databases", fan(audit.Durable(a), audit.Durable(b)), nil},
		{"Fanout with memory", fan(audit.Durable(a), audit.BestEffort(&audit.Memory{})), nil},
		{"Fanout with memory first", fan(audit.BestEffort(&audit.Memory{}), audit.Durable(a)), nil},
		{"Async", audit.NewAsync(a, audit.AsyncOptions{}), nil},
		{"Redact of Async", audit.NewRedact(audit.NewAsync(a, audit.AsyncOptions{})), nil},
	} {
		if got := c.sink.Database(); got != c.want {
			t.Errorf("%s: %p, want %p", c.name, got, c.want)
		}
	}
}

func TestList(t *testing.T) {
	s := newSink(t, open(t))
	for n := range 12 {
		e := event(n)
		if n%4 == 0 {
			e.Name, e.Outcome = nguard.EventAuthzFail, nguard.Denied
		}
		record(t, s, t.Context(), e)
	}
	for _, c := range []struct {
		filter audit.Filter
		want   string
	}{
		{audit.Filter{}, "11 10 9 8 7 6 5 4 3 2 1 0"},
		{audit.Filter{Actor: "user-1"}, "10 7 4 1"},
		{audit.Filter{Target: "user-0"}, "10 5 0"},
		{audit.Filter{Event: nguard.EventAuthzFail}, "8 4 0"},
		{audit.Filter{Outcome: nguard.Denied, Actor: "user-1"}, "4"},
		{audit.Filter{Since: clock.Add(3 * time.Second), Until: clock.Add(6 * time.Second)}, "5 4 3"},
		{audit.Filter{Limit: 2}, "11 10"},
		{audit.Filter{Actor: "' OR '1'='1"}, ""},
		{audit.Filter{Actor: "user-%"}, ""},
	} {
		if got := ids(list(t, s, c.filter)); got != c.want {
			t.Errorf("%+v: %s, want %s", c.filter, got, c.want)
		}
	}
	var pages []string
	f := audit.Filter{Limit: 5}
	for {
		page := list(t, s, f)
		pages = append(pages, ids(page))
		if len(page) < f.Limit {
			break
		}
		record(t, s, t.Context(), event(99)) // what comes in meanwhile moves no page
		f.Before = page[len(page)-1].Seq
	}
	if got := strings.Join(pages, "|"); got != "11 10 9 8 7|6 5 4 3 2|1 0" {
		t.Errorf("pages %s", got)
	}
}

// TestHostileText is checklist L6 and L1: values are bound, found again and safe to print.
func TestHostileText(t *testing.T) {
	s := newSink(t, open(t))
	for i, actor := range []string{`'); DROP TABLE nguard_audit; --`, "a\nb\x00\x1b[2J", "\xff\u202e", strings.Repeat("x", 5000), "O'Brien"} {
		e := event(i)
		e.Actor = actor
		record(t, s, t.Context(), e)
		if got := ids(list(t, s, audit.Filter{Actor: actor})); got != fmt.Sprint(i) {
			t.Errorf("%.20q: found %q", actor, got)
		}
	}
}

func TestPurge(t *testing.T) {
	s := newSink(t, open(t))
	tx, err := s.Database().BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 2500 {
		record(t, s, nguard.WithTx(t.Context(), s.Database(), tx), event(n))
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	n, err := s.Purge(t.Context(), clock.Add(2498*time.Second))
	if err != nil || n != 2498 {
		t.Fatalf("purged %d, %v", n, err)
	}
	left := list(t, s, audit.Filter{})
	if ids(left) != "2499 2498" {
		t.Fatalf("left %s", ids(left))
	}
	if n, err := s.Purge(t.Context(), clock.Add(time.Hour)); err != nil || n != 2 {
		t.Errorf("purged %d, %v", n, err)
	}
	record(t, s, t.Context(), event(1))
	if again := list(t, s, audit.Filter{}); again[0].Seq <= left[0].Seq {
		t.Errorf("a number was given out twice: %d", again[0].Seq)
	}
}

// TestReadOnly is checklist M6 for a database: permission lost.
func TestReadOnly(t *testing.T) {
	db := open(t)
	db.SetMaxOpenConns(1)
	s := newSink(t, db)
	if _, err := db.ExecContext(t.Context(), `PRAGMA query_only = 1`); err != nil {
		t.Fatal(err)
	}
	err := s.Record(t.Context(), event(1))
	if !errors.Is(err, nguard.ErrUnavailable) || errors.Is(err, nguard.ErrOutcomeUnknown) {
		t.Errorf("record: %v", err)
	}
}
