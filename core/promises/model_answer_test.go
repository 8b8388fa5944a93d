package promises

import (
	"slices"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// checkAnswer: what an answer shows was so at some time between its question and itself.
func (s *simulation) checkAnswer(o *try, tries []*try, before map[string]nguard.Row) {
	if o.outcome != saysOK || o.session == nil {
		return
	}
	id, seen := o.session.ID(), personOf(o.session.User())
	if seen.n < o.floor || seen.n > s.people[o.user].n || !s.tried[o.user][seen] {
		s.fail("%v: shows %+v; the person was at %d when it began, and is %+v", o, seen, o.floor, s.people[o.user])
	}
	if o.addsWrite && seen.n == o.floor {
		s.fail("%v: does not show its own change", o)
	}
	if o.makes {
		s.keepToken(o, s.sessions[id])
		if o.replaces {
			// What was answered before the renewal began is carried over. An update that overlaps with it may be
			// answered and lost with the old session: Create knows no version of the one that it replaces.
			for _, other := range tries {
				if other != o && other.addsVisit && other.own == o.own && other.outcome == saysOK && other.end < o.start && o.visits < other.visits {
					s.fail("%v: lost %v", o, other)
				}
			}
			if o.visits < o.base {
				s.fail("%v: the new session has %d visits, the old one had %d", o, o.visits, o.base)
			}
		}
		return
	}
	own := s.sessions[id]
	if own == nil || o.own != nil && own != o.own {
		s.fail("%v: answered with another session", o)
	}
	if o.addsVisit && !(o.addsWrite && own.dead) { // what concerns the session alone dies with it, the rest stands
		if o.visits <= o.base {
			s.fail("%v: shows %d visits, there were %d before", o, o.visits, o.base)
		}
		for _, other := range tries {
			if other != o && other.addsVisit && !(other.addsWrite && own.dead) && other.own == own && other.outcome == saysOK && (other.visits == o.visits || other.end < o.start && other.visits > o.visits) {
				s.fail("%v and %v: a lost update", o, other)
			}
		}
	}
	if o.live == "" {
		return // no token led here
	}
	if d := digestOf(o.live); !own.dead && d != stored(before[id].Cur) && d != stored(own.row.Cur) {
		s.fail("%v: its token is neither the current one nor the one before", o)
	}
	s.keepToken(o, own)
}

func (s *simulation) keepToken(o *try, own *session) {
	d := digestOf(o.live)
	if other := s.byDigest[d]; other != nil && other != own {
		s.fail("%v: its token is another session's", o)
	}
	s.byDigest[d] = own
	if o.makes {
		s.shown[d] = true
	}
	if !slices.Contains(own.tokens, o.live) {
		if len(own.tokens) > 0 {
			s.rotated++
		}
		own.tokens = append(own.tokens, o.live)
	}
	if !o.loses || o.makes {
		own.held = o.live
	}
}

// mature: no token before the current one may still be in its grace.
func mature(r nguard.Row, now time.Time) bool {
	return len(r.Prev) == 0 || !r.SeenAt.IsZero() && now.After(r.SeenAt.Add(nguard.Grace))
}

// predict says what a lone load, visit or refresh leaves in the row. It is the rules once more, in the
// plainest form.
func (s *simulation) predict(o *try, row *nguard.Row) bool {
	if o.hit || o.own == nil || o.verdict != live || o.outcome != saysOK || (o.kind != "load" && o.kind != "visit" && o.kind != "refresh") {
		return false
	}
	now, r := o.began.UTC(), o.own.row
	record := *r.Record
	e, p := s.epochs[o.user], s.people[o.user]
	current := o.shown == stored(r.Cur)
	rotatable := o.unsafe && current && mature(r, now)
	aged := func() bool { return record.Due || now.Sub(record.Rotated) >= time.Hour }
	wrote, view := 0, record.User
	asks := e.Change != record.Stamp.Change || e.Open > 0
	if asks {
		fresh := p.user(o.user)
		if fresh.Role != record.User.Role {
			record.Due = true
		}
		record.User = fresh
		view = fresh
	}
	turned := false
	if stamp := asks && e.Open == 0; stamp || rotatable && aged() {
		wrote++
		record.Stamp.Change = map[bool]int64{true: e.Change, false: record.Stamp.Change}[stamp]
		if turned = rotatable && aged(); turned {
			record.Due, record.Rotated = false, now
		}
		if current && r.SeenAt.IsZero() {
			r.SeenAt = now
		}
	} else if asks {
		due := r.Record.Due
		record.User, record.Due = r.Record.User, due // judged, not stored
	}
	if turned {
		r.SeenAt = time.Time{}
	}
	if !turned && current && r.SeenAt.IsZero() || r.Idle > 0 && now.Sub(r.LastSeen) >= time.Minute {
		wrote++
		if r.LastSeen.Before(now) {
			r.LastSeen = now
		}
		if !turned && current && r.SeenAt.IsZero() {
			r.SeenAt = now
		}
	}
	if o.kind != "load" {
		*row = nguard.Row{Record: &nguard.Record{User: view}}
		return true // what a load leaves is checked by loads; here the user only
	}
	asked := 1
	if asks {
		asked++
	}
	if o.calls[reads] != asked || o.calls[writes] != wrote {
		s.fail("%v: %d reads and %d writes, %d and %d were due", o, o.calls[reads], o.calls[writes], asked, wrote)
	}
	record.Version += map[bool]int64{true: 1, false: 0}[wrote > 0 && (turned || asks && e.Open == 0)]
	r.Record = &record
	if turned {
		r.Cur = nil
	}
	if personOf(o.session.User()) != personOf(view) {
		s.fail("%v: shows %+v, expected %+v", o, o.session.User(), view)
	}
	*row = r
	return true
}

func (s *simulation) checkExact(o *try, before map[string]nguard.Row, want nguard.Row) {
	got, old := o.own.row, before[o.own.id]
	if o.kind != "load" {
		if personOf(o.session.User()) != personOf(want.User) {
			s.fail("%v: shows %+v, expected %+v", o, o.session.User(), want.User)
		}
		turned := stored(got.Cur) != stored(old.Cur)
		if o.kind == "refresh" && o.unsafe && !turned && o.shown == stored(old.Cur) && mature(old, o.began) {
			s.fail("%v: no new token", o)
		}
		return
	}
	turned := want.Cur == nil
	if turned != (stored(got.Cur) != stored(old.Cur)) || turned && stored(got.Prev) != o.shown {
		s.fail("%v: rotated %v, expected %v", o, !turned, turned)
	}
	if turned && (!got.Rotated.Equal(o.began) || o.live == o.token) {
		s.fail("%v: rotation without a new token", o)
	}
	if got.Version != want.Version || got.Due != want.Due || !got.SeenAt.Equal(want.SeenAt) || !got.LastSeen.Equal(want.LastSeen) ||
		got.Stamp.Change != want.Stamp.Change || personOf(got.User) != personOf(want.User) {
		s.fail("%v: the row is\n%+v %+v, expected\n%+v %+v", o, *got.Record, got.Mark, *want.Record, want.Mark)
	}
}
