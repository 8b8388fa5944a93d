package paritytest

import (
	"testing"

	_ "modernc.org/sqlite"

	"github.com/nguard-go/nguard/adapters/adaptertest"
	"github.com/nguard-go/nguard/adapters/adaptertest/nethttptest"
	"github.com/nguard-go/nguard/stores/servicetest"
)

// adapters are all that there are. Each has a file of its own, with its Serve.
var adapters = []struct {
	name    string
	harness adaptertest.Harness
}{
	{name: "nethttp", harness: nethttptest.Harness()},
	{name: "gin", harness: adaptertest.Harness{Serve: serveGin, HTTP2: true}},
	{name: "fiber", harness: adaptertest.Harness{Serve: serveFiber}},
}

// backings are the ways in which a service keeps its things. Of the others, which adapters/backingtest has, one adapter
// is enough.
var backings = []struct {
	name string
	open func(t testing.TB) adaptertest.Backing
}{
	{"memory", adaptertest.Memory},
	{"sqlite", func(t testing.TB) adaptertest.Backing {
		return adaptertest.SQL(t, servicetest.SQLite(t, "?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)").Open)
	}},
}

// TestParity is every adapter with every backing.
func TestParity(t *testing.T) {
	for _, a := range adapters {
		for _, b := range backings {
			t.Run(a.name+"/"+b.name, func(t *testing.T) {
				h := a.harness
				h.Open, h.Limits = b.open, nethttptest.Limits
				adaptertest.Run(t, h)
			})
		}
	}
}
