package memstore

import (
	"bytes"

	nguard "github.com/nguard-go/nguard/core"
)

// session is a row. Its shard's lock guards it, except for the list pointers, which the lock of the
// owner's shard guards, and owner and shard, which never change. Times are kept in eight bytes each.
// The slices that it points to are replaced, never written to, so that readers may keep them.
type session struct {
	rec                       *nguard.Record
	owner                     *owner
	cur                       []byte
	old                       *old
	lastSeen, seenAt, expires int64
	prev, next                *session // in the owner's list
	pos                       int32    // in the shard's queue
	shard                     uint8
	first                     [32]byte // what cur refers to until the first rotation: one memory access less
}

// old is what a session keeps of its previous token, from its first rotation on.
type old struct{ prev, salt []byte }

func newSession(r nguard.Row, o *owner, shard uint8) *session {
	s := &session{
		rec: r.Record, owner: o, shard: shard, cur: r.Cur,
		lastSeen: nguard.EncodeTime(r.LastSeen), seenAt: nguard.EncodeTime(r.SeenAt),
		expires: nguard.EncodeTime(r.Mark.Expires),
	}
	if len(r.Cur) == len(s.first) {
		copy(s.first[:], r.Cur)
		s.cur = s.first[:]
	}
	s.turn(r)
	return s
}

func (s *session) slot() *int32 { return &s.pos }

func (s *session) row() nguard.Row {
	r := nguard.Row{Record: s.rec, Mark: nguard.Mark{
		Cur:      s.cur,
		LastSeen: nguard.DecodeTime(s.lastSeen), SeenAt: nguard.DecodeTime(s.seenAt),
		Expires: nguard.DecodeTime(s.expires),
	}}
	if s.old != nil {
		r.Prev, r.Salt = s.old.prev, s.old.salt
	}
	return r
}

// swap puts r in the place of what s holds, and keeps the marks that were made since r was loaded.
func (s *session) swap(r nguard.Row) {
	s.rec = r.Record
	if seen := nguard.EncodeTime(r.LastSeen); seen >= s.lastSeen {
		s.lastSeen, s.expires = seen, nguard.EncodeTime(r.Mark.Expires)
	}
	if s.seenAt == 0 || !bytes.Equal(s.cur, r.Cur) {
		s.seenAt = nguard.EncodeTime(r.SeenAt)
	}
	if !bytes.Equal(s.cur, r.Cur) {
		s.cur = r.Cur
	}
	s.turn(r)
}

func (s *session) turn(r nguard.Row) {
	if len(r.Prev) == 0 && len(r.Salt) == 0 {
		s.old = nil
	} else if s.old == nil || !bytes.Equal(s.old.prev, r.Prev) || !bytes.Equal(s.old.salt, r.Salt) {
		s.old = &old{r.Prev, r.Salt}
	}
}

func (s *session) mark(m nguard.Mark) {
	if seen := nguard.EncodeTime(m.LastSeen); seen > s.lastSeen {
		s.lastSeen, s.expires = seen, nguard.EncodeTime(m.Expires)
	}
	if s.seenAt == 0 && bytes.Equal(s.cur, m.Cur) {
		s.seenAt = nguard.EncodeTime(m.SeenAt)
	}
}
