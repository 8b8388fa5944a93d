package nguard

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"time"
)

// stream is one open stream of events. It is about one session, whatever token that has by now; the session
// that takes its place, after a login or step-up, is another one, and a browser that holds its cookie asks for
// another stream.
//
// A stream only reads. It is no request of the person's: it moves no idle clock, marks no token as seen,
// stamps nothing and ends nothing, so that it keeps no session alive; and hooks, which may ask about the
// request, do not run for it.
type stream struct {
	hub  *hub
	at   Found // as last read
	wake chan struct{}
	told string // the version that the browser knows of
	user *int64 // the change mark on which the user was looked up last; nil: on none
}

func (s *stream) poke() {
	select {
	case s.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// lookPause is the least time between two looks: a storm of changes is one.
const lookPause = 50 * time.Millisecond

// run writes until the session ends, the reader has left or is too slow, or the guard shuts down. First it
// says how long to wait before coming back when the connection breaks: not all at once, should it be the server.
func (s *stream) run(ctx context.Context, w io.Writer) {
	if _, err := fmt.Fprintf(w, "retry: %d\n\n", 1000+rand.N(3000)); err != nil {
		return
	}
	beat := time.NewTicker(s.hub.bounds.Heartbeat)
	defer beat.Stop()
	next := time.NewTimer(lookPause)
	defer next.Stop()
	s.poke() // the first look is now
	var last time.Time
	for {
		text, over, due := "", false, false
		select {
		case <-ctx.Done():
			return
		case <-s.hub.ended:
			return
		case <-beat.C:
			text = ": hb\n\n"
		case <-s.wake:
			if wait := lookPause - time.Since(last); wait > 0 {
				next.Reset(wait)
			} else {
				due = true
			}
		case <-next.C:
			due = true
		}
		if due {
			select {
			case s.hub.looks <- struct{}{}:
			default:
				next.Reset(rand.N(lookPause))
				continue
			}
			var again time.Duration
			text, over, again = s.look(ctx)
			<-s.hub.looks
			last = time.Now()
			next.Reset(again)
		}
		if text == "" {
			continue
		}
		if _, err := io.WriteString(w, text); err != nil || over {
			return
		}
	}
}

// look reads the session and says what there is to tell, whether that is the last, and when to look again. An
// outage ends nothing: it tells nothing, and the next look may.
func (s *stream) look(ctx context.Context) (text string, over bool, again time.Duration) {
	g := s.hub.g
	version, over, err := g.observeSession(ctx, s)
	pace := s.hub.pace()
	switch {
	case err != nil:
		pace = s.hub.bounds.Poll
		g.log.DebugContext(ctx, "nguard: a stream of events cannot look", "err", err)
	case over:
		return version, true, 0
	case version != s.told:
		s.told = version
		text = frame("session.updated", "version", version)
	}
	// Not in step with the others, and not past the end of the session, which no change announces.
	pace -= rand.N(pace/8 + 1)
	end := deadline(s.at.Record, s.at.LastSeen).Sub(g.now()) + time.Millisecond
	return text, false, max(min(pace, end), time.Millisecond)
}

// frame is an event. Names and values are the engine's own words, and versions: nothing in them needs escaping.
func frame(event, name, value string) string {
	return "event: " + event + "\ndata: {\"" + name + "\":" + strconv.Quote(value) + "}\n\n"
}

// observeSession judges the session of a stream as a load would (see judge), without a single write. It
// returns the version that the next answer will have, or the last event of a session that is over.
func (g *Guard) observeSession(ctx context.Context, s *stream) (version string, over bool, err error) {
	now := g.now()
	f, err := g.peek(ctx, s.at)
	switch {
	case errors.Is(err, ErrNoSession), errors.Is(err, ErrCorrupt), errors.Is(err, ErrMalformed):
		if !now.Before(deadline(s.at.Record, s.at.LastSeen)) {
			return frame("session.expired", "reason", "expired"), true, nil // and swept
		}
		return frame("session.revoked", "reason", "ended"), true, nil
	case err != nil:
		return "", false, err
	}
	s.at = f
	switch r := f.Record; {
	case f.User.Revoke != r.Stamp.Revoke:
		return frame("session.revoked", "reason", "revoked"), true, nil
	case !now.Before(r.Expires):
		return frame("session.expired", "reason", "absolute"), true, nil
	case r.Idle > 0 && !now.Before(f.LastSeen.Add(r.Idle)):
		return frame("session.expired", "reason", "idle"), true, nil
	}
	next := f.Version
	if g.users != nil && (f.User.Change != f.Stamp.Change || f.User.Open > 0) {
		if f.User.Open > 0 || s.user == nil || *s.user != f.User.Change {
			u, err := g.lookUp(ctx, f.Record.User.ID)
			if errors.Is(err, ErrNoUser) || err == nil && u.Disabled {
				return frame("session.revoked", "reason", "disabled"), true, nil
			}
			if err != nil {
				return "", false, err
			}
			s.user = &f.User.Change
		}
		if f.User.Open == 0 {
			next++ // the next load stamps the record, see settle; while a change is open it does not
		}
	}
	return f.ID + "." + strconv.FormatInt(next, 10), false, nil
}

// peek reads a session by its ID: tokens may have turned since. A store that keeps all in the token, and lists
// nothing, is asked by that.
func (g *Guard) peek(ctx context.Context, was Found) (f Found, err error) {
	if g.hub.byToken {
		return g.read(ctx, was.Live)
	}
	err = g.call(ctx, "store.find", func(ctx context.Context) (err error) {
		f, err = g.lister.Find(ctx, was.Owner, was.ID)
		return err
	})
	if err == nil && f.Record == nil {
		err = fmt.Errorf("%w: no record", ErrCorrupt)
	}
	return f, err
}
