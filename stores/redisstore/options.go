package redisstore

import (
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
)

// Config are the settings of a [Store]. The zero value works.
type Config struct {
	// Prefix stands before every key. Defaults to "nguard:". It has no braces: they would decide about the
	// slots of a cluster. Whoever changes it ends every session.
	Prefix string
}

// DefaultPrefix is what Config.Prefix defaults to.
const DefaultPrefix = "nguard:"

func (c Config) checked() (Config, error) {
	if c.Prefix == "" {
		c.Prefix = DefaultPrefix
	}
	if strings.ContainsAny(c.Prefix, "{}") {
		return c, errors.New("redisstore: Config.Prefix has braces, which would choose the cluster's slot: leave them out")
	}
	return c, nil
}

// Options reads a URL as [redis.ParseURL] does, such as redis://user:password@host:6379/0 or rediss://host, and
// sets what [New] needs.
func Options(url string) (*redis.Options, error) {
	o, err := redis.ParseURL(url)
	if err != nil {
		return nil, fmt.Errorf("redisstore: %w", err)
	}
	o.ContextTimeoutEnabled = true
	return o, nil
}

// checkClient refuses clients by which a promise would be broken without anybody noticing.
func checkClient(client redis.UniversalClient) error {
	switch c := client.(type) {
	case *redis.Client:
		if c == nil {
			break
		}
		o := c.Options()
		return checkOptions(o.ContextTimeoutEnabled, false, o.ClientSideCacheConfig != nil || o.ClientSideCache != nil)
	case *redis.ClusterClient:
		if c == nil {
			break
		}
		o := c.Options()
		return checkOptions(o.ContextTimeoutEnabled, o.ReadOnly || o.RouteByLatency || o.RouteRandomly, false)
	case *redis.Ring:
		return errors.New("redisstore: a Ring moves keys when a server is down, and ended sessions would live again: use a Redis Cluster")
	}
	return fmt.Errorf("redisstore: the client must be a *redis.Client or *redis.ClusterClient, not %T", client)
}

func checkOptions(timeouts, replicas, cached bool) error {
	switch {
	case !timeouts:
		return errors.New("redisstore: set ContextTimeoutEnabled in the client's options: without it a call does not return at its deadline")
	case replicas:
		return errors.New("redisstore: leave ReadOnly, RouteByLatency and RouteRandomly out of the client's options: a replica knows late of a revocation")
	case cached:
		return errors.New("redisstore: leave ClientSideCache out of the client's options: a cache knows late of a revocation")
	}
	return nil
}
