package scsstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// mostCalls is how many steps may be under way at once, those that their callers have left included. It
// bounds the goroutines that a hanging backend holds. Pools of connections are smaller.
const mostCalls = 256

// lateWrite is how long a write to a backend that takes a context may go on after its caller has left.
// To cut it off at once would only mean not to know: the backend may carry it out all the same, after the
// owner's turn has gone to somebody else, whose write it would then overwrite.
const lateWrite = 10 * time.Second

var errLeft = errors.New("the caller has left")

// step is some reads and writes that a caller waits for, and can leave behind. It runs on a goroutine of
// its own, since a backend may take no context, or not heed it.
type step struct {
	b   *rows
	ctx context.Context

	mu    sync.Mutex
	left  bool // the caller is gone: nothing more is begun
	wrote bool // a write was begun, and may have its effect even when the caller is gone
}

// run runs fn and returns what it returns, or an error as soon as ctx ends. done, if not nil, is called
// when fn has really ended, whether or not the caller is still there.
func run[T any](ctx context.Context, b *rows, done func(), fn func(s *step) (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	release := func() {
		if done != nil {
			done()
		}
	}
	var none T
	if err := ctx.Err(); err != nil {
		release()
		return none, unavailable(err)
	}
	select {
	case b.calls <- struct{}{}:
	case <-ctx.Done():
		release()
		return none, unavailable(ctx.Err())
	}
	s := &step{b: b, ctx: ctx}
	answer := make(chan result, 1) // room for the answer that nobody waits for any more
	go func() {
		var r result
		defer func() {
			// A panic here would end the process; in the caller's goroutine the engine would have caught it.
			if p := recover(); p != nil {
				r = result{err: s.failed(fmt.Errorf("the backend panicked: %v", p))}
			}
			<-b.calls
			release()
			answer <- r
		}()
		r.value, r.err = fn(s)
	}()
	select {
	case r := <-answer:
		return r.value, r.err
	case <-ctx.Done():
	}
	wrote := s.leave()
	select {
	case r := <-answer: // both at once: what is known is better than what is not
		return r.value, r.err
	default:
	}
	if wrote {
		return none, unknown(ctx.Err())
	}
	return none, unavailable(ctx.Err())
}

// under is run with the owner's turn, which lasts until fn has really ended.
func under[T any](ctx context.Context, b *rows, owner string, fn func(s *step) (T, error)) (T, error) {
	done, err := b.turns.take(ctx, owner)
	if err != nil {
		var none T
		return none, err
	}
	return run(ctx, b, done, fn)
}

// leave says that the caller is gone, and whether a write was begun before.
func (s *step) leave() (wrote bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left = true
	return s.wrote
}

// begin is asked before each call. Asking and leaving exclude each other: whoever was told that nothing has
// changed can rely on it.
func (s *step) begin(write bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left {
		return s.judged(errLeft)
	}
	s.wrote = s.wrote || write
	return nil
}

// failed judges the error of a call.
func (s *step) failed(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.judged(err)
}

// judged says of an error what is known: after the first write that is not what has changed.
func (s *step) judged(err error) error {
	if s.wrote {
		return unknown(err)
	}
	return unavailable(err)
}

func (s *step) find(key string) (value []byte, found bool, err error) {
	if err := s.begin(false); err != nil {
		return nil, false, err
	}
	if s.b.ctxStore != nil {
		value, found, err = s.b.ctxStore.FindCtx(s.ctx, key)
	} else {
		value, found, err = s.b.store.Find(key)
	}
	if err != nil {
		return nil, false, s.failed(err)
	}
	return value, found, nil
}

// commit stores a value that is needed until the given time. The backend forgets it by a clock of its own,
// which may be fast, and only after that time has passed on this one too: the engine has to be the one that
// says when a session is over. It also keeps the time in the future, since the Redis backend would turn one
// in the past into no time at all.
func (s *step) commit(key string, value []byte, until time.Time) error {
	if now := time.Now(); until.Before(now) {
		until = now
	}
	until = until.Add(late)
	return s.write(func(ctx context.Context) error {
		if s.b.ctxStore != nil {
			return s.b.ctxStore.CommitCtx(ctx, key, value, until)
		}
		return s.b.store.Commit(key, value, until)
	})
}

func (s *step) remove(key string) error {
	return s.write(func(ctx context.Context) error {
		if s.b.ctxStore != nil {
			return s.b.ctxStore.DeleteCtx(ctx, key)
		}
		return s.b.store.Delete(key)
	})
}

func (s *step) write(do func(ctx context.Context) error) error {
	if err := s.begin(true); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.ctx))
	defer cancel()
	defer context.AfterFunc(s.ctx, func() {
		timer := time.AfterFunc(lateWrite, cancel)
		context.AfterFunc(ctx, func() { timer.Stop() })
	})()
	if err := do(ctx); err != nil {
		return s.failed(err)
	}
	return nil
}
