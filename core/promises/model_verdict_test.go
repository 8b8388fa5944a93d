package promises

import (
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// verdict is what the reference says of a token.
type verdict int

const (
	live    verdict = iota
	stolen          // it ends the session
	over            // expired, revoked, unknown
	outcast         // the person is gone or disabled: all their sessions end
)

// judge says what a token is worth at a time when nothing is in flight.
func (s *simulation) judge(own *session, d digest, now time.Time) verdict {
	if own == nil || own.dead || s.expired(own, now) {
		return over
	}
	r := own.row
	switch {
	case d == stored(r.Cur):
	case len(r.Prev) > 0 && d == stored(r.Prev) && (r.SeenAt.IsZero() || !now.After(r.SeenAt.Add(nguard.Grace))):
	default:
		return stolen
	}
	return s.standing(own)
}

// standing is whether the person may be here, where the session has to ask.
func (s *simulation) standing(own *session) verdict {
	e, p := s.epochs[own.user], s.people[own.user]
	if (e.Change != own.row.Stamp.Change || e.Open > 0) && (p.gone || p.disabled) {
		return outcast
	}
	return live
}

func (s *simulation) expired(own *session, now time.Time) bool {
	return !now.Before(own.row.Record.Expires) || own.row.Idle > 0 && !now.Before(own.row.LastSeen.Add(own.row.Idle))
}
