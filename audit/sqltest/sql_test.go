package sqltest

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/nguard-go/nguard/audit"
	"github.com/nguard-go/nguard/audit/audittest"
	nguard "github.com/nguard-go/nguard/core"
)

var clock = time.Date(2026, 2, 3, 4, 5, 6, 7000, time.UTC)

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
func harness(d database, wrap func(t *testing.T, s nguard.Sink) nguard.Sink) func(t *testing.T) audittest.Harness {
	return func(t *testing.T) audittest.Harness {
		open := d.fresh(t)
		db, other := open(t), open(t)
		s := d.sink(t, db)
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
			Output: func() ([]byte, error) { return stored(t, other) },
			Stall:  func() func() { return d.stall(t, other) },
			Break: func() {
				if err := db.Close(); err != nil {
					t.Fatal(err)
				}
			},
		}
	}
}

// stored is every text of the table, one row on each line.
func stored(t *testing.T, db *sql.DB) ([]byte, error) {
	rows, err := db.QueryContext(t.Context(), `SELECT record, event, actor, target FROM nguard_audit`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var record, event, actor, target string
		if err := rows.Scan(&record, &event, &actor, &target); err != nil {
			return nil, err
		}
		out = append(out, record+" "+event+actor+target)
	}
	return []byte(strings.Join(out, "\n")), rows.Err()
}

func TestSuite(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		audittest.Run(t, harness(d, func(_ *testing.T, s nguard.Sink) nguard.Sink { return s }))
	})
	t.Run("Fanout", func(t *testing.T) {
		audittest.Run(t, harness(databases[0], func(t *testing.T, s nguard.Sink) nguard.Sink {
			f, err := audit.NewFanout(audit.FanoutOptions{Deadline: 20 * time.Second},
				audit.Durable(audit.NewRedact(s)), audit.BestEffort(&audit.Memory{}))
			if err != nil {
				t.Fatal(err)
			}
			return f
		}))
	})
	t.Run("Async", func(t *testing.T) {
		audittest.Run(t, harness(databases[0], func(_ *testing.T, s nguard.Sink) nguard.Sink {
			return audit.NewAsync(s, audit.AsyncOptions{})
		}))
	})
}

func TestNew(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		db := d.open(t)
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := audit.NewSQL(db, d.dialect); err != nil {
			t.Errorf("New does I/O: %v", err)
		}
		if _, err := audit.NewSQL(nil, d.dialect); err == nil {
			t.Error("no error without a database")
		}
		for _, none := range []*audit.Dialect{nil, {}} {
			if _, err := audit.NewSQL(db, none); err == nil || !strings.Contains(err.Error(), "audit.Postgres") {
				t.Errorf("no dialect: %v", err)
			}
		}
		text, err := fs.ReadFile(d.dialect.Schema(), "0001_audit.sql")
		if err != nil || !bytes.Contains(text, []byte("CREATE TABLE")) {
			t.Errorf("schema: %v", err)
		}
	})
}

// TestTransaction is the sink's part of P2: the record is there exactly if the change is, through
// wrappers too, and alone with one connection.
func TestTransaction(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		db := d.open(t)
		db.SetMaxOpenConns(1) // whoever leaves the transaction waits for ever
		s := d.sink(t, db)
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
	})
}

func TestDatabase(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		a, b := d.sink(t, d.open(t)), d.sink(t, d.open(t))
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
	})
}

func TestList(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		s := d.sink(t, d.open(t))
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
			{audit.Filter{Actor: "User-1"}, ""},
			{audit.Filter{Actor: "user-1 "}, ""},
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
	})
}

// TestHostileText is checklist L6 and L1: values are bound, found again and safe to print.
func TestHostileText(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		s := d.sink(t, d.open(t))
		for i, actor := range []string{`'); DROP TABLE nguard_audit; --`, "a\nb\x00\x1b[2J", "\xff\u202e", strings.Repeat("x", 5000), "O'Brien",
			strings.Repeat("x", 1000) + "y", strings.Repeat("x", 1000) + "z", strings.Repeat("\x01", 1024), strings.Repeat("é", 400)} {
			e := event(i)
			e.Actor = actor
			record(t, s, t.Context(), e)
			if got := ids(list(t, s, audit.Filter{Actor: actor})); got != fmt.Sprint(i) {
				t.Errorf("%.20q: found %q", actor, got)
			}
		}
	})
}

func TestPurge(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		s := d.sink(t, d.open(t))
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
	})
}

// TestReadOnly is checklist M6 for a database: permission lost.
func TestReadOnly(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		db := d.open(t)
		db.SetMaxOpenConns(1)
		s := d.sink(t, db)
		if _, err := db.ExecContext(t.Context(), d.readOnly); err != nil {
			t.Fatal(err)
		}
		err := s.Record(t.Context(), event(1))
		if !errors.Is(err, nguard.ErrUnavailable) || errors.Is(err, nguard.ErrOutcomeUnknown) {
			t.Errorf("record: %v", err)
		}
	})
}
