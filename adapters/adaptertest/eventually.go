package adaptertest

import (
	"testing"
	"time"
)

// eventually waits for what takes its time, and no longer than that.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range 2000 {
		if ok() {
			return
		}
		<-tick.C
	}
	t.Fatal("not within ten seconds: " + what)
}
