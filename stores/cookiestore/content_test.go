package cookiestore

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/memstore"
)

func both(t testing.TB) map[string]*Store {
	t.Helper()
	keys, err := NewRing([]byte("q6Zb0Vt2sXw9LrT4uJm8HcYkEo1NdPfA"))
	if err != nil {
		t.Fatal(err)
	}
	list := map[string]*Store{}
	for name, companion := range map[string]nguard.Store{"row": memstore.New(), "bare": nil} {
		if list[name], err = New(Config{Keys: keys, Companion: companion}); err != nil {
			t.Fatal(err)
		}
	}
	return list
}

// C17: even what is sealed with the right key is one form and no other. Compressed, it is a fault, and
// nothing inflates it.
func TestC17_SealedCompressed(t *testing.T) {
	for name, s := range both(t) {
		raw, err := begin()
		if err != nil {
			t.Fatal(err)
		}
		var small bytes.Buffer
		z := gzip.NewWriter(&small)
		plain := s.tail(s.body(nil, &nguard.Record{ID: "x", Data: map[string]any{"a": strings.Repeat("a", 1<<20)}}), content{})
		if _, err := z.Write(plain); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		_, err = s.Load(t.Context(), s.box.seal(append(raw, small.Bytes()...)))
		if !errors.Is(err, nguard.ErrCorrupt) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// B10: the decoder of the standard library skips line ends. A value has one spelling all the same.
func TestB10_LineEnds(t *testing.T) {
	b := both(t)["row"].box
	for n := range 8 { // of every length modulo 4
		raw, err := begin()
		if err != nil {
			t.Fatal(err)
		}
		value := b.seal(append(raw, make([]byte, n)...))
		if _, _, err := b.open(value); err != nil {
			t.Fatal(err)
		}
		for i := 0; i <= len(value); i++ {
			for _, end := range []string{"\n", "\r", "\r\n", "\n\n\n", "\n\n\n\n"} {
				if _, _, err := b.open(value[:i] + end + value[i:]); !errors.Is(err, nguard.ErrMalformed) {
					t.Fatalf("%d bytes with %q at %d of %d: %v", n, end, i, len(value), err)
				}
			}
		}
	}
}

// Sealed bytes of another form are a fault, never a panic.
func FuzzParse(f *testing.F) {
	record := &nguard.Record{ID: "x", Owner: "ada", Data: map[string]any{"a": "b"}}
	for _, s := range both(f) {
		f.Add(s.tail(s.body(nil, record), content{token: "token", seen: time.Unix(1, 0)}))
	}
	f.Add([]byte{})
	f.Add(binary.BigEndian.AppendUint64(nil, 1))
	stores := both(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		for name, s := range stores {
			c, err := s.parse(b)
			if err != nil {
				if !errors.Is(err, nguard.ErrCorrupt) {
					t.Fatalf("%s: %v", name, err)
				}
				continue
			}
			if again := s.tail(c.record.Append(nil), c); !bytes.Equal(again, b) {
				t.Fatalf("%s: %x was read as what is written %x", name, b, again)
			}
		}
	})
}

// The parts of what a value is bound to cannot be moved against each other.
func TestBound(t *testing.T) {
	seen := map[string]bool{}
	keys := new(Ring)
	for _, p := range []purpose{forRow, forBare, forRowClaim, forBareClaim} {
		for _, pair := range [][2]string{{"", "ab"}, {"a", "b"}, {"ab", ""}, {"a", "\x01b"}} {
			b := newBox(keys, p, pair[0], pair[1])
			for _, bound := range [][]byte{b.bound, b.to("x").bound, b.to("").bound} {
				if seen[string(bound)] {
					t.Errorf("%q is bound twice", bound)
				}
				seen[string(bound)] = true
			}
		}
	}
}
