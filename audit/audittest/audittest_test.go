package audittest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nguard-go/nguard/audit"
	nguard "github.com/nguard-go/nguard/core"
)

// spy is a test that notes its failures.
type spy struct {
	testing.TB
	mu       sync.Mutex
	failures []string
}

func (s *spy) Helper() {}

func (s *spy) Errorf(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures = append(s.failures, fmt.Sprintf(format, args...))
}

func (s *spy) Fatalf(format string, args ...any) {
	s.Errorf(format, args...)
	runtime.Goexit()
}

// naive is a sink that keeps what it gets in a list, with a fault.
type naive struct {
	audit.Memory
	record func(ctx context.Context, m *audit.Memory, e nguard.Event) error
}

func (n *naive) Record(ctx context.Context, e nguard.Event) error { return n.record(ctx, &n.Memory, e) }

// TestSuiteNoticesFaults breaks each rule in turn.
func TestSuiteNoticesFaults(t *testing.T) {
	var one sync.Mutex // the faults are the ones named, not races
	faults := []struct {
		name   string
		fails  string
		record func(ctx context.Context, m *audit.Memory, e nguard.Event) error
	}{
		{"forgets the namespace", "EveryField", func(ctx context.Context, m *audit.Memory, e nguard.Event) error {
			e.Namespace = ""
			return m.Record(ctx, e)
		}},
		{"cuts the time to seconds", "EveryField", func(ctx context.Context, m *audit.Memory, e nguard.Event) error {
			e.Time = e.Time.Truncate(time.Second)
			return m.Record(ctx, e)
		}},
		{"gives up when cancelled", "CancelledContext", func(ctx context.Context, m *audit.Memory, e nguard.Event) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return m.Record(ctx, e)
		}},
		{"says nil and drops", "EndedDeadline", func(ctx context.Context, m *audit.Memory, e nguard.Event) error {
			if ctx.Err() != nil {
				return nil
			}
			return m.Record(ctx, e)
		}},
		{"writes twice", "Concurrent", func(ctx context.Context, m *audit.Memory, e nguard.Event) error {
			return errors.Join(m.Record(ctx, e), m.Record(ctx, e))
		}},
		{"masks in place", "Untouched", func(ctx context.Context, m *audit.Memory, e nguard.Event) error {
			one.Lock()
			defer one.Unlock()
			e.Changes[0].From = "masked"
			return m.Record(ctx, e)
		}},
		{"chokes on odd text", "HostileText", func(ctx context.Context, m *audit.Memory, e nguard.Event) error {
			if strings.ContainsAny(e.Reason, "\n") {
				return errors.New("bad text")
			}
			return m.Record(ctx, e)
		}},
		{"chokes on odd values", "OddValues", func(ctx context.Context, m *audit.Memory, e nguard.Event) error {
			if _, ok := e.Changes[0].From.(chan int); ok {
				return errors.New("bad value")
			}
			return m.Record(ctx, e)
		}},
		{"writes the secret down", "Secrets", func(ctx context.Context, m *audit.Memory, e nguard.Event) error {
			if s, ok := e.Changes[0].To.(audit.Secret); ok {
				e.Reason = string(s)
			}
			return m.Record(ctx, e)
		}},
		{"ignores what broke", "Break", func(ctx context.Context, m *audit.Memory, e nguard.Event) error {
			return m.Record(ctx, e)
		}},
		{"reports a stall as something else", "Stall", func(ctx context.Context, m *audit.Memory, e nguard.Event) error {
			if e.ID == "id-1" {
				return errors.New("hm")
			}
			return m.Record(ctx, e)
		}},
	}
	for _, fault := range faults {
		t.Run(fault.name, func(t *testing.T) {
			for _, c := range cases {
				if c.name != fault.fails {
					continue
				}
				sink := &naive{record: fault.record}
				s := &spy{TB: t}
				var wg sync.WaitGroup
				wg.Go(func() {
					c.run(&check{TB: s, rule: c.rule}, Harness{
						Sink:   sink,
						Events: func() ([]nguard.Event, error) { return sink.Events(), nil },
						Stall:  func() func() { return func() {} },
						Break:  func() {},
					})
				})
				wg.Wait()
				if len(s.failures) == 0 || !strings.HasSuffix(s.failures[0], "rule: "+c.rule) {
					t.Errorf("%s did not fail with its rule: %q", c.name, s.failures)
				}
			}
		})
	}
}

// TestSuitePassesTheSimplestSink is the suite over a sink of a third party, in a few lines.
func TestSuitePassesTheSimplestSink(t *testing.T) {
	Run(t, func(*testing.T) Harness {
		var mu sync.Mutex
		var events []nguard.Event
		return Harness{
			Sink: nguard.SinkFunc(func(_ context.Context, e nguard.Event) error {
				mu.Lock()
				defer mu.Unlock()
				e.Time = e.Time.Round(0).In(time.UTC)
				events = append(events, e)
				return nil
			}),
			Events: func() ([]nguard.Event, error) { return events, nil },
		}
	})
}
