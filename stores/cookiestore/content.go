package cookiestore

import (
	"encoding/binary"
	"fmt"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// content is what a cookie holds.
type content struct {
	token   string    // of the companion; empty without one
	seen    time.Time // the idle clock, where no companion keeps it
	record  *nguard.Record
	foreign bool // made by another program
}

// The bytes that are sealed are a record, and behind it what is only known when a companion has been written
// to: its token and the length of it in one byte, or without a companion the idle clock in eight. Which of
// the two follows from the purpose that they are sealed for.
const clockLen = 8

// body appends the record to the head: where a companion keeps a row, what that does not have.
func (s *Store) body(raw []byte, r *nguard.Record) []byte {
	if s.inner == nil {
		return r.Append(raw)
	}
	values := nguard.Record{ID: r.ID, Owner: r.Owner, Version: r.Version, Stamp: nguard.Epoch{Change: r.Stamp.Change}, User: r.User, Data: r.Data}
	return values.Append(raw)
}

// tail appends the rest.
func (s *Store) tail(raw []byte, c content) []byte {
	if s.inner == nil {
		return binary.BigEndian.AppendUint64(raw, uint64(nguard.EncodeTime(c.seen)))
	}
	return append(append(raw, c.token...), byte(len(c.token)))
}

// parse is the inverse of both. The bytes were sealed here, so that what is wrong with them is a fault, such
// as a version of the program that writes another form.
func (s *Store) parse(b []byte) (c content, err error) {
	if s.inner == nil {
		at := len(b) - clockLen
		if at < 0 {
			return content{}, fmt.Errorf("%w: sealed value without a time", nguard.ErrCorrupt)
		}
		c.seen, b = nguard.DecodeTime(int64(binary.BigEndian.Uint64(b[at:]))), b[:at]
	} else {
		end := len(b) - 1
		if end < 0 || int(b[end]) > end {
			return content{}, fmt.Errorf("%w: sealed value without a token", nguard.ErrCorrupt)
		}
		at := end - int(b[end])
		c.token, b = string(b[at:end]), b[:at]
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
// epoch, and the person is looked up again (checklist B11). That of a cookie from a later version than the
// row's counts for nothing: the companion has lost writes, and its next bump may bring up the same stamp again.
func over(row nguard.Found, values *nguard.Record) *nguard.Record {
	user, data, change := values.User, values.Data, values.Stamp.Change
	if values.Version > row.Version {
		change = ^row.User.Change
	}
	*values = *row.Record
	values.User, values.Data, values.Stamp.Change = user, data, change
	return values
}
