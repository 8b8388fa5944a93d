package audit_test

import (
	"testing"

	"github.com/nguard-go/nguard/audit"
	nguard "github.com/nguard-go/nguard/core"
)

func ids(events []nguard.Event) []string {
	var out []string
	for _, e := range events {
		out = append(out, e.ID)
	}
	return out
}

// TestMemoryKeepsTheLatest is checklist M10 for the memory: bounded, with the count kept.
func TestMemoryKeepsTheLatest(t *testing.T) {
	m := audit.NewMemory(3)
	for n := range 8 {
		record(t, m, n)
	}
	equalIDs(t, ids(m.Events()), 5, 6, 7)
	if m.Total() != 8 {
		t.Errorf("total %d", m.Total())
	}
	m.Events()[0].Changes[0].Field = "mine"
	if f := m.Events()[0].Changes[0].Field; f != "role" {
		t.Errorf("Events shares its memory: %q", f)
	}
	m.Reset()
	record(t, m, 9)
	equalIDs(t, ids(m.Events()), 9)
	var zero audit.Memory
	for n := range 1030 {
		record(t, &zero, n)
	}
	if n := len(zero.Events()); n != 1024 {
		t.Errorf("the zero value keeps %d", n)
	}
}
