package redistest

import (
	"context"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/redisstore"
	"github.com/nguard-go/nguard/stores/servicetest"
)

// heard notes the commands that a client sends.
type heard struct {
	mu    sync.Mutex
	names []string
}

func (h *heard) take() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	names := h.names
	h.names = nil
	return names
}

func (h *heard) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (h *heard) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		h.mu.Lock()
		h.names = append(h.names, cmd.Name())
		h.mu.Unlock()
		return next(ctx, cmd)
	}
}

func (h *heard) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		h.mu.Lock()
		h.names = append(h.names, "pipeline")
		h.mu.Unlock()
		return next(ctx, cmds)
	}
}

// TestCommands: a load is one HMGET, and each write is one script.
func TestCommands(t *testing.T) {
	s, c, _ := own(t)
	ctx := t.Context()
	warm := login(t, s, "warm")
	f, err := s.Touch(ctx, warm.Found, time.Now().Add(time.Minute))
	if err == nil {
		f, err = s.Replace(ctx, f, next(f), false)
	}
	if err == nil {
		_, err = s.Bump(ctx, "warm", nguard.BumpChange)
	}
	if err == nil {
		err = s.Delete(ctx, "warm", f.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	h := new(heard)
	c.AddHook(h)
	is := func(what string, err error, want ...string) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if got := h.take(); !slices.Equal(got, want) {
			t.Errorf("%s sent %q, want %q", what, got, want)
		}
	}
	r := record(t, s, "ada")
	is("Epoch", nil, "hmget")
	created, err := s.Create(ctx, r, nguard.Cap{Max: 3, EvictOldest: true, Now: time.Now()})
	is("Create", err, "evalsha")
	f, err = s.Load(ctx, created.Live)
	is("Load", err, "hmget")
	f, err = s.Touch(ctx, f, time.Now())
	is("Touch", err, "evalsha")
	f, err = s.Replace(ctx, f, next(f), true)
	is("Replace", err, "evalsha")
	_, err = s.Load(ctx, created.Live)
	is("Load by the previous token", err, "hmget")
	_, err = s.Bump(ctx, "ada", nguard.BumpRevoke)
	is("Bump", err, "evalsha")
	_, err = s.Find(ctx, "ada", f.ID)
	is("Find", err, "hmget")
	_, err = s.List(ctx, "ada", "", 10)
	is("List", err, "hkeys", "hmget")
	is("Delete", s.Delete(ctx, "ada", f.ID), "evalsha")
}

// TestKeys: all of a user is under one key, which has the prefix and names nobody.
func TestKeys(t *testing.T) {
	url := servicetest.RedisURL(t)
	c := dial(t, url)
	prefix := fresh(t, c)
	s, other := open(t, c, prefix), open(t, c, prefix+"other:")
	created := login(t, s, "ada@example.com")
	login(t, s, "ada@example.com")
	if _, err := other.Load(t.Context(), created.Live); err == nil {
		t.Error("a session is found under another prefix")
	}
	login(t, other, "ada@example.com")
	keys := keysOf(t, c, prefix)
	if len(keys) != 2 {
		t.Fatalf("two prefixes have the keys %q", keys)
	}
	for _, key := range keys {
		if strings.Contains(key, "ada") || strings.Count(key, "{") != 1 || !strings.HasSuffix(key, "}") {
			t.Errorf("the key %q", key)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	addr := servicetest.FreeAddr(t)
	plain := redis.NewClient(&redis.Options{Addr: addr})
	timed := redis.NewClient(&redis.Options{Addr: addr, ContextTimeoutEnabled: true})
	ring := redis.NewRing(&redis.RingOptions{Addrs: map[string]string{"a": addr}, ContextTimeoutEnabled: true})
	cluster := func(o redis.ClusterOptions) *redis.ClusterClient {
		o.Addrs = []string{addr}
		return redis.NewClusterClient(&o)
	}
	for name, c := range map[string]struct {
		client redis.UniversalClient
		config redisstore.Config
		says   string
	}{
		"no timeouts":            {client: plain, says: "ContextTimeoutEnabled"},
		"no timeouts, cluster":   {client: cluster(redis.ClusterOptions{}), says: "ContextTimeoutEnabled"},
		"replicas":               {client: cluster(redis.ClusterOptions{ReadOnly: true, ContextTimeoutEnabled: true}), says: "ReadOnly"},
		"the nearest":            {client: cluster(redis.ClusterOptions{RouteByLatency: true, ContextTimeoutEnabled: true}), says: "RouteByLatency"},
		"any":                    {client: cluster(redis.ClusterOptions{RouteRandomly: true, ContextTimeoutEnabled: true}), says: "RouteRandomly"},
		"a ring":                 {client: ring, says: "Ring"},
		"nothing":                {says: "client"},
		"a nil client":           {client: (*redis.Client)(nil), says: "client"},
		"another kind of client": {client: struct{ redis.UniversalClient }{timed}, says: "client"},
		"braces":                 {client: timed, config: redisstore.Config{Prefix: "{a}"}, says: "braces"},
	} {
		s, err := redisstore.New(c.client, c.config)
		if err == nil || s != nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
		if c.client != nil && c.client != (*redis.Client)(nil) && c.client != redis.UniversalClient(timed) && name != "another kind of client" {
			if err := c.client.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	if _, err := redisstore.New(timed, redisstore.Config{}); err != nil {
		t.Error(err)
	}
	if err := timed.Close(); err != nil {
		t.Error(err)
	}
	if _, err := redisstore.Options("http://127.0.0.1"); err == nil {
		t.Error("a URL of another scheme is accepted")
	}
}
