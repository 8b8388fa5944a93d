package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"sync/atomic"

	nguard "github.com/nguard-go/nguard/core"
)

// rows is the nguard.Backend.
type rows struct {
	db       *sql.DB
	dialect  *Dialect
	prepared [ops]atomic.Pointer[sql.Stmt]
}

var (
	_ nguard.Backend    = (*rows)(nil)
	_ nguard.RowLister  = (*rows)(nil)
	_ nguard.Epochs     = (*rows)(nil)
	_ nguard.Sweeper    = (*rows)(nil)
	_ nguard.Transactor = (*rows)(nil)
)

func (b *rows) Database() *sql.DB { return b.db }

func (b *rows) Get(ctx context.Context, k nguard.Key) (row nguard.Row, e nguard.Epoch, err error) {
	if !b.dialect.holds(k.ID) || !b.dialect.holds(k.Owner) {
		return nguard.Row{}, nguard.Epoch{}, nguard.ErrNoSession
	}
	n, err := b.query(ctx, opGet, func(_ int, rs *sql.Rows) (err error) {
		row, e, err = scan(rs)
		return err
	}, k.ID)
	if err != nil {
		return nguard.Row{}, nguard.Epoch{}, err
	}
	if n == 0 || (k.Owner != "" && row.Owner != k.Owner) {
		return nguard.Row{}, nguard.Epoch{}, nguard.ErrNoSession
	}
	return row, e, nil
}

func (b *rows) Rows(ctx context.Context, owner, after string, n int) (list []nguard.Row, e nguard.Epoch, err error) {
	if n <= 0 || !b.dialect.holds(owner) || !b.dialect.holds(after) {
		return nil, nguard.Epoch{}, nil
	}
	n, err = b.query(ctx, opList, func(i int, rs *sql.Rows) (err error) {
		var row nguard.Row
		row, e, err = scan(rs)
		list = append(list[:i], row)
		return err
	}, owner, after, n)
	if err != nil {
		return nil, nguard.Epoch{}, err
	}
	if n == 0 {
		e, err = b.Epoch(ctx, owner)
	}
	return list[:n], e, err
}

// scan reads a row of opGet or opList. What stands in a column and in the record must be the same:
// somebody who can write to the table cannot make one person's record another's unnoticed.
func scan(rs *sql.Rows) (nguard.Row, nguard.Epoch, error) {
	var (
		id, owner                          string
		version, lastSeen, seenAt, expires int64
		row                                nguard.Row
		e                                  nguard.Epoch
		record                             sql.RawBytes
	)
	err := rs.Scan(&id, &owner, &version, &row.Cur, &row.Prev, &row.Salt, &lastSeen, &seenAt, &expires, &record,
		&e.Change, &e.Revoke, &e.Open)
	if err != nil {
		return nguard.Row{}, e, corrupt(err)
	}
	r, err := nguard.DecodeRecord(record)
	if err != nil {
		return nguard.Row{}, e, err
	}
	if r.ID != id || r.Owner != owner || r.Version != version {
		return nguard.Row{}, e, fmt.Errorf("%w: record of another row", nguard.ErrCorrupt)
	}
	row.Record = r
	row.LastSeen, row.SeenAt = nguard.DecodeTime(lastSeen), nguard.DecodeTime(seenAt)
	row.Mark.Expires = nguard.DecodeTime(expires)
	return row, e, nil
}

func (b *rows) Swap(ctx context.Context, r nguard.Row, version int64) error {
	n, err := b.exec(ctx, opSwap,
		r.Version, r.Cur, r.Prev, r.Salt,
		nguard.EncodeTime(r.LastSeen), nguard.EncodeTime(r.SeenAt), nguard.EncodeTime(r.Mark.Expires),
		r.Stamp.Revoke, r.Encode(), r.ID, r.Owner, version)
	if err != nil || n > 0 {
		return err
	}
	// Nothing has changed. Why that is may be found out afterwards: a row that is gone never comes back.
	if err := b.exists(ctx, nguard.Key{Owner: r.Owner, ID: r.ID}); err != nil {
		return err
	}
	return nguard.ErrConflict
}

func (b *rows) Mark(ctx context.Context, k nguard.Key, m nguard.Mark) error {
	n, err := b.exec(ctx, opMark,
		nguard.EncodeTime(m.LastSeen), nguard.EncodeTime(m.Expires), nguard.EncodeTime(m.SeenAt), m.Cur,
		k.ID, k.Owner)
	switch {
	case err != nil || n > 0:
		return err
	case b.dialect.countsChanges:
		return b.exists(ctx, k) // the marks may be there already
	}
	return nguard.ErrNoSession
}

func (b *rows) Delete(ctx context.Context, k nguard.Key) error {
	if !b.dialect.holds(k.ID) || !b.dialect.holds(k.Owner) {
		return nguard.ErrNoSession
	}
	n, err := b.exec(ctx, opDelete, k.ID, k.Owner)
	if err == nil && n == 0 {
		return nguard.ErrNoSession
	}
	return err
}

// exists returns ErrNoSession when there is no such row.
func (b *rows) exists(ctx context.Context, k nguard.Key) error {
	n, err := b.query(ctx, opExists, func(int, *sql.Rows) error { return nil }, k.ID, k.Owner)
	if err == nil && n == 0 {
		return nguard.ErrNoSession
	}
	return err
}
