package backingtest

import (
	"testing"

	"github.com/alexedwards/scs/v2/memstore"
	_ "modernc.org/sqlite"

	"github.com/nguard-go/nguard/adapters/adaptertest"
	"github.com/nguard-go/nguard/adapters/adaptertest/nethttptest"
	"github.com/nguard-go/nguard/stores/scsstore"
	"github.com/nguard-go/nguard/stores/servicetest"
)

// TestBackings is net/http with each of them. What a store is like the engine sees, not the adapter: one of those is
// enough, and of the rules those in which a store has a part: the story, the promises, and the groups of the checklist
// about replays (B), privileges (F), references (G), races (K), clocks (O) and failures (N). The others, such as the spelling of a
// cookie or the shape of a body, no store ever sees; package paritytest asks them all.
func TestBackings(t *testing.T) {
	for _, b := range []struct {
		name string
		open func(t testing.TB) adaptertest.Backing
	}{
		{"postgres", func(t testing.TB) adaptertest.Backing {
			return adaptertest.Postgres(t, servicetest.Postgres(t).Open)
		}},
		{"mysql", func(t testing.TB) adaptertest.Backing { return adaptertest.MySQL(t, servicetest.MySQL(t).Open) }},
		{"redis", inRedis},
		{"scs", onSCS},
		{"cookies", inCookies},
		{"split", func(t testing.TB) adaptertest.Backing {
			return adaptertest.Split(t, servicetest.SQLite(t, "?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)").Open)
		}},
	} {
		t.Run(b.name, func(t *testing.T) {
			h := nethttptest.Harness()
			h.Open = b.open
			adaptertest.Run(t, h, "story", "P", "B", "F", "G", "K", "N", "O", "live")
		})
	}
}

// onSCS has one Store for all that run on it: two would be two processes, which it is not made for.
func onSCS(t testing.TB) adaptertest.Backing {
	t.Helper()
	m := memstore.NewWithCleanupInterval(0)
	return adaptertest.Elsewhere(t, "scs", scsstore.New(m), nil, func(t testing.TB) (values [][]byte) {
		all, err := m.All()
		if err != nil {
			t.Fatal(err)
		}
		for key, value := range all {
			values = append(values, []byte(key), value)
		}
		return values
	})
}
