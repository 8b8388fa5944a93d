package historytest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	nguard "github.com/nguard-go/nguard/core"
)

// enough is how many histories a fault is looked for in. The rarest takes about two hundred.
const enough = 10_000

// TestMutants: whatever is wrong with a store, in one of the ways that stores are wrong in, shows.
func TestMutants(t *testing.T) {
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			first := firstSeed(t)
			for i := range uint64(enough) {
				// Each history gets a store of its own: what a mutant has broken stays broken.
				h := m.setup().run(t.Context(), first+i, fmt.Sprintf("user%d", i), none)
				switch got := h.check(); got {
				case porcupine.Ok:
				case porcupine.Illegal:
					t.Logf("found in history %d", i+1)
					return
				default:
					t.Fatalf("seed %d: the check of a history says %s", first+i, got)
				}
			}
			t.Errorf("%d histories of a store in which %s, and the check has found nothing", enough, m.says)
		})
	}
}

// mutant is a store with one fault.
type mutant struct {
	name, says string
	caps       bool
	// make returns what breaks the rows of a client, and brings along what the clients have in common.
	make func() (broken func(rows) rows)
}

func (m mutant) setup() setup {
	u := inMemory(m.make())
	u.caps = m.caps
	return u
}

// pause is the moment between two steps that should be one: others get their turn.
func pause() { time.Sleep(20 * time.Microsecond) }

// each makes every client's rows by itself: these mutants have nothing in common but the memory.
func each[M rows](broken func(rows) M) func() func(rows) rows {
	return func() func(rows) rows {
		return func(b rows) rows { return broken(b) }
	}
}

var mutants = []mutant{
	{name: "lost update", says: "Replace compares the version first and writes afterwards",
		make: each(func(b rows) lostUpdate { return lostUpdate{b} })},
	{name: "upsert by Replace", says: "Replace brings back what was deleted",
		make: each(func(b rows) upsertSwap { return upsertSwap{b} })},
	{name: "upsert by Touch", says: "Touch brings back what was deleted, if that happens meanwhile",
		make: each(func(b rows) upsertMark { return upsertMark{b} })},
	{name: "stale read", says: "each process answers some loads from a cache that others do not know of",
		make: each(func(b rows) *staleRead { return &staleRead{rows: b, kept: map[string]*cached{}} })},
	{name: "torn read", says: "Load reads the row and the epoch at two moments",
		make: each(func(b rows) tornRead { return tornRead{b} })},
	{name: "lost bump", says: "of two bumps at once one is lost", make: func() func(rows) rows {
		all := &flights{m: map[flight]*landing{}}
		return func(b rows) rows { return lostBump{b, all} }
	}},
	{name: "fork", says: "of two rotations from one token both succeed, and the later one's successor stands",
		make: each(func(b rows) fork { return fork{b} })},
	{name: "stale login", says: "Create does not look at the revoke stamp",
		make: each(func(b rows) staleLogin { return staleLogin{b} })},
	{name: "cap", says: "Create counts first and inserts afterwards", caps: true,
		make: each(func(b rows) rashCap { return rashCap{b} })},
	{name: "late delete", says: "Delete answers first and deletes afterwards", make: func() func(rows) rows {
		return func(b rows) rows { return lateDelete{b} }
	}},
	{name: "idle clock", says: "Touch sets the idle clock back", make: func() func(rows) rows {
		all := &clocks{m: map[string]time.Time{}}
		return func(b rows) rows { return idleClock{b, all} }
	}},
	{name: "denial", says: "a write of unknown outcome is said to have had no effect",
		make: each(func(b rows) *denial { return &denial{rows: b} })},
	{name: "repetition", says: "a write whose answer was lost is made again, and the second answer given",
		make: each(func(b rows) *repetition { return &repetition{rows: b} })},
}

type lostUpdate struct{ rows }

