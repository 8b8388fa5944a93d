package audit

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// AsyncOptions are the choices for an [Async]. The zero value works.
type AsyncOptions struct {
	// Queue is how many records may wait. Defaults to 1024.
	Queue int
	// Deadline is how long one write of a queued record may take. Defaults to 5 seconds.
	Deadline time.Duration
	// Tries is how often a record is tried before it is counted as missing. Defaults to 5.
	Tries int
	// Backoff is the wait after the first failure; it doubles up to 100 times that. Defaults to
	// 100 milliseconds.
	Backoff time.Duration
	// All queues the records of every class, so that no request waits for the sink inside. It is for a
	// copy, [BestEffort] in a [Fanout] beside a durable sink that has each record already: as the only
	// sink it would break what the other classes promise. Defaults to false, observations only.
	All bool
	// OnError, if set, is told of each failed write and of the first record of each loss. It may be
	// called by several goroutines at once and must not record to the Async that calls it.
	OnError func(error)
}

// Async is a wrapper that takes the wait for a slow sink off the requests that are only observed.
//
// Events of [nguard.ClassObservation] are queued and written by one goroutine, which is there only
// while something waits. A failing write is tried again, with growing pauses. When the queue is full
// further ones are dropped and counted until half of it is free again, and so are records that were
// tried often enough; a gap record (see [GapAction]) with their number and time range is written
// before the next one, and is itself tried without end. Memory and the sink's load stay bounded however
// many events arrive, and the count is kept.
//
// Events of all other classes never enter the queue, unless [AsyncOptions].All says so: Record hands them
// to the sink inside on the caller's goroutine, with the caller's context, and returns its answer. A queue would break what
// their classes promise, since a record that waits in memory is gone with a crash after its change has
// happened. Going straight through also lets them overtake a backlog, so that a flood of denials
// cannot make changes of users fail, and keeps a transaction in the context on its own goroutine. So
// the order of lines is not the order of events; the Time of the records is.
//
// Async does not offer the database of the sink inside ([nguard.Transactional]): queued records are
// written outside any transaction, so it cannot say that it lives in one. Async is for sinks that are
// slow by nature; [SQL] and [File] need it only under heavy floods.
//
// With All the queue holds records of every class, in the order in which they came: each is written once
// or more, or counted. What waits is gone with a crash, and what a transaction recorded before it was
// rolled back is written all the same; the durable sink beside it is the one to believe.
//
// Nil from Record means for what is queued: written later, or counted. Safe for concurrent use. The
// zero value fails.
type Async struct {
	sink nguard.Sink
	o    AsyncOptions
	kick chan struct{} // ends one pause between tries

	mu      sync.Mutex
	queue   []queued
	lost    gap
	dropped int
	idle    chan struct{} // closed when the writer ends; nil while none runs
}

type queued struct {
	event nguard.Event
	isGap bool
	tries int
}

var (
	_ nguard.Sink          = (*Async)(nil)
	_ nguard.Drainer       = (*Async)(nil)
	_ nguard.Transactional = (*Async)(nil)
)

// NewAsync returns a queue in front of s. It starts nothing.
func NewAsync(s nguard.Sink, o AsyncOptions) *Async {
	if o.Queue <= 0 {
		o.Queue = 1024
	}
	if o.Deadline <= 0 {
		o.Deadline = 5 * time.Second
	}
	if o.Tries <= 0 {
		o.Tries = 5
	}
	if o.Backoff <= 0 {
		o.Backoff = 100 * time.Millisecond
	}
	return &Async{sink: s, o: o, kick: make(chan struct{}, 1)}
}

// Record queues an observation, or with All any event, and returns nil at once; any other event it records
// to the sink inside and returns its error.
func (a *Async) Record(ctx context.Context, e nguard.Event) error {
	if a.sink == nil {
		return unavailable("async", errNoSink)
	}
	if e.Class != nguard.ClassObservation && !a.o.All {
		return call(ctx, a.sink, e)
	}
	if a.push(e) {
		report(a.o.OnError, unavailable("async", fmt.Errorf("queue of %d is full, dropping", a.o.Queue)))
	}
	return nil
}

// push queues e or counts it as lost, and reports whether a loss began with it.
func (a *Async) push(e nguard.Event) (lossBegins bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.queue) >= a.o.Queue || a.lost.n > 0 && len(a.queue) > a.o.Queue/2 {
		lossBegins = a.lost.n == 0
		a.lost.add(e, "audit queue full")
		a.dropped++
		return lossBegins
	}
	a.closeGap()
	a.queue = append(a.queue, queued{event: e})
	if a.idle == nil {
		a.idle = make(chan struct{})
		go a.write()
	}
	return false
}

// closeGap queues the gap record of what was lost, if anything was.
func (a *Async) closeGap() {
	if a.lost.n > 0 {
		a.queue = append(a.queue, queued{event: a.lost.event(), isGap: true})
		a.lost = gap{}
	}
}

// Dropped returns how many records were counted instead of written so far.
func (a *Async) Dropped() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.dropped
}

// Drain returns when the queue is written and the sink inside is drained. Its error says how much is
// left, which stays queued.
func (a *Async) Drain(ctx context.Context) error {
	a.mu.Lock()
	idle := a.idle
	a.mu.Unlock()
	if idle != nil {
		select {
		case a.kick <- struct{}{}:
		default:
		}
		select {
		case <-idle:
		case <-ctx.Done():
			a.mu.Lock()
			defer a.mu.Unlock()
			return unavailable(fmt.Sprintf("async: %d records not written", len(a.queue)), ctx.Err())
		}
	}
	return drain(ctx, a.sink)
}

// Database returns nil, and hides the database of the sink inside.
func (a *Async) Database() *sql.DB { return nil }

// Unwrap returns the sink inside.
func (a *Async) Unwrap() any { return a.sink }

// write is the writer: it writes the head of the queue until nothing is left.
func (a *Async) write() {
	pause := a.o.Backoff
	for {
		a.mu.Lock()
		if len(a.queue) == 0 {
			a.closeGap()
		}
		if len(a.queue) == 0 {
			close(a.idle)
			a.idle, a.queue = nil, nil
			a.mu.Unlock()
			return
		}
		head := a.queue[0]
		a.mu.Unlock()

		ctx, cancel := context.WithTimeout(context.Background(), a.o.Deadline)
		err := call(ctx, a.sink, head.event)
		cancel()
		a.settle(err)
		if err == nil {
			pause = a.o.Backoff
			continue
		}
		report(a.o.OnError, err)
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
			pause = min(2*pause, 100*a.o.Backoff)
		case <-a.kick:
			pause = a.o.Backoff
		}
		timer.Stop()
	}
}

// settle takes the head off the queue if it is written, and turns it into a gap record if it was tried
// often enough.
func (a *Async) settle(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	head := &a.queue[0]
	if err == nil {
		*head = queued{}
		a.queue = a.queue[1:]
		return
	}
	head.tries++
	if !head.isGap && head.tries >= a.o.Tries {
		a.dropped++
		missing := gap{}
		missing.add(head.event, "audit sink failed")
		*head = queued{event: missing.event(), isGap: true}
	}
}

// report tells fn, which is the program's and may panic.
func report[E error](fn func(E), err E) {
	if fn == nil {
		return
	}
	defer func() { _ = recover() }()
	fn(err)
}
