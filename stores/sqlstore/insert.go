package sqlstore

import (
	"context"
	"database/sql"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// Insert refuses before it removes anybody: inside a transaction of the program's own, a refusal leaves
// nothing behind but dead rows less.
func (b *rows) Insert(ctx context.Context, r nguard.Row, c nguard.Cap) (ended []string, err error) {
	if !b.dialect.holds(r.Owner) {
		return nil, unstorable(r.Owner)
	}
	if !b.dialect.holds(c.Replace) {
		c.Replace = "" // nobody's
	}
	record := r.Encode()
	err = b.tx(ctx, func(ctx context.Context) error {
		ended, err = b.insert(ctx, r, record, c)
		return err
	}, opAdmit, opAdmitted, opStands, opPurge, opLive, opInsert, opDelete)
	if err != nil {
		return nil, err
	}
	return ended, nil
}

func (b *rows) insert(ctx context.Context, r nguard.Row, record []byte, c nguard.Cap) ([]string, error) {
	now := time.Now()
	keep := max(nguard.EncodeTime(r.Record.Expires), now.Add(nguard.KeepEpoch).UnixNano())
	n, err := b.exec(ctx, opAdmit, r.Owner, r.Stamp.Change, r.Stamp.Revoke, now.UnixNano(), keep)
	if err == nil && b.dialect.sql[opAdmitted].text != "" {
		var same int
		same, err = b.query(ctx, opAdmitted, func(int, *sql.Rows) error { return nil }, r.Owner, r.Stamp.Revoke)
		n = int64(same)
	}
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, nguard.ErrConflict
	}
	if err := b.stands(ctx, r.Owner, c); err != nil {
		return nil, err
	}
	evict, err := b.weigh(ctx, r, c)
	if err != nil {
		return nil, err
	}
	n, err = b.exec(ctx, opInsert,
		r.ID, r.Owner, r.Version, r.Cur, r.Prev, r.Salt,
		nguard.EncodeTime(r.LastSeen), nguard.EncodeTime(r.SeenAt), nguard.EncodeTime(r.Mark.Expires),
		nguard.EncodeTime(r.Created), r.Stamp.Revoke, record)
	taken := err != nil && b.dialect.taken(err)
	if err != nil && !taken {
		return nil, err
	}
	if taken || n == 0 {
		return nil, nguard.ErrConflict // the ID is taken; the next attempt draws another
	}
	leave := evict
	if c.Replace != "" {
		leave = append(evict[:len(evict):len(evict)], c.Replace)
	}
	for _, id := range leave {
		if _, err := b.exec(ctx, opDelete, id, r.Owner); err != nil {
			return nil, err
		}
	}
	return evict, nil
}

// stands compares the version of the session to be replaced, which nobody changes between here and its
// removal: the transaction has written already, or the statement locks the row.
func (b *rows) stands(ctx context.Context, owner string, c nguard.Cap) error {
	if c.Version == 0 {
		return nil
	}
	var version int64
	n, err := b.query(ctx, opStands, func(_ int, rs *sql.Rows) error { return rs.Scan(&version) }, c.Replace, owner)
	switch {
	case err != nil:
		return err
	case n == 0:
		return nguard.ErrNoSession
	case version != c.Version:
		return nguard.ErrConflict
	}
	return nil
}

// weigh applies the cap and returns the IDs of the sessions that it ends. The dead ones leave at once.
func (b *rows) weigh(ctx context.Context, r nguard.Row, c nguard.Cap) ([]string, error) {
	if c.Max <= 0 {
		return nil, nil
	}
	if _, err := b.exec(ctx, opPurge, r.Owner, nguard.EncodeTime(c.Now), r.Stamp.Revoke); err != nil {
		return nil, err
	}
	var live []string
	_, err := b.query(ctx, opLive, func(i int, rs *sql.Rows) error {
		live = append(live[:i], "")
		return rs.Scan(&live[i])
	}, r.Owner, c.Replace)
	if err != nil {
		return nil, err
	}
	over := len(live) + 1 - c.Max
	switch {
	case over <= 0:
		return nil, nil
	case !c.EvictOldest:
		return nil, nguard.ErrTooMany
	}
	return live[:over], nil
}
