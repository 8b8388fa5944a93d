package adaptertest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

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
	return &spy{Store: s, lister: ability[nguard.Lister](s), epochs: ability[nguard.Epochs](s), calls: map[string]int{}}
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

// expect fails unless these, such as "load 1, touch 1", are the calls since the last time.
func (s *spy) expect(t *testing.T, what, want string) {
	t.Helper()
	calls := s.took()
	var list []string
	for _, op := range slices.Sorted(maps.Keys(calls)) {
		list = append(list, fmt.Sprintf("%s %d", op, calls[op]))
	}
	if got := strings.Join(list, ", "); got != want {
		t.Errorf("%s: store calls: got %q, want %q", what, got, want)
	}
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
	return sweepIfAble(ctx, s.Store, now, n)
}
