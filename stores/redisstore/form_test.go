package redisstore

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// TestOrdered: the texts of numbers have the order of the numbers, and their number again.
func TestOrdered(t *testing.T) {
	list := []int64{math.MinInt64, -1 << 53, -10, -9, -1, 0, 1, 9, 10, 1<<53 + 1, 1<<53 + 2, math.MaxInt64}
	var texts []string
	for _, n := range list {
		s := ordered(n)
		if got, err := number(s); err != nil || got != n || len(s) != digits {
			t.Errorf("%d is %q, which is %d: %v", n, s, got, err)
		}
		texts = append(texts, s)
	}
	if !slices.IsSorted(texts) {
		t.Errorf("out of order: %q", texts)
	}
}

func sample() nguard.Row {
	now := time.Date(2026, 7, 1, 12, 0, 0, 123456789, time.UTC)
	return nguard.Row{
		Record: &nguard.Record{
			ID: "mZUEuWkWdYkVHJ5AGmxHTg", Owner: "t/ann", Version: 7, Created: now, Updated: now.Add(time.Hour),
			Expires: now.Add(24 * time.Hour), Idle: time.Hour, Stamp: nguard.Epoch{Change: -5, Revoke: 1 << 61},
			User: nguard.User{ID: "ann", Name: "Ann Ünicode"}, Data: map[string]any{"visits": int64(12)},
		},
		Mark: nguard.Mark{Cur: []byte("cur\x00"), LastSeen: now.Add(time.Minute), Expires: now.Add(61 * time.Minute)},
		Prev: []byte("prev"), Salt: []byte{0, 255},
	}
}

func TestPack(t *testing.T) {
	want := sample()
	s, err := pack(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := unpack(want.ID, string(s))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Encode(), want.Encode()) || !bytes.Equal(got.Cur, want.Cur) || !bytes.Equal(got.Prev, want.Prev) ||
		!bytes.Equal(got.Salt, want.Salt) || !got.LastSeen.Equal(want.LastSeen) || !got.SeenAt.IsZero() ||
		!got.Mark.Expires.Equal(want.Mark.Expires) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	want.Salt = make([]byte, 256)
	if _, err := pack(want); !errors.Is(err, nguard.ErrTooLarge) {
		t.Errorf("a salt of 256 bytes: %v", err)
	}
}

// FuzzUnpack: whatever a field holds, it is a row that packs to the same bytes, or ErrCorrupt.
func FuzzUnpack(f *testing.F) {
	row := sample()
	s, err := pack(row)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range [][]byte{s, s[:len(s)-1], s[:atCur], s[:atCur+3], nil, append(slices.Clone(s), 0), bytes.Repeat([]byte{0xff}, 300)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s []byte) {
		got, err := unpack(row.ID, string(s))
		if err != nil {
			if !errors.Is(err, nguard.ErrCorrupt) {
				t.Fatal(err)
			}
			return
		}
		again, err := pack(got)
		if err != nil || !bytes.Equal(again[:atCur], s[:atCur]) || got.ID != row.ID {
			t.Fatalf("%q became %q: %v", s, again, err)
		}
	})
}
