package historytest

import (
	"cmp"
	"slices"

	"github.com/anishathalye/porcupine"

	nguard "github.com/nguard-go/nguard/core"
)

// model is a store that does one thing after another.
var model = (&porcupine.NondeterministicModel{
	Init: func() []any { return []any{state{}} },
	Step: func(s, c, r any) (next []any) {
		for _, n := range s.(state).step(c.(call), r.(result)) {
			next = append(next, n)
		}
		return next
	},
	Equal: func(a, b any) bool { return a.(state).equal(b.(state)) },
	Hash:  func(s any) uint64 { return s.(state).hash() },
}).ToModel()

// step returns the states that c may lead to when it is answered by r, and none when that is no answer
// which a store in state s gives. The answer "outcome unknown" says nothing: whatever c does, it may do.
func (s state) step(c call, r result) []state {
	switch c.kind {
	case create:
		return s.create(c, r)
	case list:
		return s.list(r)
	case epoch:
		e, ok := s.epoch.sees(r.epoch)
		s.epoch = e
		return one(ok, s)
	case bump:
		s.epoch = s.epoch.bump(c.bump)
		if r.answer == lost {
			return []state{s}
		}
		e, ok := s.epoch.sees(r.epoch)
		s.epoch = e
		return one(ok, s)
	}
	var next []state
	at, there := s.find(c.name)
	if !there || s.dead(at) {
		next = one(r.answer == noSession || r.answer == lost, s.without(c.name))
	}
	if there {
		switch c.kind {
		case load, find:
			next = append(next, s.load(c, r, at)...)
		case swap:
			next = append(next, s.replace(c, r, at)...)
		case touch:
			next = append(next, s.touch(c, r, at)...)
		case remove:
			next = append(next, one(r.answer == done || r.answer == lost, s.without(c.name))...)
		}
	}
	return next
}

func one(ok bool, s state) []state {
	if !ok {
		return nil
	}
	return []state{s}
}

func (s state) create(c call, r result) []state {
	next := s.admit(c, r)
	if old, ok := s.find(c.limit.replace); ok && s.dead(old) {
		next = append(next, s.without(old.name).admit(c, r)...)
	}
	return next
}

// admit is a Create when no more dead sessions drop out. Where several things are wrong at once, any of
// them may be the answer.
func (s state) admit(c call, r result) []state {
	if !s.epoch.exists {
		s.epoch = stored{true, true, nguard.Epoch{Change: c.stamp.Change, Revoke: c.stamp.Revoke}}
	}
	var refusals []answer
	// An epoch that nobody was told of is none that a stamp was read from.
	if !s.epoch.known || s.epoch.Revoke != c.stamp.Revoke {
		refusals = append(refusals, conflict)
	}
	old, ok := s.find(c.limit.replace)
	switch {
	case c.limit.version == 0:
	case !ok:
		refusals = append(refusals, noSession)
	case old.version != c.limit.version:
		refusals = append(refusals, conflict)
	}
	evict := s.over(c.limit)
	if len(evict) > 0 && !c.limit.evict {
		refusals = append(refusals, tooMany)
	}
	if len(refusals) > 0 {
		return one(r.answer == lost || slices.Contains(refusals, r.answer), s)
	}
	made := session{
		name: c.name, value: c.value, version: 1, created: c.at, lastSeen: c.at, seenAt: c.at, stamp: c.stamp,
	}
	for _, e := range evict {
		s = s.without(e.name)
	}
	s = s.without(c.limit.replace)
	if r.answer == lost {
		return []state{s.with(made)}
	}
	if r.answer != done || !ends(evict, r.ended) {
		return nil
	}
	v := r.views[0]
	made.id, made.cur = v.id, v.live
	user := v.user == nguard.Epoch{Change: c.stamp.Change, Revoke: c.stamp.Revoke}
	return one(user && v.match == nguard.Current && v.live != "" && made.shows(v), s.with(made))
}

