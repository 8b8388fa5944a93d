package adaptertest

import (
	"slices"
	"strings"
	"testing"
)

// Run runs every case against the adapter of h; or those whose names begin with one of only, such as "P" for the
// promises or "K" for races, where the others have been tried in another way, such as for one more store under an
// adapter.
func Run(t *testing.T, h Harness, only ...string) {
	installRandom()
	for _, group := range groups {
		for _, r := range group {
			if len(only) > 0 && !slices.ContainsFunc(only, func(begin string) bool { return strings.HasPrefix(r.name, begin) }) {
				continue
			}
			t.Run(r.name, func(t *testing.T) {
				t.Cleanup(func() {
					if t.Failed() {
						t.Log("the rule: " + r.says)
					}
				})
				r.check(t, &kit{h})
			})
		}
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
