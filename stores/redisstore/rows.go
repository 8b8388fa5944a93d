package redisstore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	nguard "github.com/nguard-go/nguard/core"
)

// rows is the nguard.Backend.
type rows struct {
	client redis.UniversalClient
	prefix string
}

var (
	_ nguard.Backend   = (*rows)(nil)
	_ nguard.RowLister = (*rows)(nil)
	_ nguard.Epochs    = (*rows)(nil)
	_ nguard.Router    = (*rows)(nil)
)

func (b *rows) Get(ctx context.Context, k nguard.Key) (nguard.Row, nguard.Epoch, error) {
	var route [nguard.RouteLen]byte
	switch {
	case k.Owner != "":
		route = routeOf(k.Owner)
	case len(k.Route) == nguard.RouteLen:
		copy(route[:], k.Route)
	default:
		return nguard.Row{}, nguard.Epoch{}, nguard.ErrNoSession // neither says where to look
	}
	v, err := b.read(ctx, b.key(route), "e", "s"+k.ID)
	if err != nil {
		return nguard.Row{}, nguard.Epoch{}, err
	}
	e, found, err := epoch(v[0], time.Now())
	if err != nil {
		return nguard.Row{}, nguard.Epoch{}, err
	}
	r, stored, err := rowOf(route, k.ID, v[1])
	switch {
	case err != nil:
		return nguard.Row{}, nguard.Epoch{}, err
	case !stored:
		return nguard.Row{}, nguard.Epoch{}, nguard.ErrNoSession
	case !found:
		return nguard.Row{}, nguard.Epoch{}, errDamaged // no script leaves a session without an epoch
	}
	return r, e, nil
}

// rowOf reads the field of a session that was looked for under a route. Its owner must be the one whose route that
// is.
func rowOf(route [nguard.RouteLen]byte, id string, v any) (r nguard.Row, stored bool, err error) {
	s, ok := v.(string)
	if !ok {
		return r, false, nil
	}
	if r, err = unpack(id, s); err != nil {
		return r, false, err
	}
	if routeOf(r.Owner) != route {
		return r, false, fmt.Errorf("%w: record of another user", nguard.ErrCorrupt)
	}
	return r, true, nil
}

// Rows asks for the names first and then, in one step, for the rows of the page and the names again, so that a
// page costs what is on it and is still of one moment: where the names have changed in between, it asks for the
// page that follows from the new ones. Else a login that ends one session and begins another could make a person
// who has one at every moment see none.
func (b *rows) Rows(ctx context.Context, owner, after string, n int) ([]nguard.Row, nguard.Epoch, error) {
	route := routeOf(owner)
	key := b.key(route)
	page, err := b.page(b.client.HKeys(ctx, key), after, n)
	for err == nil {
		fields := make([]string, 0, 1+len(page))
		fields = append(fields, "e")
		for _, id := range page {
			fields = append(fields, "s"+id)
		}
		var values *redis.SliceCmd
		var names *redis.StringSliceCmd
		if err = ctx.Err(); err != nil {
			return nil, nguard.Epoch{}, unavailable(err)
		}
		_, err = b.client.TxPipelined(ctx, func(p redis.Pipeliner) error {
			values, names = p.HMGet(ctx, key, fields...), p.HKeys(ctx, key)
			return nil
		})
		if err != nil {
			b.lost(err)
			return nil, nguard.Epoch{}, failed(err)
		}
		var now []string
		if now, err = b.page(names, after, n); err == nil && slices.Equal(now, page) {
			return b.listed(ctx, owner, route, page, values.Val())
		}
		page = now
	}
	return nil, nguard.Epoch{}, err
}

// page is which of a user's sessions a list begins with: the first n above after. They are ordered here, since
// Redis would do it by its locale.
func (b *rows) page(cmd *redis.StringSliceCmd, after string, n int) ([]string, error) {
	names, err := cmd.Result()
	if err != nil {
		b.lost(err)
		return nil, failed(err)
	}
	var ids []string
	for _, name := range names {
		if len(name) > 1 && name[0] == 's' && name[1:] > after {
			ids = append(ids, name[1:])
		}
	}
	slices.Sort(ids)
	return ids[:min(len(ids), max(n, 0))], nil
}

// listed reads what was found: the epoch, and a row for each of the page.
func (b *rows) listed(ctx context.Context, owner string, route [nguard.RouteLen]byte, page []string, values []any) ([]nguard.Row, nguard.Epoch, error) {
	e, found, err := epoch(values[0], time.Now())
	if err == nil && !found {
		e, err = b.Epoch(ctx, owner)
	}
	if err != nil {
		return nil, nguard.Epoch{}, err
	}
	list := make([]nguard.Row, 0, len(page))
	for i, id := range page {
		r, stored, err := rowOf(route, id, values[1+i])
		if err != nil {
			return nil, nguard.Epoch{}, err
		}
		if stored {
			list = append(list, r)
		}
	}
	return list, e, nil
}

func (b *rows) Insert(ctx context.Context, r nguard.Row, c nguard.Cap) ([]string, error) {
	packed, err := pack(r)
	if err != nil {
		return nil, err
	}
	version, evict := "", ""
	if c.Version != 0 {
		version = ordered(c.Version)
	}
	if c.EvictOldest {
		evict = "1"
	}
	now := time.Now()
	until := max(alive(r.Mark.Expires), alive(now.Add(nguard.KeepEpoch)))
	v, err := b.write(ctx, insert, r.Owner,
		r.ID, packed, r.Stamp.Change, r.Stamp.Revoke, ordered(r.Stamp.Revoke),
		c.Max, evict, c.Replace, version, at(c.Now), at(now), until)
	if err != nil {
		return nil, err
	}
	var ended []string
	for _, id := range v {
		if s, ok := id.(string); ok {
			ended = append(ended, s)
		}
	}
	return ended, nil
}

func (b *rows) Swap(ctx context.Context, r nguard.Row, version int64) error {
	packed, err := pack(r)
	if err != nil {
		return err
	}
	_, err = b.write(ctx, swap, r.Owner, r.ID, packed, ordered(version), at(time.Time{}), alive(r.Mark.Expires))
	return err
}

func (b *rows) Mark(ctx context.Context, k nguard.Key, m nguard.Mark) error {
	_, err := b.write(ctx, mark, k.Owner,
		k.ID, at(m.LastSeen), at(m.SeenAt), at(m.Expires), m.Cur, at(time.Time{}), alive(m.Expires))
	return err
}

func (b *rows) Delete(ctx context.Context, k nguard.Key) error {
	_, err := b.write(ctx, remove, k.Owner, k.ID)
	return err
}
