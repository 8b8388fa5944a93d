package scsstore

import (
	"bytes"
	"errors"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

func samples() (nguard.Row, epoch, index) {
	at := time.Unix(1_700_000_000, 7).UTC()
	row := nguard.Row{
		Record: &nguard.Record{ID: "AAAAAAAAAAAAAAAAAAAAAA", Owner: "ada", Version: 3, Created: at, Expires: at.Add(time.Hour)},
		Mark:   nguard.Mark{Cur: []byte("cur"), LastSeen: at, Expires: at.Add(time.Hour)},
		Prev:   []byte("prev"), Salt: []byte("salt"),
	}
	e := epoch{owner: "ada", Epoch: nguard.Epoch{Change: -1, Revoke: 1 << 62, Open: 2}, bumped: at, until: at.Add(time.Hour)}
	x := index{owner: "ada", list: []entry{{"AAAA", at}, {"BBBB", at.Add(1)}}}
	return row, e, x
}

func TestCodec(t *testing.T) {
	row, e, x := samples()
	r, err := decodeRow(encodeRow(row), row.ID)
	if err != nil || !bytes.Equal(r.Encode(), row.Encode()) || !bytes.Equal(r.Cur, row.Cur) ||
		!bytes.Equal(r.Prev, row.Prev) || !bytes.Equal(r.Salt, row.Salt) || r.LastSeen != row.LastSeen ||
		!r.SeenAt.IsZero() || r.Mark.Expires != row.Mark.Expires {
		t.Fatalf("got %+v, %v", r, err)
	}
	if got, err := decodeEpoch(encodeEpoch(e), "ada"); err != nil || got != e {
		t.Fatalf("got %+v, %v", got, err)
	}
	if got, err := decodeIndex(encodeIndex(x), "ada"); err != nil || !bytes.Equal(encodeIndex(got), encodeIndex(x)) {
		t.Fatalf("got %+v, %v", got, err)
	}
}

// What is cut, longer, of another kind, format or key is refused (checklist C14, K10, N8).
func TestDamaged(t *testing.T) {
	row, e, x := samples()
	for name, c := range map[string]struct {
		value  []byte
		decode func(b []byte, name string) error
		key    string
	}{
		"row":   {encodeRow(row), func(b []byte, id string) error { _, err := decodeRow(b, id); return err }, row.ID},
		"epoch": {encodeEpoch(e), func(b []byte, o string) error { _, err := decodeEpoch(b, o); return err }, "ada"},
		"index": {encodeIndex(x), func(b []byte, o string) error { _, err := decodeIndex(b, o); return err }, "ada"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := c.decode(c.value, c.key); err != nil {
				t.Fatal(err)
			}
			refused := func(what string, b []byte, key string) {
				t.Helper()
				if err := c.decode(b, key); !errors.Is(err, nguard.ErrCorrupt) {
					t.Errorf("%s: got %v", what, err)
				}
			}
			refused("another's", c.value, "eve")
			refused("longer", append(bytes.Clone(c.value), 0), c.key)
			for i := range 2 {
				other := bytes.Clone(c.value)
				other[i]++
				refused("another format or kind", other, c.key)
			}
			for n := range c.value {
				if name == "index" && (n == 2+4+3 || n == 2+4+3+4+4+8) {
					continue // the end of the owner and of an entry: a shorter list
				}
				refused("cut", c.value[:n], c.key)
			}
		})
	}
	twice := index{owner: "ada", list: []entry{x.list[0], x.list[0]}}
	if _, err := decodeIndex(encodeIndex(twice), "ada"); !errors.Is(err, nguard.ErrCorrupt) {
		t.Errorf("an ID twice: got %v", err)
	}
}

// FuzzDecode feeds the decoders with anything: they never panic, and what they accept has one encoding.
func FuzzDecode(f *testing.F) {
	row, e, x := samples()
	for _, b := range [][]byte{encodeRow(row), encodeEpoch(e), encodeIndex(x), nil, {format}, {format, byte(kindIndex), 0, 0, 0, 0}} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var again []byte
		if r, err := decodeRow(b, row.ID); err == nil {
			again = encodeRow(r)
		} else if e, err := decodeEpoch(b, "ada"); err == nil {
			again = encodeEpoch(e)
		} else if x, err := decodeIndex(b, "ada"); err == nil {
			again = encodeIndex(x)
		} else if !errors.Is(err, nguard.ErrCorrupt) {
			t.Fatalf("got %v", err)
		} else {
			return
		}
		if !bytes.Equal(again, b) {
			t.Fatalf("%x is another spelling of %x", b, again)
		}
	})
}
