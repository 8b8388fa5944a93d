package promises

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing/synctest"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// The model test runs real guards over a real store; between a guard and what it reaches stand doors. At
// a door an operation stops until the scheduler lets it through, so that the seed decides in which order
// the steps of two or three operations in flight happen, and there a call may fail or a process die.

// doing is one operation in flight.
type doing struct {
	n       int // in the order of starting
	at      *process
	free    bool // alone: doors do not stop it
	through chan struct{}

	mu      sync.Mutex
	stopped bool // at a door
	done    bool
	hit     bool // by a fault
}

type doingKey struct{}

func doingOf(ctx context.Context) *doing {
	d, _ := ctx.Value(doingKey{}).(*doing)
	return d
}

func (d *doing) stop() {
	if d.free {
		return
	}
	d.mu.Lock()
	d.stopped = true
	d.mu.Unlock()
	<-d.through
}

func (d *doing) state() (stopped, done bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.stopped, d.done
}

// interleave runs the functions together, one step of one of them at a time.
func interleave(pick func(n int) int, run map[*doing]func(), order []*doing, tick func(d *doing, started bool)) {
	waiting := append([]*doing(nil), order...)
	var flying []*doing
	for len(waiting)+len(flying) > 0 {
		synctest.Wait() // everybody stands at a door, is done, or waits for another of them or for time
		var ready, left []*doing
		for _, d := range flying {
			stopped, done := d.state()
			if done {
				tick(d, false)
				continue
			}
			left = append(left, d)
			if stopped {
				ready = append(ready, d)
			}
		}
		flying = left
		if len(waiting)+len(flying) == 0 {
			return
		}
		n := len(ready)
		if len(waiting) > 0 {
			n++ // the next one may start
		}
		if n == 0 {
			<-time.After(5 * time.Millisecond) // of the bubble: a pause of the engine, or its turn
			continue
		}
		if i := pick(n); i < len(ready) {
			d := ready[i]
			d.mu.Lock()
			d.stopped = false
			d.mu.Unlock()
			d.through <- struct{}{}
			continue
		}
		d := waiting[0]
		waiting = waiting[1:]
		tick(d, true)
		flying = append(flying, d)
		go func() {
			run[d]()
			d.mu.Lock()
			d.done = true
			d.mu.Unlock()
		}()
	}
}

var (
	errDown = fmt.Errorf("%w: the model says so", nguard.ErrUnavailable)
	errLost = fmt.Errorf("%w: %w: the answer was lost", nguard.ErrUnavailable, nguard.ErrOutcomeUnknown)
)

// process is one guard with its doors. After left further calls one fails: before it is made, or by its
// answer getting lost; with crash the process dies there, and every later call fails.
type process struct {
	guard *nguard.Guard
	dead  atomic.Bool
	left  int // 0: no fault is coming
	crash bool
	lost  bool
	calls [3]int
}

// What passes a door, for the count of what a request costs.
const (
	reads = iota
	writes
	other // records, and the brackets of a transaction
)

func (p *process) call(ctx context.Context, kind int, do func() error) error {
	d := doingOf(ctx)
	if d == nil { // the guard's own background
		if p.dead.Load() {
			return errDown
		}
		return do()
	}
	d.stop()
	if p.dead.Load() {
		d.hit = true
		return errDown
	}
	p.calls[kind]++
	if p.left > 0 {
		if p.left--; p.left == 0 {
			d.hit = true
			if !p.lost {
				p.dead.Store(p.crash)
				return errDown
			}
			err := do()
			p.dead.Store(p.crash)
			if err == nil {
				err = errLost
			}
			return err
		}
	}
	return do()
}

// door is the store as one process reaches it.
type door struct {
	p    *process
	base modelStore
}

type modelStore interface {
	nguard.Store
	nguard.Lister
	nguard.Epochs
	nguard.Sweeper
}

func (s *door) Create(ctx context.Context, r *nguard.Record, c nguard.Cap) (got nguard.Created, err error) {
	err = s.p.call(ctx, writes, func() error { got, err = s.base.Create(ctx, r, c); return err })
	return got, err
}

func (s *door) Load(ctx context.Context, token string) (got nguard.Found, err error) {
	err = s.p.call(ctx, reads, func() error { got, err = s.base.Load(ctx, token); return err })
	return got, err
}

