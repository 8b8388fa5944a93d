package redistest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/redisstore"
	"github.com/nguard-go/nguard/stores/servicetest"
	"github.com/nguard-go/nguard/stores/storetest"
)

// through returns a store that reaches a server of its own through a proxy, and one that reaches it directly.
func through(t *testing.T) (s, direct *redisstore.Store, p *servicetest.Proxy, server *servicetest.RedisServer) {
	t.Helper()
	direct, _, server = own(t)
	p = servicetest.NewProxy(t, server.Addr)
	c := servicetest.RedisClient(t, &redis.Options{Addr: p.Addr, ContextTimeoutEnabled: true, PoolSize: 10})
	return open(t, c, ""), direct, p, server
}

// calls are one of each kind, on a session that stays as it is when they fail.
func calls(s *redisstore.Store, c nguard.Created, r *nguard.Record) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"Load":   func(ctx context.Context) error { _, err := s.Load(ctx, c.Live); return err },
		"Epoch":  func(ctx context.Context) error { _, err := s.Epoch(ctx, c.Owner); return err },
		"Find":   func(ctx context.Context) error { _, err := s.Find(ctx, c.Owner, c.ID); return err },
		"List":   func(ctx context.Context) error { _, err := s.List(ctx, c.Owner, "", 10); return err },
		"Create": func(ctx context.Context) error { _, err := s.Create(ctx, r, nguard.Cap{}); return err },
		"Replace": func(ctx context.Context) error {
			_, err := s.Replace(ctx, c.Found, storetest.Next(c.Found), true)
			return err
		},
		"Touch": func(ctx context.Context) error {
			_, err := s.Touch(ctx, c.Found, time.Now().Add(time.Minute))
			return err
		},
		"Bump":   func(ctx context.Context) error { _, err := s.Bump(ctx, c.Owner, nguard.BumpRevoke); return err },
		"Delete": func(ctx context.Context) error { return s.Delete(ctx, c.Owner, c.ID) },
	}
}

var writes = map[string]bool{"Create": true, "Replace": true, "Touch": true, "Bump": true, "Delete": true}

// TestDown: while the server is stopped or refuses, every call says ErrUnavailable, and no write says that it may
// have happened (N1, N2). When the server is back, the store is within two seconds.
func TestDown(t *testing.T) {
	s, direct, p, server := through(t)
	c := storetest.Login(t, s, "ada")
	r := storetest.Record(t, s, "ada")
	down := func(s *redisstore.Store) {
		t.Helper()
		for range 3 {
			for name, call := range calls(s, c, r) {
				ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
				begin := time.Now()
				err := call(ctx)
				cancel()
				if !errors.Is(err, nguard.ErrUnavailable) || errors.Is(err, nguard.ErrNoSession) || errors.Is(err, nguard.ErrOutcomeUnknown) {
					t.Errorf("%s: %v", name, err)
				}
				if d := time.Since(begin); d > 1500*time.Millisecond {
					t.Errorf("%s with a deadline of 500 ms took %v", name, d)
				}
			}
		}
	}
	back := func(s *redisstore.Store, want error) {
		t.Helper()
		took := servicetest.Until(t, "the store is back", func() bool {
			_, err := s.Load(t.Context(), c.Live)
			return errors.Is(err, want)
		})
		if took > 2*time.Second {
			t.Errorf("the store came back %v after the server", took)
		}
	}
	p.Refuse()
	down(s)
	p.Heal(t)
	back(s, nil)
	if f, err := direct.Load(t.Context(), c.Live); err != nil || f.Version != 1 || f.User != c.Stamp {
		t.Fatalf("a call that failed had an effect: %+v, %v", f, err)
	}
	// Without the proxy: that would take a write for the server that is gone, whose outcome nobody knows then.
	server.Stop()
	down(direct)
	server.Start()
	back(direct, nguard.ErrNoSession) // it kept nothing
	storetest.Login(t, direct, "ada")
}

