package redistest

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/redisstore"
	"github.com/nguard-go/nguard/stores/servicetest"
	"github.com/nguard-go/nguard/stores/storetest"
)

// TestWatchCut: a lost connection ends Watch with an error, so that the guard begins another, which then tells
// that everybody is to be looked at.
func TestWatchCut(t *testing.T) {
	o, err := redisstore.Options(servicetest.RedisURL(t))
	if err != nil {
		t.Fatal(err)
	}
	o.ClientName = "nguard-watch-" + rand.Text()[:8]
	c := servicetest.RedisClient(t, o)
	s := open(t, c, fresh(t, c))
	ctx := t.Context()
	for range 2 {
		w := storetest.Watch(t, s)
		if _, err := s.Bump(ctx, "ada", nguard.BumpChange); err != nil {
			t.Fatal(err)
		}
		w.Told("ada")
		list, err := c.Do(ctx, "client", "list", "type", "pubsub").Text()
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(list) {
			id, rest, _ := strings.Cut(strings.TrimPrefix(line, "id="), " ")
			if strings.Contains(rest, "name="+o.ClientName) {
				if err := c.ClientKillByFilter(ctx, "id", id).Err(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := w.Ended(); !errors.Is(err, nguard.ErrUnavailable) {
			t.Errorf("Watch ended with %v", err)
		}
	}
}

// TestWatchForbidden: a user of Redis who may not publish makes changes all the same.
func TestWatchForbidden(t *testing.T) {
	o, err := redisstore.Options(servicetest.RedisURL(t))
	if err != nil {
		t.Fatal(err)
	}
	admin := servicetest.RedisClient(t, o)
	name, ctx := "nguard-"+strings.ToLower(rand.Text()[:8]), context.Background()
	if err := admin.Do(ctx, "acl", "setuser", name, "on", ">secret", "~*", "+@all", "resetchannels").Err(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = admin.Do(ctx, "acl", "deluser", name).Err() })
	prefix := fresh(t, admin)
	limited := *o
	limited.Username, limited.Password = name, "secret"
	s := open(t, servicetest.RedisClient(t, &limited), prefix)
	first, err := s.Bump(ctx, "ada", nguard.BumpChange)
	if err != nil {
		t.Fatal(err)
	}
	if second, err := s.Bump(ctx, "ada", nguard.BumpChange); err != nil || second.Change != first.Change+1 {
		t.Errorf("%+v after %+v, %v", second, first, err)
	}
	if err := s.Watch(ctx, func(string) { t.Error("heard something") }); !errors.Is(err, nguard.ErrUnavailable) {
		t.Errorf("Watch says %v", err)
	}
}
