package scstest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/scsstore"
	"github.com/nguard-go/nguard/stores/servicetest"
	"github.com/nguard-go/nguard/stores/storetest"
)

// heedless is a backend that takes a context and does not look at it.
type heedless struct{ scs.Store }

func (h heedless) FindCtx(_ context.Context, key string) ([]byte, bool, error) {
	return h.Store.Find(key)
}
func (h heedless) DeleteCtx(_ context.Context, key string) error { return h.Store.Delete(key) }
func (h heedless) CommitCtx(_ context.Context, key string, b []byte, expiry time.Time) error {
	return h.Store.Commit(key, b, expiry)
}

// A write that its caller has left lands late. Until it has, nobody else writes what is the owner's: a late
// one would overwrite a newer one, or bring back what was ended. Other owners are not held up.
func TestLateWrite(t *testing.T) {
	for name, wrap := range map[string]func(scs.Store) scs.Store{
		"no context": func(s scs.Store) scs.Store { return s },
		"heedless":   func(s scs.Store) scs.Store { return heedless{s} },
	} {
		t.Run(name, func(t *testing.T) {
			_, h := hooks(t)
			s := scsstore.New(wrap(h))
			ada, eve := storetest.Login(t, s, "ada"), storetest.Login(t, s, "eve")
			reached, release := make(chan struct{}), make(chan struct{})
			var first atomic.Bool
			h.set(func(when, op, _ string) error {
				if when == "before" && op == "commit" && first.CompareAndSwap(false, true) {
					close(reached)
					<-release
				}
				return nil
			})
			left := make(chan error, 1)
			go func() {
				_, err := s.Replace(soon(t), ada.Found, storetest.Next(ada.Found), false)
				left <- err
			}()
			select {
			case <-reached:
			case err := <-left:
				t.Fatalf("it left before the write: %v", err)
			}
			is(t, <-left, []error{nguard.ErrUnavailable, nguard.ErrOutcomeUnknown})

			is(t, s.Delete(soon(t), "ada", ada.ID), []error{nguard.ErrUnavailable}, nguard.ErrOutcomeUnknown)
			if _, err := s.Replace(t.Context(), eve.Found, storetest.Next(eve.Found), false); err != nil {
				t.Fatalf("another owner: %v", err)
			}
			ended := make(chan error, 1)
			go func() { ended <- s.Delete(t.Context(), "ada", ada.ID) }()
			close(release)
			if err := <-ended; err != nil {
				t.Fatal(err)
			}
			_, err := s.Load(t.Context(), ada.Live)
			is(t, err, []error{nguard.ErrNoSession})
		})
	}
}

// Who is told that nothing has changed can rely on it: what hangs before its first write does not write when
// it goes on.
func TestLeftBeforeTheFirstWrite(t *testing.T) {
	s, h := hooks(t)
	c := storetest.Login(t, s, "ada")
	was := runtime.NumGoroutine()
	release := make(chan struct{})
	h.set(func(when, op, _ string) error {
		if when == "before" && op == "find" {
			<-release
		}
		return nil
	})
	_, err := s.Bump(soon(t), "ada", nguard.BumpRevoke)
	is(t, err, []error{nguard.ErrUnavailable, context.DeadlineExceeded}, nguard.ErrOutcomeUnknown)
	_, err = s.Create(soon(t), &nguard.Record{Owner: "bob", Expires: c.Expires}, nguard.Cap{})
	is(t, err, []error{nguard.ErrUnavailable}, nguard.ErrOutcomeUnknown)
	h.set(nil)
	close(release)
	servicetest.Goroutines(t, was)
	f, err := s.Load(t.Context(), c.Live)
	if err != nil || f.User != c.User {
		t.Fatalf("got the epoch %+v, %v, want %+v", f.User, err, c.User)
	}
	if list, err := s.List(t.Context(), "bob", "", 10); err != nil || len(list) != 0 {
		t.Fatalf("got %d sessions, %v", len(list), err)
	}
}

// A backend that answers nobody holds 256 goroutines at most, whoever asks how often; they end when it
// answers, and the store is there again.
func TestHangingHoldsFew(t *testing.T) {
	s, h := hooks(t)
	var list []nguard.Created
	for i := range 400 {
		list = append(list, storetest.Login(t, s, fmt.Sprint("user", i)))
	}
	was := runtime.NumGoroutine()
	release := make(chan struct{})
	h.set(func(string, string, string) error { <-release; return nil })
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		var wg sync.WaitGroup
		for i, c := range list {
			wg.Go(func() {
				var err error
				if i%2 == 0 {
					_, err = s.Load(ctx, c.Live)
				} else {
					_, err = s.Touch(ctx, c.Found, time.Now())
				}
				if !errors.Is(err, nguard.ErrUnavailable) {
					t.Errorf("got %v", err)
				}
			})
		}
		wg.Wait()
		cancel()
		servicetest.Goroutines(t, was+256)
	}
	h.set(nil)
	close(release)
	servicetest.Goroutines(t, was)
	for _, c := range list {
		if _, err := s.Load(t.Context(), c.Live); err != nil {
			t.Fatal(err)
		}
	}
}

// A backend that panics, as that of scs for Redis does when it is called without a context, is one that is
// not there; the process lives on.
func TestPanic(t *testing.T) {
	s, h := hooks(t)
	c := storetest.Login(t, s, "ada")
	h.set(func(_, op, _ string) error {
		if op == "commit" {
			panic("missing context arg")
		}
		return nil
	})
	_, err := s.Bump(t.Context(), "ada", nguard.BumpChange)
	is(t, err, []error{nguard.ErrUnavailable, nguard.ErrOutcomeUnknown})
	h.set(func(string, string, string) error { panic("missing context arg") })
	_, err = s.Load(t.Context(), c.Live)
	is(t, err, []error{nguard.ErrUnavailable}, nguard.ErrOutcomeUnknown)
	h.set(nil)
	if _, err := s.Touch(t.Context(), c.Found, time.Now()); err != nil {
		t.Fatal(err)
	}
}
