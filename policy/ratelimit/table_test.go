package ratelimit

import (
	"context"
	"runtime"
	"strconv"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// small is a rule with hardly any memory.
func small(limit, keys int) Rule {
	r := PerUser("u", limit, time.Minute)
	r.Keys = keys
	return r
}

func user(i int) nguard.Caller { return nguard.Caller{User: strconv.Itoa(i)} }

// TestI12_FloodEvictsStrangersNotLockedOutKeys exhausts a few keys, then lets many strangers by.
func TestI12_FloodEvictsStrangersNotLockedOutKeys(t *testing.T) {
	for _, limit := range []int{5, 100} {
		l, clock := limiterAt(t, small(limit, 512))
		for i := range 50 {
			if got := allowed(t, l, user(i), limit+1); got != limit {
				t.Fatalf("%d passed, want %d", got, limit)
			}
		}
		before := l.Stats()[0]
		for i := range 20_000 {
			if !take(t, l, user(1000+i), 1).Allowed {
				t.Fatalf("limit %d: stranger %d is refused while there are others to forget", limit, i)
			}
			if i%1000 == 0 {
				for j := range 50 {
					if take(t, l, user(j), 1).Allowed {
						t.Fatalf("limit %d: after %d strangers a locked-out key gets in", limit, i)
					}
				}
			}
		}
		after := l.Stats()[0]
		if after.Evicted < 19_000 || after.Shared != 0 || after.Bytes != before.Bytes || after.Keys != before.Keys {
			t.Errorf("limit %d: %+v, then %+v", limit, before, after)
		}
		clock.step(time.Minute)
		if got := allowed(t, l, user(0), limit); got != limit {
			t.Errorf("limit %d: after the window %d pass", limit, got)
		}
	}
}

// TestHalfUsedKeysOutlastStrangers: whoever has used more is forgotten later.
func TestHalfUsedKeysOutlastStrangers(t *testing.T) {
	l, _ := limiterAt(t, small(5, 512))
	for i := range 50 {
		take(t, l, user(i), 4)
	}
	for i := range 20_000 {
		take(t, l, user(1000+i), 1)
	}
	for i := range 50 {
		if got := allowed(t, l, user(i), 5); got != 1 {
			t.Fatalf("key %d gets %d more, want 1: a flood of strangers made it be forgotten", i, got)
		}
	}
}

// TestIdleKeysAreNotEvictions reuses places of keys that have nothing in use.
func TestIdleKeysAreNotEvictions(t *testing.T) {
	l, clock := limiterAt(t, small(5, 512))
	for i := range 10_000 {
		if i%256 == 0 {
			clock.step(time.Minute)
		}
		take(t, l, user(i), 1)
	}
	// Where a key may stand is drawn anew each time, and in one run of a hundred some two sets of eight are full.
	if s := l.Stats()[0]; s.Evicted > 10 || s.Shared != 0 {
		t.Errorf("%+v", s)
	}
}

// TestCapacityIsHeld: as many keys as the rule says are held, but for one in a hundred at most.
func TestCapacityIsHeld(t *testing.T) {
	l, _ := limiterAt(t, small(5, 20_000))
	for i := range 20_000 {
		take(t, l, user(i), 1)
	}
	if s := l.Stats()[0]; s.Evicted > 200 {
		t.Errorf("%+v", s)
	}
}

// TestFullOfExhaustedKeys fills nearly the whole table with keys that have nothing left. They stay
// locked out, newcomers still get in, and a window later all is as before.
func TestFullOfExhaustedKeys(t *testing.T) {
	for _, limit := range []int{5, 100} {
		l, clock := limiterAt(t, small(limit, 512))
		room := l.Stats()[0].Keys
		var locked []int
		for i := 0; len(locked) < room*9/10; i++ {
			if take(t, l, user(i), limit).Allowed {
				locked = append(locked, i)
			}
		}
		passed := 0
		for i := range 2000 {
			passed += allowed(t, l, user(1_000_000+i), 1)
		}
		if passed < 600 { // where full sets turn newcomers away, nearly none passes
			t.Errorf("limit %d: with a tenth of the table free, %d of 2000 newcomers passed", limit, passed)
		}
		for _, i := range locked {
			if take(t, l, user(i), 1).Allowed {
				t.Fatalf("limit %d: a locked-out key got in", limit)
			}
		}
		clock.step(time.Minute)
		for i := range 500 {
			if got := allowed(t, l, user(2_000_000+i), 1); got != 1 {
				t.Fatalf("limit %d: a window later a newcomer is refused", limit)
			}
		}
	}
}

// TestOverfullOfExhaustedKeys goes on until not even the shared cells have anything left: what passes
// within a window is bounded by the memory, since no exhausted key makes room for another.
func TestOverfullOfExhaustedKeys(t *testing.T) {
	for _, limit := range []int{5, 100} {
		l, clock := limiterAt(t, small(limit, 512))
		room := l.Stats()[0].Keys
		passed := 0
		for i := range 10 * room {
			if take(t, l, user(i), limit).Allowed {
				passed++
			}
		}
		if most := room + room/ways; passed < room || passed > most {
			t.Errorf("limit %d: %d keys were exhausted, there is room for %d", limit, passed, most)
		}
		if s := l.Stats()[0]; s.Evicted != 0 || s.Shared == 0 {
			t.Errorf("limit %d: %+v", limit, s)
		}
		clock.step(time.Minute)
		for i := range 500 {
			if got := allowed(t, l, user(1_000_000+i), 1); got != 1 {
				t.Fatalf("limit %d: a window later a newcomer is refused", limit)
			}
		}
	}
}

// TestWhoeverIsRefusedStaysRefused runs random keys through a table that is far too small: nobody gets
// in before the wait that they were told, whoever was forgotten and however cells were shared.
func TestWhoeverIsRefusedStaysRefused(t *testing.T) {
	random := seeded(t)
	for _, limit := range []int{1, 3, 70} {
		l, clock := limiterAt(t, small(limit, 1+random.IntN(40)))
		until := make(map[int]int64)
		refused, shared := 0, uint64(0)
		for range 60_000 {
			clock.step(time.Duration(random.Int64N(int64(20*time.Second) / int64(limit) / 20)))
			i := int(random.ExpFloat64() * 40)
			q := take(t, l, user(i), 1)
			now := clock.nanos.Load()
			if q.Allowed && now < until[i] {
				t.Fatalf("limit %d: key %d got in %v too early", limit, i, time.Duration(until[i]-now))
			}
			if !q.Allowed {
				refused++
				until[i] = now + int64(q.RetryAfter)
			}
		}
		shared = l.Stats()[0].Shared
		if refused == 0 {
			t.Errorf("limit %d: nobody was refused, %d shared", limit, shared)
		}
	}
}

// TestSharedCellIsNotReset: a success must not free what strangers used together.
func TestSharedCellIsNotReset(t *testing.T) {
	rule := PerAccount("a", 2, time.Minute)
	rule.Keys = 1
	l, _ := limiterAt(t, rule)
	name := func(i int) nguard.Caller { return nguard.Caller{Account: strconv.Itoa(i)} }
	i := 0
	for ; l.Stats()[0].Shared == 0; i++ {
		take(t, l, name(i), 2)
	}
	sharer := name(i - 1)
	if err := l.Reset(context.Background(), sharer); err != nil {
		t.Fatal(err)
	}
	if take(t, l, sharer, 1).Allowed {
		t.Error("the shared cell was reset")
	}
	if err := l.Reset(context.Background(), name(0)); err != nil {
		t.Fatal(err)
	}
	if take(t, l, sharer, 1).Allowed {
		t.Error("a newcomer who takes a free place must start with what the shared cell holds")
	}
}

// TestI12_MillionKeysInFlatMemory measures the heap under a million accounts and addresses.
func TestI12_MillionKeysInFlatMemory(t *testing.T) {
	l, err := New(PerAccountIP("login", 5, time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	goroutines := runtime.NumGoroutine()
	for i := range 1_000_000 {
		if _, err := l.Take(context.Background(), nguard.Caller{Account: strconv.Itoa(i), IP: numbered(i)}, 1); err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 1<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
	if n := runtime.NumGoroutine(); n > goroutines {
		t.Errorf("%d goroutines, %d before", n, goroutines)
	}
	if s := l.Stats()[0]; s.Evicted < 900_000 || s.Shared != 0 {
		t.Errorf("%+v", s)
	}
}

// TestDefaultMemory holds what a default login limiter sets aside against its comment.
func TestDefaultMemory(t *testing.T) {
	if n := total(DefaultLogin().Stats()); n < 27e6 || n > 30e6 {
		t.Errorf("%d bytes, about 28 MB are documented", n)
	}
}

func total(all []Stats) (n int) {
	for _, s := range all {
		n += s.Bytes
	}
	return n
}

// TestKeysSpreadEvenly: the secret seeds put keys that differ in one digit into all shards alike.
func TestKeysSpreadEvenly(t *testing.T) {
	table := newTable(1<<14, 5)
	count := make([]int, len(table.shards))
	for i := range 64_000 {
		k := table.hash([]byte("user-" + strconv.Itoa(i)))
		count[k.a&uint64(len(table.shards)-1)]++
	}
	for shard, n := range count {
		if n < 800 || n > 1200 {
			t.Errorf("shard %d of %d has %d of 64000 keys", shard, len(count), n)
		}
	}
	other := newTable(1<<14, 5)
	if table.hash([]byte("x")) == other.hash([]byte("x")) {
		t.Error("two tables must not hash alike")
	}
}

// TestOffsetsFit holds the largest table that can be asked for against what offsets can say.
func TestOffsetsFit(t *testing.T) {
	sets := (maxKeys + maxKeys/4) / ways / maxShards
	block := roundUp(ways+(ways+1)*roundUp(cellLog+maxExact, cellLog), lineWords)
	if sets*block > 1<<31-1 {
		t.Errorf("%d words in a shard", sets*block)
	}
}
