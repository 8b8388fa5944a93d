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

// Rows asks for the names first and for the rows of the page then, so that a page costs what is on it. Each row
// is of one moment with the epoch that it came with, and the first of these is the one returned: a session that
// changed in between looks as if it had to look its user up, never the other way round.
func (b *rows) Rows(ctx context.Context, owner, after string, n int) ([]nguard.Row, nguard.Epoch, error) {
	route := routeOf(owner)
	ids, err := b.ids(ctx, b.key(route), after)
	if err != nil {
		return nil, nguard.Epoch{}, err
	}
	var list []nguard.Row
	var e nguard.Epoch
	var known bool
	for len(ids) > 0 && len(list) < n {
		page := ids[:min(len(ids), n-len(list))]
		ids = ids[len(page):]
		fields := []string{"e"}
		for _, id := range page {
			fields = append(fields, "s"+id)
		}
		v, err := b.read(ctx, b.key(route), fields...)
		if err != nil {
			return nil, nguard.Epoch{}, err
		}
		was, found, err := epoch(v[0], time.Now())
		if err != nil {
			return nil, nguard.Epoch{}, err
		}
		if !found {
			break // the hash has gone meanwhile, and all rows with it
		}
		if !known {
			e, known = was, true
		}
		for i, id := range page {
			r, stored, err := rowOf(route, id, v[1+i])
			if err != nil {
				return nil, nguard.Epoch{}, err
			}
			if stored { // else it has gone meanwhile
				list = append(list, r)
			}
		}
	}
	if !known {
		e, err = b.Epoch(ctx, owner)
	}
	return list, e, err
}

// ids are those of a user's sessions above after, in their order. They are ordered here, since Redis would do it
// by its locale.
func (b *rows) ids(ctx context.Context, key, after string) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, unavailable(err)
	}
	names, err := b.client.HKeys(ctx, key).Result()
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
	return ids, nil
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
