package promises

import (
	"context"
	"errors"
	"slices"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// look reads everything that is stored while nothing is in flight, and holds it against the reference.
func (s *simulation) look(tries []*try) {
	now := time.Now()
	digests := map[digest]bool{}
	there := map[string]nguard.Row{}
	for _, user := range modelPeople {
		rows, epoch, err := s.rows.Rows(context.Background(), user, "", 1000)
		if err != nil {
			s.fail("rows: %v", err)
		}
		if len(rows) > 0 || epoch.Open > 0 {
			s.epochs[user] = epoch
		}
		if epoch.Open > 0 && !s.trouble {
			s.fail("%s: the epoch is open and nothing is under way", user)
		}
		alive := 0
		for _, r := range rows {
			there[r.ID] = r
			own := s.sessions[r.ID]
			if own == nil {
				if !slices.ContainsFunc(tries, func(o *try) bool { return o.makes && o.user == user && o.outcome == saysUnknown }) {
					s.fail("%s: a session that nobody made: %s", user, r.ID)
				}
				own = &session{id: r.ID, user: user}
				s.add(own)
			}
			if own.user != user || r.Owner != user || r.User.ID != user {
				s.fail("session %s belongs to another", r.ID)
			}
			if r.Version < versionOf(own.row) {
				s.fail("session %s went back to version %d", r.ID, r.Version)
			}
			isLive := r.Stamp.Revoke == epoch.Revoke && now.Before(r.Record.Expires) && (r.Idle == 0 || now.Before(r.LastSeen.Add(r.Idle)))
			if own.dead && isLive {
				s.fail("session %s of %s was revived", r.ID, user)
			}
			if !isLive {
				continue
			}
			alive++
			cur := stored(r.Cur)
			if digests[cur] {
				s.fail("two sessions have one digest")
			}
			digests[cur] = true
			if own.row.Record != nil && cur != stored(own.row.Cur) && stored(r.Prev) != stored(own.row.Cur) {
				s.fail("session %s was rotated twice at once", r.ID)
			}
			if own.row.Record == nil {
				s.shown[cur] = true // a login's own token counts as seen
			}
			if !r.SeenAt.IsZero() && !s.shown[cur] {
				s.fail("session %s: its token is marked as seen, and nobody has shown it", r.ID)
			}
			if own.row.Record != nil && (r.LastSeen.Before(own.row.LastSeen) || cur == stored(own.row.Cur) && !own.row.SeenAt.IsZero() && !r.SeenAt.Equal(own.row.SeenAt)) {
				s.fail("session %s: its clock went back", r.ID)
			}
			if own.row.Record != nil && own.row.User.Role != r.User.Role && cur == stored(own.row.Cur) && !r.Due {
				s.fail("session %s: its person is %s now, was %s, and its token stays", r.ID, r.User.Role, own.row.User.Role)
			}
			s.byDigest[cur] = own
		}
		if alive > modelCap {
			s.fail("%s has %d live sessions", user, alive)
		}
		was := s.people[user]
		s.lookAtPerson(user)
		fault := slices.ContainsFunc(tries, func(o *try) bool { return o.hit })
		if p := s.people[user]; p.disabled && !was.out() && !fault && alive > 0 {
			s.fail("%s is shut out and has %d live sessions: a login that raced with it", user, alive)
		}
	}
	for _, id := range s.order {
		own := s.sessions[id]
		r, alive := there[id]
		if own.dead {
			continue
		}
		alive = alive && r.Stamp.Revoke == s.epochs[own.user].Revoke
		for _, o := range tries {
			if alive && o.outcome == saysOK && o.ends != nil && o.known[id] && o.ends(own) && !o.half(s) {
				s.fail("%v: session %s outlived it", o, id)
			}
		}
		if alive {
			own.row = r
			if s.expired(own, now) {
				own.dead = true
			}
			continue
		}
		fresh := own.row.Record == nil
		if !(!fresh && s.expired(own, now)) && !s.mayEnd(own, nil, tries) {
			s.fail("session %s of %s has ended without a reason", id, own.user)
		}
		own.dead = true
	}
	if len(s.order) > 90 { // forget the oldest dead ones
		s.order = slices.DeleteFunc(s.order, func(id string) bool {
			if own := s.sessions[id]; own.dead && len(s.sessions) > 60 {
				delete(s.sessions, id)
				return true
			}
			return false
		})
	}
}

// now is the person as the table has it.
func (s *simulation) now(user string) person {
	u, err := s.truth(context.Background(), user)
	if err != nil {
		return person{gone: true}
	}
	return personOf(u)
}

func (s *simulation) lookAtPerson(user string) {
	u, err := s.truth(context.Background(), user)
	p := personOf(u)
	if errors.Is(err, nguard.ErrNoUser) {
		p = s.people[user]
		p.gone = true
	} else if err != nil {
		s.fail("users: %v", err)
	}
	if !p.gone && !s.tried[user][p] {
		s.fail("%s is %+v, which nobody wrote", user, p)
	}
	if p != s.people[user] {
		s.silent[user] = false // the newest write was one of nguard's
	}
	s.people[user] = p
	if !s.silent[user] {
		s.floor[user] = p.n
	}
}

// countWrites: no change of a person is lost, and none is made twice.
func (s *simulation) countWrites(tries []*try, was map[string]person) {
	for _, user := range modelPeople {
		sure, perhaps := 0, 0
		for _, o := range tries {
			if o.addsWrite && o.user == user {
				switch o.outcome {
				case saysOK:
					sure++
				case saysUnknown:
					perhaps++
				}
			}
		}
		if n := s.people[user].n - was[user].n; n < sure || n > sure+perhaps {
			s.fail("%s: %d writes stand, %d were answered and %d have an unknown outcome", user, n, sure, perhaps)
		}
	}
}

// countVisits: no update of a session is lost, and none is made twice.
func (s *simulation) countVisits(tries []*try, before map[string]nguard.Row) {
	for id, own := range s.sessions {
		old, ok := before[id]
		if !ok || own.dead || old.Record == nil {
			continue
		}
		sure, perhaps := 0, 0
		for _, o := range tries {
			if o.addsVisit && o.own == own {
				switch o.outcome {
				case saysOK:
					sure++
				case saysUnknown:
					perhaps++
				}
			}
		}
		from, _ := old.Data["visits"].(int64)
		if n := own.visits() - int(from); n < sure || n > sure+perhaps {
			s.fail("session %s: %d visits stand, %d were answered and %d have an unknown outcome", id, n, sure, perhaps)
		}
	}
}
