package servertest

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/servicetest"
	"github.com/nguard-go/nguard/stores/sqlstore"
	"github.com/nguard-go/nguard/stores/storetest"
)

// A server that is gone is reported at once, and nothing has changed. When it is back, so is the service, and
// everybody is still logged in.
func refuse(t *testing.T, s Server) {
	p, _, store, direct := s.through(t)
	c := storetest.Login(t, store, "ada")
	p.Refuse()
	start := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for method, err := range every(ctx, store, c) {
		if !errors.Is(err, nguard.ErrUnavailable) {
			t.Errorf("%s: got %v, want ErrUnavailable", method, err)
		}
	}
	if spent := time.Since(start); spent > 10*time.Second {
		t.Errorf("it took %v to say that the server is gone", spent)
	}
	unchanged(t, direct, c)
	p.Heal(t)
	back(t, store, c)
}

// A server that does not answer keeps a call until its context ends and no longer, and no connection and no
// goroutine for longer than that.
func hang(t *testing.T, s Server) {
	p, db, store, _ := s.through(t)
	c := storetest.Login(t, store, "ada")
	var wg sync.WaitGroup
	for range 10 { // some connections, with statements prepared
		wg.Go(func() { every(context.Background(), store, c) })
	}
	wg.Wait()
	before := runtime.NumGoroutine()
	p.Hang()
	for range 3 {
		for i := range 10 {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
				defer cancel()
				start := time.Now()
				_, err := store.Load(ctx, c.Live)
				if i%2 == 0 {
					_, err = store.Touch(ctx, c.Found, time.Now().Add(time.Minute))
				}
				if spent := time.Since(start); !errors.Is(err, nguard.ErrUnavailable) || spent > 5*time.Second {
					t.Errorf("got %v after %v", err, spent)
				}
			})
		}
		wg.Wait()
	}
	// One whose call was broken off is closed beside it, a moment later.
	servicetest.Until(t, "connections that nobody uses are given back", func() bool { return db.Stats().InUse == 0 })
	p.Heal(t)
	back(t, store, c)
	// The proxy has goroutines for each connection, and database/sql for each that it closes: wait for them.
	servicetest.Goroutines(t, before+10)
}

// A server that stops answering when a transaction is about to end keeps the call until its context ends and no
// longer: whether the commit has come through is not known, a rollback may as well be left to the server.
func hangAtEnd(t *testing.T, s Server) {
	refused := errors.New("refused")
	for i, want := range []error{nil, refused, nil, refused} {
		p, db, store, _ := s.through(t)
		c := storetest.Login(t, store, "ada")
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		done := make(chan error, 1)
		go func() {
			done <- store.Tx(ctx, func(ctx context.Context) error {
				_, err := store.Bump(ctx, "ada", nguard.BumpChange)
				p.Hang()
				return errors.Join(err, want)
			})
		}()
		if i < 2 { // the caller leaves; else its time runs out
			servicetest.Until(t, "the end is sent", p.Holds)
			cancel()
		}
		select {
		case err := <-done:
			if want != nil && !errors.Is(err, want) {
				t.Errorf("got %v, want what the function returned", err)
			}
			if want == nil && !(errors.Is(err, nguard.ErrUnavailable) && errors.Is(err, nguard.ErrOutcomeUnknown)) {
				t.Errorf("got %v from a commit that was not answered, want ErrOutcomeUnknown", err)
			}
		case <-time.After(10 * time.Second):
			t.Errorf("a transaction that ends with %v hangs on after its context", want)
		}
		p.Cut()
		p.Heal(t)
		back(t, store, c)
		servicetest.Until(t, "the connection is given back", func() bool { return db.Stats().InUse == 0 })
	}
}

// A slow server is slow, and that is all.
func slow(t *testing.T, s Server) {
	p, _, store, _ := s.through(t)
	c := storetest.Login(t, store, "ada")
	p.Slow(10 * time.Millisecond)
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			if _, err := store.Load(ctx, c.Live); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for method, err := range every(ctx, store, c) {
		if err != nil {
			t.Errorf("%s: %v", method, err)
		}
	}
	p.Heal(t)
}

// back checks that the service is there again, its first call within two seconds, and that nobody was logged out.
func back(t *testing.T, s *sqlstore.Store, c nguard.Created) {
	t.Helper()
	first, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if f, err := s.Load(first, c.Live); err != nil || f.ID != c.ID {
		t.Fatalf("got %v from a server that is back", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for range 25 { // more than there are connections in the pool
		f, err := s.Load(ctx, c.Live)
		if err != nil || f.ID != c.ID {
			t.Fatalf("got %v from a server that is back", err)
		}
	}
	if _, err := s.Touch(ctx, c.Found, time.Now()); err != nil {
		t.Fatalf("got %v from a server that is back", err)
	}
}
