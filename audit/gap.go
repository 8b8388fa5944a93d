package audit

import (
	"crypto/rand"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// GapAction is the Action of a gap record: the one that [Async] and [Fanout] write where records are
// missing, before the next record, so that a loss is in the log itself. Its name is
// [nguard.EventMonitorDisabled], its class [nguard.ClassSystem], its Count the number of records
// missing, its Time that of the last of them, and its one change, "time", goes from the time of the
// first to the time of the last (ASVS 16.3.4).
const GapAction = "audit-gap"

// gap counts records that were not written. The zero value is none.
type gap struct {
	n         int
	from, to  time.Time
	namespace string
	reason    string
}

// add counts a record that is missing for a reason in fixed words.
func (g *gap) add(e nguard.Event, reason string) {
	g.merge(gap{n: 1, from: e.Time, to: e.Time, namespace: e.Namespace, reason: reason})
}

// merge counts the records of h as well.
func (g *gap) merge(h gap) {
	if g.n == 0 {
		*g = h
		return
	}
	if h.from.Before(g.from) {
		g.from = h.from
	}
	if h.to.After(g.to) {
		g.to = h.to
	}
	g.n += h.n
}

// event is the gap record.
func (g gap) event() nguard.Event {
	return nguard.Event{
		ID:      rand.Text(),
		Time:    g.to,
		Name:    nguard.EventMonitorDisabled,
		Outcome: nguard.Failure,
		Class:   nguard.ClassSystem,
		Action:  GapAction,
		Changes: []nguard.Change{{
			Field: "time",
			From:  g.from.UTC().Format(timeLayout),
			To:    g.to.UTC().Format(timeLayout),
		}},
		Reason:    g.reason,
		Count:     g.n,
		Namespace: g.namespace,
	}
}
