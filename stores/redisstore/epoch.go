package redisstore

import (
	"context"
	"strconv"
	"strings"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// epoch reads the field e.
//
// A change that has been open for longer than any change lasts was left by a process that died. Here it is read
// as closed, with the next change mark, and the next bump settles it with the same result. Both go by the clock of
// a process. Where one takes it for closed and another does not yet, the latter looks the user up at each request,
// and its bumps keep the change open for another while, at the end of which the mark is one that nobody has seen.
func epoch(v any, now time.Time) (e nguard.Epoch, found bool, err error) {
	if v == nil {
		return e, false, nil
	}
	rest, ok := v.(string)
	var n [3]int64
	for i := range n {
		var s string
		s, rest, _ = strings.Cut(rest, " ")
		if n[i], err = strconv.ParseInt(s, 10, 64); err != nil {
			return e, false, errDamaged
		}
	}
	if !ok || len(rest) != digits {
		return e, false, errDamaged
	}
	e = nguard.Epoch{Change: n[0], Revoke: n[1], Open: int(n[2])}
	if e.Open > 0 && rest <= at(now.Add(-nguard.StaleOpen)) {
		e.Change++
		e.Open = 0
	}
	return e, true, nil
}

func (b *rows) Epoch(ctx context.Context, owner string) (nguard.Epoch, error) {
	v, err := b.read(ctx, b.owned(owner), "e")
	if err != nil {
		return nguard.Epoch{}, err
	}
	e, found, err := epoch(v[0], time.Now())
	if err != nil || found {
		return e, err
	}
	return nguard.NewEpoch()
}

func (b *rows) Bump(ctx context.Context, owner string, bits nguard.Bump) (nguard.Epoch, error) {
	bit := func(set nguard.Bump) int {
		if bits&set != 0 {
			return 1
		}
		return 0
	}
	began, err := nguard.NewEpoch()
	if err != nil {
		return nguard.Epoch{}, err
	}
	now := time.Now()
	v, err := b.write(ctx, bump, owner,
		began.Change, began.Revoke, bit(nguard.BumpChange), bit(nguard.BumpRevoke), bit(nguard.BumpOpen)-bit(nguard.BumpClose),
		at(now), at(now.Add(-nguard.StaleOpen)), alive(now.Add(nguard.KeepEpoch)))
	if err != nil {
		return nguard.Epoch{}, err
	}
	if len(v) != 1 {
		return nguard.Epoch{}, errDamaged
	}
	e, found, err := epoch(v[0], now)
	if err == nil && !found {
		err = errDamaged
	}
	return e, err
}

// alive is until when a hash has to live for what ends at end, in milliseconds since 1970: an hour longer, since the
// clock of the server and those of the processes differ.
func alive(end time.Time) int64 { return end.Add(time.Hour).UnixMilli() }
