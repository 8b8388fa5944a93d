package scstest

import (
	"context"
	"crypto/rand"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/scs/goredisstore"
	"github.com/alexedwards/scs/postgresstore"
	"github.com/alexedwards/scs/v2"
	"github.com/redis/go-redis/v9"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/scsstore"
	"github.com/nguard-go/nguard/stores/servicetest"
	"github.com/nguard-go/nguard/stores/storetest"
)

// remotes are the backends on servers, reached through a proxy that makes trouble.
var remotes = map[string]func(t *testing.T) (scs.Store, *servicetest.Proxy){
	"postgres": func(t *testing.T) (scs.Store, *servicetest.Proxy) {
		d := servicetest.Postgres(t)
		table(t, d.Open(t))
		p := servicetest.NewProxy(t, d.Addr)
		return postgresstore.NewWithCleanupInterval(d.Through(p).Open(t), 0), p
	},
	"redis": func(t *testing.T) (scs.Store, *servicetest.Proxy) {
		p := servicetest.NewProxy(t, servicetest.StartRedis(t).Addr)
		client := servicetest.RedisClient(t, &redis.Options{Addr: p.Addr, ReadTimeout: 2 * time.Second, WriteTimeout: 2 * time.Second})
		return goredisstore.NewWithPrefix(client, rand.Text()), p
	},
}

// While the server is away every call returns at its deadline and says that the store is unavailable; when it
// is back everything is as it was, and nobody was logged out (P7, N1 to N3).
func TestOutage(t *testing.T) {
	const deadline = 200 * time.Millisecond
	for name, open := range remotes {
		t.Run(name, func(t *testing.T) {
			backend, p := open(t)
			s := scsstore.New(backend)
			var list []nguard.Created
			for _, owner := range []string{"ada", "bob", "eve", "joe"} {
				list = append(list, storetest.Login(t, s, owner))
			}
			nothing := func() {}
			for trouble, begin := range map[string]func() (end func()){
				"hangs":   func() func() { p.Hang(); return nothing },
				"refuses": func() func() { p.Refuse(); return nothing },
				"cuts":    func() func() { return p.Cutting(t, 5*time.Millisecond) },
			} {
				was := runtime.NumGoroutine()
				end := begin()
				var wg sync.WaitGroup
				for _, c := range list {
					for _, call := range []func(ctx context.Context) error{
						func(ctx context.Context) error { _, err := s.Load(ctx, c.Live); return err },
						func(ctx context.Context) error { _, err := s.Touch(ctx, c.Found, time.Now()); return err },
						func(ctx context.Context) error { _, err := s.Epoch(ctx, c.Owner); return err },
						func(ctx context.Context) error { _, err := s.List(ctx, c.Owner, "", 10); return err },
						func(ctx context.Context) error { _, err := s.Bump(ctx, c.Owner, nguard.BumpChange); return err },
					} {
						wg.Go(func() {
							ctx, cancel := context.WithTimeout(t.Context(), deadline)
							defer cancel()
							began := time.Now()
							err := call(ctx)
							if took := time.Since(began); took > deadline+time.Second {
								t.Errorf("%s: returned after %v", trouble, took)
							}
							if trouble != "cuts" || err != nil {
								is(t, err, []error{nguard.ErrUnavailable}, nguard.ErrNoSession, nguard.ErrCorrupt)
							}
						})
					}
				}
				wg.Wait()
				end()
				p.Heal(t)
				took := servicetest.Until(t, "the sessions are there again", func() bool {
					for _, c := range list {
						f, err := s.Load(t.Context(), c.Live)
						if err != nil || f.User.Revoke != c.User.Revoke || f.Match != nguard.Current {
							return false
						}
					}
					return true
				})
				if took > 2*time.Second {
					t.Errorf("%s: back only after %v", trouble, took)
				}
				// Connections of the pools and of the proxy have goroutines too.
				servicetest.Goroutines(t, was+60)
			}
		})
	}
}

// A backend that lost what it held, as Redis does when it is flushed, gives nobody a session, and logins
// work (N7).
func TestFlushed(t *testing.T) {
	client := servicetest.RedisClient(t, &redis.Options{Addr: servicetest.StartRedis(t).Addr})
	s := scsstore.New(goredisstore.New(client))
	c := storetest.Login(t, s, "ada")
	if err := client.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	_, err := s.Load(t.Context(), c.Live)
	is(t, err, []error{nguard.ErrNoSession})
	if d := storetest.Login(t, s, "ada"); d.Stamp.Revoke == c.Stamp.Revoke {
		t.Fatal("the epoch is the one that was lost")
	}
}

// What expires in Redis has a time to live, whatever time it is given: one in the past would be none at all.
func TestRedisForgets(t *testing.T) {
	client := servicetest.RedisClient(t, &redis.Options{Addr: servicetest.StartRedis(t).Addr})
	s := scsstore.New(goredisstore.New(client))
	r := storetest.Record(t, s, "ada")
	r.Expires = time.Now().Add(-24 * time.Hour)
	if _, err := s.Create(t.Context(), r, nguard.Cap{}); err != nil {
		t.Fatal(err)
	}
	keys, err := client.Keys(t.Context(), "*").Result()
	if err != nil || len(keys) != 3 {
		t.Fatalf("got %q, %v", keys, err)
	}
	for _, key := range keys {
		if ttl, err := client.TTL(t.Context(), key).Result(); err != nil || ttl <= 0 {
			t.Errorf("%s lives for %v, %v", key, ttl, err)
		}
	}
}
