package historytest

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/anishathalye/porcupine"
)

// tally is what histories consist of: a check of nothing finds nothing.
type tally struct {
	histories, calls, done, overlapping, unknown, failed int
	// outcomes counts what came of calls, such as "Replace conflict".
	outcomes map[string]int
}

// outcomes are those that must not be missing.
var outcomes = []string{
	"Create done", "Create conflict", "Create no session", "Create too many", "Create ended another",
	"Load done, match 1", "Load done, match 2", "Load done, match 3", "Load no session",
	"Replace done", "Replace conflict", "Replace no session", "Touch done", "Touch no session",
	"Delete done", "Delete no session", "Bump done", "Epoch done", "Find done, match 0", "Find no session",
}

func outcome(c call, r result) string {
	s := fmt.Sprintf("%s %s", c.kind, r.answer)
	switch {
	case len(r.ended) > 0:
		return "Create ended another"
	case r.answer == done && (c.kind == load || c.kind == find):
		return fmt.Sprintf("%s, match %d", s, r.views[0].match)
	}
	return s
}

// atOnce is how many calls of a history must have met one of another client to count as overlapping.
const atOnce = 4

func (t *tally) add(h *history) {
	t.histories++
	t.failed += int(h.failed.Load())
	together := 0
	for i, a := range h.ops {
		t.calls++
		t.outcomes[outcome(a.Input.(call), a.Output.(result))]++
		switch a.Output.(result).answer {
		case done:
			t.done++
		case lost:
			t.unknown++
		}
		if slices.ContainsFunc(h.ops[:i], func(b porcupine.Operation) bool {
			return a.ClientId != b.ClientId && a.Call < b.Return && b.Call < a.Return && max(a.Return, b.Return) < math.MaxInt64
		}) {
			together++
		}
	}
	if together >= atOnce {
		t.overlapping++
	}
}

func (t tally) String() string {
	return fmt.Sprintf("%d histories, %d with calls at once; %d calls, %d done, %d of unknown outcome; %d failed",
		t.histories, t.overlapping, t.calls, t.done, t.unknown, t.failed)
}

// judge fails a test whose histories had nothing in them that a fault could show in. Of a few that is not asked.
func (t tally) judge(tb testing.TB, trouble trouble) {
	tb.Helper()
	tb.Log(t)
	if t.histories < 200 {
		return
	}
	if t.overlapping*2 < t.histories || t.done*2 < t.calls {
		tb.Error("fewer than half of the histories have calls at once, or fewer than half of the calls did something")
	}
	for _, o := range outcomes {
		if t.outcomes[o] == 0 {
			tb.Errorf("no history has the outcome %q: %v", o, t.outcomes)
		}
	}
	switch {
	case trouble == none && t.failed > 0:
		tb.Error("calls failed, and nobody disturbed them")
	case trouble != none && (t.unknown < 10 || t.failed < 20):
		tb.Error("the trouble did not show: too few calls failed, or were of unknown outcome")
	}
}
