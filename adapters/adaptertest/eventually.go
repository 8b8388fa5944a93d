package adaptertest

import (
	"testing"
	"time"
)

// eventually waits for what takes its time, and no longer than that.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	if !soon(ok) {
		t.Fatal("not within ten seconds: " + what)
	}
}

// soon reports whether something is so within ten seconds.
func soon(ok func() bool) bool {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range 2000 {
		if ok() {
			return true
		}
		<-tick.C
	}
	return false
}
