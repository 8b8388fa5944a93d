package nguard

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"
)

// TestRecordRoundTrip: what is stored comes back, times in UTC to the nanosecond.
func TestRecordRoundTrip(t *testing.T) {
	now := time.Now().UTC().Round(0)
	for name, r := range map[string]*Record{
		"empty": {},
		"full":  fuzzRecord(),
		"edges": {Version: math.MaxInt64, Created: now, Expires: time.Unix(0, math.MinInt64).UTC(), Idle: -1, Level: -1,
			Stamp: Epoch{Change: math.MinInt64, Revoke: math.MaxInt64},
			Data:  map[string]any{"min": int64(math.MinInt64), "tiny": math.SmallestNonzeroFloat64, "empty": "", "null": json.RawMessage("null")}},
	} {
		got, err := DecodeRecord(r.Encode())
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if !reflect.DeepEqual(got, r) {
			t.Errorf("%s: read %+v, stored %+v", name, got, r)
		}
	}
}

// TestRecordOneEncoding: equal records give equal bytes, whatever the order in which maps are walked.
func TestRecordOneEncoding(t *testing.T) {
	first := fuzzRecord().Encode()
	for range 50 {
		if !bytes.Equal(fuzzRecord().Encode(), first) {
			t.Fatal("equal records give different bytes")
		}
	}
}

// TestRecordDamaged: no part of a record, and no record with something in it changed to another form of
// the same, is read (checklist C14).
func TestRecordDamaged(t *testing.T) {
	full := fuzzRecord().Encode()
	for n := range full {
		if _, err := DecodeRecord(full[:n]); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("the first %d bytes are read: %v", n, err)
		}
	}
	empty := (&Record{}).Encode()
	tail := func(cut int, more ...byte) []byte { return append(slices.Clone(empty[:len(empty)-cut]), more...) }
	more := slices.Clone(empty)
	more[10] = 8 // the flags: format, two texts and seven numbers stand before them
	for name, b := range map[string][]byte{
		"nothing":               {},
		"another format":        append([]byte{recordFormat + 1}, full[1:]...),
		"one byte more":         append(slices.Clone(full), 0),
		"unknown flag":          more,
		"longer number":         append(append([]byte{recordFormat}, 0x80, 0x00), empty[2:]...),
		"count beyond the end":  tail(1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1),
		"number of 65 bits":     tail(1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2),
		"names out of order":    tail(1, 2, 1, 'b', tagTrue, 1, 'a', tagTrue),
		"a name twice":          tail(1, 2, 1, 'a', tagTrue, 1, 'a', tagTrue),
		"unknown kind of value": tail(1, 1, 1, 'a', tagJSON+1),
		"not a number":          tail(1, append([]byte{1, 1, 'a', tagFloat}, binary.BigEndian.AppendUint64(nil, math.Float64bits(math.NaN()))...)...),
		"infinite":              tail(1, append([]byte{1, 1, 'a', tagFloat}, binary.BigEndian.AppendUint64(nil, math.Float64bits(math.Inf(1)))...)...),
		"not JSON":              tail(1, 1, 1, 'a', tagJSON, 1, '{'),
		"not UTF-8":             tail(1, 1, 1, 0xff, tagTrue),
	} {
		if r, err := DecodeRecord(b); !errors.Is(err, ErrCorrupt) || r != nil {
			t.Errorf("%s: read %+v, %v", name, r, err)
		}
	}
	if _, err := DecodeRecord(tail(1, 2, 1, 'a', tagTrue, 1, 'b', tagTrue)); err != nil {
		t.Errorf("what is like the damaged ones, and is not: %v", err)
	}
}

// TestRecordOwnsItsMemory: a database driver uses its buffer again.
func TestRecordOwnsItsMemory(t *testing.T) {
	b := fuzzRecord().Encode()
	r, err := DecodeRecord(b)
	if err != nil {
		t.Fatal(err)
	}
	clear(b)
	if !reflect.DeepEqual(r, fuzzRecord()) {
		t.Errorf("the record changed with the buffer: %+v", r)
	}
}

// TestEncodeTime: the zero time is 0, and everything else comes back in UTC.
func TestEncodeTime(t *testing.T) {
	at := time.Date(2026, 7, 1, 14, 0, 0, 5, time.FixedZone("", 7200))
	if got := DecodeTime(EncodeTime(at)); !got.Equal(at) || got.Location() != time.UTC {
		t.Errorf("got %v, want %v in UTC", got, at)
	}
	if EncodeTime(time.Time{}) != 0 || !DecodeTime(0).IsZero() {
		t.Error("the zero time is not 0")
	}
}
