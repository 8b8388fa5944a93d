package scstest

import (
	"testing"
	"testing/synctest"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/scsstore"
	"github.com/nguard-go/nguard/stores/storetest"
)

// A change that nobody closed is over after StaleOpen. There is no sweep: everybody who reads it then sees
// the same, and the next bump goes on from there.
func TestStaleOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, _ := memory(t)
		s := scsstore.New(m)
		c := storetest.Login(t, s, "ada")
		was, err := s.Bump(t.Context(), "ada", nguard.BumpOpen)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(nguard.StaleOpen)
		if f, err := s.Load(t.Context(), c.Live); err != nil || f.User != was {
			t.Fatalf("too early: got %+v, %v, want %+v", f.User, err, was)
		}
		time.Sleep(time.Nanosecond)
		want := nguard.Epoch{Change: was.Change + 1, Revoke: was.Revoke}
		for range 2 {
			if f, err := s.Load(t.Context(), c.Live); err != nil || f.User != want {
				t.Fatalf("got %+v, %v, want %+v", f.User, err, want)
			}
		}
		want.Open = 1
		if e, err := s.Bump(t.Context(), "ada", nguard.BumpOpen); err != nil || e != want {
			t.Fatalf("got %+v, %v, want %+v", e, err, want)
		}
	})
}

// Values are gone when they are of no use any more, and not before: the session a while after its end, the
// epoch after the last session, and one without sessions after KeepEpoch.
func TestExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, all := memory(t)
		s := scsstore.New(m)
		r := storetest.Record(t, s, "ada")
		r.Idle = 0 // it lives for a day, whether it is used or not
		c, err := s.Create(t.Context(), r, nguard.Cap{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Bump(t.Context(), "eve", nguard.BumpRevoke); err != nil {
			t.Fatal(err)
		}
		if n := len(all()); n != 4 {
			t.Fatalf("%d values, want a row, an index and two epochs", n)
		}
		time.Sleep(nguard.KeepEpoch)
		if e, err := s.Epoch(t.Context(), "eve"); err != nil || len(all()) != 4 {
			t.Fatalf("got %+v, %v", e, err)
		}
		time.Sleep(nguard.Skew + 1)
		if n := len(all()); n != 3 {
			t.Fatalf("%d values, want the three of ada", n)
		}
		time.Sleep(time.Until(c.Expires))
		if f, err := s.Load(t.Context(), c.Live); err != nil || f.User != c.User {
			t.Fatalf("gone before the engine could say that it is over: %+v, %v", f.User, err)
		}
		time.Sleep(25 * time.Hour)
		if n := len(all()); n != 0 {
			t.Fatalf("%d values are left", n)
		}
	})
}