// TestHanging: a server that takes connections and does not answer costs a call its deadline and no more (N3). A
// write that was sent may happen later, and says so. No goroutine stays.
func TestHanging(t *testing.T) {
	s, direct, p, _ := through(t)
	c := storetest.Login(t, s, "ada")
	r := storetest.Record(t, s, "ada")
	for range 3 { // the pool has its goroutines, the server its scripts
		for _, call := range calls(s, storetest.Login(t, s, "warm"), storetest.Record(t, s, "warm")) {
			_ = call(t.Context())
		}
	}
	before := runtime.NumGoroutine()
	p.Hang()
	for range 5 {
		for name, call := range calls(s, c, r) {
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
					defer cancel()
					begin := time.Now()
					err := call(ctx)
					if d := time.Since(begin); d > time.Second {
						t.Errorf("%s with a deadline of 100 ms took %v", name, d)
					}
					if !errors.Is(err, nguard.ErrUnavailable) || errors.Is(err, nguard.ErrNoSession) {
						t.Errorf("%s: %v", name, err)
					}
					if !writes[name] && errors.Is(err, nguard.ErrOutcomeUnknown) {
						t.Errorf("%s reads, and there is no outcome: %v", name, err)
					}
				})
			}
			wg.Wait()
		}
	}
	p.Cut()
	p.Heal(t)
	took := servicetest.Until(t, "the store is back", func() bool {
		_, err := s.Epoch(t.Context(), "ada")
		return err == nil
	})
	if took > 2*time.Second {
		t.Errorf("the store came back %v after the server", took)
	}
	servicetest.Goroutines(t, before+10)
	storetest.Login(t, direct, "ada")
}

