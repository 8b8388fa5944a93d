package ratelimit

import (
	"context"
	"errors"

	nguard "github.com/nguard-go/nguard/core"
)

// FailOpen is l, except that calls are allowed while l fails: for reads, where an outage of the store
// should not become one of the service. Without it a limiter fails closed and the engine answers 503,
// as a login must (ASVS 16.5.3, checklist N4). Each failure goes to report, if given.
//
// It stays closed when the caller lacks a part, when units are out of range, and when ctx has ended:
// leaving early must not be a way past a limit. The Quota of a call that was let through names no
// rule. Reset is l's, if it has one.
func FailOpen(l nguard.Limiter, report ...func(context.Context, error)) nguard.Limiter {
	return &open{wrapped{l, report}}
}

// Fallback asks primary and, while it fails, local: a shared limiter, and one in memory for when its
// store is down. Each failure goes to report, if given. The local one has counted nothing before, so
// that a caller may get up to its limit again on each process when an outage begins.
//
// It stays closed when the caller lacks a part, when units are out of range, and when ctx has ended.
// Reset resets both, and fails when either does.
func Fallback(primary, local nguard.Limiter, report ...func(context.Context, error)) nguard.Limiter {
	return &fallback{wrapped{primary, report}, local}
}

var errNil = errors.New("ratelimit: a wrapper was given no limiter")

// wrapped is what both wrappers have in common.
type wrapped struct {
	inner  nguard.Limiter
	report []func(context.Context, error)
}

// take asks the inner limiter; down says that it failed for reasons of its own.
func (w *wrapped) take(ctx context.Context, c nguard.Caller, n int) (q nguard.Quota, down bool, err error) {
	if w.inner == nil {
		return nguard.Quota{}, false, errNil
	}
	q, err = w.inner.Take(ctx, c, n)
	if err == nil || ctx.Err() != nil || errors.Is(err, ErrMissing) || errors.Is(err, ErrUnits) {
		return q, false, err
	}
	for _, f := range w.report {
		f(ctx, err)
	}
	return q, true, err
}

// Unwrap is the limiter inside.
func (w *wrapped) Unwrap() nguard.Limiter { return w.inner }

// Reset is the inner limiter's.
func (w *wrapped) Reset(ctx context.Context, c nguard.Caller) error { return reset(ctx, w.inner, c) }

// reset does nothing for a limiter that has nothing to reset.
func reset(ctx context.Context, l nguard.Limiter, c nguard.Caller) error {
	if r, ok := l.(nguard.Resetter); ok {
		return r.Reset(ctx, c)
	}
	return nil
}

type open struct{ wrapped }

func (o *open) Take(ctx context.Context, c nguard.Caller, n int) (nguard.Quota, error) {
	q, down, err := o.take(ctx, c, n)
	if down {
		return nguard.Quota{Allowed: true}, nil
	}
	return q, err
}

type fallback struct {
	wrapped
	local nguard.Limiter
}

func (f *fallback) Take(ctx context.Context, c nguard.Caller, n int) (nguard.Quota, error) {
	q, down, err := f.take(ctx, c, n)
	if down && f.local != nil {
		return f.local.Take(ctx, c, n)
	}
	return q, err
}

func (f *fallback) Reset(ctx context.Context, c nguard.Caller) error {
	return errors.Join(reset(ctx, f.inner, c), reset(ctx, f.local, c))
}
