package adaptertest

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
)

// storedBytes is everything that the world keeps but its audit records and the sweeper's notes: sessions
// with their marks and epochs, and people. Two equal strings mean that not one byte has changed.
func storedBytes(w *world) string {
	w.t.Helper()
	var b strings.Builder
	ctx := context.Background()
	tables := w.tables()
	for _, table := range tables {
		b.WriteString(w.rowsOf(table))
	}
	for _, p := range People() {
		if len(tables) == 0 {
			found, err := ability[nguard.Lister](w.back.store).List(ctx, p.ID, "", 1000)
			if err != nil {
				w.t.Fatal(err)
			}
			for _, f := range found {
				fmt.Fprintf(&b, "%s %v %v %v\n", hex.EncodeToString(f.Record.Encode()), f.LastSeen, f.SeenAt, f.User)
			}
		}
		raw, err := json.Marshal(w.person(p.ID))
		if err != nil {
			w.t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s\n", raw)
	}
	return b.String()
}

// unchanged fails the test if anything that is stored differs after fn.
func unchanged(t *testing.T, w *world, what string, fn func()) {
	t.Helper()
	before := storedBytes(w)
	fn()
	if after := storedBytes(w); after != before {
		old := strings.Split(before, "\n")
		for _, line := range strings.Split(after, "\n") {
			if !slices.Contains(old, line) {
				t.Errorf("%s: what is stored has changed to %.300s", what, line)
			}
		}
		if len(strings.Split(after, "\n")) != len(old) {
			t.Errorf("%s: what is stored has gone or come", what)
		}
	}
}
