package nguard_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/memstore"
)

// page is an Exchange of an EventSource, without a network: what is written is kept.
type page struct {
	ctx    context.Context
	cookie string
	header http.Header
	mu     sync.Mutex
	text   strings.Builder
	full   atomic.Bool // the reader does not read
	blocks chan struct{}
	waits  time.Duration // how long a write may take
}

func (p *page) Context() context.Context { return p.ctx }
func (p *page) Line() nguard.Line {
	return nguard.Line{Method: "GET", Path: "/api/auth/events", Host: "a.example"}
}
func (p *page) Peer() netip.Addr { return netip.Addr{} }
func (p *page) Header(name string) []string {
	if name == "Cookie" {
		return []string{p.cookie}
	}
	return nil
}
func (p *page) Body(int64) ([]byte, error)   { return nil, nil }
func (p *page) SetHeader(name, value string) { p.header.Set(name, value) }
func (p *page) AddHeader(name, value string) { p.header.Add(name, value) }
func (p *page) SetCookie(_, line string)     { p.header.Add("Set-Cookie", line) }
func (p *page) Started() bool                { return false }
func (p *page) Respond(int, []byte) error    { return nil }
func (p *page) Bind(ctx context.Context)     { p.ctx = ctx }
func (p *page) Write(b []byte) (int, error) {
	if p.full.Load() {
		<-p.blocks
		return 0, errors.New("too slow")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}
func (p *page) Stream(patience time.Duration, fn func(context.Context, io.Writer)) error {
	p.waits = patience
	fn(p.ctx, p)
	return nil
}

// took is what has been written since the last time.
func (p *page) took() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.text.String()
	p.text.Reset()
	return s
}

// watchedStore is a store whose Watch a test has in hand, and whose reads it counts.
type watchedStore struct {
	*memstore.Store
	finds   atomic.Int32
	watches atomic.Int32
	watch   func(ctx context.Context, fn func(string)) error
}

func (s *watchedStore) Watch(ctx context.Context, fn func(string)) error {
	s.watches.Add(1)
	return s.watch(ctx, fn)
}

func (s *watchedStore) Find(ctx context.Context, owner, id string) (nguard.Found, error) {
	s.finds.Add(1)
	return s.Store.Find(ctx, owner, id)
}

var job = nguard.WithActor(context.Background(), "job:test")

// opened is a stream of a new session of a person, and what ends it like a client that leaves.
func opened(t *testing.T, g *nguard.Guard, userID string) (p *page, leave func()) {
	t.Helper()
	p, leave = visited(t, g, userID)
	go func() {
		if err := p.events(g); err != nil {
			t.Error(err)
		}
	}()
	synctest.Wait()
	return p, leave
}

// visited is the page of a new session of a person, which has asked for nothing.
func visited(t *testing.T, g *nguard.Guard, userID string) (p *page, leave func()) {
	t.Helper()
	token, _, err := g.Login(job, userID, nguard.LoginOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, leave := context.WithCancel(context.Background())
	return &page{ctx: ctx, cookie: g.CookieName() + "=" + token, header: http.Header{}, blocks: make(chan struct{})}, leave
}

// events asks for a stream, and returns when it has ended.
func (p *page) events(g *nguard.Guard) error {
	r, err := g.Begin(p)
	defer r.End()
	if err != nil {
		return err
	}
	return r.Events()
}

func newWatched(t *testing.T, watch func(ctx context.Context, fn func(string)) error) (*nguard.Guard, *watchedStore) {
	t.Helper()
	s := &watchedStore{Store: memstore.New(), watch: watch}
	g, err := nguard.New(nguard.Config{Store: s, Lifetime: nguard.Lifetime{Idle: 24 * time.Hour}})
	if err != nil {
		t.Fatal(err)
	}
	return g, s
}

// hearing is a Watch that hears nothing but that it hears.
func hearing(ctx context.Context, fn func(string)) error {
	fn("")
	<-ctx.Done()
	return ctx.Err()
}

// TestHeartbeats: one each 20 seconds, and nothing else while nothing changes.
func TestHeartbeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := newWatched(t, hearing)
		p, leave := opened(t, g, "ada")
		if got := p.took(); !strings.HasPrefix(got, "retry: ") || strings.Count(got, "event: session.updated\n") != 1 {
			t.Errorf("the stream begins with %q", got)
		}
		time.Sleep(time.Hour + time.Second)
		if got := p.took(); got != strings.Repeat(": hb\n\n", 180) {
			t.Errorf("in an hour: %q", got)
		}
		leave()
		synctest.Wait()
		if n := g.OpenStreams(); n != 0 {
			t.Errorf("%d streams are left", n)
		}
	})
}

