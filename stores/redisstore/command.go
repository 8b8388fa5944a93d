package redisstore

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/redis/go-redis/v9"

	nguard "github.com/nguard-go/nguard/core"
)

// read is one HMGET.
func (b *rows) read(ctx context.Context, key string, fields ...string) ([]any, error) {
	if err := ctx.Err(); err != nil {
		return nil, unavailable(err)
	}
	v, err := b.client.HMGet(ctx, key, fields...).Result()
	if err != nil {
		b.lost(err)
		return nil, failed(err)
	}
	return v, nil
}

// lost makes a cluster's client ask anew who serves what when a node does not answer. By itself it does so once a
// minute, and when a node says that another one does: one that has died says nothing.
func (b *rows) lost(err error) {
	if c, ok := b.client.(*redis.ClusterClient); ok && !refused(err) {
		c.ReloadState(context.Background()) // in the background, once at a time
	}
}

// write runs a script for an owner, and returns what follows the "ok" of its answer.
func (b *rows) write(ctx context.Context, s source, owner string, args ...any) ([]any, error) {
	key := b.owned(owner)
	args = append([]any{b.channel(), owner}, args...)
	v, err := b.run(ctx, "evalsha", s.sha, key, args)
	if redis.HasErrorPrefix(err, "NOSCRIPT") {
		// The server has not seen it yet, and has done nothing.
		v, err = b.run(ctx, "eval", s.text, key, args)
	}
	if err != nil {
		return nil, err
	}
	if len(v) > 0 {
		switch v[0] {
		case "ok":
			return v[1:], nil
		case "gone":
			return nil, nguard.ErrNoSession
		case "conflict":
			return nil, nguard.ErrConflict
		case "many":
			return nil, nguard.ErrTooMany
		}
	}
	return nil, fmt.Errorf("redisstore: a script answered %v", v)
}

func (b *rows) run(ctx context.Context, name, script, key string, args []any) ([]any, error) {
	if err := ctx.Err(); err != nil {
		return nil, unavailable(err)
	}
	sent := new(sent)
	all := append([]any{name, script, 1, key}, args...)
	cmd := once{redis.NewCmd(ctx, append(all, sent)...)}
	cmd.SetFirstKeyPos(3)
	_ = b.client.Process(ctx, cmd) // the command has the error, too
	v, err := cmd.Slice()
	if err == nil {
		return v, nil
	}
	b.lost(err)
	if !sent.Load() || refused(err) {
		return nil, failed(err)
	}
	return nil, fmt.Errorf("%w: %w: %w", nguard.ErrUnavailable, nguard.ErrOutcomeUnknown, err)
}

// once is a command that the client sends once. When a connection breaks it would send others again, and a script
// that has run would not recognise its own work.
type once struct{ *redis.Cmd }

// NoRetry is what go-redis asks before it sends a command again.
func (once) NoRetry() bool { return true }

// sent is the last argument of a write: an empty text that knows whether it was written to a connection. Until
// then nothing has happened, however the call ended: the server was not reached, or the context ended in the queue
// for a connection.
type sent struct{ atomic.Bool }

// MarshalBinary is called when the command is written.
func (s *sent) MarshalBinary() ([]byte, error) {
	s.Store(true)
	return nil, nil
}

// refused says that the server answered, and that it did nothing; see the scripts.
func refused(err error) bool {
	var answer redis.Error
	return errors.As(err, &answer)
}

// failed is the error of a command that has had no effect. A key of another type was not made by this store.
func failed(err error) error {
	if redis.HasErrorPrefix(err, "WRONGTYPE") {
		return fmt.Errorf("%w: %w", nguard.ErrCorrupt, err)
	}
	return unavailable(err)
}

func unavailable(err error) error { return fmt.Errorf("%w: %w", nguard.ErrUnavailable, err) }