func (s *door) Replace(ctx context.Context, f nguard.Found, next *nguard.Record, rotate bool) (got nguard.Found, err error) {
	err = s.p.call(ctx, writes, func() error { got, err = s.base.Replace(ctx, f, next, rotate); return err })
	return got, err
}

func (s *door) Touch(ctx context.Context, f nguard.Found, at time.Time) (got nguard.Found, err error) {
	err = s.p.call(ctx, writes, func() error { got, err = s.base.Touch(ctx, f, at); return err })
	return got, err
}

func (s *door) Delete(ctx context.Context, owner, id string) error {
	return s.p.call(ctx, writes, func() error { return s.base.Delete(ctx, owner, id) })
}

func (s *door) Find(ctx context.Context, owner, id string) (got nguard.Found, err error) {
	err = s.p.call(ctx, reads, func() error { got, err = s.base.Find(ctx, owner, id); return err })
	return got, err
}

func (s *door) List(ctx context.Context, owner, after string, n int) (got []nguard.Found, err error) {
	err = s.p.call(ctx, reads, func() error { got, err = s.base.List(ctx, owner, after, n); return err })
	return got, err
}

func (s *door) Epoch(ctx context.Context, owner string) (got nguard.Epoch, err error) {
	err = s.p.call(ctx, reads, func() error { got, err = s.base.Epoch(ctx, owner); return err })
	return got, err
}

func (s *door) Bump(ctx context.Context, owner string, b nguard.Bump) (got nguard.Epoch, err error) {
	err = s.p.call(ctx, writes, func() error { got, err = s.base.Bump(ctx, owner, b); return err })
	return got, err
}

// Sweep does nothing for the guard by itself: the seed decides when the store is swept.
func (s *door) Sweep(ctx context.Context, now time.Time, n int) (got int, err error) {
	if doingOf(ctx) == nil {
		return 0, nil
	}
	err = s.p.call(ctx, writes, func() error { got, err = s.base.Sweep(ctx, now, n); return err })
	return got, err
}

// txDoor is the door to a store with transactions.
type txDoor struct {
	*door
	tx nguard.Transactor
}

func (s *txDoor) Database() *sql.DB { return s.tx.Database() }

func (s *txDoor) Tx(ctx context.Context, fn func(ctx context.Context) error) error {
	return s.p.call(ctx, other, func() error { return s.tx.Tx(ctx, fn) })
}

// usersDoor is the users table as one process reaches it.
type usersDoor struct {
	p      *process
	base   nguard.UserUpdater
	before func(after nguard.User) // told of each write that is tried
}

func (u *usersDoor) Database() *sql.DB {
	if t, ok := u.base.(nguard.Transactional); ok {
		return t.Database()
	}
	return nil
}

func (u *usersDoor) User(ctx context.Context, id string) (got nguard.User, err error) {
	err = u.p.call(ctx, reads, func() error { got, err = u.base.User(ctx, id); return err })
	return got, err
}

func (u *usersDoor) UpdateUser(ctx context.Context, before, after nguard.User) error {
	return u.p.call(ctx, writes, func() error { u.before(after); return u.base.UpdateUser(ctx, before, after) })
}

// sinkDoor keeps nothing; with a database it joins the store's transactions.
type sinkDoor struct {
	p  *process
	db *sql.DB
}

func (s *sinkDoor) Database() *sql.DB { return s.db }

func (s *sinkDoor) Record(ctx context.Context, _ nguard.Event) error {
	if doingOf(ctx) == nil {
		return nil // so that the backlog of a dead process ends
	}
	return s.p.call(ctx, other, func() error { return nil })
}

// outcome is what an answer says about what was done.
type outcome int

const (
	saysOK      outcome = iota
	saysNo              // nothing was done
	saysDown            // 503: nothing was done
	saysUnknown         // 503 outcome_unknown, or nobody is left to answer
)

func (o outcome) String() string { return [...]string{"ok", "refused", "down", "unknown"}[o] }

func outcomeOf(err error, dead bool) outcome {
	switch {
	case dead, errors.Is(err, nguard.ErrOutcomeUnknown):
		return saysUnknown
	case err == nil:
		return saysOK
	case errors.Is(err, nguard.ErrUnavailable):
		return saysDown
	}
	return saysNo
}
