package cookiestore

import (
	"encoding/binary"
	"fmt"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// content is what a cookie holds.
type content struct {
	token  string    // of the companion; empty without one
	seen   time.Time // the idle clock, where no companion keeps it
	record *nguard.Record
}

// plain is the bytes that are sealed: the token and what the companion's row does not have, or the idle
// clock and the whole record. Which of the two it is follows from the purpose that it is sealed for.
func (s *Store) plain(c content) []byte {
	if s.inner == nil {
		return append(binary.AppendVarint(nil, nguard.EncodeTime(c.seen)), c.record.Encode()...)
	}
	r := c.record
	values := nguard.Record{ID: r.ID, Owner: r.Owner, Stamp: nguard.Epoch{Change: r.Stamp.Change}, User: r.User, Data: r.Data}
	return append(lengthened(nil, c.token), values.Encode()...)
}

// parse is the inverse of plain. The bytes were sealed here, so that what is wrong with them is a fault,
// such as a version of the program that writes another form.
func (s *Store) parse(b []byte) (c content, err error) {
	if s.inner == nil {
		at, n := binary.Varint(b)
		if n <= 0 {
			return content{}, fmt.Errorf("%w: sealed value without a time", nguard.ErrCorrupt)
		}
		c.seen, b = nguard.DecodeTime(at), b[n:]
	} else {
		length, n := binary.Uvarint(b)
		if n <= 0 || length > uint64(len(b)-n) {
			return content{}, fmt.Errorf("%w: sealed value without a token", nguard.ErrCorrupt)
		}
		c.token, b = string(b[n:n+int(length)]), b[n+int(length):]
	}
	c.record, err = nguard.DecodeRecord(b)
	return c, err
}

// strip is the row of a record: everything but values.
func strip(r *nguard.Record) *nguard.Record {
	row := *r
	row.User, row.Data = nguard.User{ID: r.User.ID}, nil
	return &row
}

// over puts the values of a cookie over a row, in the record that holds the values.
//
// The row rules in all that it has: a cookie put back from before a step-up, a rotation or an update has
// nothing to say about them. The change stamp is the cookie's, though. It says which state of the person the
// cookie's role and permissions are from: one put back from before a demotion has an older stamp than the
// epoch, and the person is looked up again (checklist B11).
func over(row, values *nguard.Record) *nguard.Record {
	user, data, change := values.User, values.Data, values.Stamp.Change
	*values = *row
	values.User, values.Data, values.Stamp.Change = user, data, change
	return values
}
