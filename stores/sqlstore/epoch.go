package sqlstore

import (
	"context"
	"database/sql"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

func (b *rows) Epoch(ctx context.Context, owner string) (nguard.Epoch, error) {
	e, err := nguard.NewEpoch()
	if err != nil || !b.dialect.holds(owner) {
		return e, err
	}
	_, err = b.query(ctx, opEpoch, func(_ int, rs *sql.Rows) error { return scanEpoch(rs, &e) }, owner)
	if err != nil {
		return nguard.Epoch{}, err
	}
	return e, nil
}

func (b *rows) Bump(ctx context.Context, owner string, bits nguard.Bump) (nguard.Epoch, error) {
	if !b.dialect.holds(owner) {
		return nguard.Epoch{}, unstorable(owner)
	}
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
	change, revoke := bit(nguard.BumpChange), bit(nguard.BumpRevoke)
	open := bit(nguard.BumpOpen) - bit(nguard.BumpClose)
	now := time.Now()
	args := []any{
		owner, e.Change + change, e.Revoke + revoke, max(0, open), // where there is none yet
		change, revoke, open, // where there is one
		now.UnixNano(), now.Add(nguard.KeepEpoch).UnixNano(),
	}
	is := func(_ int, rs *sql.Rows) error { return scanEpoch(rs, &e) }
	if b.dialect.returns {
		_, err = b.query(ctx, opBump, is, args...)
	} else {
		err = b.tx(ctx, func(ctx context.Context) error {
			if _, err := b.exec(ctx, opBump, args...); err != nil {
				return err
			}
			_, err := b.query(ctx, opEpoch, is, owner)
			return err
		}, opBump, opEpoch)
	}
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