func (b lostUpdate) Swap(ctx context.Context, r nguard.Row, version int64) error {
	at, _, err := b.Get(ctx, nguard.Key{Owner: r.Owner, ID: r.ID})
	if err != nil {
		return err
	}
	if at.Version != version {
		return nguard.ErrConflict
	}
	pause()
	for {
		err := b.rows.Swap(ctx, r, at.Version)
		if !errors.Is(err, nguard.ErrConflict) {
			return err
		}
		if at, _, err = b.Get(ctx, nguard.Key{Owner: r.Owner, ID: r.ID}); err != nil {
			return err
		}
	}
}

type upsertSwap struct{ rows }

func (b upsertSwap) Swap(ctx context.Context, r nguard.Row, version int64) error {
	err := b.rows.Swap(ctx, r, version)
	if errors.Is(err, nguard.ErrNoSession) {
		_, err = b.Insert(ctx, r, nguard.Cap{})
	}
	return err
}

type upsertMark struct{ rows }

func (b upsertMark) Mark(ctx context.Context, k nguard.Key, m nguard.Mark) error {
	at, _, err := b.Get(ctx, k)
	if err != nil {
		return err
	}
	pause()
	if err := b.rows.Mark(ctx, k, m); !errors.Is(err, nguard.ErrNoSession) {
		return err
	}
	at.LastSeen, at.Mark.Expires = m.LastSeen, m.Expires
	_, err = b.Insert(ctx, at, nguard.Cap{})
	return err
}

// staleRead keeps a row for three reads. It is the handle of one client, who calls one method at a time.
type staleRead struct {
	rows
	kept map[string]*cached
}

type cached struct {
	row   nguard.Row
	epoch nguard.Epoch
	left  int
}

func (b *staleRead) Get(ctx context.Context, k nguard.Key) (nguard.Row, nguard.Epoch, error) {
	if c := b.kept[k.ID]; c != nil && c.left > 0 {
		c.left--
		return c.row, c.epoch, nil
	}
	row, e, err := b.rows.Get(ctx, k)
	if err == nil {
		b.kept[k.ID] = &cached{row, e, 3}
	}
	return row, e, err
}

func (b *staleRead) Swap(ctx context.Context, r nguard.Row, version int64) error {
	delete(b.kept, r.ID)
	return b.rows.Swap(ctx, r, version)
}

func (b *staleRead) Mark(ctx context.Context, k nguard.Key, m nguard.Mark) error {
	delete(b.kept, k.ID)
	return b.rows.Mark(ctx, k, m)
}

func (b *staleRead) Delete(ctx context.Context, k nguard.Key) error {
	delete(b.kept, k.ID)
	return b.rows.Delete(ctx, k)
}

func (b *staleRead) Bump(ctx context.Context, owner string, bits nguard.Bump) (nguard.Epoch, error) {
	clear(b.kept)
	return b.rows.Bump(ctx, owner, bits)
}

type tornRead struct{ rows }

func (b tornRead) Get(ctx context.Context, k nguard.Key) (nguard.Row, nguard.Epoch, error) {
	row, _, err := b.rows.Get(ctx, k)
	if err != nil {
		return row, nguard.Epoch{}, err
	}
	pause()
	e, err := b.Epoch(ctx, row.Owner)
	return row, e, err
}

// lostBump is what comes of reading the epoch and writing back one more: two who read the same write the same.
type lostBump struct {
	rows
	all *flights
}

type flights struct {
	mu sync.Mutex
	m  map[flight]*landing
}

type flight struct {
	owner string
	bits  nguard.Bump
}

type landing struct {
	done  chan struct{}
	epoch nguard.Epoch
	err   error
}

func (b lostBump) Bump(ctx context.Context, owner string, bits nguard.Bump) (nguard.Epoch, error) {
	at := flight{owner, bits}
	b.all.mu.Lock()
	if l := b.all.m[at]; l != nil {
		b.all.mu.Unlock()
		<-l.done
		return l.epoch, l.err
	}
	l := &landing{done: make(chan struct{})}
	b.all.m[at] = l
	b.all.mu.Unlock()
	pause()
	b.all.mu.Lock()
	delete(b.all.m, at)
	b.all.mu.Unlock()
	l.epoch, l.err = b.rows.Bump(ctx, owner, bits)
	close(l.done)
	return l.epoch, l.err
}

type fork struct{ rows }

