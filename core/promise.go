package nguard

import (
	"fmt"
	"slices"
)

// Promise is something that sessions are relied upon for, and that not every place to keep them can give.
// A store that cannot says so (see [Partial]), and [New] refuses it unless Config.Waive names the promise:
// nobody loses one without having written it down.
type Promise string

// The promises that a store may lack. docs/stores.md has a table of which store keeps which.
const (
	// NoLostUpdate: of changes made to one session at once none is lost (P1).
	NoLostUpdate Promise = "NoLostUpdate"
	// ReachesAll: a change of a user, and the end of all their sessions, reaches every one of them by its next
	// request, on every process (P3).
	ReachesAll Promise = "ReachesAll"
	// CatchesThieves: a token that was replaced, and is shown later, ends the session (P5).
	CatchesThieves Promise = "CatchesThieves"
	// StaysDead: what was ended, by logout or otherwise, is never accepted again (P11).
	StaysDead Promise = "StaysDead"
	// ListsSessions: a person sees all their sessions, and can end each of them.
	ListsSessions Promise = "ListsSessions"
	// CapsSessions: nobody has more live sessions than Config.MaxSessions.
	CapsSessions Promise = "CapsSessions"
)

// Partial is offered by a store that cannot keep every promise, itself or behind Unwrap.
type Partial interface {
	// Lacks names the promises that the store cannot keep, as it is configured.
	Lacks() []Promise
}

// checkWaived refuses a store that lacks what is not waived.
func checkWaived(s Store, waived []Promise) error {
	p, ok := Ability[Partial](s)
	if !ok {
		return nil
	}
	for _, lack := range p.Lacks() {
		if !slices.Contains(waived, lack) {
			return fmt.Errorf("nguard: Config.Store cannot promise %s: use another store, or name nguard.%[1]s in Config.Waive to do without", lack)
		}
	}
	return nil
}