// TestBounds: what Streams says of its zero fields, and how soon pages come back.
func TestBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := newWatched(t, hearing)
		refused := func(userID string) error {
			p, leave := visited(t, g, userID)
			time.AfterFunc(time.Second, leave) // should it be let in
			return p.events(g)
		}
		for range 20 {
			p, leave := opened(t, g, "ada")
			defer leave()
			if p.waits != 10*time.Second {
				t.Errorf("a write may take %v", p.waits)
			}
			var back int
			if _, err := fmt.Sscanf(p.took(), "retry: %d\n", &back); err != nil || back < 1000 || back >= 4000 {
				t.Errorf("pages come back after %d ms: %v", back, err)
			}
		}
		if err := refused("ada"); !errors.Is(err, nguard.ErrLimited) {
			t.Errorf("the 21st stream of a person: %v", err)
		}
		for i := range 9_980 / 20 {
			p, leave := visited(t, g, fmt.Sprint("user", i))
			defer leave()
			for range 20 {
				go func() { _ = (&page{ctx: p.ctx, cookie: p.cookie, header: http.Header{}}).events(g) }()
			}
		}
		synctest.Wait()
		if n := g.OpenStreams(); n != 10_000 {
			t.Errorf("%d are open", n)
		}
		if err := refused("other"); !errors.Is(err, nguard.ErrUnavailable) {
			t.Errorf("one more than 10 000 in all: %v", err)
		}
		g.EndStreams()
		synctest.Wait()
	})
}

// manyStore is a store whose reads take a moment.
type manyStore struct {
	*memstore.Store
	now, most atomic.Int32
}

func (s *manyStore) Find(ctx context.Context, owner, id string) (nguard.Found, error) {
	n := s.now.Add(1)
	defer s.now.Add(-1)
	for m := s.most.Load(); n > m && !s.most.CompareAndSwap(m, n); {
		m = s.most.Load()
	}
	time.Sleep(10 * time.Millisecond)
	return s.Store.Find(ctx, owner, id)
}

// TestLooksAtOnce: when all have a reason to look, 32 read at the same time, and the others after them.
func TestLooksAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &manyStore{Store: memstore.New()}
		g, err := nguard.New(nguard.Config{Store: s})
		if err != nil {
			t.Fatal(err)
		}
		var pages []*page
		for i := range 200 {
			p, leave := opened(t, g, fmt.Sprint("user", i%20))
			defer leave()
			pages = append(pages, p)
		}
		time.Sleep(time.Minute) // each looks every few seconds
		for i := range 20 {
			if err := g.RevokeUser(job, fmt.Sprint("user", i)); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(5 * time.Second)
		for _, p := range pages {
			if !strings.Contains(p.took(), "session.revoked") {
				t.Fatal("a stream has not looked")
			}
		}
		if n := s.most.Load(); n != 32 {
			t.Errorf("%d read at the same time", n)
		}
	})
}

// TestLooks: how often a stream reads, where the store is heard and where it is not.
func TestLooks(t *testing.T) {
	deaf := func(ctx context.Context, _ func(string)) error { <-ctx.Done(); return ctx.Err() }
	for _, c := range []struct {
		name        string
		watch       func(context.Context, func(string)) error
		least, most int32
	}{
		{"heard", hearing, 20, 25},
		{"not heard", deaf, 120, 140},
		{"cannot be heard", func(context.Context, func(string)) error { return errors.New("down") }, 120, 140},
		{"panics", func(context.Context, func(string)) error { panic("boom") }, 120, 140},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, s := newWatched(t, c.watch)
				_, leave := opened(t, g, "ada")
				time.Sleep(time.Second)
				s.finds.Store(0)
				time.Sleep(10 * time.Minute)
				if n := s.finds.Load(); n < c.least || n > c.most {
					t.Errorf("%d looks in ten minutes", n)
				}
				// Back-off ends at ten seconds, of which a random half is taken off.
				if n := s.watches.Load(); n > 130 {
					t.Errorf("%d tries to listen", n)
				}
				leave()
				synctest.Wait()
			})
		})
	}
}

