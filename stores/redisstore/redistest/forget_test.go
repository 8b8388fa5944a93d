package redistest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/redisstore"
	"github.com/nguard-go/nguard/stores/servicetest"
	"github.com/nguard-go/nguard/stores/storetest"
)

// own returns a store on a server of its own.
func own(t *testing.T, args ...string) (*redisstore.Store, *redis.Client, *servicetest.RedisServer) {
	t.Helper()
	server := servicetest.StartRedis(t, args...)
	c := servicetest.RedisClient(t, &redis.Options{Addr: server.Addr, ContextTimeoutEnabled: true})
	return open(t, c, ""), c, server
}

// gone checks that a session which Redis has forgotten is a clean "no session", and stays one when its user logs in
// again: the new epoch is random, and the old row does not come back (N7, P11).
func gone(t *testing.T, s *redisstore.Store, c nguard.Created) {
	t.Helper()
	ctx := t.Context()
	if _, err := s.Load(ctx, c.Live); !errors.Is(err, nguard.ErrNoSession) {
		t.Fatalf("a session that was forgotten: %v", err)
	}
	d, err := s.Create(ctx, storetest.Record(t, s, c.Owner), nguard.Cap{Max: 1, Now: time.Now()})
	if err != nil {
		t.Fatalf("a login after it: %v", err)
	}
	if f, err := s.Load(ctx, d.Live); err != nil || f.User != d.Stamp || d.Stamp.Revoke == c.Stamp.Revoke {
		t.Fatalf("the new session has the epoch %+v of %+v, before it was %+v: %v", f.User, d.Stamp, c.Stamp, err)
	}
	if _, err := s.Load(ctx, c.Live); !errors.Is(err, nguard.ErrNoSession) {
		t.Fatalf("after another login: %v", err)
	}
	if _, err := s.Touch(ctx, c.Found, time.Now()); !errors.Is(err, nguard.ErrNoSession) {
		t.Fatalf("a touch: %v", err)
	}
	if _, err := s.Replace(ctx, c.Found, storetest.Next(c.Found), true); !errors.Is(err, nguard.ErrNoSession) {
		t.Fatalf("a replace: %v", err)
	}
}

func TestFlush(t *testing.T) {
	s, c, _ := own(t)
	created := storetest.Login(t, s, "ada")
	if err := c.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	gone(t, s, created)
}

