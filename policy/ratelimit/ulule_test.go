package ratelimit

import (
	"context"
	"errors"
	"go/parser"
	"go/token"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/ulule/limiter/v3"

	nguard "github.com/nguard-go/nguard/core"
)

func storeAt(t testing.TB, c StoreConfig) (*Store, *fakeClock) {
	t.Helper()
	clock := new(fakeClock)
	c.Now = clock.now
	s, err := NewStore(c)
	if err != nil {
		t.Fatal(err)
	}
	return s, clock
}

func perMinute(limit int64) limiter.Rate { return limiter.Rate{Limit: limit, Period: time.Minute} }

// got asks a store for one unit.
func got(t testing.TB, s limiter.Store, key string, rate limiter.Rate) limiter.Context {
	t.Helper()
	c, err := s.Get(context.Background(), key, rate)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestUlule01_NoBurstAroundABoundary(t *testing.T) {
	for _, limit := range []int64{10, 100} {
		s, clock := storeAt(t, StoreConfig{})
		passed := 0
		ask := func(n int) {
			for range n {
				if !got(t, s, "k", perMinute(limit)).Reached {
					passed++
				}
			}
		}
		ask(1)
		clock.step(59500 * time.Millisecond)
		ask(int(limit) - 1)
		clock.step(time.Second)
		ask(int(limit))
		if passed > int(limit)+2 {
			t.Errorf("%d units within about a second at %d a minute", passed-1, limit)
		}
	}
}

func TestUlule02_MemoryIsFixed(t *testing.T) {
	s, _ := storeAt(t, StoreConfig{Keys: 1000})
	size := s.Stats().Bytes
	for i := range 20_000 {
		got(t, s, strconv.Itoa(i), limiter.Rate{Limit: 10, Period: time.Hour})
	}
	if st := s.Stats(); st.Bytes != size || st.Evicted < 18_000 || st.Keys < 1000 {
		t.Errorf("%+v", st)
	}
}

// TestUlule03_WindowsNeverRestartEarly has many goroutines ask at the moment when a window ends.
func TestUlule03_WindowsNeverRestartEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := NewStore(StoreConfig{Keys: 100})
		if err != nil {
			t.Fatal(err)
		}
		rate := limiter.Rate{Limit: 3, Period: 10 * time.Millisecond}
		for round := range 200 {
			var passed atomic.Int64
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					c, err := s.Get(context.Background(), "k", rate)
					if err == nil && !c.Reached {
						passed.Add(1)
					}
				})
			}
			wg.Wait()
			if passed.Load() != 3 {
				t.Fatalf("round %d: %d passed, want 3", round, passed.Load())
			}
			<-time.After(rate.Period)
		}
	})
}

// TestUlule04and05_NothingRunsBehind: no cleaner sweeps, nothing has to be closed.
func TestUlule04and05_NothingRunsBehind(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 20 {
		s, _ := storeAt(t, StoreConfig{Keys: 100})
		got(t, s, "k", perMinute(5))
		DefaultUpdate()
	}
	if n := runtime.NumGoroutine(); n > before {
		t.Errorf("%d goroutines, %d before", n, before)
	}
}

func TestUlule06_ShortPeriodsAreRefused(t *testing.T) {
	s, _ := storeAt(t, StoreConfig{Keys: 10})
	for _, rate := range []limiter.Rate{
		{Limit: 5, Period: time.Millisecond - 1}, {Limit: 5}, {Limit: 5, Period: -time.Second},
		{Limit: 0, Period: time.Second}, {Limit: -1, Period: time.Second}, {Limit: 1 << 40, Period: time.Hour},
	} {
		for _, f := range []func(context.Context, string, limiter.Rate) (limiter.Context, error){s.Get, s.Peek, s.Reset} {
			if c, err := f(context.Background(), "k", rate); err == nil {
				t.Errorf("%+v: %+v", rate, c)
			}
		}
	}
	for _, window := range []time.Duration{time.Millisecond / 2, 1500 * time.Microsecond} {
		if _, err := FromUlule(s, PerUser("u", 5, window)); err == nil {
			t.Errorf("a window of %v was accepted", window)
		}
	}
}