// TestGap: what happens while the store is not heard is found as soon as it is again, by looking at everybody.
func TestGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lost := make(chan error)
		g, s := newWatched(t, func(ctx context.Context, fn func(string)) error {
			fn("")
			select {
			case err := <-lost:
				return err
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		p, leave := opened(t, g, "ada")
		q, leave2 := opened(t, g, "eve")
		time.Sleep(time.Second)
		p.took()
		q.took()
		lost <- errors.New("connection reset")
		// Another process, whose changes this guard does not make itself.
		if _, err := s.Store.Bump(context.Background(), "ada", nguard.BumpRevoke); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if got := p.took(); !strings.Contains(got, `event: session.revoked`) || !strings.Contains(got, `{"reason":"revoked"}`) {
			t.Errorf("told %q", got)
		}
		if got := q.took(); got != "" {
			t.Errorf("somebody else is told %q", got)
		}
		leave()
		leave2()
		synctest.Wait()
	})
}

// sealed is a store that knows sessions by their tokens alone.
type sealed struct{ *memstore.Store }

func (sealed) Lacks() []nguard.Promise { return []nguard.Promise{nguard.ListsSessions} }
func (sealed) Find(context.Context, string, string) (nguard.Found, error) {
	return nguard.Found{}, nguard.ErrNoSession
}

// TestByToken: where sessions cannot be found by their ID, streams look by the token that they were opened with.
func TestByToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, err := nguard.New(nguard.Config{Store: sealed{memstore.New()}, Waive: []nguard.Promise{nguard.ListsSessions}})
		if err != nil {
			t.Fatal(err)
		}
		p, leave := opened(t, g, "ada")
		defer leave()
		time.Sleep(time.Minute)
		if got := p.took(); strings.Contains(got, "revoked") || !strings.Contains(got, "updated") {
			t.Errorf("told %q", got)
		}
		if err := g.RevokeUser(job, "ada"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if got := p.took(); !strings.Contains(got, `{"reason":"revoked"}`) {
			t.Errorf("told %q", got)
		}
		synctest.Wait()
	})
}

// TestListensWhileNeeded: the store is listened to from the first stream to the last.
func TestListensWhileNeeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now atomic.Int32
		g, s := newWatched(t, func(ctx context.Context, fn func(string)) error {
			now.Add(1)
			defer now.Add(-1)
			return hearing(ctx, fn)
		})
		if now.Load() != 0 {
			t.Error("it listens without a stream")
		}
		_, first := opened(t, g, "ada")
		_, second := opened(t, g, "eve")
		first()
		synctest.Wait()
		if now.Load() != 1 || s.watches.Load() != 1 {
			t.Errorf("%d listen, %d have", now.Load(), s.watches.Load())
		}
		second()
		synctest.Wait()
		if now.Load() != 0 {
			t.Error("it listens on after the last stream")
		}
		_, third := opened(t, g, "ada")
		defer third()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := g.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if now.Load() != 0 || g.OpenStreams() != 0 {
			t.Errorf("after Shutdown %d listen, and %d streams are open", now.Load(), g.OpenStreams())
		}
	})
}

// TestSlowReaderHoldsNobody: a stream whose reader does not read keeps neither the guard's writers nor other
// streams waiting.
func TestSlowReaderHoldsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := newWatched(t, hearing)
		slow, leaveSlow := opened(t, g, "ada")
		p, leave := opened(t, g, "ada")
		slow.full.Store(true)
		time.Sleep(time.Second)
		p.took()
		start := time.Now()
		for range 3 {
			if err := g.RevokeUser(job, "eve"); err != nil {
				t.Fatal(err)
			}
			if err := g.UserChanged(job, "ada"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(30 * time.Second) // the slow one writes, and waits
		}
		if err := g.RevokeUser(job, "ada"); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != 90*time.Second {
			t.Errorf("writers waited: %v", took)
		}
		time.Sleep(time.Second)
		if got := p.took(); !strings.Contains(got, "session.revoked") {
			t.Errorf("told %q", got)
		}
		close(slow.blocks)
		leaveSlow()
		leave()
		synctest.Wait()
		if n := g.OpenStreams(); n != 0 {
			t.Errorf("%d streams are left", n)
		}
	})
}
