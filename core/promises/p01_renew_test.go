package promises

import (
	"context"
	"sync"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
)

// TestP01_NoLostUpdate_WhileRenewed: an update that is answered while the session is being replaced by a
// step-up, or by the end of all others, is carried over into the new one.
func TestP01_NoLostUpdate_WhileRenewed(t *testing.T) {
	for _, renewal := range []struct{ method, path string }{{"POST", "/step-up"}, {"DELETE", "/api/auth/sessions"}} {
		var meanwhile func()
		var once sync.Once
		each(t, func(t *testing.T, w *world) {
			once, meanwhile = sync.Once{}, nil
			b := w.loggedIn("user")
			other := b.copyOf()
			done := make(chan answer, 1)
			meanwhile = func() {
				go func() { done <- other.post("/api/visits", "") }()
				if w.back.name != "sqlite" || renewal.path == "/step-up" {
					done <- <-done // the update is answered before the new session is made
				} // in one transaction it waits for the end of that, and finds its session gone
			}
			b.do(renewal.method, renewal.path, "").expect(200)
			update := <-done
			visited := b.get("/api/auth/session").expect(200).at("session", "data", "visits")
			if (update.status == 200) != (visited == 1.0) {
				t.Errorf("%s: the update was answered %d, and the new session has %v visits", renewal.path, update.status, visited)
			}
		}, func(c *nguard.Config) {
			c.Hooks.AfterAuthenticate = func(context.Context, nguard.User) error {
				if meanwhile != nil {
					once.Do(meanwhile)
				}
				return nil
			}
		})
	}
}
