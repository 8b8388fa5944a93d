package ratelimit

import (
	"context"
	"fmt"
	"time"

	"github.com/ulule/limiter/v3"
)

// Store is a bounded store for programs that use ulule/limiter: it takes the place of that library's
// memory store, behind limiter.New and its middleware, with memory that is set aside once, no window
// that holds twice the limit, no goroutine, and nothing to close. Use [New] where nothing else asks
// for ulule's interface.
//
// It differs from ulule's memory store where that would weaken a limit: the rate is part of the key,
// so several windows of one name do not mix; a refusal uses up nothing; windows roll instead of
// starting with the first call. It answers as ulule's stores do otherwise, and passes the sequence
// that ulule tests its own with. Safe for concurrent use.
type Store struct {
	table *table
	clock clock
}

var _ limiter.Store = (*Store)(nil)

// StoreConfig is how a [Store] is made. The zero value works.
type StoreConfig struct {
	// Keys is how many keys are remembered at once. Defaults to 65,536.
	Keys int
	// Exact is the largest limit that is counted by a log of times; each key has memory for as many.
	// Larger limits are GCRA cells. Defaults to 20, about 300 bytes a key; at most 1024.
	Exact int
	// Now is the clock, for tests. Defaults to the system's.
	Now func() time.Time
}

// maxExact keeps a cell's head and count in their bits, and a table's size in reason.
const maxExact = 1024

// NewStore makes a store and sets its memory aside. It fails when a number is out of range.
func NewStore(c StoreConfig) (*Store, error) {
	if c.Keys == 0 {
		c.Keys = 1 << 16
	}
	if c.Exact == 0 {
		c.Exact = 20
	}
	if c.Keys < 1 || c.Keys > maxKeys {
		return nil, fmt.Errorf("ratelimit: StoreConfig.Keys must be 1 to %d, not %d", maxKeys, c.Keys)
	}
	if c.Exact < 1 || c.Exact > maxExact {
		return nil, fmt.Errorf("ratelimit: StoreConfig.Exact must be 1 to %d, not %d", maxExact, c.Exact)
	}
	return &Store{table: newTable(c.Keys, c.Exact), clock: newClock(c.Now)}, nil
}

// Get takes one unit. Reached says that there was none; then Reset is when one is free, else when
// all are, in Unix seconds rounded down as ulule's stores do. It fails when rate has no limit, or a
// period under a millisecond or over 366 days.
func (s *Store) Get(_ context.Context, key string, rate limiter.Rate) (limiter.Context, error) {
	return s.call(key, 1, rate, false)
}

// Peek takes nothing. Reached says that no unit is free and that a call has been refused since the
// last one was taken, as in ulule's stores.
func (s *Store) Peek(_ context.Context, key string, rate limiter.Rate) (limiter.Context, error) {
	return s.call(key, 0, rate, false)
}

// Increment takes count units, for costs that are known afterwards: when fewer are free it takes
// those and Reached is true. It fails with [ErrUnits] when count is negative.
func (s *Store) Increment(_ context.Context, key string, count int64, rate limiter.Rate) (limiter.Context, error) {
	if count < 0 {
		return limiter.Context{}, fmt.Errorf("%w: %d asked", ErrUnits, count)
	}
	return s.call(key, count, rate, false)
}

// Reset makes all units of key free. A key that shares a cell with others, because all places are
// taken by exhausted keys, stays as it is.
func (s *Store) Reset(_ context.Context, key string, rate limiter.Rate) (limiter.Context, error) {
	return s.call(key, 0, rate, true)
}

// call resets the key if told to, takes up to n units, and reports.
func (s *Store) call(name string, n int64, ulule limiter.Rate, reset bool) (limiter.Context, error) {
	if err := checkRate(ulule.Limit, ulule.Period); err != nil {
		return limiter.Context{}, fmt.Errorf("ratelimit: rate %q: %w", ulule.Formatted, err)
	}
	// Odd factors lose nothing: the same name with another limit or period is another key.
	k := s.table.hashString(name)
	k.a ^= uint64(ulule.Limit) * 0x9e3779b97f4a7c15
	k.b ^= uint64(ulule.Period) * 0xc2b2ae3d27d4eb4f
	id := int64(uint64(ulule.Limit)*0x9e3779b97f4a7c15^uint64(ulule.Period)*0xc2b2ae3d27d4eb4f) | 1
	r := newRate(ulule.Limit, int64(ulule.Period), s.table.width)

	wall, now := s.clock.read()
	sh := s.table.shardOf(k)
	sh.mu.Lock()
	defer sh.mu.Unlock()

	var p place
	s.table.find(&p, sh, k, id, now)
	if reset && p.tag >= 0 {
		p.forget(sh)
		s.table.find(&p, sh, k, id, now)
	}
	c := s.table.cell(sh, p.at)
	a := r.look(c, 1, now)
	reached := n > a.left
	if n = min(n, a.left); n > 0 {
		c = s.table.debit(&p, sh, k, id, r, n, now)
		if c == nil {
			shared := s.table.cell(sh, s.table.cellOf(p.home, ways))
			return s.context(ulule.Limit, 0, true, wall, shared[cellIdle]-now), nil
		}
		a = r.look(c, 1, now)
	}
	switch {
	case a.left > 0 || c == nil:
	case reached:
		c[cellMeta] |= metaRefused
	default:
		reached = n == 0 && c[cellMeta]&metaRefused != 0
	}
	if reached {
		a.reset = a.wait
	}
	return s.context(ulule.Limit, a.left, reached, wall, a.reset), nil
}

// context puts an answer in ulule's words.
func (s *Store) context(limit, left int64, reached bool, wall time.Time, reset int64) limiter.Context {
	return limiter.Context{
		Limit:     limit,
		Remaining: left,
		Reset:     wall.Add(time.Duration(reset)).Unix(),
		Reached:   reached,
	}
}

// Stats says how full the store has been.
func (s *Store) Stats() Stats { return s.table.stats() }