// TestUlule06_WaitsAreBounded: a key that lost its expiry, or a clock that is off, tells nobody to wait
// for longer than the window.
func TestUlule06_WaitsAreBounded(t *testing.T) {
	for _, reset := range []int64{0, -5, time.Now().Add(1000 * time.Hour).Unix()} {
		u, err := FromUlule(&fakeStore{answer: limiter.Context{Limit: 5, Reset: reset, Reached: true}}, PerUser("u", 5, time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		q := take(t, u, nguard.Caller{User: "u"}, 1)
		if q.Allowed || q.RetryAfter < time.Second || q.RetryAfter > time.Minute+time.Second {
			t.Errorf("Reset %d: %+v", reset, q)
		}
	}
}

// fakeStore is a ulule store that fails, panics, hangs, or always says the same.
type fakeStore struct {
	answer      limiter.Context
	err         error
	panics      bool
	hangs       bool
	keys        []string
	failsOnTake bool
}

func (s *fakeStore) Peek(ctx context.Context, key string, _ limiter.Rate) (limiter.Context, error) {
	s.keys = append(s.keys, key)
	switch {
	case s.panics:
		panic("redis: nil client")
	case s.hangs:
		<-ctx.Done()
		return limiter.Context{}, ctx.Err()
	}
	return s.answer, s.err
}

func (s *fakeStore) Get(ctx context.Context, key string, r limiter.Rate) (limiter.Context, error) {
	return s.Peek(ctx, key, r)
}

func (s *fakeStore) Reset(ctx context.Context, key string, r limiter.Rate) (limiter.Context, error) {
	return s.Peek(ctx, key, r)
}

func (s *fakeStore) Increment(ctx context.Context, key string, _ int64, r limiter.Rate) (limiter.Context, error) {
	if s.failsOnTake {
		return limiter.Context{}, errDown
	}
	return s.Peek(ctx, key, r)
}

var errDown = errors.New("redis: connection refused")

func TestUlule07_FailuresAreErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, s := range map[string]*fakeStore{
			"error":          {err: errDown},
			"panic":          {panics: true},
			"no answer":      {hangs: true},
			"error in write": {answer: limiter.Context{Limit: 5, Remaining: 5}, failsOnTake: true},
		} {
			u, err := FromUlule(s, PerAccount("a", 5, time.Minute))
			if err != nil {
				t.Fatal(err)
			}
			u = u.WithTimeout(250 * time.Millisecond)
			begin := time.Now()
			q, err := u.Take(context.Background(), nguard.Caller{Account: "alice"}, 1)
			if q.Allowed || !errors.Is(err, nguard.ErrUnavailable) {
				t.Errorf("%s: %+v, %v", name, q, err)
			}
			if s.err != nil && !errors.Is(err, errDown) {
				t.Errorf("%s: the cause is lost: %v", name, err)
			}
			if d := time.Since(begin); d > 250*time.Millisecond {
				t.Errorf("%s: took %v", name, d)
			}
			if err := u.Reset(context.Background(), nguard.Caller{Account: "alice"}); !s.failsOnTake && !errors.Is(err, nguard.ErrUnavailable) {
				t.Errorf("%s: Reset: %v", name, err)
			}
		}
	})
}

