// Package audittest is the suite for implementations of [nguard.Sink], those of nguard and of third
// parties alike. A test of a sink is one call:
//
//	func TestSink(t *testing.T) {
//		audittest.Run(t, func(t *testing.T) audittest.Harness {
//			sink := mysink.New(...)
//			return audittest.Harness{Sink: sink, Events: func() ([]nguard.Event, error) { return sink.readAll() }}
//		})
//	}
//
// Each case has a sentence that says what is expected of a sink and why; it is shown when the case
// fails. The cases run in parallel, each with a harness of its own.
package audittest

import (
	"testing"

	nguard "github.com/nguard-go/nguard/core"
)

// Harness is one fresh, empty sink and the means to look behind it. Sink and Events are required.
type Harness struct {
	// Sink is the sink under test.
	Sink nguard.Sink
	// Events reads back everything that was recorded, in any order. It is called again and again, also
	// after Drain, never while records are under way.
	Events func() ([]nguard.Event, error)
	// Output, of a sink that renders text, returns the text as it is stored: one record on each line.
	// Without it the text cases are limited to what Events shows.
	Output func() ([]byte, error)
	// Stall, if the test can do that, makes whatever is behind the sink hang until release is called:
	// a lock, a full pipe, an answer that never comes.
	Stall func() (release func())
	// Break, if the test can do that, makes whatever is behind the sink fail from now on.
	Break func()
}

// Run runs the suite. open makes a harness; what it has to clean up it registers with t.Cleanup.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := open(t)
			if c.needs != nil && !c.needs(h) {
				t.Skip("the harness does not offer what this case needs")
			}
			c.run(&check{TB: t, rule: c.rule}, h)
		})
	}
}

// check is a test whose failures carry the rule that was broken.
type check struct {
	testing.TB
	rule string
}

func (c *check) Errorf(format string, args ...any) {
	c.Helper()
	c.TB.Errorf(format+"\n\trule: "+c.rule, args...)
}

func (c *check) Fatalf(format string, args ...any) {
	c.Helper()
	c.TB.Fatalf(format+"\n\trule: "+c.rule, args...)
}
