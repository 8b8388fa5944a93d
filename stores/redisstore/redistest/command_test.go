package redistest

import (
	"bytes"
	"context"
	"errors"
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
	"github.com/nguard-go/nguard/stores/storetest"
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
	warm := storetest.Login(t, s, "warm")
	f, err := s.Touch(ctx, warm.Found, time.Now().Add(time.Minute))
	if err == nil {
		f, err = s.Replace(ctx, f, storetest.Next(f), false)
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
	r := storetest.Record(t, s, "ada")
	is("Epoch", nil, "hmget")
	created, err := s.Create(ctx, r, nguard.Cap{Max: 3, EvictOldest: true, Now: time.Now()})
	is("Create", err, "evalsha")
	f, err = s.Load(ctx, created.Live)
	is("Load", err, "hmget")
	f, err = s.Touch(ctx, f, time.Now())
	is("Touch", err, "evalsha")
	f, err = s.Replace(ctx, f, storetest.Next(f), true)
	is("Replace", err, "evalsha")
	_, err = s.Load(ctx, created.Live)
	is("Load by the previous token", err, "hmget")
	_, err = s.Bump(ctx, "ada", nguard.BumpRevoke)
	is("Bump", err, "evalsha")
	_, err = s.Find(ctx, "ada", f.ID)
	is("Find", err, "hmget")
	_, err = s.List(ctx, "ada", "", 10)
	is("List", err, "hkeys", "pipeline") // rows and names in one MULTI
	is("Delete", s.Delete(ctx, "ada", f.ID), "evalsha")
}

// TestKeys: all of a user is under one key, which has the prefix and names nobody.
func TestKeys(t *testing.T) {
	url := servicetest.RedisURL(t)
	c := dial(t, url)
	prefix := fresh(t, c)
	s, other := open(t, c, prefix), open(t, c, prefix+"other:")
	created := storetest.Login(t, s, "ada@example.com")
	storetest.Login(t, s, "ada@example.com")
	if _, err := other.Load(t.Context(), created.Live); err == nil {
		t.Error("a session is found under another prefix")
	}
	storetest.Login(t, other, "ada@example.com")
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

// TestOptionsTellNothing: an address that cannot be read is not repeated in the error, which programs log: there is a
// password in it, and characters that should have been escaped are a common reason why it cannot be read.
func TestOptionsTellNothing(t *testing.T) {
	for _, url := range []string{
		"redis://u:sekret@h:port/0", "redis://u:sek/ret@h:6379", "redis://u:sek%ret@h", "redis://u:sekret@[h", "u:sekret@h:6379", "sekret@h:6379",
		"redis://u:sekret@h:6379/0?dial_timeout=x", "redis://u:12/sekret@h", "redis://u:sekret", "redis://u:sek#ret@h", "redis://u:sekret@h/zero", "redis:// u:sekret@h", "redis://u:sekret@h\n",
	} {
		o, err := redisstore.Options(url)
		if err == nil {
			t.Errorf("%q gave %s", url, o.Addr)
			continue
		}
		for _, never := range []string{"sek", "ret@"} {
			if strings.Contains(err.Error(), never) {
				t.Errorf("%q says %q", url, err)
				break
			}
		}
	}
}

// TestForgedRoute: anybody can make a well-formed token with somebody's route and a locator of their own. It finds
// nothing, and writes nothing. Nor does a handle reach what else is in the hash, whatever it is.
func TestForgedRoute(t *testing.T) {
	s, c, _ := own(t)
	ctx := t.Context()
	ada := storetest.Login(t, s, "ada")
	before := dump(t, c, "")
	router := s.Backend().(nguard.Router)
	forge := nguard.Keyed(forger{router.Route("ada")})
	forged, err := forge.Create(ctx, storetest.Record(t, s, "eve"), nguard.Cap{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load(ctx, forged.Live); !errors.Is(err, nguard.ErrNoSession) {
		t.Errorf("the forged token: %v", err)
	}
	for _, id := range []string{"", "c", "r", "e", "k", "*", "s" + ada.ID, ada.ID + "\x00", strings.Repeat("x", 1<<16), "'}", "]] return {'ok'}"} {
		if err := s.Delete(ctx, "ada", id); !errors.Is(err, nguard.ErrNoSession) {
			t.Errorf("Delete of %.20q: %v", id, err)
		}
		if _, err := s.Find(ctx, "ada", id); !errors.Is(err, nguard.ErrNoSession) {
			t.Errorf("Find of %.20q: %v", id, err)
		}
	}
	for _, owner := range []string{"eve", "ada}", "{ada", "ada/", " ada", "*"} {
		if err := s.Delete(ctx, owner, ada.ID); !errors.Is(err, nguard.ErrNoSession) {
			t.Errorf("Delete by %q: %v", owner, err)
		}
	}
	after := dump(t, c, "")
	slices.SortFunc(before, bytes.Compare)
	slices.SortFunc(after, bytes.Compare)
	if !slices.EqualFunc(before, after, bytes.Equal) {
		t.Error("something was written")
	}
	if _, err := s.Load(ctx, ada.Live); err != nil {
		t.Errorf("ada: %v", err)
	}
}

// forger is a backend that takes everything, and says that everybody is where one person is.
type forger struct{ route []byte }

func (f forger) Route(string) []byte { return f.route }
func (forger) Get(context.Context, nguard.Key) (nguard.Row, nguard.Epoch, error) {
	return nguard.Row{}, nguard.Epoch{}, nguard.ErrNoSession
}
func (forger) Insert(context.Context, nguard.Row, nguard.Cap) ([]string, error) { return nil, nil }
func (forger) Swap(context.Context, nguard.Row, int64) error                    { return nil }
func (forger) Mark(context.Context, nguard.Key, nguard.Mark) error              { return nil }
func (forger) Delete(context.Context, nguard.Key) error                         { return nil }
