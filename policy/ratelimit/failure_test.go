package ratelimit

import (
	"context"
	"errors"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// shared is a limiter over a store that can be switched off.
func shared(t *testing.T) (*UluleLimiter, *fakeStore) {
	t.Helper()
	s := &fakeStore{err: errDown}
	u, err := FromUlule(s, PerAccount("a", 5, time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	return u, s
}

func TestI12_BackendDownIsClosedUnlessConfigured(t *testing.T) {
	u, store := shared(t)
	ctx, alice := context.Background(), nguard.Caller{Account: "alice"}
	if q, err := u.Take(ctx, alice, 1); q.Allowed || !errors.Is(err, nguard.ErrUnavailable) {
		t.Errorf("closed: %+v, %v", q, err)
	}

	var reported []error
	report := func(_ context.Context, err error) { reported = append(reported, err) }
	open := FailOpen(u, report)
	if q, err := open.Take(ctx, alice, 1); !q.Allowed || err != nil {
		t.Errorf("open: %+v, %v", q, err)
	}
	if len(reported) != 1 || !errors.Is(reported[0], errDown) {
		t.Errorf("reported %v", reported)
	}

	local, _ := limiterAt(t, PerAccount("a", 5, time.Minute))
	both := Fallback(u, local, report)
	if got := allowed(t, both, alice, 20); got != 5 {
		t.Errorf("fallback: %d passed, want 5", got)
	}
	if len(reported) != 21 {
		t.Errorf("%d failures were reported, want 21", len(reported))
	}
	store.err = nil
	store.answer.Limit, store.answer.Remaining = 5, 4
	if q, err := both.Take(ctx, alice, 1); err != nil || !q.Allowed || q.Remaining != 4 {
		t.Errorf("with its store back the shared limiter answers: %+v, %v", q, err)
	}
}

func TestWrappersStayClosedForTheCaller(t *testing.T) {
	u, _ := shared(t)
	local, _ := limiterAt(t, PerAccount("a", 5, time.Minute))
	for name, l := range map[string]nguard.Limiter{"open": FailOpen(u), "fallback": Fallback(u, local)} {
		if q, err := l.Take(context.Background(), nguard.Caller{}, 1); q.Allowed || !errors.Is(err, ErrMissing) {
			t.Errorf("%s, no account: %+v, %v", name, q, err)
		}
		if q, err := l.Take(context.Background(), nguard.Caller{Account: "a"}, -1); q.Allowed || !errors.Is(err, ErrUnits) {
			t.Errorf("%s, -1 units: %+v, %v", name, q, err)
		}
		gone, cancel := context.WithCancel(context.Background())
		cancel()
		if q, err := l.Take(gone, nguard.Caller{Account: "a"}, 1); q.Allowed || err == nil {
			t.Errorf("%s, the caller has left: %+v, %v", name, q, err)
		}
	}
	for name, l := range map[string]nguard.Limiter{"open": FailOpen(nil), "fallback": Fallback(nil, local)} {
		if q, err := l.Take(context.Background(), nguard.Caller{Account: "a"}, 1); q.Allowed || err == nil {
			t.Errorf("%s around nothing: %+v, %v", name, q, err)
		}
	}
	if q, err := Fallback(u, nil).Take(context.Background(), nguard.Caller{Account: "a"}, 1); q.Allowed || err == nil {
		t.Errorf("no local limiter: %+v, %v", q, err)
	}
}

func TestWrappersResetAndUnwrap(t *testing.T) {
	first, _ := limiterAt(t, PerAccount("a", 1, time.Minute))
	second, _ := limiterAt(t, PerAccount("a", 1, time.Minute))
	ctx, alice := context.Background(), nguard.Caller{Account: "alice"}
	for _, l := range []nguard.Limiter{FailOpen(first), Fallback(first, second), FailOpen(nguard.Unlimited)} {
		take(t, first, alice, 1)
		take(t, second, alice, 1)
		if err := l.(nguard.Resetter).Reset(ctx, alice); err != nil {
			t.Error(err)
		}
		if l.(interface{ Unwrap() nguard.Limiter }).Unwrap() == nil {
			t.Error("Unwrap gives nothing")
		}
		if l.(interface{ Unwrap() nguard.Limiter }).Unwrap() == first && !take(t, first, alice, 0).Allowed {
			t.Error("the limiter inside was not reset")
		}
		first.Reset(ctx, alice)
		second.Reset(ctx, alice)
	}
	take(t, second, alice, 1)
	u, _ := shared(t)
	if err := Fallback(u, second).(nguard.Resetter).Reset(ctx, alice); !errors.Is(err, nguard.ErrUnavailable) {
		t.Errorf("%v", err)
	}
	if !take(t, second, alice, 0).Allowed {
		t.Error("the local limiter is reset although the shared one fails")
	}
}
