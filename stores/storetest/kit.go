package storetest

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// kit is what a case works with. Its methods end the case when what they do fails.
type kit struct {
	*testing.T
	Harness
	open func(t *testing.T) Harness
	ctx  context.Context
	now  time.Time
}

// record returns a record of a session that begins now, judged on the epoch of its owner.
func (k *kit) record(owner string) *nguard.Record {
	k.Helper()
	return stamped(owner, k.epoch(owner), k.now)
}

func (k *kit) login(owner string) nguard.Created {
	k.Helper()
	return k.create(k.record(owner), nguard.Cap{})
}

func (k *kit) create(r *nguard.Record, c nguard.Cap) nguard.Created {
	k.Helper()
	created, err := k.Store.Create(k.ctx, r, c)
	k.ok(err)
	return created
}

func (k *kit) load(token string) nguard.Found {
	k.Helper()
	f, err := k.Store.Load(k.ctx, token)
	k.ok(err)
	return f
}

func (k *kit) touch(f nguard.Found, at time.Time) nguard.Found {
	k.Helper()
	f, err := k.Store.Touch(k.ctx, f, at)
	k.ok(err)
	return f
}

// kept checks the token after a Replace without rotation, and returns the one to go on with: the same, or
// where tokens hold the values a new one.
func (k *kit) kept(token string, f nguard.Found) string {
	k.Helper()
	if (f.Live == token) == k.Sealed {
		k.Fatalf("the token %q became %q", token, f.Live)
	}
	return f.Live
}

// leads says whether a token is the one that is wanted, or where tokens hold the values, one of those that
// lead to the same session as the current one.
func (k *kit) leads(token, want string) bool {
	k.Helper()
	if !k.Sealed || token == "" || want == "" {
		return token == want
	}
	f, g := k.load(token), k.load(want)
	return f.Match == nguard.Current && g.Match == nguard.Current && f.ID == g.ID
}

// listed checks what Find and List return: the session as it was loaded, or where tokens hold the values,
// all the rest of it.
func (k *kit) listed(got, want nguard.Found) {
	k.Helper()
	want.Match, want.Live = nguard.ByID, ""
	if k.Sealed {
		row := *want.Record
		row.User, row.Data = nguard.User{ID: row.User.ID}, nil
		want.Record = &row
	}
	k.alike(got, want)
}

// replace stores the next version of f's record, changed by change if that is not nil.
func (k *kit) replace(f nguard.Found, rotate bool, change func(*nguard.Record)) nguard.Found {
	k.Helper()
	f, err := k.Store.Replace(k.ctx, f, next(f, k.now, change), rotate)
	k.ok(err)
	return f
}

func next(f nguard.Found, at time.Time, change func(*nguard.Record)) *nguard.Record {
	r := Next(f)
	r.Updated = at
	if change != nil {
		change(r)
	}
	return r
}

// gone checks that no session answers to a token.
func (k *kit) gone(token string) {
	k.Helper()
	_, err := k.Store.Load(k.ctx, token)
	k.is(err, nguard.ErrNoSession)
}

// same checks that two records are equal in every field.
func (k *kit) same(got, want *nguard.Record) {
	k.Helper()
	if got == nil || !bytes.Equal(got.Encode(), want.Encode()) {
		k.Fatalf("got the record %+v, want %+v", got, want)
	}
}

// alike checks that two loads of one session gave the same.
func (k *kit) alike(got, want nguard.Found) {
	k.Helper()
	k.same(got.Record, want.Record)
	k.at("LastSeen", got.LastSeen, want.LastSeen)
	k.at("SeenAt", got.SeenAt, want.SeenAt)
	if got.User != want.User || got.Match != want.Match || got.Live != want.Live {
		k.Fatalf("got user %+v, match %d, live %q; want %+v, %d, %q",
			got.User, got.Match, got.Live, want.User, want.Match, want.Live)
	}
}

func (k *kit) at(what string, got, want time.Time) {
	k.Helper()
	if !got.Equal(want) {
		k.Fatalf("%s is %v, want %v", what, got, want)
	}
}

func (k *kit) ok(err error) {
	k.Helper()
	if err != nil {
		k.Fatal(err)
	}
}

func (k *kit) is(err, want error) {
	k.Helper()
	if !errors.Is(err, want) {
		k.Fatalf("got the error %v, want one that wraps %v", err, want)
	}
}

// together runs fn for 0 to n-1, each in a goroutine of its own, all let go at once, and ends the case
// with the first error that one returns.
func (k *kit) together(n int, fn func(i int) error) {
	k.Helper()
	var (
		wg    sync.WaitGroup
		start = make(chan struct{})
		errs  = make([]error, n)
	)
	for i := range n {
		wg.Go(func() {
			<-start
			errs[i] = fn(i)
		})
	}
	close(start)
	wg.Wait()
	k.ok(errors.Join(errs...))
}
