package nguard

import (
	"context"
	"errors"
	"fmt"
)

// Limit asks a limiter on behalf of this request, and sets the RateLimit, RateLimit-Policy and, on a
// refusal, Retry-After headers (draft-ietf-httpapi-ratelimit-headers-10). [ErrLimited]: over the limit.
// [ErrUnavailable]: the limiter is down, or the caller has no address to be counted by. A nil limiter
// allows.
func (r *Request) Limit(ctx context.Context, l Limiter) error {
	if r == nil {
		return ErrNotInstalled
	}
	if l == nil {
		return nil
	}
	if _, err := r.Session(); errors.Is(err, ErrTooLate) {
		return err
	}
	c := Caller{IP: r.IP()}
	if id := r.userID(); id != "" {
		c.User = r.g.ns + "/" + id
	}
	return r.take(r.attach(ctx), r.line.Method+" "+r.line.Path, l, c)
}

func (r *Request) take(ctx context.Context, action string, l Limiter, c Caller) error {
	var q Quota
	err := r.g.call(ctx, "limiter.take", func(ctx context.Context) (err error) {
		q, err = l.Take(ctx, c, 1)
		return err
	})
	if err != nil {
		r.g.fault(ctx, "nguard: limiter failed, request refused", err)
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	r.mu.Lock()
	if !r.closed && !r.x.Started() && q.Name != "" {
		if q.Policy != "" {
			r.x.SetHeader("Ratelimit-Policy", q.Policy)
		}
		r.x.SetHeader("Ratelimit", fmt.Sprintf("%q;r=%d;t=%s", q.Name, q.Remaining, seconds(q.Reset)))
	}
	r.mu.Unlock()
	if q.Allowed {
		return nil
	}
	r.g.observe(ctx, Event{Name: EventLimited, Outcome: Limited, Action: action, Target: "", Rule: q.Name, Count: 0,
		Reason: "rate limit reached"})
	return &LimitError{Quota: q}
}