// TestScriptFlush: a server that has forgotten its scripts is told them again.
func TestScriptFlush(t *testing.T) {
	s, c, _ := own(t)
	created := storetest.Login(t, s, "ada")
	if err := c.ScriptFlush(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Bump(t.Context(), "ada", nguard.BumpChange); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Touch(t.Context(), created.Found, time.Now()); err != nil {
		t.Fatal(err)
	}
}

func TestEviction(t *testing.T) {
	s, c, _ := own(t, "--maxmemory", "2mb", "--maxmemory-policy", "allkeys-lru")
	var list []nguard.Created
	for i := 0; evicted(t, c) < 100; i++ {
		list = append(list, storetest.Login(t, s, fmt.Sprint("user", i)))
	}
	lost := 0
	for _, created := range list {
		f, err := s.Load(t.Context(), created.Live)
		switch {
		case err == nil && f.Owner == created.Owner && f.User == created.Stamp:
		case errors.Is(err, nguard.ErrNoSession):
			lost++
			if lost <= 20 {
				gone(t, s, created)
			}
		default:
			t.Fatalf("%s: %v", created.Owner, err)
		}
	}
	if lost == 0 {
		t.Fatal("nothing was evicted")
	}
}

func evicted(t *testing.T, c *redis.Client) (n int) {
	t.Helper()
	v, err := c.Info(context.Background(), "stats").Result()
	if err != nil {
		t.Fatal(err)
	}
	_, v, _ = strings.Cut(v, "evicted_keys:")
	if _, err := fmt.Sscan(v, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestFull: a full server that evicts nothing refuses logins, and surely so. Whoever is logged in goes on, and
// sessions can be ended.
func TestFull(t *testing.T) {
	s, c, _ := own(t, "--maxmemory", "2mb", "--maxmemory-policy", "noeviction")
	ctx := t.Context()
	var list []nguard.Created
	var err error
	for i := 0; err == nil; i++ {
		var created nguard.Created
		if created, err = s.Create(ctx, storetest.Record(t, s, fmt.Sprint("user", i)), nguard.Cap{Max: 3, Now: time.Now()}); err == nil {
			list = append(list, created)
		}
	}
	if !errors.Is(err, nguard.ErrUnavailable) || errors.Is(err, nguard.ErrOutcomeUnknown) {
		t.Fatalf("a login on a full server: %v", err)
	}
	newest := list[len(list)-1]
	if _, err := s.Create(ctx, storetest.Record(t, s, newest.Owner), nguard.Cap{Replace: newest.ID, Version: 1, Now: time.Now()}); !errors.Is(err, nguard.ErrUnavailable) {
		t.Fatalf("a renewal on a full server: %v", err)
	}
	f, err := s.Load(ctx, newest.Live)
	if err != nil {
		t.Fatalf("a refused renewal ended its session: %v", err)
	}
	if f, err = s.Replace(ctx, f, storetest.Next(f), true); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Touch(ctx, f, time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Bump(ctx, list[0].Owner, nguard.BumpRevoke); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(ctx, list[1].Owner, list[1].ID); err != nil {
		t.Fatal(err)
	}
	if err := c.ConfigSet(ctx, "maxmemory", "0").Err(); err != nil {
		t.Fatal(err)
	}
	storetest.Login(t, s, "newcomer")
}

// TestExpiry: a hash lives longer than every session in it, by the server's clock, and a login, a touch and a bump
// keep it, but none for ever.
func TestExpiry(t *testing.T) {
	s, c, _ := own(t)
	ctx := t.Context()
	end := func() time.Time {
		t.Helper()
		keys, err := c.Keys(ctx, "*").Result()
		if err != nil || len(keys) != 1 {
			t.Fatalf("%d keys: %v", len(keys), err)
		}
		ms, err := c.Do(ctx, "PEXPIRETIME", keys[0]).Int64()
		if err != nil {
			t.Fatal(err)
		}
		return time.UnixMilli(ms)
	}
	around := func(what string, want time.Time) {
		t.Helper()
		if got := end(); got.Before(want.Add(59*time.Minute)) || got.After(want.Add(61*time.Minute)) {
			t.Fatalf("%s: the hash ends at %v, want an hour after %v", what, got, want)
		}
	}
	now := time.Now().UTC()
	if _, err := s.Bump(ctx, "ada", nguard.BumpChange); err != nil {
		t.Fatal(err)
	}
	around("a bump", now.Add(nguard.KeepEpoch))
	r := storetest.Record(t, s, "ada")
	r.Idle, r.Expires = 3*time.Hour, now.Add(5*time.Hour)
	created, err := s.Create(ctx, r, nguard.Cap{})
	if err != nil {
		t.Fatal(err)
	}
	around("a login", now.Add(3*time.Hour))
	f, err := s.Touch(ctx, created.Found, now.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	around("a touch", now.Add(4*time.Hour))
	later := storetest.Next(f)
	later.Idle = 0
	if f, err = s.Replace(ctx, f, later, false); err != nil {
		t.Fatal(err)
	}
	around("a replace", now.Add(5*time.Hour))
	if _, err := s.Bump(ctx, "ada", nguard.BumpRevoke); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(ctx, "ada", f.ID); err != nil {
		t.Fatal(err)
	}
	around("a bump and a logout take nothing back", now.Add(5*time.Hour))
}

// TestDeadLeave: the sessions of a user that have ended leave the hash at the next login with a cap.
func TestDeadLeave(t *testing.T) {
	s, c, _ := own(t)
	ctx := t.Context()
	for range 50 {
		r := storetest.Record(t, s, "ada")
		r.Expires = r.Created.Add(time.Minute)
		if _, err := s.Create(ctx, r, nguard.Cap{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Create(ctx, storetest.Record(t, s, "ada"), nguard.Cap{Max: 5, Now: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	keys, err := c.Keys(ctx, "*").Result()
	if err != nil || len(keys) != 1 {
		t.Fatalf("%d keys: %v", len(keys), err)
	}
	if n, err := c.HLen(ctx, keys[0]).Result(); err != nil || n != 5 {
		t.Fatalf("the hash has %d fields, want 4 of the user and 1 of the session: %v", n, err)
	}
}
