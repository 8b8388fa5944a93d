package redistest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/servicetest"
	"github.com/nguard-go/nguard/stores/storetest"
)

func clusterClient(t testing.TB, c *servicetest.RedisCluster) *redis.ClusterClient {
	t.Helper()
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: c.Addrs(), ContextTimeoutEnabled: true})
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	return client
}

// TestCluster runs the suite on a cluster, then lets one of its nodes die.
func TestCluster(t *testing.T) {
	cluster := servicetest.StartRedisCluster(t)
	shared := clusterClient(t, cluster)
	n := 0
	t.Run("suite", func(t *testing.T) {
		storetest.Run(t, func(t *testing.T) storetest.Harness {
			n++
			prefix := fmt.Sprintf("suite%d:", n)
			return storetest.Harness{
				Store: open(t, shared, prefix),
				Peer:  func(t *testing.T) nguard.Store { return open(t, clusterClient(t, cluster), prefix) },
				Dump: func(t *testing.T) (values [][]byte) {
					for _, s := range cluster.Nodes {
						node := servicetest.RedisClient(t, &redis.Options{Addr: s.Addr})
						if primary(t, node) {
							values = append(values, dump(t, node, prefix)...)
						}
					}
					return values
				},
			}
		})
	})
	t.Run("failover", func(t *testing.T) { failover(t, cluster) })
}

func primary(t testing.TB, node *redis.Client) bool {
	t.Helper()
	v, err := node.Info(t.Context(), "replication").Result()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(v, "role:master")
}

// failover kills a primary, as a machine that dies. While nobody serves its users they get ErrUnavailable, and no
// session looks ended; when the replica has taken over, all of them are there, and what was ended stays so.
func failover(t *testing.T, cluster *servicetest.RedisCluster) {
	s := open(t, clusterClient(t, cluster), "failover:")
	ctx := t.Context()
	var sessions, ended []nguard.Created
	for i := range 30 {
		sessions = append(sessions, storetest.Login(t, s, fmt.Sprint("user", i)))
		gone := storetest.Login(t, s, fmt.Sprint("user", i))
		if err := s.Delete(ctx, gone.Owner, gone.ID); err != nil {
			t.Fatal(err)
		}
		ended = append(ended, gone)
	}
	replicated(t, cluster)
	cluster.Nodes[0].Stop()

	// What happens to a call in the meantime: it answers in time, and says that the store is unavailable.
	call := func(f func(ctx context.Context) error) error {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		begin := time.Now()
		err := f(ctx)
		if d := time.Since(begin); d > 1500*time.Millisecond {
			t.Fatalf("a call with a deadline of 1 s took %v", d)
		}
		if err != nil && !errors.Is(err, nguard.ErrUnavailable) {
			t.Fatalf("during the failover: %v", err)
		}
		return err
	}
	down := 0
	took := servicetest.Until(t, "every session loads and can be written after a primary died", func() bool {
		for _, c := range sessions {
			if call(func(ctx context.Context) error { _, err := s.Load(ctx, c.Live); return err }) != nil {
				down++
				return false
			}
			if call(func(ctx context.Context) error { _, err := s.Bump(ctx, c.Owner, nguard.BumpChange); return err }) != nil {
				down++
				return false
			}
		}
		return true
	})
	if down == 0 {
		t.Fatal("nothing was seen of the death of a primary: the test is about nothing")
	}
	t.Logf("%d calls failed; all is back %v after the primary died", down, took.Round(time.Millisecond))
	for _, c := range ended {
		if _, err := s.Load(ctx, c.Live); !errors.Is(err, nguard.ErrNoSession) {
			t.Fatalf("a session that was ended before: %v", err)
		}
	}
	storetest.Login(t, s, "newcomer")

	// The dead node comes back as the replica of the one that took over.
	cluster.Nodes[0].Start()
	node := servicetest.RedisClient(t, &redis.Options{Addr: cluster.Nodes[0].Addr})
	servicetest.Until(t, "the node that was dead is a replica", func() bool { return !primary(t, node) })
	for _, c := range sessions {
		if _, err := s.Load(ctx, c.Live); err != nil {
			t.Fatal(err)
		}
	}
}

// replicated waits until each replica has all that its primary had.
func replicated(t *testing.T, cluster *servicetest.RedisCluster) {
	t.Helper()
	for i, from := range cluster.Nodes[:3] {
		both := []*redis.Client{servicetest.RedisClient(t, &redis.Options{Addr: from.Addr}), servicetest.RedisClient(t, &redis.Options{Addr: cluster.Nodes[i+3].Addr})}
		offsets := func() (list []string) {
			for _, c := range both {
				v, err := c.Info(t.Context(), "replication").Result()
				if err != nil {
					t.Fatal(err)
				}
				for line := range strings.Lines(v) {
					if offset, ok := strings.CutPrefix(strings.TrimSpace(line), "master_repl_offset:"); ok {
						list = append(list, offset)
					}
				}
			}
			return list
		}
		servicetest.Until(t, "the replicas have caught up", func() bool {
			list := offsets()
			return len(list) == 2 && len(slices.Compact(list)) == 1
		})
	}
}
