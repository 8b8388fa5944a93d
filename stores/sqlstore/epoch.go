package sqlstore

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/binary"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

func (b *rows) Epoch(ctx context.Context, owner string) (nguard.Epoch, error) {
	e := random()
	_, err := b.query(ctx, opEpoch, func(_ int, rs *sql.Rows) error { return scanEpoch(rs, &e) }, owner)
	if err != nil {
		return nguard.Epoch{}, err
	}
	return e, nil
}

func (b *rows) Bump(ctx context.Context, owner string, bits nguard.Bump) (nguard.Epoch, error) {
	bit := func(set nguard.Bump) int64 {
		if bits&set != 0 {
			return 1
		}
		return 0
	}
	e, now := random(), time.Now()
	_, err := b.query(ctx, opBump, func(_ int, rs *sql.Rows) error { return scanEpoch(rs, &e) },
		owner, e.Change, e.Revoke,
		bit(nguard.BumpChange), bit(nguard.BumpRevoke), bit(nguard.BumpOpen)-bit(nguard.BumpClose),
		now.UnixNano(), now.Add(nguard.KeepEpoch).UnixNano())
	if err != nil {
		return nguard.Epoch{}, err
	}
	return e, nil
}

func scanEpoch(rs *sql.Rows, e *nguard.Epoch) error {
	if err := rs.Scan(&e.Change, &e.Revoke, &e.Open); err != nil {
		return corrupt(err)
	}
	return nil
}

// random is the epoch of a user without one: of 62 bits, so that no number of bumps leaves the column.
// rand.Read does not fail: it would end the process.
func random() nguard.Epoch {
	var raw [16]byte
	rand.Read(raw[:])
	return nguard.Epoch{
		Change: int64(binary.NativeEndian.Uint64(raw[:8]) >> 2),
		Revoke: int64(binary.NativeEndian.Uint64(raw[8:]) >> 2),
	}
}
