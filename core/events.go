package nguard

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Streams bounds the streams of events, GET /api/auth/events. Zero fields take their defaults; negative ones
// are errors from [New]. The counts are those of one guard in one process.
type Streams struct {
	// PerUser is how many one user may have open, 20 by default: one for each browser, or tab. Max is how
	// many there may be in all, 10 000 by default; each costs a connection and a goroutine or two.
	PerUser, Max int
	// Poll is how often a stream reads its session where the store does not tell of changes (see [Watcher]):
	// what another process does is seen within it. Where the store does, it reads a sixth as often, in case
	// something was not heard. Defaults to 5 seconds. What this guard does is seen at once.
	Poll time.Duration
	// Heartbeat is how often something is written, so that proxies keep the connection and the end of
	// the other side is noticed. Defaults to 20 seconds.
	Heartbeat time.Duration
}

func (s Streams) withDefaults() (Streams, error) {
	if s.PerUser < 0 || s.Max < 0 || s.Poll < 0 || s.Heartbeat < 0 {
		return s, errors.New("nguard: Config.Streams has a negative member: use 0 for the default")
	}
	if s.PerUser == 0 {
		s.PerUser = 20
	}
	if s.Max == 0 {
		s.Max = 10_000
	}
	if s.Poll == 0 {
		s.Poll = 5 * time.Second
	}
	if s.Heartbeat == 0 {
		s.Heartbeat = 20 * time.Second
	}
	return s, nil
}

// readerPatience is how long one write may take before the reader is dropped.
const readerPatience = 10 * time.Second

// eventsPath is where the stream is asked for, below any mount.
const eventsPath = "/api/auth/events"

// opensStream reports whether a request is for a stream of events.
func opensStream(l Line) bool {
	return l.Method == http.MethodGet && strings.HasSuffix(l.Path, eventsPath)
}

// Events answers the request with the stream of what happens to its session, as server-sent events, until
// that session ends or the client leaves. It is for endpoints. The errors are those that the request is to be
// answered with instead: [ErrNoSession], [ErrCrossOrigin], [ErrLimited], [ErrUnavailable]; [ErrTooLate] when it is.
//
// The request is a GET with a cookie, which any page could make where the cookie is SameSite=None: what its
// headers say of its origin is judged as with a write, and they may be missing, as with other clients and
// on plain http.
func (r *Request) Events() error {
	if r == nil {
		return ErrNotInstalled
	}
	g, x := r.g, r.x
	r.mu.Lock()
	f, late := r.found, r.closed || r.sent || x.Started()
	r.mu.Unlock()
	if late {
		return ErrTooLate
	}
	if err := g.origins.proven(x, r.line, false); err != nil {
		x.AddHeader("Vary", "Origin, Sec-Fetch-Site")
		g.observe(&r.ctx, Event{Name: EventCSRF, Outcome: Denied, Action: "events", Reason: "cross-origin stream"})
		return err
	}
	if _, err := r.Session(); err != nil {
		return err
	}
	s, err := g.hub.join(f)
	if err != nil {
		if errors.Is(err, ErrLimited) {
			g.observe(&r.ctx, Event{Name: EventLimited, Outcome: Limited, Action: "events", Rule: "events", Reason: "as many streams as one user may have are open"})
		}
		return err
	}
	for _, h := range securityHeaders {
		x.SetHeader(h[0], h[1])
	}
	x.SetHeader("Content-Type", "text/event-stream")
	x.SetHeader("X-Accel-Buffering", "no") // nginx passes on what it gets
	answered(x)
	err = x.Stream(readerPatience, func(ctx context.Context, w io.Writer) {
		defer g.hub.leave(s)
		// What panics here has no handler around it that would recover.
		_ = g.guarded(ctx, "events", func() error { s.run(ctx, w); return nil })
	})
	if err == nil {
		return nil
	}
	g.hub.leave(s) // where the function has not run
	if !x.Started() || errors.Is(err, http.ErrNotSupported) {
		return fmt.Errorf("events: %w", err)
	}
	g.log.DebugContext(&r.ctx, "nguard: stream broken off", "err", err)
	return nil
}

// OpenStreams is how many streams of events are open now, for metrics.
func (g *Guard) OpenStreams() int { return int(g.hub.open.Load()) }

// EndStreams ends all streams of events and lets none begin. Call it before the server is shut down, which
// waits for what is being answered: streams would keep it waiting. [Guard.Shutdown] does it too, and comes
// after the server. Browsers come back, to a process that serves, within a few seconds.
func (g *Guard) EndStreams() { g.hub.close() }