func TestUlule08_WindowsOfOneNameDoNotMix(t *testing.T) {
	s, clock := storeAt(t, StoreConfig{})
	short, long := limiter.Rate{Limit: 2, Period: time.Second}, limiter.Rate{Limit: 3, Period: time.Hour}
	for range 2 {
		got(t, s, "k", short)
	}
	if c := got(t, s, "k", long); c.Remaining != 2 || c.Reached {
		t.Errorf("%+v", c)
	}
	clock.step(time.Second)
	if c := got(t, s, "k", short); c.Remaining != 1 {
		t.Errorf("%+v", c)
	}

	fake := &fakeStore{answer: limiter.Context{Limit: 2, Remaining: 2}}
	u, err := FromUlule(fake, PerAccountIP("a", 2, time.Second), PerAccountIP("b", 3, time.Second), PerAccount("c", 3, time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	take(t, u, at("alice@example.com", "203.0.113.77"), 0)
	seen := make(map[string]bool)
	for i, k := range fake.keys {
		rule := u.rules[i]
		if seen[k] || !strings.Contains(k, ":"+rule.Name+":"+strconv.Itoa(rule.Limit)+"-"+rule.Window.String()+":") {
			t.Errorf("key %q of %+v", k, rule)
		}
		if strings.Contains(k, "alice") || strings.Contains(k, "203.0") || len(k) > 140 {
			t.Errorf("key %q names a person or is long", k)
		}
		seen[k] = true
	}
}

func TestUlule09_NoAddressIsNoBucket(t *testing.T) {
	s, _ := storeAt(t, StoreConfig{Keys: 10})
	u, err := FromUlule(s, PerIP("net", 5, time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	if q, err := u.Take(context.Background(), nguard.Caller{}, 1); !errors.Is(err, ErrMissing) || q.Allowed {
		t.Errorf("%+v, %v", q, err)
	}
	if err := u.Reset(context.Background(), nguard.Caller{}); err != nil {
		t.Errorf("no rule counts by account, so that nothing is missing: %v", err)
	}
}

func TestUlule10_PrefixesAreTheRules(t *testing.T) {
	s, _ := storeAt(t, StoreConfig{Keys: 100})
	u, err := FromUlule(s, PerIP("net", 2, time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	passed := 0
	for i := range 10 {
		ip := netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 15: byte(i)})
		passed += allowed(t, u, nguard.Caller{IP: ip}, 1)
	}
	if passed != 2 {
		t.Errorf("a /64 got %d, want 2", passed)
	}
}

func TestUlule11_OneReadingOfAMonotonicClock(t *testing.T) {
	l, clock := limiterAt(t, LoginRules()...)
	clock.reads.Store(0)
	take(t, l, at("alice", "203.0.113.1"), 1)
	if n := clock.reads.Load(); n != 1 {
		t.Errorf("six rules read the clock %d times", n)
	}
	s, clock := storeAt(t, StoreConfig{Keys: 10})
	clock.reads.Store(0)
	got(t, s, "k", perMinute(5))
	if n := clock.reads.Load(); n != 1 {
		t.Errorf("Get read the clock %d times", n)
	}
	// A difference to a time with a monotonic reading does not see the wall clock.
	if !strings.Contains(DefaultUpdate().clock.base.String(), " m=") {
		t.Error("the base has no monotonic reading")
	}
}

func TestUlule12_OnlyTheRootPackage(t *testing.T) {
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	allowed := map[string]bool{"github.com/ulule/limiter/v3": true, "github.com/nguard-go/nguard/core": true}
	seen := 0
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), f.Name(), nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range parsed.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			seen++
			ours := allowed[path] || parsed.Name.Name == "ratelimit_test" && path == "github.com/nguard-go/nguard/policy/ratelimit"
			if strings.Contains(path, ".") && !ours {
				t.Errorf("%s imports %s", f.Name(), path)
			}
		}
	}
	if seen == 0 {
		t.Error("no imports were looked at")
	}
}

func TestUlule13_KeysAreNotKept(t *testing.T) {
	s, _ := storeAt(t, StoreConfig{Keys: 100})
	buffer := []byte("alice")
	aliased := unsafe.String(&buffer[0], len(buffer))
	got(t, s, aliased, perMinute(5))
	copy(buffer, "mally")
	if c := got(t, s, "alice", perMinute(5)); c.Remaining != 3 {
		t.Errorf("the count followed the buffer: %+v", c)
	}
	if c := got(t, s, "mally", perMinute(5)); c.Remaining != 4 {
		t.Errorf("%+v", c)
	}
}

func TestFromUluleResetNeedsTheAccount(t *testing.T) {
	u, err := FromUlule(&fakeStore{}, PerAccount("a", 5, time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	if err := u.Reset(context.Background(), nguard.Caller{}); !errors.Is(err, ErrMissing) {
		t.Errorf("%v", err)
	}
}

func TestFromUluleRefuses(t *testing.T) {
	s, _ := storeAt(t, StoreConfig{Keys: 10})
	if _, err := FromUlule(nil, PerUser("u", 5, time.Minute)); err == nil {
		t.Error("no store was accepted")
	}
	if _, err := FromUlule(s); err == nil {
		t.Error("no rules were accepted")
	}
	u, err := FromUlule(s, PerUser("u", 5, time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := u.Take(context.Background(), nguard.Caller{User: "u"}, 6); !errors.Is(err, ErrUnits) {
		t.Errorf("%v", err)
	}
}

// TestFromUluleChecksThenDebits: what one rule refuses costs the others nothing, resets are the
// account's, and a thousand at once get no more than the limit.
func TestFromUluleChecksThenDebits(t *testing.T) {
	s, err := NewStore(StoreConfig{Keys: 1000})
	if err != nil {
		t.Fatal(err)
	}
	u, err := FromUlule(s, PerAccount("account", 5, time.Hour), PerIP("net", 3, time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if want := `"account";q=5;w=3600, "net";q=3;w=3600`; u.Policy() != want {
		t.Errorf("%s", u.Policy())
	}
	if got := allowed(t, u, at("alice", "203.0.113.1"), 50); got != 3 {
		t.Errorf("%d", got)
	}
	if got := allowed(t, u, at("alice", "203.0.113.2"), 50); got != 2 {
		t.Errorf("%d", got)
	}
	q := take(t, u, at("alice", "203.0.113.3"), 1)
	if q.Allowed || q.Name != "account" || q.RetryAfter < 59*time.Minute || q.RetryAfter > time.Hour+time.Second {
		t.Errorf("%+v", q)
	}
	if err := u.Reset(context.Background(), at(" ALICE", "203.0.113.1")); err != nil {
		t.Fatal(err)
	}
	if got := allowed(t, u, at("alice", "203.0.113.1"), 5); got != 0 {
		t.Errorf("the network was reset: %d", got)
	}
	var passed atomic.Int64
	var wg sync.WaitGroup
	for i := range 1000 {
		wg.Go(func() {
			q, err := u.Take(context.Background(), nguard.Caller{Account: "alice", IP: numbered(i)}, 1)
			if err != nil {
				t.Error(err)
			}
			if q.Allowed {
				passed.Add(1)
			}
		})
	}
	wg.Wait()
	if passed.Load() != 5 {
		t.Errorf("%d of 1000 passed, want 5", passed.Load())
	}
}
