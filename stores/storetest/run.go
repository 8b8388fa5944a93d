package storetest

import (
	"context"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// Harness is a store under test, and what the suite may know of it beyond the interface. It is made
// anew for each case; what needs closing goes into t.Cleanup.
type Harness struct {
	// Store is empty, and like those of earlier cases in keys and settings: a token of theirs is well
	// formed here.
	Store nguard.Store
	// Peer opens another store on the same data, as another process would. Nil when there can be none:
	// its cases are skipped.
	Peer func(t *testing.T) nguard.Store
	// Dump returns every value that is stored, as somebody who stole the disk would find it. Nil when
	// there is no looking into it: its cases are skipped.
	Dump func(t *testing.T) [][]byte
	// Sealed says that a token holds the session's values: each Replace gives a new one, an older one leads to
	// the same session with the values that it holds, and Find and List return none. A record of 64 KiB is
	// too large for it. Of two updates at once the token that arrives last counts: cases about that are skipped.
	Sealed bool
}

// Run runs every case against stores that open returns.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	for _, group := range [][]rule{
		contract, tokens, rotation, marks, updates, epochs, caps, lists, keys, sweeps, contexts, secrecy,
		crowds, peers, transactions, watching,
	} {
		for _, r := range group {
			t.Run(r.name, func(t *testing.T) {
				t.Cleanup(func() {
					if t.Failed() {
						t.Log("the rule: " + r.says)
					}
				})
				r.check(&kit{T: t, Harness: open(t), open: open, ctx: context.Background(), now: now()})
			})
		}
	}
}

// Decorated returns open with every store behind a decorator that only has Unwrap: what a program that
// wraps its store for tracing gives to the guard. A suite that passes without it passes with it.
func Decorated(open func(t *testing.T) Harness) func(t *testing.T) Harness {
	return func(t *testing.T) Harness {
		h := open(t)
		h.Store = decorator{h.Store}
		return h
	}
}

type decorator struct{ nguard.Store }

func (d decorator) Unwrap() any { return d.Store }

// rule is a case: its name, the sentence that must hold, and how it is checked.
type rule struct {
	name, says string
	check      func(k *kit)
}

// now has no monotonic part and is in UTC, as times are that a store returns.
func now() time.Time { return time.Now().UTC().Round(0) }
