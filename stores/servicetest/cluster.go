package servicetest

import (
	"context"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

// RedisCluster is a Redis Cluster of three primaries, each with one replica, that belongs to one test.
type RedisCluster struct {
	// Nodes are the processes: the first three began as primaries, each of the others as the replica of the one
	// three places before it.
	Nodes []*RedisServer
}

// Addrs are the addresses of all nodes.
func (c *RedisCluster) Addrs() (list []string) {
	for _, n := range c.Nodes {
		list = append(list, n.Addr)
	}
	return list
}

// StartRedisCluster starts six processes of redis-server, which end with the test, and makes a cluster of them. A
// node that is silent for two seconds is taken for dead. It needs Redis 7, and is skipped where NGUARD_TEST_REDIS is
// not set.
func StartRedisCluster(t testing.TB) *RedisCluster {
	t.Helper()
	const primaries, slots = 3, 16384
	c := &RedisCluster{}
	clients := make([]*redis.Client, 2*primaries)
	bus := make([]string, len(clients))
	ctx := context.Background()
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range clients {
		_, bus[i], _ = net.SplitHostPort(FreeAddr(t))
		s := StartRedis(t, "--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf",
			"--cluster-node-timeout", "2000", "--cluster-port", bus[i])
		c.Nodes = append(c.Nodes, s)
		clients[i] = redis.NewClient(&redis.Options{Addr: s.Addr})
		defer clients[i].Close()
	}
	ids := make([]string, len(clients))
	for i, n := range clients {
		var err error
		ids[i], err = n.Do(ctx, "CLUSTER", "MYID").Text()
		ok(err)
		if i < primaries {
			ok(n.Do(ctx, "CLUSTER", "ADDSLOTSRANGE", i*slots/primaries, (i+1)*slots/primaries-1).Err())
		}
		if i > 0 {
			host, port, _ := net.SplitHostPort(c.Nodes[0].Addr)
			ok(n.Do(ctx, "CLUSTER", "MEET", host, port, bus[0]).Err())
		}
	}
	Until(t, "the nodes of the cluster know each other", func() bool {
		for _, n := range clients {
			if clusterInfo(ctx, n, "cluster_known_nodes") != strconv.Itoa(len(clients)) {
				return false
			}
		}
		return true
	})
	for i := range primaries {
		// A node hears of another's ID by gossip, maybe a moment after it has counted it.
		Until(t, "a replica takes up its place", func() bool {
			return clients[primaries+i].Do(ctx, "CLUSTER", "REPLICATE", ids[i]).Err() == nil
		})
	}
	Until(t, "the cluster works", func() bool {
		for i, n := range clients {
			if clusterInfo(ctx, n, "cluster_state") != "ok" {
				return false
			}
			list, err := n.ClusterNodes(ctx).Result()
			if err != nil || strings.Count(list, "slave") != primaries {
				return false
			}
			if i >= primaries {
				if v, err := n.Info(ctx, "replication").Result(); err != nil || !strings.Contains(v, "master_link_status:up") {
					return false
				}
			}
		}
		return true
	})
	return c
}

// clusterInfo is one member of CLUSTER INFO.
func clusterInfo(ctx context.Context, n *redis.Client, name string) string {
	v, _ := n.ClusterInfo(ctx).Result()
	for line := range strings.Lines(v) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), name+":"); ok {
			return value
		}
	}
	return ""
}
