package redisstore

import (
	"context"
	"strconv"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// epochFields are what makes an epoch, in the order of every command that reads it.
var epochFields = [...]string{"c", "r", "o", "b"}

// epoch reads those fields. There is none without a revoke mark.
//
// A change that has been open for longer than any change lasts was left by a process that died. Here it is read
// as closed, with the next change mark, and the next bump settles it with the same result. Both go by the clock of
// a process. Where one takes it for closed and another does not yet, the latter looks the user up at each request,
// and its bumps keep the change open for another while, at the end of which the mark is one that nobody has seen.
func epoch(v []any, now time.Time) (e nguard.Epoch, found bool, err error) {
	if v[1] == nil {
		return e, false, nil
	}
	var n [3]int64
	for i := range n {
		s, _ := v[i].(string)
		if n[i], err = strconv.ParseInt(s, 10, 64); err != nil {
			return e, false, damaged
		}
	}
	e = nguard.Epoch{Change: n[0], Revoke: n[1], Open: int(n[2])}
	if bumped, _ := v[3].(string); e.Open > 0 && bumped <= at(now.Add(-nguard.StaleOpen)) {
		e.Change++
		e.Open = 0
	}
	return e, true, nil
}

func (b *rows) Epoch(ctx context.Context, owner string) (nguard.Epoch, error) {
	v, err := b.read(ctx, b.owned(owner), epochFields[:]...)
	if err != nil {
		return nguard.Epoch{}, err
	}
	e, found, err := epoch(v, time.Now())
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
	v, err := b.write(ctx, bump, b.owned(owner),
		began.Change, began.Revoke, bit(nguard.BumpChange), bit(nguard.BumpRevoke), bit(nguard.BumpOpen)-bit(nguard.BumpClose),
		at(now), at(now.Add(-nguard.StaleOpen)), alive(now.Add(nguard.KeepEpoch)))
	if err != nil {
		return nguard.Epoch{}, err
	}
	if len(v) != len(epochFields) {
		return nguard.Epoch{}, damaged
	}
	e, found, err := epoch(v, now)
	if err == nil && !found {
		err = damaged
	}
	return e, err
}

// alive is until when a hash has to live for what ends at end: an hour longer, since the clock of the server and
// those of the processes differ. A second in the year 292277026 is the last that Redis knows; times here end in 2262.
func alive(end time.Time) int64 { return end.Add(time.Hour).UnixMilli() }
