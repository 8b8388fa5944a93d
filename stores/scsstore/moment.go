package scsstore

import (
	"hash/maphash"
	"sync/atomic"
)

// A session is read by its token, with two calls: its row, and then its owner's epoch. They must be of one
// moment, or a session that was stamped in between would be judged on a mixture. A lock would do, but the
// owner is known only from the row, and readers would wait for each other. So writers of rows leave a mark
// before and after, and a reader who sees that nobody has written the row between its two calls knows that
// both were true at the second one. Otherwise it reads again, in the owner's turn.

// moments are the marks, by a hash of the session's ID: that two share one only costs a second reading.
type moments struct {
	seed  maphash.Seed
	marks [256]struct{ begun, ended atomic.Uint64 }
}

func (m *moments) at(id string) int { return int(maphash.String(m.seed, id) % uint64(len(m.marks))) }

// write is called before a row is written; what it returns, afterwards.
func (m *moments) write(id string) (ended func()) {
	mark := &m.marks[m.at(id)]
	mark.begun.Add(1)
	return func() { mark.ended.Add(1) }
}

// read returns what tells whether a row was left alone since, and whether it is now. Ended is read first:
// when it equals begun, each write that had begun had ended by then.
func (m *moments) read(id string) (still func() bool, quiet bool) {
	mark := &m.marks[m.at(id)]
	ended := mark.ended.Load()
	begun := mark.begun.Load()
	return func() bool { return mark.begun.Load() == begun }, begun == ended
}
