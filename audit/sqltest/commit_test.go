package sqltest

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"testing"
	"time"

	"github.com/nguard-go/nguard/audit"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/servicetest"
)

// committer is a driver that does something before each commit.
type committer struct {
	driver.Connector
	before func()
}

func (c committer) Connect(ctx context.Context) (driver.Conn, error) {
	plain, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return committing{plain.(conn), c.before}, nil
}

type committing struct {
	conn
	before func()
}

func (c committing) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	tx, err := c.conn.BeginTx(ctx, o)
	return commit{tx, c.before}, err
}

type commit struct {
	driver.Tx
	before func()
}

func (c commit) Commit() error {
	c.before()
	return c.Tx.Commit()
}

// TestCommitLost: whether a table was made is not known when the commit was sent and is not answered. Whoever left
// before that has changed nothing. Neither waits for a server that has vanished.
func TestCommitLost(t *testing.T) {
	for i, open := range []func(testing.TB) servicetest.Database{servicetest.Postgres, servicetest.MySQL} {
		d := databases[i+1]
		t.Run(d.name, func(t *testing.T) {
			place := open(t)
			p := servicetest.NewProxy(t, place.Addr)
			plain, err := place.Open(t).Driver().(driver.DriverContext).OpenConnector(place.Via(p.Addr))
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			db := sql.OpenDB(committer{plain, p.Hang})
			t.Cleanup(func() { _ = db.Close() }) // connections that were cut do not close well
			s, err := audit.NewSQL(db, d.dialect)
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan error, 1)
			go func() { done <- s.Migrate(ctx) }()
			servicetest.Until(t, "the commit is sent", p.Holds)
			cancel()
			select {
			case err := <-done:
				if !errors.Is(err, nguard.ErrUnavailable) || !errors.Is(err, nguard.ErrOutcomeUnknown) {
					t.Errorf("no answer to the commit: %v", err)
				}
			case <-time.After(10 * time.Second):
				t.Error("Migrate goes on after its context")
			}
			if err := s.Migrate(ctx); !errors.Is(err, nguard.ErrUnavailable) || errors.Is(err, nguard.ErrOutcomeUnknown) {
				t.Errorf("nothing was begun: %v", err)
			}
			p.Cut()
			p.Heal(t)
			record(t, d.sink(t, place.Open(t)), t.Context(), event(1))
		})
	}
}
