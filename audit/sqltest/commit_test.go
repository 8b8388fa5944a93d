package sqltest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nguard-go/nguard/audit"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/servicetest"
)

// TestCommitLost: whether a table was made is not known when the commit was sent and is not answered. Whoever left
// before that has changed nothing. Neither waits for a server that has vanished.
func TestCommitLost(t *testing.T) {
	for i, open := range []func(testing.TB) servicetest.Database{servicetest.Postgres, servicetest.MySQL} {
		d := databases[i+1]
		t.Run(d.name, func(t *testing.T) {
			place := open(t)
			p := servicetest.NewProxy(t, place.Addr)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			db, w := place.Through(p).Listen(t)
			w.Fault(func(when string) error {
				if when == "commit" {
					p.Hang()
				}
				return nil
			})
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
