package scsstore

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// format is the first byte of every value. A reader refuses every other one: there is no fallback decoder.
// The kind follows, then numbers of eight bytes and texts with their length in four, so that a value has
// one encoding and nothing is left over.
const format = 1

// epoch is what is kept of a person.
type epoch struct {
	owner string
	nguard.Epoch
	bumped time.Time // when Open last changed, for nguard.StaleOpen
	until  time.Time // how long the value is needed
}

// index is the list of a person's sessions, in the order of their IDs.
type index struct {
	owner string
	list  []entry
}

// entry is a session in an index. Its row holds everything else, so that updates and touches of it leave
// the index alone.
type entry struct {
	id      string
	expires time.Time // the absolute end: from then on there is no need to look for the row
}

func encodeRow(r nguard.Row) []byte {
	b := []byte{format, byte(kindRow)}
	b = putTimes(b, r.LastSeen, r.SeenAt, r.Mark.Expires)
	b = putText(b, r.Cur)
	b = putText(b, r.Prev)
	b = putText(b, r.Salt)
	return putText(b, r.Encode())
}

// decodeRow reads the row of the session with this ID. Whoever can write to the backend cannot make one
// person's session another's by copying a value: the record in it names both.
func decodeRow(b []byte, id string) (nguard.Row, error) {
	d := decoder{rest: b}
	d.head(kindRow)
	var r nguard.Row
	r.LastSeen, r.SeenAt, r.Mark.Expires = d.time(), d.time(), d.time()
	r.Cur, r.Prev, r.Salt = bytes.Clone(d.text()), bytes.Clone(d.text()), bytes.Clone(d.text())
	record := d.text()
	if err := d.end(); err != nil {
		return nguard.Row{}, err
	}
	rec, err := nguard.DecodeRecord(record)
	if err != nil {
		return nguard.Row{}, err
	}
	if rec.ID != id {
		return nguard.Row{}, fmt.Errorf("%w: session of another key", nguard.ErrCorrupt)
	}
	r.Record = rec
	return r, nil
}

func encodeEpoch(e epoch) []byte {
	b := []byte{format, byte(kindEpoch)}
	b = putText(b, []byte(e.owner))
	b = putInts(b, e.Change, e.Revoke, int64(e.Open))
	return putTimes(b, e.bumped, e.until)
}

func decodeEpoch(b []byte, owner string) (epoch, error) {
	d := decoder{rest: b}
	d.head(kindEpoch)
	e := epoch{owner: string(d.text())}
	e.Change, e.Revoke, e.Open = d.int(), d.int(), int(d.int())
	e.bumped, e.until = d.time(), d.time()
	if err := d.end(); err != nil {
		return epoch{}, err
	}
	if e.owner != owner {
		return epoch{}, fmt.Errorf("%w: epoch of another key", nguard.ErrCorrupt)
	}
	if e.Open < 0 || e.until.IsZero() {
		return epoch{}, fmt.Errorf("%w: impossible epoch", nguard.ErrCorrupt)
	}
	return e, nil
}

func encodeIndex(x index) []byte {
	b := []byte{format, byte(kindIndex)}
	b = putText(b, []byte(x.owner))
	for _, e := range x.list {
		b = putTimes(putText(b, []byte(e.id)), e.expires)
	}
	return b
}

func decodeIndex(b []byte, owner string) (index, error) {
	d := decoder{rest: b}
	d.head(kindIndex)
	x := index{owner: string(d.text())}
	for last := ""; len(d.rest) > 0 && !d.bad; {
		e := entry{id: string(d.text()), expires: d.time()}
		if e.id <= last {
			d.bad = true // each ID once, in order, none empty
		}
		x.list, last = append(x.list, e), e.id
	}
	if err := d.end(); err != nil {
		return index{}, err
	}
	if x.owner != owner {
		return index{}, fmt.Errorf("%w: index of another key", nguard.ErrCorrupt)
	}
	return x, nil
}

func putInts(b []byte, list ...int64) []byte {
	for _, n := range list {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	return b
}

func putTimes(b []byte, list ...time.Time) []byte {
	for _, t := range list {
		b = putInts(b, nguard.EncodeTime(t))
	}
	return b
}

func putText(b, text []byte) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(text))), text...)
}

// decoder reads from the front of rest. What is not there is zero, and bad from then on.
type decoder struct {
	rest []byte
	bad  bool
}

func (d *decoder) head(k kind) {
	if h := d.take(2); !d.bad && (h[0] != format || h[1] != byte(k)) {
		d.bad = true
	}
}

func (d *decoder) take(n uint64) []byte {
	if d.bad || n > uint64(len(d.rest)) {
		d.bad = true
		return nil
	}
	part := d.rest[:n]
	d.rest = d.rest[n:]
	return part
}

func (d *decoder) int() int64 {
	if raw := d.take(8); !d.bad {
		return int64(binary.BigEndian.Uint64(raw))
	}
	return 0
}

func (d *decoder) time() time.Time { return nguard.DecodeTime(d.int()) }

func (d *decoder) text() []byte {
	if raw := d.take(4); !d.bad {
		return d.take(uint64(binary.BigEndian.Uint32(raw)))
	}
	return nil
}

func (d *decoder) end() error {
	if d.bad || len(d.rest) > 0 {
		return fmt.Errorf("%w: damaged value", nguard.ErrCorrupt)
	}
	return nil
}
