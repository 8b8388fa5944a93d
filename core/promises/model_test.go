package promises

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	_ "modernc.org/sqlite"

	nguard "github.com/nguard-go/nguard/core"
)

// TestModel runs 100 000 random operations of several guards on one store, alone or two and three at a
// time, with faults and dying processes among them, against a reference that is plain maps. It runs in
// bubbles of testing/synctest: hours pass at once, and the same seed gives the same order of steps.
func TestModel(t *testing.T) {
	for _, share := range []struct {
		where        string
		seeds, steps int
	}{{"memory", 10, 9000}, {"sqlite", 2, 2500}, {"sqlite, users elsewhere", 2, 2500}} {
		t.Run(share.where, func(t *testing.T) {
			for seed := range share.seeds {
				t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
					t.Parallel()
					began := time.Now()
					s, err := bubble(t, share.where, uint64(seed), share.steps, mutant{})
					took := time.Since(began)
					t.Logf("%d steps in %.1f s (%.0f/s), %s", s.steps, took.Seconds(), float64(s.steps)/took.Seconds(), s.tally())
					if err != nil {
						t.Error(err)
					}
				})
			}
		})
	}
}

// TestModelCatches runs the model on stores and users tables that break one rule each: it must fail.
func TestModelCatches(t *testing.T) {
	const seeds, steps = 3, 6000
	for seed := range uint64(seeds) { // the same seeds find nothing where nothing is broken
		t.Run(fmt.Sprint("not broken, seed ", seed), func(t *testing.T) {
			t.Parallel()
			if _, err := bubble(t, "memory", 100+seed, steps, mutant{}); err != nil {
				t.Error(err)
			}
		})
	}
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(seeds) {
				if _, err := bubble(t, "memory", 100+seed, steps, m); err != nil {
					line, _, _ := strings.Cut(err.Error(), "\n")
					t.Logf("seed %d: %s", 100+seed, line)
					return
				}
			}
			t.Errorf("%d steps and nothing was noticed", seeds*steps)
		})
	}
}

func bubble(t *testing.T, where string, seed uint64, steps int, m mutant) (s *simulation, err error) {
	synctest.Test(t, func(t *testing.T) { s, err = simulate(t, where, seed, steps, m) })
	return s, err
}

// mutant breaks one rule.
type mutant struct {
	name    string
	backend func(nguard.Backend) nguard.Backend
	epochs  func(nguard.Epochs) nguard.Epochs
	users   func(nguard.UserUpdater) nguard.UserUpdater
}
