package historytest

import (
	"cmp"
	"hash/maphash"
	"slices"

	nguard "github.com/nguard-go/nguard/core"
)

// state is what a sequential store knows of one user. It is never modified: each step makes another.
type state struct {
	epoch    stored
	sessions []session // in the order of names
}

// stored is the user's epoch. The first values are random: they are known when somebody was told.
type stored struct {
	exists, known bool
	nguard.Epoch  // without known, only Open counts
}

// session is a row. What nobody was told is empty: the ID and token of a Create without an answer, the
// successor that a rotation without an answer made.
type session struct {
	name, id, cur, prev, value         string
	version, created, lastSeen, seenAt int64
	stamp                              nguard.Epoch
}

func (s state) equal(o state) bool { return s.epoch == o.epoch && slices.Equal(s.sessions, o.sessions) }

var seed = maphash.MakeSeed()

func (s state) hash() uint64 {
	h := maphash.Comparable(seed, s.epoch)
	for _, one := range s.sessions {
		h ^= maphash.Comparable(seed, one)
	}
	return h
}

func (s state) find(name string) (session, bool) {
	i, ok := s.search(name)
	if !ok {
		return session{}, false
	}
	return s.sessions[i], true
}

func (s state) search(name string) (int, bool) {
	return slices.BinarySearchFunc(s.sessions, name, func(one session, name string) int { return cmp.Compare(one.name, name) })
}

// with returns s with this session, in the place of the one of its name if there is one.
func (s state) with(one session) state {
	i, ok := s.search(one.name)
	end := i
	if ok {
		end++
	}
	s.sessions = slices.Concat(s.sessions[:i], []session{one}, s.sessions[end:])
	return s
}

func (s state) without(name string) state {
	if i, ok := s.search(name); ok {
		s.sessions = slices.Concat(s.sessions[:i], s.sessions[i+1:])
	}
	return s
}

// dead reports whether a session was revoked. A store may drop it at any moment, or keep it: nobody is let
// in by it, unless a Replace stamps it anew while it is still there.
func (s state) dead(one session) bool { return s.epoch.known && one.stamp.Revoke != s.epoch.Revoke }

// sees returns the epoch after somebody was told that it is out, and whether that can be true.
func (e stored) sees(out nguard.Epoch) (stored, bool) {
	switch {
	case !e.exists:
		return e, out.Open == 0 // a random one that is not stored
	case e.known:
		return e, out == e.Epoch
	}
	return stored{true, true, out}, out.Open == e.Open
}

func (e stored) bump(b nguard.Bump) stored {
	e.exists = true
	if b&nguard.BumpChange != 0 {
		e.Change++
	}
	if b&nguard.BumpRevoke != 0 {
		e.Revoke++
	}
	if b&nguard.BumpOpen != 0 {
		e.Open++
	}
	if b&nguard.BumpClose != 0 {
		e.Open = max(0, e.Open-1)
	}
	if !e.known {
		e.Change, e.Revoke = 0, 0
	}
	return e
}
