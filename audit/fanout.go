package audit

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// FanoutOptions are the choices for a [Fanout]. The zero value works.
type FanoutOptions struct {
	// Deadline is how long each sink may take for one record. Defaults to 2 seconds.
	Deadline time.Duration
	// OnError, if set, is told of each sink that failed, on the goroutine that records: raise the
	// alarm here, and do not record to the same Fanout. It may be called by several goroutines at once.
	OnError func(*MemberError)
}

// MemberError says that one sink of a [Fanout] failed. It unwraps to the sink's error.
type MemberError struct {
	// Name is the member's position and type, such as "0:*audit.File".
	Name string
	// Durable says how the member was given.
	Durable bool
	// Event is the record that the sink does not have, or may not have.
	Event nguard.Event
	// Err is the sink's error. It matches [nguard.ErrUnavailable].
	Err error
}

func (e *MemberError) Error() string { return "audit: sink " + e.Name + ": " + e.Err.Error() }

// Unwrap returns the sink's error.
func (e *MemberError) Unwrap() error { return e.Err }

// Member is a sink of a [Fanout] together with what its success is worth: [Durable] or [BestEffort].
type Member struct {
	sink    nguard.Sink
	durable bool
}

// Durable says that s keeps what it has accepted: its success is enough for the [Fanout]'s.
func Durable(s nguard.Sink) Member { return Member{sink: s, durable: true} }

// BestEffort says that s is a copy: its success alone is not enough.
func BestEffort(s nguard.Sink) Member { return Member{sink: s} }

// Fanout is a sink of several sinks. Record succeeds when at least one durable member has; it returns
// when each member has answered or its deadline has ended (checklist M7, ASVS 16.4.3, 16.5.2).
//
// Members run in parallel, except those in whose database ctx carries a transaction: these run one
// after the other, on that transaction. A sink that hangs costs a record at most the deadline, and
// after a few such records nothing: while four calls of a member are overdue it is not asked. At most
// 256 calls of one member are under way; further ones wait within their deadline.
//
// A member that missed records gets a gap record before its next one (see [GapAction]), outside
// transactions only, since a rollback would take it along. Records that came after their deadline are
// counted as missing too, so the count is what may be missing at most.
//
// Safe for concurrent use. The zero value fails; use [NewFanout].
type Fanout struct {
	members  []*member
	deadline time.Duration
	onError  func(*MemberError)
}

var (
	_ nguard.Sink          = (*Fanout)(nil)
	_ nguard.Drainer       = (*Fanout)(nil)
	_ nguard.Transactional = (*Fanout)(nil)
)

// NewFanout returns a Fanout of members. It is an error if none is durable, or if one has no sink.
func NewFanout(o FanoutOptions, members ...Member) (*Fanout, error) {
	if o.Deadline <= 0 {
		o.Deadline = 2 * time.Second
	}
	f := &Fanout{deadline: o.Deadline, onError: o.OnError}
	durable := false
	for i, m := range members {
		if m.sink == nil {
			return nil, fmt.Errorf("audit: member %d of NewFanout has no sink", i)
		}
		durable = durable || m.durable
		f.members = append(f.members, &member{
			Member: m,
			name:   fmt.Sprintf("%d:%T", i, m.sink),
			db:     databaseOf(m.sink),
			calls:  make(chan struct{}, maxCalls),
		})
	}
	if !durable {
		return nil, errors.New("audit: NewFanout needs a member that is Durable, or no record would ever count as written")
	}
	return f, nil
}

// Record records e to every member. Its error joins those of the durable members, all of which failed.
func (f *Fanout) Record(ctx context.Context, e nguard.Event) error {
	if len(f.members) == 0 {
		return unavailable("fanout", errNoSink)
	}
	ctx, cancel := Steady(ctx)
	defer cancel()
	calls := make([]*memberCall, len(f.members))
	for i, m := range f.members {
		if !m.joins(ctx) {
			calls[i] = m.start(ctx, f.deadline, e, false)
		}
	}
	busy := map[*sql.DB]bool{} // a statement that was given up still holds the transaction
	for i, m := range f.members {
		if calls[i] != nil {
			continue
		}
		if busy[m.db] {
			calls[i] = &memberCall{done: true, err: unavailable("transaction is busy", context.DeadlineExceeded)}
			continue
		}
		calls[i] = m.start(ctx, f.deadline, e, true)
		calls[i].wait()
		busy[m.db] = calls[i].overdue
	}
	written := false
	var failed []error
	for i, m := range f.members {
		err := calls[i].wait()
		if err == nil {
			written = written || m.durable
			continue
		}
		if !errors.Is(err, nguard.ErrUnavailable) {
			err = fmt.Errorf("%w: %w", nguard.ErrUnavailable, err)
		}
		m.miss(e)
		memberErr := &MemberError{Name: m.name, Durable: m.durable, Event: e, Err: err}
		if m.durable {
			failed = append(failed, memberErr)
		}
		report(f.onError, memberErr)
	}
	if written {
		return nil
	}
	return errors.Join(failed...)
}

// Database returns the database that all members live in, or nil if there is no such one.
func (f *Fanout) Database() *sql.DB {
	var db *sql.DB
	for i, m := range f.members {
		if i > 0 && m.db != db {
			return nil
		}
		db = m.db
	}
	return db
}

// Drain drains all members at once and joins their errors.
func (f *Fanout) Drain(ctx context.Context) error {
	errs := make([]error, len(f.members))
	var wg sync.WaitGroup
	for i, m := range f.members {
		wg.Go(func() { errs[i] = drain(ctx, m.sink) })
	}
	wg.Wait()
	return errors.Join(errs...)
}