// over returns the sessions that have to end so that one more keeps to the limit, the oldest first.
func (s state) over(l limit) []session {
	if l.max == 0 {
		return nil
	}
	var live []session
	for _, one := range s.sessions {
		if one.name != l.replace && !s.dead(one) {
			live = append(live, one)
		}
	}
	slices.SortFunc(live, func(x, y session) int { return cmp.Compare(x.created, y.created) })
	return live[:max(0, len(live)+1-l.max)]
}

// ends reports whether these are the IDs of the evicted. One whose ID nobody knows may be any ID.
func ends(evicted []session, ids []string) bool {
	left := slices.Clone(ids)
	unknown := 0
	for _, e := range evicted {
		i := slices.Index(left, e.id)
		switch {
		case e.id == "":
			unknown++
		case i < 0:
			return false
		default:
			left = slices.Delete(left, i, i+1)
		}
	}
	return len(left) == unknown
}

// shows reports whether v is a view of this session. Its match and epoch are judged elsewhere.
func (one session) shows(v view) bool {
	return v.name == one.name && v.id != "" && (one.id == "" || v.id == one.id) &&
		v.version == one.version && v.value == one.value && v.stamp == one.stamp && v.created == one.created &&
		v.lastSeen == one.lastSeen && v.seenAt == one.seenAt
}

// load is Load, or Find when no token is shown.
func (s state) load(c call, r result, at session) []state {
	if r.answer != done || !at.shows(r.views[0]) {
		return nil
	}
	v := r.views[0]
	ok := false
	switch {
	case c.kind == find:
		ok = v.match == nguard.ByID && v.live == ""
	case c.token == at.cur:
		ok = v.match == nguard.Current && v.live == c.token
	case c.token == at.prev:
		ok = v.match == nguard.Previous && v.live != "" && v.live != c.token && (at.cur == "" || v.live == at.cur)
		at.cur = v.live
	default:
		// Who could show a successor that the model does not know? It is told by a load of the token before.
		ok = v.match == nguard.Spent && v.live == ""
	}
	at.id = v.id
	e, known := s.epoch.sees(v.user)
	s.epoch = e
	return one(ok && known, s.with(at))
}

func (s state) replace(c call, r result, at session) []state {
	if at.version != c.version {
		return one(r.answer == conflict || r.answer == lost, s)
	}
	at.version++
	at.value, at.stamp = c.value, c.stamp
	at.lastSeen = max(at.lastSeen, c.lastSeen)
	if at.seenAt == 0 && c.match == nguard.Current {
		at.seenAt = cmp.Or(c.seenAt, c.at) // the token was shown, and this write carries the mark
	}
	if c.rotate {
		at.prev, at.cur, at.seenAt = at.cur, "", 0
	}
	if r.answer == lost {
		return []state{s.with(at)}
	}
	if r.answer != done {
		return nil
	}
	v := r.views[0]
	if c.rotate {
		at.cur = v.live
	}
	// The marks in the answer are those that the client knew, and are not judged.
	return one(v.name == at.name && v.id != "" && (at.id == "" || v.id == at.id) && v.version == at.version &&
		v.value == at.value && v.stamp == at.stamp && (!c.rotate || v.live != "" && v.live != at.prev), s.with(at))
}

func (s state) touch(c call, r result, at session) []state {
	at.lastSeen = max(at.lastSeen, c.at)
	if at.seenAt == 0 && c.seenAt == 0 && c.match == nguard.Current && c.token == at.cur {
		at.seenAt = c.at
	}
	return one(r.answer == done || r.answer == lost, s.with(at))
}

// list holds all sessions, except that dead ones may be missing.
func (s state) list(r result) []state {
	for _, at := range s.sessions {
		i := slices.IndexFunc(r.views, func(v view) bool { return v.name == at.name })
		switch {
		case i >= 0 && at.shows(r.views[i]):
			at.id = r.views[i].id
			s = s.with(at)
		case i < 0 && s.dead(at):
			s = s.without(at.name)
		default:
			return nil
		}
	}
	for _, v := range r.views {
		e, ok := s.epoch.sees(v.user)
		if _, there := s.find(v.name); !there || !ok || v.match != nguard.ByID || v.live != "" {
			return nil
		}
		s.epoch = e
	}
	return []state{s}
}
