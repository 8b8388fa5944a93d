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
//	c r     the epoch's change and revoke, for HINCRBY
//	e       the epoch as it is read: change, revoke and open in decimal, when it was last bumped in 20 digits
//	k       when the hash expires, milliseconds since 1970
//	s<id>   version, last seen, seen at, expires, created, revoke stamp (20 digits each), then cur, prev and salt,
//	        each after its length in one byte, then the record
//
// The name of a session's field is longer than one character, so that it is none of the others.
const (
	digits = 20
	atCur  = 6 * digits
)

// ordered is n in 20 digits, whose order as text is that of numbers, negative ones included.
func ordered(n int64) string { return string(appendOrdered(make([]byte, 0, digits), n)) }

func appendOrdered(b []byte, n int64) []byte {
	var text [digits]byte
	v := uint64(n) ^ 1<<63
	for i := len(text) - 1; i >= 0; i-- {
		text[i] = byte('0' + v%10)
		v /= 10
	}
	return append(b, text[:]...)
}

// number is the inverse of ordered.
func number(s string) (int64, error) {
	v, err := strconv.ParseUint(s, 10, 64)
	return int64(v ^ 1<<63), err
}

func at(t time.Time) string { return ordered(nguard.EncodeTime(t)) }

// pack is the field s<id> of a row.
func pack(r nguard.Row) ([]byte, error) {
	record := r.Encode()
	b := make([]byte, 0, atCur+3+len(r.Cur)+len(r.Prev)+len(r.Salt)+len(record))
	for _, n := range []int64{
		r.Version, nguard.EncodeTime(r.LastSeen), nguard.EncodeTime(r.SeenAt), nguard.EncodeTime(r.Mark.Expires),
		nguard.EncodeTime(r.Created), r.Stamp.Revoke,
	} {
		b = appendOrdered(b, n)
	}
	for _, part := range [][]byte{r.Cur, r.Prev, r.Salt} {
		if len(part) > 255 {
			return nil, fmt.Errorf("%w: a digest or salt of %d bytes", nguard.ErrTooLarge, len(part))
		}
		b = append(append(b, byte(len(part))), part...)
	}
	return append(b, record...), nil
}

// unpack is the inverse. What the field says twice must agree, and the record must be of the ID that it was found
// under: somebody who can write to Redis cannot make one session another's unnoticed.
func unpack(id, s string) (r nguard.Row, err error) {
	if len(s) < atCur {
		return r, errDamaged
	}
	var n [atCur / digits]int64
	for i := range n {
		if n[i], err = number(s[i*digits : (i+1)*digits]); err != nil {
			return r, errDamaged
		}
	}
	s = s[atCur:]
	for _, part := range []*[]byte{&r.Cur, &r.Prev, &r.Salt} {
		if s == "" || len(s)-1 < int(s[0]) {
			return r, errDamaged
		}
		end := 1 + int(s[0])
		*part, s = []byte(s[1:end]), s[end:]
	}
	record, err := nguard.DecodeRecord([]byte(s))
	if err != nil {
		return r, err
	}
	if record.ID != id || record.Version != n[0] || nguard.EncodeTime(record.Created) != n[4] || record.Stamp.Revoke != n[5] {
		return r, fmt.Errorf("%w: record of another row", nguard.ErrCorrupt)
	}
	r.Record = record
	r.LastSeen, r.SeenAt, r.Mark.Expires = nguard.DecodeTime(n[1]), nguard.DecodeTime(n[2]), nguard.DecodeTime(n[3])
	return r, nil
}

var errDamaged = fmt.Errorf("%w: damaged", nguard.ErrCorrupt)

// Route is a hash of the owner. See [nguard.Router].
func (b *rows) Route(owner string) []byte {
	route := routeOf(owner)
	return route[:]
}

func routeOf(owner string) [nguard.RouteLen]byte {
	const label = "nguard owner\x00"
	var room [128]byte // for most owners
	sum := sha256.Sum256(append(append(room[:0], label...), owner...))
	return [nguard.RouteLen]byte(sum[:])
}

// key is where a user's hash is. The braces make the route alone choose the slot of a cluster.
func (b *rows) key(route [nguard.RouteLen]byte) string {
	var room [128]byte
	key := append(append(room[:0], b.prefix...), '{')
	return string(append(base64.RawURLEncoding.AppendEncode(key, route[:]), '}'))
}

func (b *rows) owned(owner string) string { return b.key(routeOf(owner)) }
