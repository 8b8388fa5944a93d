package promises

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nguard-go/nguard/adapters/httpguard"
	nguard "github.com/nguard-go/nguard/core"
)

// What the tests that are still here share with those that have moved to adapters/adaptertest.

// frozen is a clock that moves by hand only, for limits that are tested to the second.
type frozen struct {
	mu sync.Mutex
	t  time.Time
}

func (c *frozen) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *frozen) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// eachFrozen is each with a clock that stands still.
func eachFrozen(t *testing.T, fn func(t *testing.T, w *world, c *frozen), options ...func(*nguard.Config)) {
	t.Helper()
	for _, make := range []func(testing.TB) backing{memory, sqlite, split} {
		b := make(t)
		t.Run(b.name, func(t *testing.T) {
			c := &frozen{t: time.Now().UTC()}
			fn(t, newWorld(t, b, append(slices.Clone(options), func(cfg *nguard.Config) { cfg.Now = c.Now })...), c)
		})
	}
}

// silent fails when an answer sets a cookie.
func silent(t *testing.T, a answer) {
	t.Helper()
	if lines := a.header["Set-Cookie"]; len(lines) > 0 {
		t.Errorf("%s: a read sent Set-Cookie: %q", a.what, lines)
	}
}

// pages serves handlers of one test on the world's guard and returns a browser's way to them.
func (w *world) pages(handlers map[string]http.HandlerFunc) (base string) {
	mux := http.NewServeMux()
	for pattern, h := range handlers {
		mux.HandleFunc(pattern, h)
	}
	server := httptest.NewServer(httpguard.Sessions(w.guard)(httpguard.Endpoints(w.guard)(mux)))
	w.t.Cleanup(server.Close)
	return server.URL
}

// on is the same browser on another server.
func (b *browser) on(base string) *browser { return &browser{w: b.w, base: base, client: b.client} }