// TestSlow: a slow server is a server.
func TestSlow(t *testing.T) {
	s, _, p, _ := through(t)
	p.Slow(10 * time.Millisecond)
	c := storetest.Login(t, s, "ada")
	for name, call := range calls(s, c, storetest.Record(t, s, "ada")) {
		if name == "Delete" || name == "Replace" || name == "Touch" || name == "Bump" || name == "Create" {
			continue // each leaves a session that the others do not expect
		}
		if err := call(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	f, err := s.Replace(t.Context(), c.Found, storetest.Next(c.Found), true)
	if err == nil {
		_, err = s.Touch(t.Context(), f, time.Now())
	}
	if err != nil {
		t.Error(err)
	}
}

// TestCut breaks connections in the middle of everything. Each session has one writer: what was acknowledged has
// happened, what failed for sure has not, what is unknown may have. A writer meets a conflict with itself only
// after a write of unknown outcome, which may arrive late.
func TestCut(t *testing.T) {
	s, direct, p, _ := through(t)
	ctx := t.Context()
	var writers sync.WaitGroup
	stop := p.Cutting(t, 2*time.Millisecond)
	var acknowledged, unknown, refused atomic.Int64
	for i := range 8 {
		c := storetest.Login(t, direct, fmt.Sprint("user", i))
		writers.Go(func() {
			f := c.Found
			var sure, maybe, late int64
			for range 150 {
				n := *storetest.Next(f)
				n.Level = f.Level + 1
				g, err := s.Replace(ctx, f, &n, false)
				switch {
				case err == nil:
					sure++
					f = g
					continue
				case errors.Is(err, nguard.ErrOutcomeUnknown):
					maybe++
					late++
				case errors.Is(err, nguard.ErrConflict) && late > 0:
					late--
				case errors.Is(err, nguard.ErrUnavailable):
					refused.Add(1)
				default:
					t.Errorf("the only writer of a session: %v", err)
					return
				}
				if f, err = direct.Load(ctx, c.Live); err != nil {
					t.Error(err)
					return
				}
			}
			f, err := direct.Load(ctx, c.Live)
			if err != nil {
				t.Error(err)
				return
			}
			if n := f.Version - 1; n < sure || n > sure+maybe || int64(f.Level-1) != n {
				t.Errorf("%d writes were acknowledged, %d are unknown, %d have happened", sure, maybe, n)
			}
			acknowledged.Add(sure)
			unknown.Add(maybe)
		})
	}
	writers.Wait()
	stop()
	t.Logf("%d acknowledged, %d unknown, %d without effect", acknowledged.Load(), unknown.Load(), refused.Load())
	if acknowledged.Load() == 0 || unknown.Load() == 0 {
		t.Error("the test is about writes of both kinds")
	}
}

// mute is a proxy that passes on what a program sends, and breaks the connection instead of passing on the next
// answer when it is muted. What is sent again then gets its answer.
type mute struct {
	addr  string
	muted atomic.Bool
}

func newMute(t *testing.T, target string) *mute {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &mute{addr: l.Addr().String()}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", target)
			if err != nil {
				_ = in.Close()
				continue
			}
			wg.Go(func() {
				_, _ = io.Copy(out, in)
				_ = out.Close()
			})
			wg.Go(func() {
				defer in.Close()
				buf := make([]byte, 64<<10)
				for {
					n, err := out.Read(buf)
					if err != nil || m.muted.CompareAndSwap(true, false) {
						return
					}
					if _, err := in.Write(buf[:n]); err != nil {
						return
					}
				}
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		wg.Wait()
	})
	return m
}

// TestLostAnswers: a write that ran and whose answer is lost is sent once, and its outcome is unknown: it is never
// taken for a conflict, nor for a session that is not there, which is what a second run of it would find.
func TestLostAnswers(t *testing.T) {
	direct, _, server := own(t)
	m := newMute(t, server.Addr)
	c := redis.NewClient(&redis.Options{Addr: m.addr, ContextTimeoutEnabled: true, MaxRetries: 3})
	t.Cleanup(func() { _ = c.Close() }) // before the proxy waits for its connections
	s := open(t, c, "")
	ctx := t.Context()
	lost := func(what string, call func() error) {
		t.Helper()
		if _, err := s.Epoch(ctx, "somebody"); err != nil { // a connection is there
			t.Fatal(err)
		}
		m.muted.Store(true)
		err := call()
		if m.muted.Load() {
			t.Fatalf("%s: no answer was lost", what)
		}
		if !errors.Is(err, nguard.ErrOutcomeUnknown) || !errors.Is(err, nguard.ErrUnavailable) ||
			errors.Is(err, nguard.ErrConflict) || errors.Is(err, nguard.ErrNoSession) {
			t.Errorf("%s: %v", what, err)
		}
	}
	created := storetest.Login(t, s, "ada")
	if _, err := s.Touch(ctx, created.Found, time.Now()); err != nil { // the server knows the scripts
		t.Fatal(err)
	}
	if _, err := s.Replace(ctx, created.Found, storetest.Next(created.Found), false); err != nil {
		t.Fatal(err)
	}
	was, err := s.Bump(ctx, "ada", nguard.BumpChange)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(ctx, "ada", storetest.Login(t, s, "ada").ID); err != nil {
		t.Fatal(err)
	}
	load := func() nguard.Found {
		t.Helper()
		f, err := direct.Load(ctx, created.Live)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	lost("Replace", func() error {
		f := load()
		_, err := s.Replace(ctx, f, storetest.Next(f), false)
		return err
	})
	if f := load(); f.Version != 3 {
		t.Errorf("Replace was run %d times", f.Version-2)
	}
	lost("Bump", func() error { _, err := s.Bump(ctx, "ada", nguard.BumpChange); return err })
	if e, err := direct.Epoch(ctx, "ada"); err != nil || e.Change != was.Change+1 {
		t.Errorf("Bump was run %d times: %v", e.Change-was.Change, err)
	}
	at := time.Now().Add(10 * time.Minute).UTC().Round(0)
	lost("Touch", func() error { _, err := s.Touch(ctx, load(), at); return err })
	if f := load(); !f.LastSeen.Equal(at) {
		t.Error("Touch was not run")
	}
	r := storetest.Record(t, direct, "ada")
	lost("Create", func() error { _, err := s.Create(ctx, r, nguard.Cap{Max: 5, Now: time.Now()}); return err })
	if list, err := direct.List(ctx, "ada", "", 10); err != nil || len(list) != 2 {
		t.Errorf("after Create there are %d sessions, want 2: %v", len(list), err)
	}
	lost("Delete", func() error { return s.Delete(ctx, "ada", created.ID) })
	if _, err := direct.Load(ctx, created.Live); !errors.Is(err, nguard.ErrNoSession) {
		t.Errorf("Delete was not run: %v", err)
	}
}

// TestLeaving: thousands of loads that are left in the middle, by deadline or by cancelling, on few connections:
// nobody ever gets the answer to another's question (K10, go-redis CVE-2025-29923).
func TestLeaving(t *testing.T) {
	s, direct, _, _ := through(t)
	var list []nguard.Created
	for i := range 20 {
		list = append(list, storetest.Login(t, direct, fmt.Sprint("user", i)))
	}
	var wg sync.WaitGroup
	var answered, left atomic.Int64
	for range 20 {
		wg.Go(func() {
			for range 300 {
				c := list[rand.IntN(len(list))]
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(40))*time.Millisecond)
				if rand.IntN(2) == 0 {
					time.AfterFunc(time.Duration(rand.IntN(2000))*time.Microsecond, cancel)
				}
				f, err := s.Load(ctx, c.Live)
				cancel()
				switch {
				case err == nil && (f.Owner != c.Owner || f.ID != c.ID || f.User != c.Stamp):
					t.Errorf("%s got the session %s of %s", c.Owner, f.ID, f.Owner)
				case err == nil:
					answered.Add(1)
				case errors.Is(err, nguard.ErrUnavailable):
					left.Add(1)
				default:
					t.Errorf("%s: %v", c.Owner, err)
				}
			}
		})
	}
	wg.Wait()
	t.Logf("%d answered, %d left", answered.Load(), left.Load())
	if answered.Load() == 0 || left.Load() == 0 {
		t.Error("the test is about both")
	}
	for _, c := range list {
		if f, err := s.Load(t.Context(), c.Live); err != nil || f.ID != c.ID {
			t.Errorf("%s afterwards: %+v, %v", c.Owner, f, err)
		}
	}
}
