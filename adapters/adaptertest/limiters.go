package adaptertest

import (
	"context"
	"fmt"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// limits makes real limiters, or skips the case when the harness has none.
func (k *kit) limits(t testing.TB, now func() time.Time) Limits {
	t.Helper()
	if k.h.Limits == nil {
		t.Skip("the harness has no Limits")
	}
	return k.h.Limits(t, now)
}

// refusing is a limiter at its limit.
type refusing struct{}

func (refusing) Take(context.Context, nguard.Caller, int) (nguard.Quota, error) {
	return nguard.Quota{Name: "full", Limit: 5, Window: time.Minute, Reset: 90 * time.Second, RetryAfter: 1500 * time.Millisecond, Policy: `"full";q=5;w=60`}, nil
}

// every refuses each nth call.
type every struct{ n, calls int }

func (e *every) Take(context.Context, nguard.Caller, int) (nguard.Quota, error) {
	e.calls++
	return nguard.Quota{Name: "every", Allowed: e.calls%e.n != 0, RetryAfter: time.Second}, nil
}

// broken is a limiter that is down.
type broken struct{}

func (broken) Take(context.Context, nguard.Caller, int) (nguard.Quota, error) {
	return nguard.Quota{Allowed: true}, fmt.Errorf("canary: limiter is down")
}

// limiterFunc is a limiter of a case.
type limiterFunc func() (nguard.Quota, error)

func (l limiterFunc) Take(context.Context, nguard.Caller, int) (nguard.Quota, error) { return l() }
