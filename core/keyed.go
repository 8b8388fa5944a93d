package nguard

import (
	"context"
	"crypto/subtle"
	"fmt"
	"time"
)

// Keyed makes a [Backend] a [Store]: it makes and checks tokens, keeps their digests in the rows, and
// derives successors. It offers [Lister] when b is a [RowLister]; everything else that b offers is
// found behind Unwrap. When b, or what its Unwrap leads to, is a [Router], tokens carry the route of their owner,
// and those without one were never issued; otherwise it is the other way round.
func Keyed(b Backend) Store {
	k := &keyed{b: b}
	k.router, _ = Ability[Router](b)
	if l, ok := b.(RowLister); ok {
		return &keyedLister{k, l}
	}
	return k
}

type keyed struct {
	b      Backend
	router Router // nil: tokens are not routed
}

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
	var at route
	if k.router != nil {
		owned := k.router.Route(r.Owner)
		if len(owned) != RouteLen {
			return Created{}, fmt.Errorf("nguard: the store's Route returned %d bytes instead of %d", len(owned), RouteLen)
		}
		at = route(owned)
	}
	live, digest := k.text(t, at)
	// The login's own answer may get lost, and no later token exists: seen from the start, so that the
	// first rotation needs no mark.
	row := Row{Record: &next, Mark: Mark{Cur: digest[:], LastSeen: r.Created, SeenAt: r.Created}}
	row.Mark.Expires = deadline(&next, r.Created)
	ended, err := k.b.Insert(ctx, row, c)
	if err != nil {
		return Created{}, err
	}
	return Created{found(row, r.Stamp, Current, live), ended}, nil
}

// text is a token as it travels, and its digest.
func (k *keyed) text(t token, at route) (string, digest) {
	if k.router == nil {
		return t.String(), t.digest()
	}
	r := routed{t, at}
	return r.text()
}

// parse reads a token of the kind that this store issues.
func (k *keyed) parse(s string) (t token, at route, d digest, ok bool) {
	if k.router == nil {
		t, d, ok = parseToken(s)
		return t, at, d, ok
	}
	r, d, ok := parseRouted(s)
	return r.token, r.route, d, ok
}

func (k *keyed) Load(ctx context.Context, s string) (Found, error) {
	t, at, digest, ok := k.parse(s)
	if !ok {
		return Found{}, ErrMalformed
	}
	id := t.id()
	key := Key{ID: id}
	if k.router != nil {
		key.Route = string(at[:])
	}
	row, epoch, err := k.b.Get(ctx, key)
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
		live, _ := k.text(prev.next(row.Salt), at)
		return found(row, epoch, Previous, live), nil
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
	stored, ok := f.Ref.(*Row)
	if !ok {
		return Found{}, fmt.Errorf("nguard: Replace of a session that this store did not load")
	}
	row, live := *stored, f.Live
	row.Record = next
	if f.Match == Current && row.SeenAt.IsZero() {
		row.SeenAt = next.Updated // it was shown: this write carries the mark
	}
	if rotate {
		shown, at, _, ok := k.parse(f.Live)
		if !ok || f.Match != Current {
			return Found{}, fmt.Errorf("nguard: rotation without the current token")
		}
		salt, err := newSalt()
		if err != nil {
			return Found{}, err
		}
		var digest digest
		live, digest = k.text(shown.next(salt), at)
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
	if err := k.b.Mark(ctx, Key{Owner: f.Owner, ID: f.ID}, m); err != nil {
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
	return k.b.Delete(ctx, Key{Owner: owner, ID: id})
}

// Find returns one session by owner and ID; no token led to it.
func (k *keyedLister) Find(ctx context.Context, owner, id string) (Found, error) {
	if owner == "" {
		return Found{}, ErrNoSession // an empty owner would find anybody's
	}
	row, epoch, err := k.b.Get(ctx, Key{Owner: owner, ID: id})
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
