package sqlitetest

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/sqlstore"
	"github.com/nguard-go/nguard/stores/storetest"
)

// unavailable checks that an error says whether anything may have changed.
func unavailable(t *testing.T, err error, unknown bool) {
	t.Helper()
	if !errors.Is(err, nguard.ErrUnavailable) || errors.Is(err, nguard.ErrOutcomeUnknown) != unknown {
		t.Fatalf("got %v, want ErrUnavailable, outcome unknown: %v", err, unknown)
	}
}

// every calls each method of s that does I/O.
func every(s *sqlstore.Store, c nguard.Created, r *nguard.Record) map[string]error {
	ctx, now := context.Background(), time.Now()
	errs := map[string]error{}
	_, errs["Create"] = s.Create(ctx, r, nguard.Cap{Max: 5, Now: now})
	_, errs["Load"] = s.Load(ctx, c.Live)
	_, errs["Replace"] = s.Replace(ctx, c.Found, storetest.Next(c.Found), true)
	_, errs["Touch"] = s.Touch(ctx, c.Found, now.Add(time.Hour))
	errs["Delete"] = s.Delete(ctx, c.Owner, c.ID)
	_, errs["Find"] = s.Find(ctx, c.Owner, c.ID)
	_, errs["List"] = s.List(ctx, c.Owner, "", 10)
	_, errs["Epoch"] = s.Epoch(ctx, c.Owner)
	_, errs["Bump"] = s.Bump(ctx, c.Owner, nguard.BumpRevoke)
	_, errs["Sweep"] = s.Sweep(ctx, now, 10)
	errs["Tx"] = s.Tx(ctx, func(context.Context) error { return nil })
	errs["Migrate"] = s.Migrate(ctx)
	return errs
}

func TestClosed(t *testing.T) {
	path := file(t)
	other := migrated(t, handle(t, path, advised))
	db, err := sql.Open("sqlite", "file:"+path+advised)
	if err != nil {
		t.Fatal(err)
	}
	s := migrated(t, db)
	c := storetest.Login(t, s, "ada")
	r := storetest.Record(t, s, "ada")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*sqlstore.Store{s, sqlstore.New(db, sqlstore.SQLite)} {
		for method, err := range every(s, c, r) {
			t.Run(method, func(t *testing.T) { unavailable(t, err, false) })
		}
	}
	if f, err := other.Load(context.Background(), c.Live); err != nil || f.Version != 1 {
		t.Fatalf("got version %d, %v", f.Version, err)
	}
}

func TestNotMigrated(t *testing.T) {
	path := file(t)
	c := storetest.Login(t, migrated(t, handle(t, file(t), advised)), "ada")
	s := sqlstore.New(handle(t, path, advised), sqlstore.SQLite)
	for method, err := range every(s, c, c.Record) {
		if method != "Migrate" {
			t.Run(method, func(t *testing.T) { unavailable(t, err, false) })
		}
	}
}

// While another process holds the right to write, a write waits for it until its context ends.
func TestBusy(t *testing.T) {
	for _, settings := range []string{"", "?_pragma=journal_mode(WAL)"} {
		path := file(t)
		s := migrated(t, handle(t, path, settings))
		c := storetest.Login(t, s, "ada")
		blocker, err := handle(t, path, settings+"").Conn(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		defer blocker.Close()
		if _, err := blocker.ExecContext(context.Background(), `BEGIN IMMEDIATE`); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		// Where the time ends within a statement, the store cannot know, and says so; between two it does.
		if err := s.Delete(ctx, "ada", c.ID); !errors.Is(err, nguard.ErrUnavailable) {
			t.Fatalf("got %v, want ErrUnavailable", err)
		}

		done := make(chan error)
		go func() { done <- s.Delete(context.Background(), "ada", c.ID) }()
		if _, err := blocker.ExecContext(context.Background(), `ROLLBACK`); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
}

// A write whose answer is lost says so, and one that surely had no effect says that.
func TestOutcome(t *testing.T) {
	ctx := context.Background()
	db, w := wrap(t, file(t), advised)
	s := migrated(t, db)
	lost := errors.New("connection reset by peer")
	for _, fault := range []error{lost, context.DeadlineExceeded} {
		c := storetest.Login(t, s, "ada")
		w.set(func(when, _ string) error {
			if when == "exec" {
				return fault
			}
			return nil
		})
		unavailable(t, s.Delete(ctx, "ada", c.ID), true)
		w.set(nil)
		if _, err := s.Load(ctx, c.Live); !errors.Is(err, nguard.ErrNoSession) {
			t.Fatalf("the statement had its effect; got %v", err)
		}

		w.set(func(when, _ string) error {
			if when == "committed" {
				return fault
			}
			return nil
		})
		_, err := s.Create(ctx, storetest.Record(t, s, "ada"), nguard.Cap{})
		unavailable(t, err, true)

		w.set(func(when, _ string) error {
			if when == "exec" {
				return fault
			}
			return nil
		})
		_, err = s.Create(ctx, storetest.Record(t, s, "ada"), nguard.Cap{})
		unavailable(t, err, false) // rolled back
		w.set(nil)
	}
	if list, err := s.List(ctx, "ada", "", 10); err != nil || len(list) != 2 {
		t.Fatalf("got %d sessions, %v", len(list), err)
	}
}

type busy struct{}

func (busy) Error() string { return "locked" }
func (busy) Code() int     { return 517 } // SQLITE_BUSY_SNAPSHOT

// A commit that the database refuses for now is made again, with all that led to it.
func TestCommitBusy(t *testing.T) {
	ctx := context.Background()
	db, w := wrap(t, file(t), advised)
	s := migrated(t, db)
	refusals := 3
	w.set(func(when, _ string) error {
		if when == "commit" && refusals > 0 {
			refusals--
			return busy{}
		}
		return nil
	})
	runs := 0
	var c nguard.Created
	err := s.Tx(ctx, func(ctx context.Context) (err error) {
		runs++
		c, err = s.Create(ctx, storetest.Record(t, s, "ada"), nguard.Cap{})
		return err
	})
	if err != nil || runs != 4 {
		t.Fatalf("%d runs, %v", runs, err)
	}
	if _, err := s.Load(ctx, c.Live); err != nil {
		t.Fatal(err)
	}
	if list, err := s.List(ctx, "ada", "", 10); err != nil || len(list) != 1 {
		t.Fatalf("got %d sessions, %v", len(list), err)
	}
}
