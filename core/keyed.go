package nguard

import (
	"context"
	"crypto/subtle"
	"fmt"
	"time"
)

// Keyed makes a [Backend] a [Store]: it makes and checks tokens, keeps their digests in the rows, and
// derives successors. It offers [Lister] when b is a [RowLister]; everything else that b offers is
// found behind Unwrap.
func Keyed(b Backend) Store {
	k := &keyed{b}
	if l, ok := b.(RowLister); ok {
		return &keyedLister{k, l}
	}
	return k
}

type keyed struct{ b Backend }

type keyedLister struct {
	*keyed
	rows RowLister
}

// Unwrap returns the Backend.
func (k *keyed) Unwrap() any { return k.b }

func (k *keyed) Create(ctx context.Context, r *Record, c Cap) (Created, error) {
	t, err := newToken()
	if err != nil {
		return Created{}, err
	}
	next := *r
	next.ID = t.id()
	digest := t.digest()
	// The login's own answer may get lost, and no later token exists: seen from the start, so that the
	// first rotation needs no mark.
	row := Row{Record: &next, Mark: Mark{Cur: digest[:], LastSeen: r.Created, SeenAt: r.Created}}
	row.Mark.Expires = deadline(&next, r.Created)
	ended, err := k.b.Insert(ctx, row, c)
	if err != nil {
		return Created{}, err
	}
	return Created{found(row, r.Stamp, Current, t.String()), ended}, nil
}

func (k *keyed) Load(ctx context.Context, s string) (Found, error) {
	t, digest, ok := parseToken(s)
	if !ok {
		return Found{}, ErrMalformed
	}
	id := t.id()
	row, epoch, err := k.b.Get(ctx, Key{ID: id})
	if err != nil {
		return Found{}, err
	}
	if row.Record == nil || row.ID != id {
		return Found{}, fmt.Errorf("%w: row of another ID", ErrCorrupt)
	}
	switch {
	case subtle.ConstantTimeCompare(digest[:], row.Cur) == 1:
		return found(row, epoch, Current, s), nil
	case subtle.ConstantTimeCompare(digest[:], row.Prev) == 1:
		prev := t // a copy: next makes its receiver escape, and t is in the way of every read
		next := prev.next(row.Salt)
		return found(row, epoch, Previous, next.String()), nil
	}
	return found(row, epoch, Spent, ""), nil
}

// found is what is known of a session. Its Ref, which is the store's own, is the row.
func found(row Row, epoch Epoch, m Match, live string) Found {
	return Found{
		Record: row.Record, LastSeen: row.LastSeen, SeenAt: row.SeenAt,
		User: epoch, Match: m, Live: live, Ref: &row,
	}
}

func (k *keyed) Replace(ctx context.Context, f Found, next *Record, rotate bool) (Found, error) {
	at, ok := f.Ref.(*Row)
	if !ok {
		return Found{}, fmt.Errorf("nguard: Replace of a session that this store did not load")
	}
	row, live := *at, f.Live
	row.Record = next
	if f.Match == Current && row.SeenAt.IsZero() {
		row.SeenAt = next.Updated // it was shown: this write carries the mark
	}
	if rotate {
		shown, _, ok := parseToken(f.Live)
		if !ok || f.Match != Current {
			return Found{}, fmt.Errorf("nguard: rotation without the current token")
		}
		salt, err := newSalt()
		if err != nil {
			return Found{}, err
		}
		shown = shown.next(salt)
		live = shown.String()
		digest := shown.digest()
		row.Prev, row.Cur, row.Salt, row.SeenAt = row.Cur, digest[:], salt, time.Time{}
	}
	row.Mark.Expires = deadline(next, row.LastSeen)
	if err := k.b.Swap(ctx, row, f.Version); err != nil {
		return Found{}, err
	}
	return found(row, f.User, f.Match, live), nil
}

func (k *keyed) Touch(ctx context.Context, f Found, at time.Time) (Found, error) {
	row, ok := f.Ref.(*Row)
	if !ok {
		return Found{}, fmt.Errorf("nguard: Touch of a session that this store did not load")
	}
	m := Mark{Cur: row.Cur, LastSeen: at, Expires: deadline(f.Record, at)}
	if f.Match == Current && f.SeenAt.IsZero() {
		m.SeenAt = at
	}
	if err := k.b.Mark(ctx, Key{f.Owner, f.ID}, m); err != nil {
		return Found{}, err
	}
	next := *row
	if at.After(f.LastSeen) {
		f.LastSeen = at
		next.LastSeen, next.Mark.Expires = at, m.Expires
	}
	if !m.SeenAt.IsZero() {
		f.SeenAt, next.SeenAt = at, at
	}
	f.Ref = &next
	return f, nil
}

func (k *keyed) Delete(ctx context.Context, owner, id string) error {
	return k.b.Delete(ctx, Key{owner, id})
}

// Find returns one session by owner and ID; no token led to it.
func (k *keyedLister) Find(ctx context.Context, owner, id string) (Found, error) {
	if owner == "" {
		return Found{}, ErrNoSession // an empty owner would find anybody's
	}
	row, epoch, err := k.b.Get(ctx, Key{owner, id})
	if err != nil {
		return Found{}, err
	}
	return found(row, epoch, ByID, ""), nil
}

// List returns sessions of one user in the order of their IDs.
func (k *keyedLister) List(ctx context.Context, owner, after string, n int) ([]Found, error) {
	rows, epoch, err := k.rows.Rows(ctx, owner, after, n)
	if err != nil {
		return nil, err
	}
	out := make([]Found, len(rows))
	for i, row := range rows {
		out[i] = found(row, epoch, ByID, "")
	}
	return out, nil
}

// deadline is the earlier of the absolute and the idle end.
func deadline(r *Record, seen time.Time) time.Time {
	if r.Idle > 0 {
		if end := seen.Add(r.Idle); end.Before(r.Expires) {
			return end
		}
	}
	return r.Expires
}
