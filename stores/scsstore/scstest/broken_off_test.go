package scstest

import (
	"errors"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/scsstore"
	"github.com/nguard-go/nguard/stores/storetest"
)

var errBroken = errors.New("scstest: broken off")

// Each write, in each of the steps that take several, is the last one for once, with its effect and without,
// as it is when a process dies. Whatever is left: no session lives that the list does not show, nobody who was
// logged in is logged out by a login that failed, and the step works when it is tried again (checklist N5).
func TestBrokenOff(t *testing.T) {
	capped := nguard.Cap{Max: 2, EvictOldest: true, Now: time.Now()}
	for _, when := range []string{"before", "after"} {
		for n := 1; ; n++ {
			s, h := hooks(t)
			first := storetest.Login(t, s, "ada")
			storetest.Login(t, s, "ada")
			writes, broken := 0, false
			h.set(func(at, op, _ string) error {
				if op == "find" {
					return nil
				}
				if at == "before" {
					writes++
				}
				broken = broken || writes == n && at == when
				if broken {
					return errBroken
				}
				return nil
			})
			r := storetest.Record(t, s, "ada")
			_, err := s.Create(t.Context(), r, capped)
			h.set(nil)
			if broken && err != nil {
				is(t, err, []error{nguard.ErrUnavailable, nguard.ErrOutcomeUnknown, errBroken})
			}
			listed(t, s, h, 3)
			if _, e := s.Load(t.Context(), first.Live); err != nil && e != nil && writes <= 2 {
				t.Fatalf("%s write %d: logged out by a login that failed: %v", when, n, e)
			}
			if _, err := s.Create(t.Context(), r, capped); err != nil {
				t.Fatal(err)
			}
			listed(t, s, h, 2)
			if !broken {
				if n < 4 {
					t.Fatalf("a login that evicts took %d writes", n-1)
				}
				break
			}
		}
	}
}

// A logout that reached its session is one, and one that did not says so.
func TestLogoutBrokenOff(t *testing.T) {
	for n := 1; n <= 2; n++ {
		for _, when := range []string{"before", "after"} {
			s, h := hooks(t)
			c := storetest.Login(t, s, "ada")
			writes := 0
			h.set(func(at, op, _ string) error {
				if op != "find" && at == "before" {
					writes++
				}
				if op != "find" && writes >= n && (writes > n || at == when) {
					return errBroken
				}
				return nil
			})
			err := s.Delete(t.Context(), "ada", c.ID)
			h.set(nil)
			_, alive := s.Load(t.Context(), c.Live)
			if err == nil && !errors.Is(alive, nguard.ErrNoSession) {
				t.Fatalf("%s write %d: said to have ended, but Load says %v", when, n, alive)
			}
			if n == 1 && err == nil {
				t.Fatal("nothing was said of an outage")
			}
			listed(t, s, h, 1)
		}
	}
}

// listed checks that each row in the backend that lives is in its owner's list, and how many there are at most.
func listed(t *testing.T, s *scsstore.Store, h *hooked, most int) {
	t.Helper()
	shown, err := s.List(t.Context(), "ada", "", 100)
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	all, err := h.Store.(scs.IterableStore).All()
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range all {
		if value[1] == 's' {
			rows++
		}
	}
	if rows != len(shown) || rows > most {
		t.Fatalf("%d sessions are stored, %d are listed, at most %d may be", rows, len(shown), most)
	}
}

// A value that is copied under another key, or damaged, is refused, and is nobody's session (K10, N8).
func TestCopiedValue(t *testing.T) {
	s, h := hooks(t)
	ada, eve := storetest.Login(t, s, "ada"), storetest.Login(t, s, "eve")
	all, err := h.Store.(scs.IterableStore).All()
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for key, value := range all {
		for other, theirs := range all {
			if key == other {
				continue
			}
			if err := h.Store.Commit(key, theirs, time.Now().Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
			tried++
			refused := 0
			for _, c := range []nguard.Created{ada, eve} {
				if f, err := s.Load(t.Context(), c.Live); errors.Is(err, nguard.ErrCorrupt) {
					refused++
				} else if err != nil || f.Owner != c.Owner || f.User != c.User {
					t.Fatalf("%s got the session of %s, %v", c.Owner, f.Owner, err)
				}
				if _, err := s.List(t.Context(), c.Owner, "", 10); errors.Is(err, nguard.ErrCorrupt) {
					refused++
				} else if err != nil {
					t.Fatal(err)
				}
			}
			if refused == 0 {
				t.Fatalf("a value of kind %c passes for one of kind %c", theirs[1], value[1])
			}
		}
		if err := h.Store.Commit(key, value, time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	if tried != 30 {
		t.Fatalf("%d copies were tried, want 30", tried)
	}
}

// Keys fit the narrowest of scs's tables, and tell nothing.
func TestKeys(t *testing.T) {
	s, h := hooks(t)
	storetest.Login(t, s, "ada@example.com")
	other := scsstore.New(h.Store, scsstore.Namespace("other"))
	c := storetest.Login(t, other, "ada@example.com")
	all, err := h.Store.(scs.IterableStore).All()
	if err != nil || len(all) != 6 {
		t.Fatalf("got %d values, want 6: namespaces keep them apart; %v", len(all), err)
	}
	for key := range all {
		if len(key) != 43 {
			t.Errorf("the key %q has %d characters", key, len(key))
		}
	}
	if _, err := s.Load(t.Context(), c.Live); !errors.Is(err, nguard.ErrNoSession) {
		t.Errorf("a session of another namespace: %v", err)
	}
}
