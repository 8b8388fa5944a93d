package redistest

import (
	"fmt"
	"math"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/storetest"
)

// TestStaleOpen: a change that nobody closed is read as closed after StaleOpen, with a change mark that no session
// has; the next bump finds the same.
func TestStaleOpen(t *testing.T) {
	s, c, _ := own(t)
	ctx := t.Context()
	created := storetest.Login(t, s, "ada")
	was, err := s.Bump(ctx, "ada", nguard.BumpOpen)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := c.Keys(ctx, "*").Result()
	if err != nil || len(keys) != 1 {
		t.Fatal(keys, err)
	}
	// age dates the last bump back, in the form that the store keeps it in.
	age := func(d time.Duration) {
		t.Helper()
		e, err := c.HGet(ctx, keys[0], "e").Result()
		if err != nil {
			t.Fatal(err)
		}
		e = e[:len(e)-20] + fmt.Sprintf("%020d", uint64(time.Now().Add(-d).UnixNano())^1<<63)
		if err := c.HSet(ctx, keys[0], "e", e).Err(); err != nil {
			t.Fatal(err)
		}
	}
	reads := func(want nguard.Epoch) {
		t.Helper()
		f, err := s.Load(ctx, created.Live)
		if err != nil || f.User != want {
			t.Fatalf("Load: %+v, want %+v: %v", f.User, want, err)
		}
		if e, err := s.Epoch(ctx, "ada"); err != nil || e != want {
			t.Fatalf("Epoch: %+v, want %+v: %v", e, want, err)
		}
		list, err := s.List(ctx, "ada", "", 10)
		if err != nil || len(list) != 1 || list[0].User != want {
			t.Fatalf("List: %+v, want %+v: %v", list, want, err)
		}
	}
	age(nguard.StaleOpen - time.Minute)
	reads(was)
	age(nguard.StaleOpen + time.Minute)
	closed := nguard.Epoch{Change: was.Change + 1, Revoke: was.Revoke}
	reads(closed)
	closed.Revoke++
	e, err := s.Bump(ctx, "ada", nguard.BumpRevoke)
	if err != nil || e != closed {
		t.Fatalf("a bump made %+v, want %+v: %v", e, closed, err)
	}
	reads(closed)
	// A change that begins then is one change, and not another one beside what was left.
	if _, err := s.Bump(ctx, "ada", nguard.BumpOpen); err != nil {
		t.Fatal(err)
	}
	age(nguard.StaleOpen + time.Minute)
	closed.Change++
	closed.Open = 1
	if e, err = s.Bump(ctx, "ada", nguard.BumpOpen); err != nil || e != closed {
		t.Fatalf("an open bump made %+v, want %+v: %v", e, closed, err)
	}
}

// TestEpochRange: epochs of all sizes are counted to the last bit, which a double could not.
func TestEpochRange(t *testing.T) {
	s, _, _ := own(t)
	for _, n := range []int64{1<<53 + 1, math.MaxInt64 >> 1, math.MaxInt64 - 5, -5, math.MinInt64, 0} {
		r := storetest.Record(t, s, fmt.Sprint("user", n))
		r.Stamp = nguard.Epoch{Change: n, Revoke: n + 1}
		created, err := s.Create(t.Context(), r, nguard.Cap{})
		if err != nil {
			t.Fatal(err)
		}
		want := nguard.Epoch{Change: n + 1, Revoke: n + 2, Open: 1}
		e, err := s.Bump(t.Context(), r.Owner, nguard.BumpChange|nguard.BumpRevoke|nguard.BumpOpen)
		if err != nil || e != want {
			t.Fatalf("got %+v, want %+v: %v", e, want, err)
		}
		f, err := s.Load(t.Context(), created.Live)
		if err != nil || f.User != want || f.Stamp != r.Stamp {
			t.Fatalf("got %+v and the stamp %+v, want %+v: %v", f.User, f.Stamp, want, err)
		}
	}
}
