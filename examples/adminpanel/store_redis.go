package main

import (
	"context"
	"fmt"
	"sync"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"github.com/nguard-go/nguard/policy/ratelimit/redislimit"
	"github.com/nguard-go/nguard/stores/redisstore"
)

// openRedis keeps sessions in Redis, and counts logins and changes there too, for all processes together. People and
// records are in the file of -users.
func openRedis(ctx context.Context, o options) (*place, error) {
	c, err := redisstore.Options(o.dsn)
	if err != nil {
		return nil, errAddress
	}
	c.DialTimeout = dialTimeout
	silence()
	client := redis.NewClient(c)
	where := fmt.Sprintf("%s, database %d", c.Addr, c.DB)
	if err := reach(ctx, "Redis", where, c.Password, func(ctx context.Context) error { return client.Ping(ctx).Err() }); err != nil {
		_ = client.Close()
		return nil, err
	}
	db, err := sqliteFile(o.users)
	if err != nil {
		_ = client.Close()
		return nil, err
	}
	p := newPlace(db)
	p.closers = append(p.closers, func() { _ = client.Close() })
	p.where = "Redis at " + where
	if p.sessions, err = redisstore.New(client, redisstore.Config{}); err != nil {
		return p.opened(err)
	}
	// Reads are counted by each process for itself: they stay one call to Redis.
	reads := p.limits.Read
	if p.limits, err = redislimit.Defaults(client); err == nil {
		p.limits.Read = reads
	}
	return p.opened(err)
}

// silence keeps the client, which has one log for all, from telling of each lost connection: the errors do.
var silence = sync.OnceFunc(logging.Disable)
