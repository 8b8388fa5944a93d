package sqlstore

import (
	"context"
	"database/sql"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

func (b *rows) Epoch(ctx context.Context, owner string) (nguard.Epoch, error) {
	e, err := nguard.NewEpoch()
	if err != nil {
		return nguard.Epoch{}, err
	}
	_, err = b.query(ctx, opEpoch, func(_ int, rs *sql.Rows) error { return scanEpoch(rs, &e) }, owner)
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
	e, err := nguard.NewEpoch()
	if err != nil {
		return nguard.Epoch{}, err
	}
	now := time.Now()
	_, err = b.query(ctx, opBump, func(_ int, rs *sql.Rows) error { return scanEpoch(rs, &e) },
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
