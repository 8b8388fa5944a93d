package servertest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/servicetest"
	"github.com/nguard-go/nguard/stores/sqlstore"
	"github.com/nguard-go/nguard/stores/storetest"
)

// A connection that refuses to write, as those to a server do that has become a replica, changes nothing and
// says so. It still reads.
func readOnly(t *testing.T, s Server) {
	ctx := context.Background()
	place := s.Open(t)
	direct := s.Migrated(t, place.Open(t))
	c := storetest.Login(t, direct, "ada")
	for _, setting := range s.ReadOnly {
		store := sqlstore.New(servicetest.OpenSQL(t, place.Driver, add(place.DSN(), setting)), s.Dialect)
		if err := store.Migrate(ctx); err != nil {
			t.Fatalf("%s: there was nothing to migrate: %v", setting, err)
		}
		writes := every(ctx, store, c)
		for _, read := range []string{"Load", "Find", "List", "Epoch"} {
			if err := writes[read]; err != nil {
				t.Errorf("%s, %s: %v", setting, read, err)
			}
			delete(writes, read)
		}
		unavailable(t, writes)
		unchanged(t, direct, c)
	}
}

// A write whose answer is lost says so, and is not done a second time.
func outcome(t *testing.T, s Server) {
	p, _, store, direct := s.through(t)
	c := storetest.Login(t, store, "ada")
	if f, err := store.Replace(t.Context(), c.Found, storetest.Next(c.Found), false); err != nil || f.Version != 2 {
		t.Fatal(err) // so that the statement is prepared
	}
	c = storetest.Login(t, store, "ada")
	p.Hang()
	done := make(chan error)
	go func() {
		_, err := store.Replace(context.Background(), c.Found, storetest.Next(c.Found), false)
		done <- err
	}()
	servicetest.Until(t, "the write is under way", p.Holds)
	p.Cut()
	p.Heal(t)
	if err := <-done; !errors.Is(err, nguard.ErrOutcomeUnknown) || !errors.Is(err, nguard.ErrUnavailable) {
		t.Fatalf("got %v, want ErrOutcomeUnknown", err)
	}
	unchanged(t, direct, c) // it has not reached the server, and nobody repeated it
	back(t, store, c)
}

// When an administrator, or a timeout of the server's, has ended the connections in the pool, a read does not
// show it, and neither does a write that was not sent.
func killed(t *testing.T, s Server) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	place := s.Open(t)
	db, beside := place.Open(t), place.Open(t)
	db.SetMaxOpenConns(1)
	store := s.Migrated(t, db)
	c := storetest.Login(t, store, "ada")
	for range 3 {
		for _, call := range []struct {
			name string
			run  func() error
		}{
			// Its statement is not prepared yet, so that it is not sent to a connection that has ended. It comes first, and
			// not after itself: on a connection that has a statement, pgx takes it for prepared without asking.
			{"Touch", func() error {
				_, err := sqlstore.New(db, s.Dialect).Touch(ctx, c.Found, time.Now())
				return err
			}},
			{"Load", func() error { _, err := store.Load(ctx, c.Live); return err }},
			{"Find", func() error { _, err := store.Find(ctx, c.Owner, c.ID); return err }},
			{"List", func() error { _, err := store.List(ctx, c.Owner, "", 10); return err }},
			{"Epoch", func() error { _, err := store.Epoch(ctx, c.Owner); return err }},
			{"Create", func() error { // nothing of it has begun
				_, err := store.Create(ctx, storetest.Stamped(c.Owner, c.Stamp), nguard.Cap{})
				return err
			}},
		} {
			var self int64
			if err := db.QueryRow(s.Self).Scan(&self); err != nil {
				t.Fatal(err)
			}
			if _, err := beside.Exec(fmt.Sprintf(s.Kill, self)); err != nil {
				t.Fatal(err)
			}
			// As long as it has not ended, it may take a statement and answer that it is ending, which is an unknown outcome.
			servicetest.Until(t, "the connection has ended", func() bool {
				var left int
				err := beside.QueryRow(fmt.Sprintf(s.Alive, self)).Scan(&left)
				return err == nil && left == 0
			})
			if err := call.run(); err != nil {
				t.Fatalf("%s: %v", call.name, err)
			}
		}
	}
}
