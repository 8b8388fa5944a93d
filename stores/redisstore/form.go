package redisstore

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// A user's hash has these fields. The scripts compare and order without understanding a record, and without
// numbers: Lua's are doubles, in which neither nanoseconds nor random epochs fit. What is ordered is 20 decimal
// digits, which every collation orders alike (Redis compares strings by its locale); what is counted is counted
// by HINCRBY, which has 64 bits.
//
//	c r o   the epoch: change, revoke, open, in decimal
//	b       when it was last bumped, 20 digits
//	k       when the hash expires, milliseconds since 1970
//	m<id>   version, last seen, seen at, expires, created, revoke stamp (20 digits each), cur
//	d<id>   prev and salt, each after its length in one byte, then the record
//
// A session's ID has 22 characters, so that no m<id> or d<id> is one of the others.
const (
	digits = 20

	atVersion  = 0 * digits
	atLastSeen = 1 * digits
	atSeenAt   = 2 * digits
	atExpires  = 3 * digits
	atCreated  = 4 * digits
	atRevoke   = 5 * digits
	atCur      = 6 * digits
)

// ordered is n in 20 digits, whose order as text is that of numbers, negative ones included.
func ordered(n int64) string {
	var b [digits]byte
	v := uint64(n) ^ 1<<63
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = byte('0' + v%10)
		v /= 10
	}
	return string(b[:])
}

// number is the inverse of ordered.
func number(s string) (int64, error) {
	v, err := strconv.ParseUint(s, 10, 64)
	return int64(v ^ 1<<63), err
}

func at(t time.Time) string { return ordered(nguard.EncodeTime(t)) }

// marks is the field m<id> of a row.
func marks(r nguard.Row) string {
	return ordered(r.Version) + at(r.LastSeen) + at(r.SeenAt) + at(r.Mark.Expires) + at(r.Created) +
		ordered(r.Stamp.Revoke) + string(r.Cur)
}

// data is the field d<id> of a row.
func data(r nguard.Row) (string, error) {
	if len(r.Prev) > 255 || len(r.Salt) > 255 {
		return "", fmt.Errorf("%w: prev or salt of over 255 bytes", nguard.ErrTooLarge)
	}
	record := r.Encode()
	b := make([]byte, 0, 2+len(r.Prev)+len(r.Salt)+len(record))
	b = append(append(b, byte(len(r.Prev))), r.Prev...)
	b = append(append(b, byte(len(r.Salt))), r.Salt...)
	return string(append(b, record...)), nil
}

// row reads the two fields of a session. What the fields say twice must agree, and the record must be of the ID
// that it was found under: somebody who can write to Redis cannot make one session another's unnoticed.
func row(id, marks, data string) (nguard.Row, error) {
	var r nguard.Row
	if len(marks) < atCur {
		return r, damaged
	}
	var n [5]int64
	for i, from := range []int{atVersion, atLastSeen, atSeenAt, atExpires, atRevoke} {
		var err error
		if n[i], err = number(marks[from : from+digits]); err != nil {
			return r, damaged
		}
	}
	prev, data, ok := cut(data)
	salt, data, also := cut(data)
	if !ok || !also {
		return r, damaged
	}
	record, err := nguard.DecodeRecord([]byte(data))
	if err != nil {
		return r, err
	}
	if record.ID != id || record.Version != n[0] || record.Stamp.Revoke != n[4] {
		return r, fmt.Errorf("%w: record of another row", nguard.ErrCorrupt)
	}
	r.Record, r.Prev, r.Salt, r.Cur = record, prev, salt, []byte(marks[atCur:])
	r.LastSeen, r.SeenAt, r.Mark.Expires = nguard.DecodeTime(n[1]), nguard.DecodeTime(n[2]), nguard.DecodeTime(n[3])
	return r, nil
}

var damaged = fmt.Errorf("%w: damaged", nguard.ErrCorrupt)

// cut takes bytes that follow their length.
func cut(s string) (b []byte, rest string, ok bool) {
	if s == "" || len(s)-1 < int(s[0]) {
		return nil, "", false
	}
	n := 1 + int(s[0])
	return []byte(s[1:n]), s[n:], true
}

// Route is a hash of the owner. See [nguard.Router].
func (b *rows) Route(owner string) []byte {
	sum := sha256.Sum256([]byte("nguard owner\x00" + owner))
	return sum[:nguard.RouteLen]
}

// key is where a user's hash is. The braces make the route alone choose the slot of a cluster.
func (b *rows) key(route []byte) string {
	return b.prefix + "{" + base64.RawURLEncoding.EncodeToString(route) + "}"
}

func (b *rows) owned(owner string) string { return b.key(b.Route(owner)) }
