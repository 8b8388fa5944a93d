package audit

import (
	"context"
	"database/sql"
	"sync"
	"sync/atomic"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

const (
	maxCalls   = 256
	maxOverdue = 4
)

// member is a Member at work.
type member struct {
	Member
	name    string
	db      *sql.DB
	calls   chan struct{} // holds one for each call under way
	overdue atomic.Int32  // calls that were given up and still run

	mu     sync.Mutex
	missed gap
}

// joins reports whether the sink would work inside a transaction that ctx carries.
func (m *member) joins(ctx context.Context) bool {
	_, ok := nguard.TxOf(ctx, m.db)
	return ok
}

func (m *member) miss(e nguard.Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.missed.add(e, "audit sink failed or was late")
}

// record writes the gap record that is due, if any, and e.
func (m *member) record(ctx context.Context, e nguard.Event, inTx bool) error {
	if !inTx {
		m.mu.Lock()
		missed := m.missed
		m.missed = gap{}
		m.mu.Unlock()
		if missed.n > 0 {
			if err := call(ctx, m.sink, missed.event()); err != nil {
				m.mu.Lock()
				m.missed.merge(missed)
				m.mu.Unlock()
				return err
			}
		}
	}
	return call(ctx, m.sink, e)
}

// memberCall is one record on its way to one member. start begins it; wait, called any number of times
// by one goroutine, ends it.
type memberCall struct {
	member  *member
	event   nguard.Event
	inTx    bool
	ctx     context.Context
	cancel  context.CancelFunc
	running bool
	result  chan error
	settled atomic.Bool // by the sink's answer or by giving up, whichever is first

	done    bool
	overdue bool
	err     error
}

func (m *member) start(ctx context.Context, d time.Duration, e nguard.Event, inTx bool) *memberCall {
	c := &memberCall{member: m, event: e, inTx: inTx, result: make(chan error, 1)}
	if m.overdue.Load() >= maxOverdue {
		c.done, c.err = true, unavailable("earlier calls still hang", context.DeadlineExceeded)
		return c
	}
	c.ctx, c.cancel = context.WithTimeout(ctx, d)
	select {
	case m.calls <- struct{}{}:
		c.run()
	default: // wait waits for room
	}
	return c
}

// run asks the sink, on a goroutine that can be left behind.
func (c *memberCall) run() {
	c.running = true
	go func() {
		c.result <- c.member.record(c.ctx, c.event, c.inTx)
		<-c.member.calls
		if !c.settled.CompareAndSwap(false, true) {
			c.member.overdue.Add(-1)
		}
	}()
}

// wait returns the sink's answer, or an error at the deadline.
func (c *memberCall) wait() error {
	if c.done {
		return c.err
	}
	c.done = true
	defer c.cancel()
	if !c.running {
		select {
		case c.member.calls <- struct{}{}:
			c.run()
		case <-c.ctx.Done():
			c.err = unavailable("too many calls under way", c.ctx.Err())
			return c.err
		}
	}
	select {
	case c.err = <-c.result:
		return c.err
	case <-c.ctx.Done():
	}
	c.member.overdue.Add(1)
	if c.settled.CompareAndSwap(false, true) {
		c.overdue = true
		c.err = unknown("no answer in time", c.ctx.Err())
		return c.err
	}
	c.member.overdue.Add(-1)
	c.err = <-c.result
	return c.err
}
