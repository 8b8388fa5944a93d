package nguard

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// hub knows the streams of events by the owner of their session, and wakes those who should look. It never
// waits for one: a stream that was woken twice looks once.
//
// It learns of changes in three ways. What this guard writes wakes at once, whatever the store. What others
// write a [Watcher] tells. And each stream looks by itself from time to time: that alone finds everything,
// the others only make it soon.
type hub struct {
	g       *Guard
	bounds  Streams
	watcher Watcher // nil: the store has none
	byToken bool    // the store finds sessions by their tokens alone
	looks   chan struct{}
	ended   chan struct{} // closed: no streams any more
	joined  sync.WaitGroup
	open    atomic.Int64

	mu      sync.Mutex
	byOwner map[string]map[*stream]struct{}
	watch   *watch // nil: nobody needs it
}

// lookAtOnce is how many streams read the store at the same time. After a gap in what is heard all of them
// want to: a store that has just come back is not to meet ten thousand readers.
const lookAtOnce = 32

func newHub(g *Guard, bounds Streams) *hub {
	h := &hub{g: g, bounds: bounds, looks: make(chan struct{}, lookAtOnce), ended: make(chan struct{}), byOwner: map[string]map[*stream]struct{}{}}
	h.watcher, _ = Ability[Watcher](g.store)
	if p, ok := Ability[Partial](g.store); ok {
		h.byToken = slices.Contains(p.Lacks(), ListsSessions)
	}
	return h
}

// join makes a stream for a session. It is known from here on, before it first looks: no change falls between.
func (h *hub) join(f Found) (*stream, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	select {
	case <-h.ended:
		return nil, fmt.Errorf("%w: shutting down", ErrUnavailable)
	default:
	}
	of := h.byOwner[f.Owner]
	if len(of) >= h.bounds.PerUser {
		return nil, &LimitError{Quota{Name: "events", Limit: h.bounds.PerUser, RetryAfter: h.bounds.Heartbeat}}
	}
	if h.open.Load() >= int64(h.bounds.Max) {
		return nil, fmt.Errorf("%w: %d streams are open, which is Config.Streams.Max", ErrUnavailable, h.bounds.Max)
	}
	if of == nil {
		of = map[*stream]struct{}{}
		h.byOwner[f.Owner] = of
	}
	s := &stream{hub: h, at: f, wake: make(chan struct{}, 1)}
	of[s] = struct{}{}
	h.joined.Add(1)
	if h.open.Add(1) == 1 && h.watcher != nil {
		ctx, cancel := context.WithCancel(h.g.stop)
		w := &watch{hub: h, cancel: cancel}
		h.watch = w
		h.joined.Go(func() { w.run(ctx) })
	}
	return s, nil
}

// leave forgets a stream. It may be called again.
func (h *hub) leave(s *stream) {
	h.mu.Lock()
	defer h.mu.Unlock()
	of := h.byOwner[s.at.Owner]
	if _, ok := of[s]; !ok {
		return
	}
	if delete(of, s); len(of) == 0 {
		delete(h.byOwner, s.at.Owner)
	}
	if h.open.Add(-1) == 0 && h.watch != nil {
		h.watch.cancel()
		h.watch = nil
	}
	h.joined.Done()
}

// pace is how often a stream looks that hears nothing.
func (h *hub) pace() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.watch != nil && h.watch.hears.Load() {
		return lookAnyway * h.bounds.Poll
	}
	return h.bounds.Poll
}

// lookAnyway is how many times less often a stream looks that hears: a message may get lost.
const lookAnyway = 6

func (h *hub) wake(owner string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for s := range h.byOwner[owner] {
		s.poke()
	}
}

func (h *hub) wakeAll() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, of := range h.byOwner {
		for s := range of {
			s.poke()
		}
	}
}

func (h *hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	select {
	case <-h.ended:
	default:
		close(h.ended)
	}
}

// wait returns when the last stream has ended, or ctx.
func (h *hub) wait(ctx context.Context) {
	over := make(chan struct{})
	go func() {
		h.joined.Wait()
		close(over)
	}()
	select {
	case <-over:
	case <-ctx.Done():
	}
}

// changed is told of each write to an owner's sessions or epoch, whatever came of it: a look costs little.
// In a transaction of the guard's it waits for the end, when others can read what was written. The end of one
// of the program's own nobody tells of: streams look a few times, and then when it is their turn.
func (g *Guard) changed(ctx context.Context, owner string) {
	if l, ok := ctx.Value(laterKey{}).(*later); ok {
		l.owners = append(l.owners, owner)
		return
	}
	if g.hub.open.Load() == 0 {
		return // one that begins now looks after this write
	}
	g.hub.wake(owner)
	if _, joined := TxOf(ctx, database(g.store)); joined {
		for _, d := range []time.Duration{50 * time.Millisecond, 250 * time.Millisecond, 900 * time.Millisecond} {
			time.AfterFunc(d, func() { g.hub.wake(owner) })
		}
	}
}

type laterKey struct{}

// later is who has changed in a transaction under way. It is used by the goroutine of the transaction.
type later struct{ owners []string }

// afterwards returns a context in which changes are collected, and what tells of them when the transaction is
// over. In a transaction of somebody else's there is nothing to wait for.
func (g *Guard) afterwards(ctx context.Context) (context.Context, func()) {
	_, joined := TxOf(ctx, database(g.store))
	if _, nested := ctx.Value(laterKey{}).(*later); nested || joined {
		return ctx, func() {}
	}
	l := &later{}
	return context.WithValue(ctx, laterKey{}, l), func() {
		for _, owner := range l.owners {
			g.changed(ctx, owner)
		}
	}
}