func (b fork) Swap(ctx context.Context, r nguard.Row, version int64) error {
	err := b.rows.Swap(ctx, r, version)
	if !errors.Is(err, nguard.ErrConflict) {
		return err
	}
	at, _, gone := b.Get(ctx, nguard.Key{Owner: r.Owner, ID: r.ID})
	if gone != nil {
		return gone
	}
	if at.Version == r.Version && !bytes.Equal(at.Cur, r.Cur) && bytes.Equal(at.Prev, r.Prev) {
		return b.rows.Swap(ctx, r, at.Version)
	}
	return err
}

type staleLogin struct{ rows }

func (b staleLogin) Insert(ctx context.Context, r nguard.Row, c nguard.Cap) ([]string, error) {
	e, err := b.Epoch(ctx, r.Owner)
	if err != nil {
		return nil, err
	}
	if ended, err := b.rows.Insert(ctx, r, c); !errors.Is(err, nguard.ErrConflict) || e.Revoke == r.Stamp.Revoke {
		return ended, err
	}
	next := *r.Record
	next.Stamp.Revoke = e.Revoke
	r.Record = &next
	return b.rows.Insert(ctx, r, c)
}

type rashCap struct{ rows }

func (b rashCap) Insert(ctx context.Context, r nguard.Row, c nguard.Cap) ([]string, error) {
	all, e, err := b.Rows(ctx, r.Owner, "", 1000)
	if err != nil {
		return nil, err
	}
	live := slices.DeleteFunc(all, func(row nguard.Row) bool { return row.ID == c.Replace || row.Stamp.Revoke != e.Revoke })
	pause()
	if c.Max > 0 && len(live) < c.Max {
		c.Max = 0
	}
	return b.rows.Insert(ctx, r, c)
}

type lateDelete struct{ rows }

func (b lateDelete) Delete(ctx context.Context, k nguard.Key) error {
	if _, _, err := b.Get(ctx, k); err != nil {
		return err
	}
	go func() {
		pause()
		_ = b.rows.Delete(context.WithoutCancel(ctx), k)
	}()
	return nil
}

type idleClock struct {
	rows
	all *clocks
}

type clocks struct {
	mu sync.Mutex
	m  map[string]time.Time
}

func (b idleClock) Get(ctx context.Context, k nguard.Key) (nguard.Row, nguard.Epoch, error) {
	row, e, err := b.rows.Get(ctx, k)
	b.turnBack(&row, k.ID)
	return row, e, err
}

func (b idleClock) Rows(ctx context.Context, owner, after string, n int) ([]nguard.Row, nguard.Epoch, error) {
	all, e, err := b.rows.Rows(ctx, owner, after, n)
	for i := range all {
		b.turnBack(&all[i], all[i].ID)
	}
	return all, e, err
}

func (b idleClock) turnBack(row *nguard.Row, id string) {
	b.all.mu.Lock()
	defer b.all.mu.Unlock()
	if at, ok := b.all.m[id]; ok {
		row.LastSeen = at
	}
}

func (b idleClock) Mark(ctx context.Context, k nguard.Key, m nguard.Mark) error {
	err := b.rows.Mark(ctx, k, m)
	if err == nil {
		b.all.mu.Lock()
		b.all.m[k.ID] = m.LastSeen
		b.all.mu.Unlock()
	}
	return err
}

// denial loses the answer of each third Swap, and says that nothing has changed.
type denial struct {
	rows
	n int
}

func (b *denial) Swap(ctx context.Context, r nguard.Row, version int64) error {
	err := b.rows.Swap(ctx, r, version)
	if b.n++; b.n%3 == 0 && err == nil {
		return fmt.Errorf("%w: connection reset", nguard.ErrUnavailable)
	}
	return err
}

// repetition makes each third Swap again, as a driver does that repeats what it has sent already.
type repetition struct {
	rows
	n int
}

func (b *repetition) Swap(ctx context.Context, r nguard.Row, version int64) error {
	err := b.rows.Swap(ctx, r, version)
	if b.n++; b.n%3 == 0 && err == nil {
		return b.rows.Swap(ctx, r, version)
	}
	return err
}
