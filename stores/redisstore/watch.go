package redisstore

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/redis/go-redis/v9"

	nguard "github.com/nguard-go/nguard/core"
)

// channel is where changes are told: the owner's key, and nothing else. Of a cluster all nodes tell it, whichever
// of them has changed something, so that a subscription at any one hears everything.
func (b *rows) channel() string { return b.prefix + "changes" }

var _ nguard.Watcher = (*rows)(nil)

// Watch subscribes on a connection of its own. See [nguard.Watcher]. A user of Redis whose rights are limited needs
// those of the channel, the prefix and "changes": without them changes are made, and nobody is told.
func (s *Store) Watch(ctx context.Context, fn func(owner string)) error { return s.rows.Watch(ctx, fn) }

// quiet is how long nothing may be heard before the connection is asked whether it still stands.
const quiet = 10 * time.Second

// Watch returns when the connection is lost: the guard calls it again, later each time, and what came in between is
// told as everybody.
func (b *rows) Watch(ctx context.Context, fn func(owner string)) error {
	sub := b.client.Subscribe(ctx, b.channel())
	defer sub.Close()
	stop := context.AfterFunc(ctx, func() { _ = sub.Close() }) // a read does not look at its context
	defer stop()
	if _, err := sub.ReceiveTimeout(ctx, quiet); err != nil {
		return ended(ctx, err)
	}
	fn("")
	for asked := false; ; {
		m, err := sub.ReceiveTimeout(ctx, quiet)
		switch m := m.(type) {
		case *redis.Message:
			fn(m.Payload)
		case *redis.Subscription:
			fn("") // the client has connected again by itself
		}
		switch silent := isTimeout(err); {
		case err == nil:
			asked = false
		case silent && !asked:
			if err := sub.Ping(ctx); err != nil {
				return ended(ctx, err)
			}
			asked = true
		default:
			return ended(ctx, err)
		}
	}
}

func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return unavailable(err)
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}
