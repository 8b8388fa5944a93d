package ratelimit

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/ulule/limiter/v3"
)

func TestNewStoreRefuses(t *testing.T) {
	for _, c := range []StoreConfig{{Keys: -1}, {Keys: maxKeys + 1}, {Exact: -1}, {Exact: maxExact + 1}} {
		if s, err := NewStore(c); err == nil || s != nil {
			t.Errorf("%+v was accepted", c)
		}
	}
}

func TestStoreReportsResetAsUnixSeconds(t *testing.T) {
	s, clock := storeAt(t, StoreConfig{Keys: 10})
	begin := int64(1_700_000_000)
	if c := got(t, s, "k", perMinute(2)); c.Reset != begin+60 || c.Limit != 2 {
		t.Errorf("%+v", c)
	}
	clock.step(20 * time.Second)
	if c := got(t, s, "k", perMinute(2)); c.Reset != begin+80 || c.Reached {
		t.Errorf("%+v", c)
	}
	if c := got(t, s, "k", perMinute(2)); c.Reset != begin+60 || !c.Reached {
		t.Errorf("when reached, Reset is when a unit is free: %+v", c)
	}
}

func TestStoreIncrement(t *testing.T) {
	ctx := context.Background()
	s, _ := storeAt(t, StoreConfig{Keys: 10})
	for _, limit := range []int64{10, 100} {
		step := []struct {
			count, left int64
			reached     bool
		}{{0, limit, false}, {7, limit - 7, false}, {limit, 0, true}, {0, 0, true}, {1, 0, true}}
		for i, want := range step {
			c, err := s.Increment(ctx, "k", want.count, perMinute(limit))
			if err != nil {
				t.Fatal(err)
			}
			if c.Remaining != want.left || c.Reached != want.reached {
				t.Errorf("limit %d, step %d: %+v, want %+v", limit, i, c, want)
			}
		}
	}
	if _, err := s.Increment(ctx, "k", -1, perMinute(10)); !errors.Is(err, ErrUnits) {
		t.Errorf("%v", err)
	}
}

// TestStoreOverfullWithSeveralRates fills a store with exhausted keys of two rates: the shared cell of a
// set counts one rate at a time, and the other is refused, never let through.
func TestStoreOverfullWithSeveralRates(t *testing.T) {
	s, clock := storeAt(t, StoreConfig{Keys: 1, Exact: 3})
	rates := []limiter.Rate{perMinute(1), {Limit: 2, Period: 2 * time.Minute}}
	passed := 0
	for i := range 200 {
		for range 2 {
			if !got(t, s, strconv.Itoa(i), rates[i%2]).Reached {
				passed++
			}
		}
	}
	if most := 2*s.Stats().Keys + 2; passed > most {
		t.Errorf("%d passed, there is room for %d", passed, most)
	}
	clock.step(2 * time.Minute)
	if c := got(t, s, "new", rates[0]); c.Reached {
		t.Errorf("%+v", c)
	}
}

func TestStoreAllocatesNothing(t *testing.T) {
	s, err := NewStore(StoreConfig{Keys: 100})
	if err != nil {
		t.Fatal(err)
	}
	rate := perMinute(5)
	if n := testing.AllocsPerRun(100, func() { s.Get(context.Background(), "k", rate) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
