package scstest

import (
	"errors"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/scsstore"
	"github.com/nguard-go/nguard/stores/storetest"
)

// Two Stores on one backend are as two processes. What is done one after the other, each sees of the other.
func TestTwoProcessesInTurn(t *testing.T) {
	m, _ := memory(t)
	a, b := scsstore.New(m), scsstore.New(m)
	c := storetest.Login(t, a, "ada")
	f, err := b.Load(t.Context(), c.Live)
	if err != nil {
		t.Fatal(err)
	}
	if f, err = b.Replace(t.Context(), f, storetest.Next(f), true); err != nil {
		t.Fatal(err)
	}
	if g, err := a.Load(t.Context(), c.Live); err != nil || g.Match != nguard.Previous || g.Live != f.Live {
		t.Fatalf("got match %d, %v", g.Match, err)
	}
	e, err := b.Bump(t.Context(), "ada", nguard.BumpRevoke)
	if err != nil {
		t.Fatal(err)
	}
	if g, err := a.Load(t.Context(), f.Live); err != nil || g.User != e || g.Stamp.Revoke == e.Revoke {
		t.Fatalf("got %+v, %v", g.User, err)
	}
	if err := b.Delete(t.Context(), "ada", c.ID); err != nil {
		t.Fatal(err)
	}
	_, err = a.Touch(t.Context(), c.Found, time.Now().Add(time.Hour))
	is(t, err, []error{nguard.ErrNoSession})
}

// At once they overwrite each other: this is what Lacks is about. Each loss is brought about by holding one
// of them between its read and its write; if a backend ever made one impossible, this test would tell, and
// the promise could be taken from the list.
func TestTwoProcessesAtOnce(t *testing.T) {
	lost := map[nguard.Promise]func(t *testing.T, held *scsstore.Store, meanwhile func(func()), other *scsstore.Store) bool{
		nguard.NoLostUpdate: func(t *testing.T, held *scsstore.Store, meanwhile func(func()), other *scsstore.Store) bool {
			c := storetest.Login(t, held, "ada")
			meanwhile(func() { must(other.Replace(t.Context(), c.Found, storetest.Next(c.Found), false)) })
			_, err := held.Replace(t.Context(), c.Found, storetest.Next(c.Found), false)
			return err == nil // both succeeded from one version
		},
		nguard.CatchesThieves: func(t *testing.T, held *scsstore.Store, meanwhile func(func()), other *scsstore.Store) bool {
			c := storetest.Login(t, held, "ada")
			var successor nguard.Found
			meanwhile(func() { successor = must(other.Replace(t.Context(), c.Found, storetest.Next(c.Found), true)) })
			must(held.Touch(t.Context(), c.Found, time.Now().Add(time.Hour)))
			f := must(held.Load(t.Context(), successor.Live))
			return f.Match == nguard.Spent && must(held.Load(t.Context(), c.Live)).Match == nguard.Current
		},
		nguard.StaysDead: func(t *testing.T, held *scsstore.Store, meanwhile func(func()), other *scsstore.Store) bool {
			c := storetest.Login(t, held, "ada")
			meanwhile(func() { must(0, other.Delete(t.Context(), "ada", c.ID)) })
			must(held.Touch(t.Context(), c.Found, time.Now().Add(time.Hour)))
			_, err := held.Load(t.Context(), c.Live)
			return err == nil
		},
		nguard.ReachesAll: func(t *testing.T, held *scsstore.Store, meanwhile func(func()), other *scsstore.Store) bool {
			c := storetest.Login(t, held, "ada")
			meanwhile(func() { must(other.Bump(t.Context(), "ada", nguard.BumpRevoke)) })
			must(held.Bump(t.Context(), "ada", nguard.BumpChange))
			f := must(held.Load(t.Context(), c.Live))
			return f.User.Revoke == f.Stamp.Revoke
		},
		nguard.ListsSessions: func(t *testing.T, held *scsstore.Store, meanwhile func(func()), other *scsstore.Store) bool {
			storetest.Login(t, held, "ada")
			r := storetest.Record(t, held, "ada")
			meanwhile(func() { storetest.Login(t, other, "ada") })
			must(held.Create(t.Context(), r, nguard.Cap{}))
			return len(must(held.List(t.Context(), "ada", "", 10))) < 3
		},
		nguard.CapsSessions: func(t *testing.T, held *scsstore.Store, meanwhile func(func()), other *scsstore.Store) bool {
			c := storetest.Login(t, held, "ada")
			r, limit := storetest.Record(t, held, "ada"), nguard.Cap{Max: 2, Now: time.Now()}
			var second nguard.Created
			meanwhile(func() { second = must(other.Create(t.Context(), r, limit)) })
			third := must(held.Create(t.Context(), r, limit))
			live := 0
			for _, token := range []string{c.Live, second.Live, third.Live} {
				if _, err := held.Load(t.Context(), token); !errors.Is(err, nguard.ErrNoSession) {
					live++
				}
			}
			return live > 2
		},
	}
	m, _ := memory(t)
	lacks := scsstore.New(m).Lacks()
	if len(lacks) != len(lost) {
		t.Errorf("Lacks names %d promises, %d are tried", len(lacks), len(lost))
	}
	for _, promise := range lacks {
		t.Run(string(promise), func(t *testing.T) {
			held, h := hooks(t)
			other := scsstore.New(h.Store)
			meanwhile := func(do func()) {
				h.set(func(when, op, _ string) error {
					if when == "before" && op == "commit" {
						h.set(nil)
						do()
					}
					return nil
				})
			}
			try := lost[promise]
			if try == nil {
				t.Fatal("nobody has shown that it is lost")
			}
			if !try(t, held, meanwhile, other) {
				t.Error("it was kept: then it need not be waived")
			}
		})
	}
}

// must returns the value of a call that has to succeed.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
