package nguard_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/memstore"
)

// sweptStore tells of each sweep that begins, and does not begin before it is let.
type sweptStore struct {
	*memstore.Store
	begun, let chan struct{}
}

func (s *sweptStore) Sweep(ctx context.Context, now time.Time, n int) (int, error) {
	s.begun <- struct{}{}
	<-s.let
	return s.Store.Sweep(ctx, now, n)
}

// TestSweepWaits: of a process one sweep works at a time, so that what one has in its hands does not count as alive
// for the other. A sweep that is asked for waits, as long as its context does.
func TestSweepWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sweptStore{memstore.New(), make(chan struct{}, 10), make(chan struct{})}
		g, err := nguard.New(nguard.Config{Store: s, Timeout: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := g.Login(job, "ada", nguard.LoginOptions{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * 24 * time.Hour)
		r, err := g.Begin(&page{ctx: context.Background(), header: http.Header{}}) // anybody's request begins one
		if err != nil {
			t.Fatal(err)
		}
		r.End()
		<-s.begun

		short, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if _, err := g.Sweep(short); !errors.Is(err, nguard.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a sweep that waits too long: %v", err)
		}
		done := make(chan error)
		go func() {
			_, err := g.Sweep(context.Background())
			done <- err
		}()
		go func() { done <- g.Shutdown(context.Background()) }()
		synctest.Wait()
		if n := len(s.begun); n != 0 {
			t.Errorf("%d sweeps began beside the first", n)
		}
		close(s.let)
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if n, err := g.Sweep(context.Background()); err != nil || n != 0 {
			t.Errorf("after the end: swept %d, %v", n, err)
		}
	})
}
