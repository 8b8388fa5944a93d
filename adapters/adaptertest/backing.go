package adaptertest

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/nguard-go/nguard/audit"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
	"github.com/nguard-go/nguard/stores/memstore"
	"github.com/nguard-go/nguard/stores/sqlstore"
)

// Memory keeps sessions, people and records in memory.
func Memory(t testing.TB) Backing {
	t.Helper()
	store, users, sink := memstore.New(), guardtest.NewUsers(People()...), audit.NewMemory(100_000)
	return Backing{
		Name: "memory", Store: store, Users: users, Put: users.Put, Remove: users.Remove, Sink: sink, Read: sink.Events,
		Dump: func(t testing.TB, owners ...string) [][]byte {
			t.Helper()
			return append(rowsOf(t, store, owners), recordsOf(t, sink.Events())...)
		},
	}
}

// SQL keeps sessions, people and records in one SQLite database, so that a change of all is one
// transaction. The driver is the caller's: open opens the database, which is empty at first, and once more
// for each process that shares it. Databases are closed by who opens them.
func SQL(t testing.TB, open func(t testing.TB) *sql.DB) Backing { return onDatabase(t, sqlite, open) }

// Postgres is [SQL] in PostgreSQL.
func Postgres(t testing.TB, open func(t testing.TB) *sql.DB) Backing {
	return onDatabase(t, postgres, open)
}

// MySQL is [SQL] in MySQL or MariaDB.
func MySQL(t testing.TB, open func(t testing.TB) *sql.DB) Backing { return onDatabase(t, mysql, open) }

// kind is what differs between databases.
type kind struct {
	name     string
	sessions *sqlstore.Dialect
	records  *audit.Dialect
	// key and text are the types of columns that are compared byte by byte, trailing spaces included. numbered says
	// that placeholders are $1 and so on, and locks that a SELECT can lock rows.
	key, text       string
	numbered, locks bool
}

var (
	sqlite   = kind{name: "sqlite", sessions: sqlstore.SQLite, records: audit.SQLite, key: "TEXT", text: "TEXT"}
	postgres = kind{name: "postgres", sessions: sqlstore.Postgres, records: audit.Postgres, key: "TEXT", text: "TEXT", numbered: true, locks: true}
	mysql    = kind{name: "mysql", sessions: sqlstore.MySQL, records: audit.MySQL, key: "VARBINARY(255)", text: "BLOB", locks: true}
)

func onDatabase(t testing.TB, d kind, open func(t testing.TB) *sql.DB) Backing {
	t.Helper()
	ctx, db := context.Background(), open(t)
	store := sqlstore.New(db, d.sessions)
	if err := store.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	sink, err := audit.NewSQL(db, d.records)
	if err != nil {
		t.Fatal(err)
	}
	if err := sink.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	users := &sqlUsers{db: db, kind: d}
	if err := users.migrate(ctx); err != nil {
		t.Fatal(err)
	}
	read := func() []nguard.Event {
		entries, err := sink.List(ctx, audit.Filter{Limit: 1000})
		if err != nil {
			t.Error(err)
		}
		events := make([]nguard.Event, len(entries))
		for i, e := range entries {
			events[len(entries)-1-i] = e.Event
		}
		return events
	}
	b := Backing{
		Name: d.name, Store: store, Users: users, Sink: sink, Read: read, DB: db,
		Put: func(u nguard.User) {
			if err := users.put(ctx, u); err != nil {
				t.Error(err)
			}
		},
		Remove: func(id string) {
			if err := users.remove(ctx, id); err != nil {
				t.Error(err)
			}
		},
		Again: func(t testing.TB) Backing { return onDatabase(t, d, open) },
	}
	if d.name == sqlite.name {
		b.Dump = func(t testing.TB, _ ...string) [][]byte { t.Helper(); return append(cellsOf(t, db), filesOf(t, db)...) }
	}
	return b
}

// Split keeps sessions in a SQLite database, as [SQL] does, and people and records in memory: a change of
// a user is then marked while it runs. What is in memory, all processes reach.
func Split(t testing.TB, open func(t testing.TB) *sql.DB) Backing {
	t.Helper()
	return elsewhere(SQL(t, open), Memory(t))
}

// Elsewhere keeps sessions in any store, and people and records in memory: a change of a user is then marked
// while it runs. The store is empty. again opens another on the same data, as another process would; it is
// nil when the handle is the data, or when the store is for one process. dump returns every value that is
// stored; it is nil when there is no looking into it. Promises that the store lacks are waived. Where cookies hold
// the session, set Sealed of what comes back: cases about what they lack are skipped.
func Elsewhere(t testing.TB, name string, store nguard.Store, again func(t testing.TB) nguard.Store, dump func(t testing.TB) [][]byte) Backing {
	t.Helper()
	b := Memory(t)
	b.Name, b.Store, b.Dump = name+", users elsewhere", store, nil
	if dump != nil {
		read := b.Read
		b.Dump = func(t testing.TB, _ ...string) [][]byte {
			t.Helper()
			return append(dump(t), recordsOf(t, read())...)
		}
	}
	if again != nil {
		first := b
		b.Again = func(t testing.TB) Backing {
			t.Helper()
			next := first
			next.Store = again(t)
			next.Again = b.Again
			return next
		}
	}
	return b
}

// waived are the promises that a store lacks, for Config.Waive.
func waived(s nguard.Store) []nguard.Promise {
	if p, ok := nguard.Ability[nguard.Partial](s); ok {
		return p.Lacks()
	}
	return nil
}

// elsewhere takes the sessions of one Backing, and the people and records of another.
func elsewhere(b, m Backing) Backing {
	again, dump := b.Again, b.Dump
	b.Name, b.Users, b.Put, b.Remove, b.Sink, b.Read = b.Name+", users elsewhere", m.Users, m.Put, m.Remove, m.Sink, m.Read
	b.Again = func(t testing.TB) Backing { return elsewhere(again(t), m) }
	b.Dump = func(t testing.TB, owners ...string) [][]byte {
		t.Helper()
		return append(dump(t, owners...), recordsOf(t, m.Read())...)
	}
	return b
}

// rowsOf is what a memory store holds of some people's sessions.
func rowsOf(t testing.TB, store *memstore.Store, owners []string) (values [][]byte) {
	t.Helper()
	for _, owner := range owners {
		list, _, err := store.Backend().(nguard.RowLister).Rows(context.Background(), owner, "", 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range list {
			values = append(values, []byte(r.ID), r.Cur, r.Prev, r.Salt, r.Encode(), []byte(fmt.Sprintf("%+v", *r.Record)))
		}
	}
	return values
}

// recordsOf is what a sink holds.
func recordsOf(t testing.TB, events []nguard.Event) (values [][]byte) {
	t.Helper()
	for _, e := range events {
		raw, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		values = append(values, raw, []byte(e.Session), []byte(e.ID), []byte(e.RequestID))
	}
	return values
}
