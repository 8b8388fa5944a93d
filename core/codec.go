package nguard

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"
	"unicode/utf8"
)

// recordFormat is the first byte of an encoded record. A reader refuses every other one: there is no
// fallback decoder (checklist C14).
const recordFormat = 1

// The tags of stored values.
const (
	tagString byte = iota + 1
	tagFalse
	tagTrue
	tagInt
	tagFloat
	tagJSON
)

// Encode packs r into one value: a format byte, then the fields in a fixed order, each with its
// length. Equal records give equal bytes. Values in Data and User.Data must be in a stored form; the
// engine sees to that.
func (r *Record) Encode() []byte { return r.Append(make([]byte, 0, 256)) }

// Append appends what Encode returns to b.
func (r *Record) Append(b []byte) []byte {
	b = append(b, recordFormat)
	b = putString(b, r.ID)
	b = putString(b, r.Owner)
	b = binary.AppendVarint(b, r.Version)
	for _, t := range []time.Time{r.Created, r.Updated, r.AuthAt, r.Rotated, r.Expires} {
		b = binary.AppendVarint(b, EncodeTime(t))
	}
	b = binary.AppendVarint(b, int64(r.Idle))
	b = append(b, flags(r.Remember, r.Due, r.User.Disabled))
	b = binary.AppendVarint(b, r.Stamp.Change)
	b = binary.AppendVarint(b, r.Stamp.Revoke)
	for _, s := range []string{r.Device, r.IP, r.User.ID, r.User.Name, r.User.Email, r.User.Role} {
		b = putString(b, s)
	}
	b = putStrings(b, r.User.Permissions)
	b = putStrings(b, r.Methods)
	b = binary.AppendVarint(b, int64(r.Level))
	b = putValues(b, r.User.Data)
	return putValues(b, r.Data)
}

// DecodeRecord is the inverse of Encode. It accepts nothing else: bytes left over, a length beyond the
// end, an unknown tag or format are [ErrCorrupt]. It never panics and allocates in proportion to b.
func DecodeRecord(b []byte) (*Record, error) {
	d := decoder{s: string(b)}
	if d.byte() != recordFormat {
		return nil, fmt.Errorf("%w: unknown format", ErrCorrupt)
	}
	var r Record
	r.ID, r.Owner, r.Version = d.string(), d.string(), d.varint()
	for _, t := range []*time.Time{&r.Created, &r.Updated, &r.AuthAt, &r.Rotated, &r.Expires} {
		*t = DecodeTime(d.varint())
	}
	r.Idle = time.Duration(d.varint())
	f := d.byte()
	if f > 7 {
		d.bad = true
	}
	r.Remember, r.Due, r.User.Disabled = f&1 != 0, f&2 != 0, f&4 != 0
	r.Stamp.Change, r.Stamp.Revoke = d.varint(), d.varint()
	for _, s := range []*string{&r.Device, &r.IP, &r.User.ID, &r.User.Name, &r.User.Email, &r.User.Role} {
		*s = d.string()
	}
	r.User.Permissions, r.Methods = d.strings(), d.strings()
	r.Level = int(d.varint())
	r.User.Data, r.Data = d.values(), d.values()
	if d.bad || d.s != "" {
		return nil, fmt.Errorf("%w: damaged", ErrCorrupt)
	}
	return &r, nil
}

// EncodeTime is the form in which stores keep a time: nanoseconds since 1970 in UTC, 0 for the zero
// time. [DecodeTime] is its inverse.
func EncodeTime(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

// DecodeTime is the inverse of [EncodeTime].
func DecodeTime(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

func flags(bits ...bool) (b byte) {
	for i, set := range bits {
		if set {
			b |= 1 << i
		}
	}
	return b
}

func putString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func putStrings(b []byte, list []string) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, s := range list {
		b = putString(b, s)
	}
	return b
}

func putValues(b []byte, m map[string]any) []byte {
	b = binary.AppendUvarint(b, uint64(len(m)))
	names := make([]string, 0, 16) // on the stack, unless there are more
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		b = putString(b, name)
		switch v := m[name].(type) {
		case string:
			b = putString(append(b, tagString), v)
		case bool:
			if v {
				b = append(b, tagTrue)
			} else {
				b = append(b, tagFalse)
			}
		case int64:
			b = binary.AppendVarint(append(b, tagInt), v)
		case float64:
			b = binary.BigEndian.AppendUint64(append(b, tagFloat), math.Float64bits(v))
		case json.RawMessage:
			b = putString(append(b, tagJSON), string(v))
		}
	}
	return b
}

// decoder reads from one string, of which the decoded strings are parts: one allocation for all.
type decoder struct {
	s   string
	bad bool
}

func (d *decoder) byte() byte {
	if d.s == "" {
		d.bad = true
		return 0
	}
	c := d.s[0]
	d.s = d.s[1:]
	return c
}

// uvarint accepts the shortest form only, so that a record has one encoding.
func (d *decoder) uvarint() uint64 {
	var v uint64
	for shift := uint(0); shift < 64; shift += 7 {
		c := d.byte()
		v |= uint64(c&0x7f) << shift
		if c < 0x80 {
			if (c == 0 && shift > 0) || (shift == 63 && c > 1) {
				d.bad = true
			}
			return v
		}
	}
	d.bad = true
	return 0
}

func (d *decoder) varint() int64 {
	u := d.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

func (d *decoder) take(n uint64) string {
	if d.bad || n > uint64(len(d.s)) {
		d.bad = true
		return ""
	}
	s := d.s[:n]
	d.s = d.s[n:]
	return s
}

func (d *decoder) string() string {
	s := d.take(d.uvarint())
	if !utf8.ValidString(s) {
		d.bad = true
	}
	return s
}

// count reads a length whose items take at least one byte each.
func (d *decoder) count() int {
	n := d.uvarint()
	if n > uint64(len(d.s)) {
		d.bad = true
	}
	if d.bad {
		return 0
	}
	return int(n)
}

func (d *decoder) strings() []string {
	n := d.count()
	if n == 0 {
		return nil
	}
	list := make([]string, n)
	for i := range list {
		list[i] = d.string()
	}
	return list
}

func (d *decoder) values() map[string]any {
	n := d.count()
	if n == 0 {
		return nil
	}
	m := make(map[string]any, min(n, 64))
	last := ""
	for i := range n {
		name := d.string()
		if d.bad || (i > 0 && name <= last) {
			d.bad = true
			return nil
		}
		m[name], last = d.value(), name
	}
	return m
}

func (d *decoder) value() any {
	switch d.byte() {
	case tagString:
		return d.string()
	case tagFalse:
		return false
	case tagTrue:
		return true
	case tagInt:
		return d.varint()
	case tagFloat:
		if raw := d.take(8); len(raw) == 8 {
			f := math.Float64frombits(binary.BigEndian.Uint64([]byte(raw)))
			if !math.IsNaN(f) && !math.IsInf(f, 0) {
				return f
			}
		}
	case tagJSON:
		if raw := json.RawMessage(d.string()); json.Valid(raw) {
			return raw
		}
	}
	d.bad = true
	return nil
}
