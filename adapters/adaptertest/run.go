package adaptertest

import "testing"

// Option changes what Run does.
type Option func(skip map[string]string)

// Skip leaves out the case of this name, for a reason that stands in the output of the test. It is for
// frameworks and stores that cannot keep a promise and say so.
func Skip(name, reason string) Option {
	return func(skip map[string]string) { skip[name] = reason }
}

// Run runs every case against the adapter of h.
func Run(t *testing.T, h Harness, options ...Option) {
	skip := map[string]string{}
	for _, o := range options {
		o(skip)
	}
	for _, group := range groups {
		for _, r := range group {
			reason, skipped := skip[r.name]
			delete(skip, r.name)
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
	for name := range skip {
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
