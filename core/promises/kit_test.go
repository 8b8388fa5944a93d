package promises

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nguard-go/nguard/adapters/httpguard"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
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

// spy is a Store that counts the calls to the one that it wraps, and lets a test stand between them.
type spy struct {
	nguard.Store
	lister nguard.Lister
	epochs nguard.Epochs

	mu    sync.Mutex
	calls map[string]int
	// loaded, when set, runs once, after the next Load.
	loaded func()
}

func spyOn(s nguard.Store) *spy {
	return &spy{Store: s, lister: s.(nguard.Lister), epochs: s.(nguard.Epochs), calls: map[string]int{}}
}

// watched puts a spy between the guard and its store.
func watched(into **spy) func(*nguard.Config) {
	return func(c *nguard.Config) {
		*into = spyOn(c.Store)
		c.Store = *into
	}
}

func (s *spy) Unwrap() any { return s.Store }

func (s *spy) count(op string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[op]++
}

// took returns the calls since the last time, sweeps left out: they are not part of any request.
func (s *spy) took() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := s.calls
	s.calls = map[string]int{}
	delete(calls, "sweep")
	return calls
}

// hold stops the next request after its Load, before the engine sees the result: entered says that it
// is there, closing release lets it go on. Others pass.
func (s *spy) hold() (entered, release chan struct{}) {
	entered, release = make(chan struct{}), make(chan struct{})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loaded = func() {
		close(entered)
		<-release
	}
	return entered, release
}

func (s *spy) Create(ctx context.Context, r *nguard.Record, c nguard.Cap) (nguard.Created, error) {
	s.count("create")
	return s.Store.Create(ctx, r, c)
}

func (s *spy) Load(ctx context.Context, token string) (nguard.Found, error) {
	s.count("load")
	f, err := s.Store.Load(ctx, token)
	s.mu.Lock()
	fn := s.loaded
	s.loaded = nil
	s.mu.Unlock()
	if fn != nil {
		fn()
	}
	return f, err
}

func (s *spy) Replace(ctx context.Context, f nguard.Found, next *nguard.Record, rotate bool) (nguard.Found, error) {
	s.count("replace")
	return s.Store.Replace(ctx, f, next, rotate)
}

func (s *spy) Touch(ctx context.Context, f nguard.Found, at time.Time) (nguard.Found, error) {
	s.count("touch")
	return s.Store.Touch(ctx, f, at)
}

func (s *spy) Delete(ctx context.Context, owner, id string) error {
	s.count("delete")
	return s.Store.Delete(ctx, owner, id)
}

func (s *spy) Find(ctx context.Context, owner, id string) (nguard.Found, error) {
	s.count("find")
	return s.lister.Find(ctx, owner, id)
}

func (s *spy) List(ctx context.Context, owner, after string, n int) ([]nguard.Found, error) {
	s.count("list")
	return s.lister.List(ctx, owner, after, n)
}

func (s *spy) Epoch(ctx context.Context, owner string) (nguard.Epoch, error) {
	s.count("epoch")
	return s.epochs.Epoch(ctx, owner)
}

func (s *spy) Bump(ctx context.Context, owner string, b nguard.Bump) (nguard.Epoch, error) {
	s.count("bump")
	return s.epochs.Bump(ctx, owner, b)
}

func (s *spy) Sweep(ctx context.Context, now time.Time, n int) (int, error) {
	s.count("sweep")
	return s.Store.(nguard.Sweeper).Sweep(ctx, now, n)
}

// silent fails when an answer sets a cookie.
func silent(t *testing.T, a answer) {
	t.Helper()
	if lines := a.header["Set-Cookie"]; len(lines) > 0 {
		t.Errorf("%s: a read sent Set-Cookie: %q", a.what, lines)
	}
}

// crowd runs fn n times on workers goroutines that start together.
func crowd(workers, n int, fn func(i int)) {
	var wg sync.WaitGroup
	var next atomic.Int64
	start := make(chan struct{})
	for range workers {
		wg.Go(func() {
			<-start
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				fn(i)
			}
		})
	}
	close(start)
	wg.Wait()
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

// ends are the ways in which a session ends while it is in use.
var ends = map[string]func(t *testing.T, w *world, b *browser, id string){
	"logout": func(_ *testing.T, _ *world, b *browser, _ string) { b.post("/api/auth/logout", "").expect(200) },
	"revoked": func(t *testing.T, w *world, _ *browser, id string) {
		if err := w.guard.Revoke(byJob, "user", id); err != nil {
			t.Error(err)
		}
	},
	"revoked everywhere": func(t *testing.T, w *world, _ *browser, _ string) {
		if err := w.guard.RevokeUser(byJob, "user"); err != nil {
			t.Error(err)
		}
	},
	"revoked by another process": func(t *testing.T, w *world, _ *browser, id string) {
		if err := another(t, w).guard.Revoke(byJob, "user", id); err != nil {
			t.Error(err)
		}
	},
	"disabled": func(t *testing.T, w *world, _ *browser, _ string) {
		if _, err := w.guard.ChangeUser(byJob, "user", func(u *nguard.User) error { u.Disabled = true; return nil }); err != nil {
			t.Error(err)
		}
	},
}

// count is how many live sessions the person has.
func (w *world) count(userID string) int {
	w.t.Helper()
	list, err := w.guard.Sessions(context.Background(), userID)
	if err != nil {
		w.t.Fatal(err)
	}
	return len(list)
}

const credentials = `{"id":"user","password":"` + guardtest.Password + `"}`

// serve starts the world's handler on a server of one's own making, as an application configures it.
func (w *world) serve(handler http.Handler, configure func(*httptest.Server)) *httptest.Server {
	w.t.Helper()
	s := httptest.NewUnstartedServer(handler)
	if configure != nil {
		configure(s)
	}
	if s.TLS != nil {
		s.StartTLS()
	} else {
		s.Start()
	}
	w.t.Cleanup(s.Close)
	return s
}

// devices are the live sessions of a person.
func (w *world) devices(userID string) []*nguard.Session {
	w.t.Helper()
	list, err := w.guard.Sessions(context.Background(), userID)
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}
