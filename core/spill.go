package nguard

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// spill is the backlog of records that nothing waits for: ends of sessions, observations, and records
// of changes that stand while the sink is down. One goroutine writes it while there is something to
// write, in order, and tries again with growing pauses. It is bounded: when it is full, observations
// give way first, and the next record written is one that says how many are missing.
type spill struct {
	mu      sync.Mutex
	queue   []Event
	dropped int
	running bool
	down    bool
	giveUp  bool          // Shutdown's time is over
	idle    chan struct{} // closed when the writer stops
}

const spillMax = 4096

func (s *spill) add(g *Guard, e Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) >= spillMax && !s.makeRoom(e) {
		s.dropped++
		return
	}
	s.queue = append(s.queue, e)
	if !s.running {
		s.running, s.idle = true, make(chan struct{})
		go s.work(g)
	}
}

// makeRoom drops the oldest observation for a record that matters more.
func (s *spill) makeRoom(e Event) bool {
	if e.Class == ClassObservation {
		return false
	}
	for i := 1; i < len(s.queue); i++ { // the first one may be with the sink just now
		if s.queue[i].Class == ClassObservation {
			s.queue = append(s.queue[:i], s.queue[i+1:]...)
			s.dropped++
			return true
		}
	}
	return false
}

func (s *spill) work(g *Guard) {
	pause := 50 * time.Millisecond
	for {
		s.mu.Lock()
		if (len(s.queue) == 0 && s.dropped == 0) || s.giveUp {
			s.running, s.queue = false, nil
			close(s.idle)
			s.mu.Unlock()
			return
		}
		var e Event
		gap := s.dropped
		if gap > 0 {
			e = Event{ID: newEventID(), Time: g.now().UTC(), Name: EventMonitorDisabled, Outcome: Failure,
				Class: ClassSystem, Reason: "audit backlog full, records are missing", Count: gap, Namespace: g.ns}
		} else {
			e = s.queue[0]
		}
		s.mu.Unlock()

		err := g.write(context.Background(), e)

		s.mu.Lock()
		alarm, healed := err != nil && !s.down, err == nil && s.down
		s.down = err != nil
		if err == nil {
			if gap > 0 {
				s.dropped -= gap
			} else if len(s.queue) > 0 {
				s.queue = s.queue[1:]
			}
		}
		if healed {
			s.queue = append(s.queue, Event{ID: newEventID(), Time: g.now().UTC(), Name: EventMonitorEnabled,
				Outcome: Success, Class: ClassSystem, Reason: "audit sink is back", Namespace: g.ns})
		}
		s.mu.Unlock()
		if alarm {
			g.log.Error("nguard: audit sink is failing, records are held back", "err", err)
		}
		if err == nil {
			pause = 50 * time.Millisecond
			continue
		}
		stop := g.stop.Done()
		if g.stop.Err() != nil {
			pause, stop = 10*time.Millisecond, nil // shutting down: try fast, flushSpill has the deadline
		}
		select {
		case <-time.After(pause):
		case <-stop:
		}
		pause = min(2*pause, 5*time.Second)
	}
}

// close ends the backlog: its writer gives up at the next failure or turn.
func (s *spill) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.giveUp = true
}

// flushSpill waits until the backlog is written.
func (g *Guard) flushSpill(ctx context.Context) error {
	g.spill.mu.Lock()
	running, idle := g.spill.running, g.spill.idle
	g.spill.mu.Unlock()
	if !running {
		return nil
	}
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		g.spill.mu.Lock()
		g.spill.giveUp = true
		left := len(g.spill.queue)
		g.spill.mu.Unlock()
		return fmt.Errorf("%w: %d audit records not written: %w", ErrUnavailable, left, ctx.Err())
	}
}
