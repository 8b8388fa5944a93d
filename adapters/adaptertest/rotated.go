package adaptertest

import (
	"testing"
	"time"
)

// rotated is a world in which a browser has held two tokens: the first and its successor, not yet seen.
func rotated(t *testing.T, w *world, c *frozen) (b *browser, first, second string) {
	t.Helper()
	b = w.loggedIn("user")
	first = b.token()
	c.Advance(11 * time.Second)
	a := b.post("/api/auth/refresh", "").expect(200)
	if second = b.token(); w.sameToken(second, first) || given(w, a) != second {
		t.Fatalf("refresh did not rotate: %q", a.header["Set-Cookie"])
	}
	return b, first, second
}
