package audit

import (
	"context"
	"slices"
	"sync"

	nguard "github.com/nguard-go/nguard/core"
)

const memorySize = 1024

// Memory is a sink that keeps the latest records in this process, for tests and demonstrations. The
// zero value keeps 1024. Safe for concurrent use; Record never fails.
type Memory struct {
	mu    sync.Mutex
	size  int
	ring  []nguard.Event
	total int
}

var _ nguard.Sink = (*Memory)(nil)

// NewMemory returns a Memory that keeps the latest size records, or 1024 if size is not positive.
func NewMemory(size int) *Memory { return &Memory{size: max(size, 0)} }

// Record keeps e, in place of the oldest record when the memory is full. What a [Masker] hides is not
// kept (ASVS 16.2.5).
func (m *Memory) Record(_ context.Context, e nguard.Event) error {
	e.Time, e.Changes = e.Time.UTC(), slices.Clone(e.Changes)
	for i, c := range e.Changes {
		e.Changes[i].From, e.Changes[i].To = mask(c.From), mask(c.To)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.size == 0 {
		m.size = memorySize
	}
	if len(m.ring) < m.size {
		m.ring = append(m.ring, e)
	} else {
		m.ring[m.total%m.size] = e
	}
	m.total++
	return nil
}

// Events returns a copy of what is kept, the oldest first.
func (m *Memory) Events() []nguard.Event {
	m.mu.Lock()
	defer m.mu.Unlock()
	events := make([]nguard.Event, 0, len(m.ring))
	for i := range m.ring {
		e := m.ring[(m.total+i)%len(m.ring)]
		e.Changes = slices.Clone(e.Changes)
		events = append(events, e)
	}
	return events
}

// Total returns how many records there were, those no longer kept included.
func (m *Memory) Total() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.total
}

// Reset forgets everything.
func (m *Memory) Reset() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ring, m.total = nil, 0
}
