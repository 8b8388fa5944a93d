package redislimittest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/policy/ratelimit"
	"github.com/nguard-go/nguard/policy/ratelimit/redislimit"
	"github.com/nguard-go/nguard/stores/servicetest"
)

func client(t testing.TB, addr string) *redis.Client {
	t.Helper()
	return servicetest.RedisClient(t, &redis.Options{Addr: addr, ContextTimeoutEnabled: true})
}

func limiter(t testing.TB, c redis.UniversalClient, rules ...ratelimit.Rule) *redislimit.Limiter {
	t.Helper()
	l, err := redislimit.New(c, redislimit.Config{}, rules...)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func take(t testing.TB, l nguard.Limiter, c nguard.Caller, n int) nguard.Quota {
	t.Helper()
	q, err := l.Take(t.Context(), c, n)
	if err != nil {
		t.Fatalf("Take(%+v, %d): %v", c, n, err)
	}
	if q.Allowed != (q.RetryAfter == 0) {
		t.Fatalf("RetryAfter is 0 exactly when allowed: %+v", q)
	}
	return q
}

func at(account, ip string) nguard.Caller {
	return nguard.Caller{User: account, Account: account, IP: netip.MustParseAddr(ip)}
}

// TestLikeMemory lets the limiter in memory and the one in Redis answer the same calls: they agree in all but the time
// that passed.
func TestLikeMemory(t *testing.T) {
	rules := []ratelimit.Rule{
		ratelimit.PerAccountIP("few", 3, time.Hour), ratelimit.PerAccount("account", 6, 2*time.Hour),
		ratelimit.PerIP("net", 60, time.Hour), ratelimit.PerNetwork("area", 80, 1000*time.Hour),
	}
	memory, err := ratelimit.New(rules...)
	if err != nil {
		t.Fatal(err)
	}
	shared := limiter(t, client(t, servicetest.StartRedis(t).Addr), rules...)
	if shared.Policy() != memory.Policy() {
		t.Errorf("the policy is %q, want %q", shared.Policy(), memory.Policy())
	}
	accounts := []string{"ann", "BOB ", "bob", "eve", "m\u00fcller", "M\u00dcLLER"}
	for i := range 30 {
		accounts = append(accounts, fmt.Sprint("user", i))
	}
	addrs := []string{"192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2", "198.51.100.1", "2001:db8::1", "2001:db8::2", "2001:db8:1::1"}
	refusals := map[string]int{}
	for i := range 3000 {
		c := at(accounts[rand.IntN(len(accounts))], addrs[rand.IntN(len(addrs))])
		if i%200 == 199 {
			if err := errors.Join(memory.Reset(t.Context(), c), shared.Reset(t.Context(), c)); err != nil {
				t.Fatal(err)
			}
		}
		n := rand.IntN(4)
		want, got := take(t, memory, c, n), take(t, shared, c, n)
		const near = 30 * time.Second // what the test may take
		if got.Allowed && got.Name != want.Name && got.Remaining == want.Remaining {
			continue // two rules have as much left, and either may be named
		}
		if got.Allowed != want.Allowed || got.Name != want.Name || got.Remaining != want.Remaining || got.Limit != want.Limit ||
			got.Window != want.Window || got.Policy != want.Policy ||
			(got.Reset-want.Reset).Abs() > near || (got.RetryAfter-want.RetryAfter).Abs() > near {
			t.Fatalf("call %d, %d units for %+v: got %+v, want %+v", i, n, c, got, want)
		}
		if !got.Allowed {
			refusals[got.Name]++
		}
	}
	if len(refusals) < 3 {
		t.Errorf("the test is about every rule, and only %v refused", refusals)
	}
}

// TestAtOnce: of 1000 calls at once by two processes exactly as many pass as the limit allows, under a log and under
// GCRA.
func TestAtOnce(t *testing.T) {
	addr := servicetest.StartRedis(t).Addr
	for name, limit := range map[string]int{"log": 50, "gcra": 500} {
		t.Run(name, func(t *testing.T) {
			rules := []ratelimit.Rule{ratelimit.PerAccount(name, limit, 100*24*time.Hour), ratelimit.PerIP("wide", 2000, time.Hour)}
			var passed atomic.Int64
			together(t, []nguard.Limiter{limiter(t, client(t, addr), rules...), limiter(t, client(t, addr), rules...)}, &passed)
			if got := passed.Load(); got != int64(limit) {
				t.Errorf("%d of 1000 calls passed, want %d", got, limit)
			}
		})
	}
}

func together(t *testing.T, limiters []nguard.Limiter, passed *atomic.Int64) {
	t.Helper()
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range 1000 {
		wg.Go(func() {
			<-start
			q, err := limiters[i%len(limiters)].Take(t.Context(), at("ann", "192.0.2.1"), 1)
			if err != nil {
				t.Error(err)
			}
			if q.Allowed {
				passed.Add(1)
			}
		})
	}
	close(start)
	wg.Wait()
}

// TestAllOrNone: a call that one rule refuses costs the others nothing, however many there are at once.
func TestAllOrNone(t *testing.T) {
	c := client(t, servicetest.StartRedis(t).Addr)
	l := limiter(t, c, ratelimit.PerAccount("account", 1000, 24*time.Hour), ratelimit.PerIP("net", 10, time.Hour))
	var passed atomic.Int64
	together(t, []nguard.Limiter{l}, &passed)
	if passed.Load() != 10 {
		t.Fatalf("%d passed, want 10", passed.Load())
	}
	if q := take(t, l, at("ann", "198.51.100.1"), 0); q.Name != "net" || q.Remaining != 10 {
		t.Fatalf("elsewhere: %+v", q)
	}
	other := limiter(t, c, ratelimit.PerAccount("account", 1000, 24*time.Hour), ratelimit.PerUser("u", 64, time.Hour))
	if q := take(t, other, nguard.Caller{Account: "ann", User: "ann"}, 64); q.Name != "u" || !q.Allowed {
		t.Fatalf("%+v", q)
	}
	keys, err := c.Keys(t.Context(), "*}account:*").Result()
	if err != nil || len(keys) != 1 {
		t.Fatal(keys, err)
	}
	// 10 of the refused ones' and 64: idle is 74 steps ahead, had the 990 been counted it would be over 1000.
	idle, err := c.Get(t.Context(), keys[0]).Int64()
	if err != nil {
		t.Fatal(err)
	}
	step := (24 * time.Hour).Microseconds() / 1000
	if ahead := (idle - time.Now().UnixMicro() + step - 1) / step; ahead < 73 || ahead > 75 {
		t.Errorf("the account was debited %d units, want 74", ahead)
	}
}

// TestWindows: in no window of any position there are more than the limit, and whoever waits as told gets in.
func TestWindows(t *testing.T) {
	const limit, window = 4, 100 * time.Millisecond
	l := limiter(t, client(t, servicetest.StartRedis(t).Addr), ratelimit.PerUser("u", limit, window))
	c := nguard.Caller{User: "ann"}
	type span struct{ asked, answered time.Time }
	var passed []span
	for len(passed) < 40 {
		asked := time.Now()
		q := take(t, l, c, 1)
		if q.Allowed {
			passed = append(passed, span{asked, time.Now()})
			continue
		}
		if q.RetryAfter > window || q.Remaining != 0 {
			t.Fatalf("%+v", q)
		}
		if rand.IntN(2) == 0 {
			<-time.After(q.RetryAfter)
			asked = time.Now()
			if q := take(t, l, c, 1); !q.Allowed {
				t.Fatalf("refused after the wait that was named: %+v", q)
			}
			passed = append(passed, span{asked, time.Now()})
		}
	}
	for i := limit; i < len(passed); i++ {
		if d := passed[i].answered.Sub(passed[i-limit].asked); d < window {
			t.Fatalf("%d units within %v", limit+1, d)
		}
	}
	if d := passed[len(passed)-1].answered.Sub(passed[0].asked); d > 5*time.Second {
		t.Errorf("40 units at %d in %v took %v", limit, window, d)
	}
}

// TestKeys: every key has a time to live that is no longer than it is needed, and names nobody.
func TestKeys(t *testing.T) {
	c := client(t, servicetest.StartRedis(t).Addr)
	limits, err := redislimit.Defaults(c)
	if err != nil {
		t.Fatal(err)
	}
	caller := at("ann@example.com", "203.0.113.77")
	take(t, limits.Login, caller, 5)
	take(t, limits.Update, caller, 5)
	take(t, limits.Read, caller, 600)
	keys, err := c.Keys(t.Context(), "*").Result()
	// Of the login rules that for areas needs its key for a second only.
	if all := len(ratelimit.LoginRules()) + 2; err != nil || len(keys) < all-1 || len(keys) > all {
		t.Fatal(keys, err)
	}
	for _, key := range keys {
		ttl, err := c.PTTL(t.Context(), key).Result()
		if err != nil || ttl == -1 || ttl > ratelimit.LoginDelay+time.Second { // -2: it is gone
			t.Errorf("%s lives for %v: %v", key, ttl, err)
		}
		if strings.Contains(key, "ann") || strings.Contains(key, "203") || !strings.HasPrefix(key, redislimit.DefaultPrefix) {
			t.Errorf("the key %q", key)
		}
	}
	short := limiter(t, c, ratelimit.PerUser("short", 5, 20*time.Millisecond), ratelimit.PerUser("cells", 100, 20*time.Millisecond))
	if q := take(t, short, caller, 5); !q.Allowed {
		t.Fatalf("%+v", q)
	}
	servicetest.Until(t, "the keys of a window that has passed are gone", func() bool {
		a, err := c.Keys(t.Context(), "*}short:*").Result()
		b, also := c.Keys(t.Context(), "*}cells:*").Result()
		return err == nil && also == nil && len(a)+len(b) == 0
	})
}

// TestKinds: rules of one name, limit and window that count by different parts are different rules, as they are in
// memory. Else whoever fails to log in as somebody would use up what that person may change.
func TestKinds(t *testing.T) {
	c := client(t, servicetest.StartRedis(t).Addr)
	rule := func(by ratelimit.Part, v6 int) ratelimit.Rule {
		return ratelimit.Rule{Name: "few", Limit: 3, Window: time.Hour, By: by, V6: v6}
	}
	// Of a user, an account and a network the same bytes.
	caller := nguard.Caller{User: "2001:db8::1pad16", Account: "2001:db8::1pad16", IP: netip.AddrFrom16([16]byte([]byte("2001:db8::1pad16")))}
	network := nguard.Caller{IP: netip.MustParseAddr("2001:db8::")}
	for what, limits := range map[string][]*redislimit.Limiter{
		"account, user": {limiter(t, c, rule(ratelimit.Account, 0)), limiter(t, c, rule(ratelimit.User, 0))},
		"IP, user":      {limiter(t, c, rule(ratelimit.IP, 128)), limiter(t, c, rule(ratelimit.User, 0))},
	} {
		for _, l := range limits {
			if q := take(t, l, caller, 3); !q.Allowed {
				t.Errorf("%s: refused by the count of another: %+v", what, q)
			}
		}
		if err := c.FlushDB(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
	}
	for _, v6 := range []int{48, 64} {
		if q := take(t, limiter(t, c, rule(ratelimit.IP, v6)), network, 3); !q.Allowed {
			t.Errorf("/%d: refused by the count of another: %+v", v6, q)
		}
	}
	if q := take(t, limiter(t, c, rule(ratelimit.IP, 64)), network, 1); q.Allowed {
		t.Errorf("the same rule in another process counts apart: %+v", q)
	}
}

// TestReset: a success forgets what is held against the account, and nothing that is held against the network.
func TestReset(t *testing.T) {
	l := limiter(t, client(t, servicetest.StartRedis(t).Addr),
		ratelimit.PerAccountIP("try", 5, time.Hour), ratelimit.PerAccount("account", 20, time.Hour), ratelimit.PerIP("net", 12, time.Hour))
	passed := 0
	for range 10 {
		for range 10 {
			if take(t, l, at("ann", "192.0.2.1"), 1).Allowed {
				passed++
			}
		}
		if err := l.Reset(t.Context(), at(" ANN", "192.0.2.1")); err != nil {
			t.Fatal(err)
		}
	}
	if passed != 12 {
		t.Errorf("%d tries between resets, want the 12 of the network", passed)
	}
	if err := l.Reset(t.Context(), nguard.Caller{IP: netip.MustParseAddr("192.0.2.1")}); !errors.Is(err, ratelimit.ErrMissing) {
		t.Errorf("a reset without an account: %v", err)
	}
	none := limiter(t, client(t, servicetest.FreeAddr(t)), ratelimit.PerIP("net", 5, time.Minute))
	if err := none.Reset(t.Context(), nguard.Caller{}); err != nil {
		t.Errorf("no rule counts by account, and Redis is not needed: %v", err)
	}
}

// TestClockAhead: what a server whose clock was ahead has written makes nobody wait for longer than a window.
func TestClockAhead(t *testing.T) {
	c := client(t, servicetest.StartRedis(t).Addr)
	ahead := time.Now().Add(1000 * time.Hour).UnixMicro()
	for name, limit := range map[string]int{"log": 2, "gcra": 100} {
		l := limiter(t, c, ratelimit.PerUser(name, limit, time.Minute))
		caller := nguard.Caller{User: "ann"}
		take(t, l, caller, 1)
		keys, err := c.Keys(t.Context(), "*"+name+"*").Result()
		if err != nil || len(keys) != 1 {
			t.Fatal(keys, err)
		}
		value := strconv.FormatInt(ahead, 10)
		if name == "log" {
			value += value
		}
		if err := c.Set(t.Context(), keys[0], value, 0).Err(); err != nil {
			t.Fatal(err)
		}
		if q := take(t, l, caller, 1); q.Allowed || q.RetryAfter > time.Minute || q.Reset > time.Minute {
			t.Errorf("%s: %+v", name, q)
		}
		if ttl, err := c.PTTL(t.Context(), keys[0]).Result(); err != nil || ttl <= 0 || ttl > time.Minute+time.Second {
			t.Errorf("%s: the key lives for %v: %v", name, ttl, err)
		}
	}
}

func TestRefusals(t *testing.T) {
	c := client(t, servicetest.StartRedis(t).Addr)
	l := limiter(t, c, ratelimit.PerUser("u", 5, time.Minute), ratelimit.PerIP("net", 3, time.Minute))
	for name, check := range map[string]struct {
		caller nguard.Caller
		n      int
		want   error
	}{
		"no address":     {nguard.Caller{User: "ann"}, 1, ratelimit.ErrMissing},
		"no user":        {nguard.Caller{IP: netip.MustParseAddr("192.0.2.1")}, 1, ratelimit.ErrMissing},
		"too many units": {at("ann", "192.0.2.1"), 4, ratelimit.ErrUnits},
		"negative units": {at("ann", "192.0.2.1"), -1, ratelimit.ErrUnits},
	} {
		if q, err := l.Take(t.Context(), check.caller, check.n); q.Allowed || !errors.Is(err, check.want) {
			t.Errorf("%s: %+v, %v", name, q, err)
		}
	}
	if n, err := c.DBSize(t.Context()).Result(); err != nil || n != 0 {
		t.Errorf("what was refused has left %d keys: %v", n, err)
	}
	if q, err := new(redislimit.Limiter).Take(t.Context(), at("ann", "192.0.2.1"), 1); q.Allowed || err == nil {
		t.Errorf("the zero value: %+v, %v", q, err)
	}
	plain := redis.NewClient(&redis.Options{Addr: servicetest.FreeAddr(t)})
	defer plain.Close()
	rule := ratelimit.PerUser("u", 5, time.Minute)
	for name, make := range map[string]func() (*redislimit.Limiter, error){
		"no rules":      func() (*redislimit.Limiter, error) { return redislimit.New(c, redislimit.Config{}) },
		"no client":     func() (*redislimit.Limiter, error) { return redislimit.New(nil, redislimit.Config{}, rule) },
		"no timeouts":   func() (*redislimit.Limiter, error) { return redislimit.New(plain, redislimit.Config{}, rule) },
		"braces":        func() (*redislimit.Limiter, error) { return redislimit.New(c, redislimit.Config{Prefix: "{"}, rule) },
		"the same name": func() (*redislimit.Limiter, error) { return redislimit.New(c, redislimit.Config{}, rule, rule) },
		"too many a while": func() (*redislimit.Limiter, error) {
			return redislimit.New(c, redislimit.Config{}, ratelimit.PerUser("u", 2000, time.Millisecond))
		},
	} {
		if l, err := make(); err == nil || l != nil {
			t.Errorf("%s was accepted", name)
		}
	}
	if _, err := redislimit.Defaults(plain); err == nil {
		t.Error("Defaults accepted a client without timeouts")
	}
}

// TestDown: a server that does not answer is an error that the engine refuses on, at the deadline, and is over when
// it answers again (N3, N4).
func TestDown(t *testing.T) {
	server := servicetest.StartRedis(t)
	p := servicetest.NewProxy(t, server.Addr)
	l := limiter(t, client(t, p.Addr), ratelimit.PerAccount("a", 50, time.Hour))
	caller := at("ann", "192.0.2.1")
	take(t, l, caller, 1)
	for name, trouble := range map[string]func(){"hanging": p.Hang, "refusing": p.Refuse} {
		trouble()
		for range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			begin := time.Now()
			q, err := l.Take(ctx, caller, 1)
			also := l.Reset(ctx, caller)
			if q.Allowed || !errors.Is(err, nguard.ErrUnavailable) || !errors.Is(also, nguard.ErrUnavailable) {
				t.Errorf("%s: %+v, %v, %v", name, q, err, also)
			}
			if d := time.Since(begin); d > time.Second {
				t.Errorf("%s: two calls with a deadline of 200 ms took %v", name, d)
			}
			cancel()
		}
		p.Heal(t)
		took := servicetest.Until(t, "the limiter is back", func() bool {
			_, err := l.Take(t.Context(), caller, 0)
			return err == nil
		})
		if took > 2*time.Second {
			t.Errorf("%s: the limiter came back %v after the server", name, took)
		}
	}
	if err := client(t, server.Addr).ScriptFlush(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	take(t, l, caller, 1)
}

// TestCluster: several rules are one step on a cluster too; a limiter of one rule spreads over its nodes.
func TestCluster(t *testing.T) {
	cluster := servicetest.StartRedisCluster(t)
	dial := func() *redis.ClusterClient {
		c := redis.NewClusterClient(&redis.ClusterOptions{Addrs: cluster.Addrs(), ContextTimeoutEnabled: true})
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	rules := append(ratelimit.LoginRules()[2:], ratelimit.PerUser("u", 10, time.Hour))
	var passed atomic.Int64
	together(t, []nguard.Limiter{limiter(t, dial(), rules...), limiter(t, dial(), rules...)}, &passed)
	if passed.Load() != 10 {
		t.Errorf("%d of 1000 calls passed, want 10", passed.Load())
	}
	l := limiter(t, dial(), rules...)
	if err := l.Reset(t.Context(), at("ann", "192.0.2.1")); err != nil {
		t.Error(err)
	}
	spread := limiter(t, dial(), ratelimit.UpdateRules()...)
	for i := range 100 {
		take(t, spread, nguard.Caller{User: fmt.Sprint("user", i)}, 1)
	}
	for i, s := range cluster.Nodes[:3] {
		keys, err := client(t, s.Addr).Keys(t.Context(), "*update*").Result()
		if err != nil || len(keys) < 10 {
			t.Errorf("primary %d has %d of 100 keys: %v", i, len(keys), err)
		}
	}
}

func BenchmarkTake(b *testing.B) {
	c := client(b, servicetest.StartRedis(b).Addr)
	limits, err := redislimit.Defaults(c)
	if err != nil {
		b.Fatal(err)
	}
	for name, l := range map[string]nguard.Limiter{"login": limits.Login, "update": limits.Update, "read": limits.Read} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := range b.N {
				n := strconv.Itoa(i / 4)
				caller := nguard.Caller{User: n, Account: n, IP: netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})}
				if _, err := l.Take(context.Background(), caller, 1); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
