package promises

import (
	"errors"
	"maps"

	nguard "github.com/nguard-go/nguard/core"
)

// settle holds what the operations answered and what is stored now against the reference.
func (s *simulation) settle(tries []*try, alone bool) {
	s.were = maps.Clone(s.people)
	s.adoptNew(tries)
	for _, o := range tries {
		if o.outcome == saysDown && !o.hit {
			s.fail("%v: 503 without a fault", o)
		}
		if o.outcome == saysNo {
			s.mayRefuse(o, tries)
		}
		if o.outcome == saysOK && (o.token != "" || o.kind == "job") && o.own != nil && o.verdict != live && !(o.verdict == outcast && !s.now(o.user).out()) && o.kind != "logout" && o.kind != "login" {
			s.fail("%v: answered although the session was dead (%v)", o, o.verdict)
		}
	}
	var predicted nguard.Row
	exact := alone && s.predict(tries[0], &predicted)
	before := map[string]nguard.Row{}
	for id, own := range s.sessions {
		before[id] = own.row
	}
	s.look(tries)
	s.countWrites(tries, s.were)
	s.countVisits(tries, before)
	for _, o := range tries {
		s.checkAnswer(o, tries, before)
	}
	if exact {
		s.checkExact(tries[0], before, predicted)
	}
}

// overlaps says whether b was under way, or over, when a was not yet answered.
func overlaps(a, b *try) bool { return b.start < a.end }

// mayEnd says whether one of the operations may have ended a session.
func (s *simulation) mayEnd(own *session, except *try, tries []*try) bool {
	for _, o := range tries {
		if o != except && o.ends != nil && (o.outcome != saysDown || o.foreign) && (o.outcome != saysNo || o.kind == "end-others" || o.foreign) && o.ends(own) && (except == nil || overlaps(except, o)) {
			return true
		}
		// Whatever is shown with an old token, or by somebody who is gone, ends sessions on the way.
		if o != except && o.own != nil && (o.verdict == stolen && o.own == own || o.verdict == outcast && o.own.user == own.user) {
			return true
		}
		if o != except && o.makes && o.user == own.user && o.outcome != saysNo {
			if s.atCap(own, tries) {
				return true
			}
		}
		// A change makes sessions ask for the person; one who is, or was, out ends all of them.
		if now, was := s.people[own.user], s.were[own.user]; o != except && o.addsWrite && o.user == own.user && (now.out() || was.out()) {
			return true
		}
	}
	return false
}

// atCap says whether there were so many sessions of the person that a login may have ended this one.
func (s *simulation) atCap(own *session, tries []*try) bool {
	n := 0
	for _, other := range s.sessions {
		if other.user == own.user && !other.dead {
			n++
		}
	}
	for _, o := range tries {
		if o.makes && o.user == own.user && o.outcome != saysOK {
			n++ // unknown: it may have made one
		}
	}
	return n > modelCap
}

// mayRefuse checks that a refusal has its reason.
func (s *simulation) mayRefuse(o *try, tries []*try) {
	p := s.people[o.user]
	switch {
	case errors.Is(o.err, nguard.ErrNoSession), errors.Is(o.err, nguard.ErrNotFound):
		if o.own == nil && o.token != "" && s.byDigest[o.shown] == nil {
			return // never issued
		}
		if o.own == nil || o.verdict != live || s.judge(o.own, o.shown, o.finished) == over && o.token != "" {
			return
		}
		if s.mayEnd(o.own, o, tries) {
			return
		}
	case errors.Is(o.err, nguard.ErrBadCredentials), errors.Is(o.err, nguard.ErrNoUser):
		if p.out() || s.were[o.user].out() {
			return
		}
		for _, other := range tries {
			if other.kind == "disable" && other.user == o.user {
				return
			}
		}
	}
	s.fail("%v: refused without a reason", o)
}

// adoptNew takes the sessions that answers name into the reference.
func (s *simulation) adoptNew(tries []*try) {
	for _, o := range tries {
		if o.outcome != saysOK || !o.makes || o.session == nil {
			continue
		}
		id := o.session.ID()
		if s.sessions[id] != nil {
			s.fail("%v: the new session has a used ID", o)
		}
		s.add(&session{id: id, user: o.user})
	}
}

func (s *simulation) add(own *session) {
	s.sessions[own.id] = own
	s.order = append(s.order, own.id)
}
