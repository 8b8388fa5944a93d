package nguard_test

import (
	"context"
	"errors"
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

// events asks for a stream, and returns when it has ended.
func (p *page) events(g *nguard.Guard) error {
	r, err := g.Begin(p)
	defer r.End()
	if err != nil {
		return err
	}
	return r.Events()
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
