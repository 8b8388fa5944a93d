package sqlitetest

import (
	"context"
	"errors"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/servicetest"
	"github.com/nguard-go/nguard/stores/storetest"
)

// unavailable checks that an error says whether anything may have changed.
func unavailable(t *testing.T, err error, unknown bool) {
	t.Helper()
	if !errors.Is(err, nguard.ErrUnavailable) || errors.Is(err, nguard.ErrOutcomeUnknown) != unknown {
		t.Fatalf("got %v, want ErrUnavailable, outcome unknown: %v", err, unknown)
	}
}

// While another process holds the right to write, a write waits for it until its context ends.
func TestBusy(t *testing.T) {
	for _, settings := range []string{"", "?_pragma=journal_mode(WAL)"} {
		place := servicetest.SQLite(t, settings)
		s := server.Migrated(t, place.Open(t))
		c := storetest.Login(t, s, "ada")
		blocker, err := place.Open(t).Conn(context.Background())
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
	db, w := file(t).Listen(t)
	s := server.Migrated(t, db)
	lost := errors.New("connection reset by peer")
	for _, fault := range []error{lost, context.DeadlineExceeded} {
		c := storetest.Login(t, s, "ada")
		w.Fault(func(when string) error {
			if when == "exec" {
				return fault
			}
			return nil
		})
		unavailable(t, s.Delete(ctx, "ada", c.ID), true)
		w.Fault(nil)
		if _, err := s.Load(ctx, c.Live); !errors.Is(err, nguard.ErrNoSession) {
			t.Fatalf("the statement had its effect; got %v", err)
		}

		w.Fault(func(when string) error {
			if when == "committed" {
				return fault
			}
			return nil
		})
		_, err := s.Create(ctx, storetest.Record(t, s, "ada"), nguard.Cap{})
		unavailable(t, err, true)

		w.Fault(func(when string) error {
			if when == "exec" {
				return fault
			}
			return nil
		})
		_, err = s.Create(ctx, storetest.Record(t, s, "ada"), nguard.Cap{})
		unavailable(t, err, false) // rolled back
		w.Fault(nil)
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
	db, w := file(t).Listen(t)
	s := server.Migrated(t, db)
	refusals := 3
	w.Fault(func(when string) error {
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
