package adaptertest

import (
	"slices"
	"strings"
	"testing"
)

// Option changes what Run does.
type Option func(*choice)

// choice is which cases run.
type choice struct {
	skip map[string]string // by name, the reason
	only []string          // beginnings of names; empty for all
}

// Skip leaves out the case of this name, for a reason that stands in the output of the test. It is for
// frameworks and stores that cannot keep a promise and say so.
func Skip(name, reason string) Option {
	return func(c *choice) { c.skip[name] = reason }
}

// Only leaves out the cases whose names begin with none of these, such as "P" for the promises or "K" for races. It
// is for what has been tried whole in another way, such as one more store under an adapter.
func Only(beginnings ...string) Option {
	return func(c *choice) { c.only = append(c.only, beginnings...) }
}

// chosen reports whether a case is one of those.
func (c choice) chosen(name string) bool {
	return len(c.only) == 0 || slices.ContainsFunc(c.only, func(begin string) bool { return strings.HasPrefix(name, begin) })
}

// Run runs every case against the adapter of h.
func Run(t *testing.T, h Harness, options ...Option) {
	installRandom()
	c := choice{skip: map[string]string{}}
	for _, o := range options {
		o(&c)
	}
	for _, group := range groups {
		for _, r := range group {
			reason, skipped := c.skip[r.name]
			delete(c.skip, r.name)
			if !skipped && !c.chosen(r.name) {
				continue
			}
			t.Run(r.name, func(t *testing.T) {
				if skipped {
					t.Skip(reason)
				}
				t.Cleanup(func() {
					if t.Failed() {
						t.Log("the rule: " + r.says)
					}
				})
				r.check(t, &kit{h})
			})
		}
	}
	for name := range c.skip {
		t.Errorf("no case is called %q: take it out of the options", name)
	}
}

// groups are all cases, in the order in which they run: what the project is for, what clients expect, and the rest by name.
var groups = [][]rule{
	story,
	contractRequests,
	contractRefusals,
	contractCookie,
	contractUpdate,
	contractOrigins,
	apps,
	allOrNothing,
	bodyForms,
	bodySizes,
	bodyValues,
	callbacks,
	clocks,
	cookieRemoval,
	cookies,
	cookieSpellings,
	crossOrigin,
	crowds,
	deadStaysDead,
	devices,
	digests,
	eightHours,
	enumeration,
	failures,
	floods,
	framing,
	grants,
	headers,
	heldRequests,
	hooks,
	hosts,
	identity,
	injectedRecords,
	injection,
	issuance,
	lifetimes,
	limitAddresses,
	limitGuesses,
	limits,
	liveStreams,
	lostReplies,
	lostUpdates,
	namespaces,
	origins,
	outages,
	privilege,
	quietReads,
	races,
	reach,
	reachRaces,
	referencePaths,
	references,
	replays,
	rotation,
	rotationByChange,
	seams,
	sessionCaps,
	smuggledAuthority,
	smuggledUpdates,
	timeLimits,
	tokenSpelling,
	trace,
}

// rule is a case: its name, the sentence that must hold, and how it is checked.
type rule struct {
	name, says string
	check      func(t *testing.T, k *kit)
}

// kit is the harness in the hands of a case.
type kit struct{ h Harness }
