package ratelimit

import (
	"hash/maphash"
	"math/bits"
	"sync"
	"unsafe"
)

const (
	// ways is how many keys a set holds. Their tags fill one cache line.
	ways = 8
	// spare is how many ways of a key's first set are kept for those whose second set is full.
	spare = 2
	// maxShards bounds the locks; a shard has at least minSets sets, so small tables have fewer.
	maxShards = 64
	minSets   = 16
	// wordSize is the size of what a slab is made of, lineWords of a cache line.
	wordSize  = 8
	lineWords = 8
)

// table keeps cells of one width for a bounded number of keys, in memory that is set aside once.
//
// A key may stand in either of two sets of eight, chosen by a hash with a secret seed: nobody can aim
// at another's set. A newcomer takes an unused or idle place, else that of the key which had used the
// smallest share of its limit, the longest ago. A key whose limit is exhausted keeps its place until a
// unit is free. When all sixteen places are so, newcomers to the set count in one cell together, with
// the limit of one key; when a place comes free, whoever takes it starts with what that cell holds. So
// a flood of strangers can neither reset a locked-out key nor use the room they came in to get more
// than the limit, and those who come late are held to the limit of one key for each set: with the
// table full of exhausted keys some limit for newcomers is unavoidable, and it ends, with the flood,
// after at most one window.
//
// A set in a slab: eight tags, then eight cells, then the cell that newcomers share.
type table struct {
	shards         []shard
	sets           uint64 // in each shard
	width          int    // times that a cell has room for
	stride, block  int    // words of a cell and of a set
	seed1, seed2   maphash.Seed
	capacity, size int // keys, bytes
}

// shard is a lock and what it guards.
type shard struct {
	mu      sync.Mutex
	slab    []int64
	evicted uint64 // keys forgotten while they had units in use
	shared  uint64 // debits to cells that newcomers share
	_       [128 - unsafe.Sizeof(sync.Mutex{}) - unsafe.Sizeof([]int64{}) - 16]byte
}

// newTable makes a table for keys keys, with a quarter more room than that: filled with as many, it
// has forgotten next to none.
func newTable(keys, width int) *table {
	t := &table{width: width, seed1: maphash.MakeSeed(), seed2: maphash.MakeSeed()}
	// The first words of a cell, which every call reads, never straddle two lines.
	t.stride = roundUp(cellLog+width, cellLog)
	t.block = roundUp(ways+(ways+1)*t.stride, lineWords)
	sets := (keys + keys/4 + ways - 1) / ways
	shards := 1
	for shards < maxShards && sets/(shards*2) >= minSets {
		shards *= 2
	}
	perShard := (sets + shards - 1) / shards
	t.sets = uint64(perShard)
	t.shards = make([]shard, shards)
	for i := range t.shards {
		t.shards[i].slab = make([]int64, perShard*t.block)
	}
	// Offsets fit in 32 bits: maxKeys over maxShards, with the longest log, is 1.5 billion words.
	t.capacity = shards * perShard * ways
	t.size = shards * perShard * t.block * wordSize
	return t
}

func roundUp(n, to int) int { return (n + to - 1) / to * to }

// key is the hash of a key: 128 bits with secret seeds, so that two keys share a cell by chance no
// sooner than two random UUIDs are equal.
type key struct{ a, b uint64 }

func (t *table) hash(k []byte) key {
	return key{maphash.Bytes(t.seed1, k), maphash.Bytes(t.seed2, k)}
}

func (t *table) hashString(k string) key {
	return key{maphash.String(t.seed1, k), maphash.String(t.seed2, k)}
}

// place is where a key stands in its shard, by offsets, valid while the shard is locked. It is small
// because a call has one for each rule that it could have.
type place struct {
	// at is the cell that counts for the key: its own, the shared one of its set when that is in use at
	// this rate, or -1: nothing is used.
	at int32
	// tag is the key's own tag, or -1: the key has no cell of its own.
	tag int32
	// home and other are the two sets; newcomers share the cell of home.
	home, other int32
}

// tagOf is how a key is marked in its set; 0 marks a place that is free.
func tagOf(k key) int64 { return int64(k.a | 1) }

// shardOf is the shard whose lock guards k.
func (t *table) shardOf(k key) *shard { return &t.shards[k.a&uint64(len(t.shards)-1)] }

// setOf is the offset of the set that half a hash leads to, by its high bits.
func (t *table) setOf(half uint64) int32 {
	set, _ := bits.Mul64(half, t.sets)
	return int32(set) * int32(t.block)
}

// cell is the cell at an offset.
func (t *table) cell(sh *shard, at int32) cell {
	if at < 0 {
		return nil
	}
	end := int(at) + cellLog + t.width
	return cell(sh.slab[at:end:end])
}

// seatOf is the way of its first set in which a key is put when it is free. Most keys are found there,
// and looking there waits for the tag and for the cell at once.
func seatOf(k key) int { return int(k.b % ways) }

// cellOf is the offset of a cell in a set.
func (t *table) cellOf(set int32, way int) int32 { return set + ways + int32(way*t.stride) }

// find looks k up; id names the rate, never 0. The shard must be locked.
func (t *table) find(p *place, sh *shard, k key, id, now int64) {
	tag, check := tagOf(k), int64(k.b)
	p.home, p.other = t.setOf(k.a), t.setOf(k.b)
	seat := seatOf(k)
	p.at, p.tag = t.cellOf(p.home, seat), p.home+int32(seat)
	if (sh.slab[p.tag]^tag)|(sh.slab[p.at+cellCheck]^check) == 0 {
		return
	}
	for _, set := range [2]int32{p.home, p.other} {
		for way, have := range sh.slab[set : set+ways] {
			if have == tag {
				if at := t.cellOf(set, way); sh.slab[at+cellCheck] == check {
					p.at, p.tag = at, set+int32(way)
					return
				}
			}
		}
	}
	p.at, p.tag = -1, -1
	if at := t.cellOf(p.home, ways); sh.slab[at+cellCheck] == id && sh.slab[at+cellIdle] > now {
		p.at = at
	}
}

// debit takes n units for the key at p, at least 1, which look found free, and returns the cell that
// has them. It returns nil when there is no place for the key and the shared cell counts another rate,
// which happens only in a [Store] that is asked for several.
func (t *table) debit(p *place, sh *shard, k key, id int64, r rate, n, now int64) cell {
	if p.tag >= 0 {
		c := t.cell(sh, p.at)
		r.debit(c, n, now)
		return c
	}
	set, way := t.victim(p, sh, k, now)
	if way < 0 {
		return t.share(p, sh, id, r, n, now)
	}
	tag := &sh.slab[set+int32(way)]
	c := t.cell(sh, t.cellOf(set, way))
	if *tag != 0 && c[cellIdle] > now {
		sh.evicted++
	}
	if p.at >= 0 {
		copy(c, t.cell(sh, p.at))
	} else {
		c.clear()
	}
	*tag, c[cellCheck] = tagOf(k), int64(k.b)
	r.debit(c, n, now)
	return c
}

// share takes n units from the shared cell of the key's set.
func (t *table) share(p *place, sh *shard, id int64, r rate, n, now int64) cell {
	c := t.cell(sh, t.cellOf(p.home, ways))
	if p.at < 0 {
		if c[cellCheck] != 0 && c[cellIdle] > now {
			return nil
		}
		c.clear()
		c[cellCheck] = id
	}
	sh.shared++
	r.debit(c, n, now)
	return c
}

// victim picks the place for a newcomer: a free one in its first set while that has room to spare, so
// that most are found there, else in the one of its sets with more room; else the place of the key that
// has used least and is idle soonest of those that are not exhausted; way -1 when all are.
func (t *table) victim(p *place, sh *shard, k key, now int64) (set int32, way int) {
	first, room := t.free(sh, p.home, seatOf(k), now)
	if room > spare {
		return p.home, first
	}
	second, more := t.free(sh, p.other, 0, now)
	if room > 0 && room >= more {
		return p.home, first
	}
	if more > 0 {
		return p.other, second
	}
	way = -1
	least, soonest := int64(0), int64(0)
	for _, at := range [2]int32{p.home, p.other} {
		for w := range ways {
			c := t.cell(sh, t.cellOf(at, w))
			if c[cellUntil] > now {
				continue
			}
			if way < 0 || c.used() < least || c.used() == least && c[cellIdle] < soonest {
				set, way = at, w
				least, soonest = c.used(), c[cellIdle]
			}
		}
	}
	return set, way
}

// free counts the places of a set that are empty or whose keys are idle, and picks one: the seat if it
// is empty, else an empty one, else that of the key that has been idle longest. Enough empty ones spare
// it a look at the cells.
func (t *table) free(sh *shard, set int32, seat int, now int64) (way, room int) {
	tags := sh.slab[set : set+ways]
	for w, tag := range tags {
		if tag == 0 {
			if room == 0 || w == seat {
				way = w
			}
			room++
		}
	}
	if room > spare {
		return way, room
	}
	empty, longest := room, now
	for w, tag := range tags {
		if tag == 0 {
			continue
		}
		if idle := sh.slab[t.cellOf(set, w)+cellIdle]; idle <= now {
			if empty == 0 && (room == 0 || idle < longest) {
				way, longest = w, idle
			}
			room++
		}
	}
	return way, room
}

// forget makes the key at p one that has used nothing. Only its own cell is cleared: what newcomers
// share is not one key's to reset.
func (p *place) forget(sh *shard) {
	if p.tag >= 0 {
		sh.slab[p.tag] = 0
	}
}

// stats adds up the counters of the shards.
func (t *table) stats() Stats {
	s := Stats{Keys: t.capacity, Bytes: t.size}
	for i := range t.shards {
		sh := &t.shards[i]
		sh.mu.Lock()
		s.Evicted += sh.evicted
		s.Shared += sh.shared
		sh.mu.Unlock()
	}
	return s
}

// Stats is how full a rule's memory has been. When Evicted grows steadily, the rule needs more Keys;
// when Shared does, somebody exhausts keys by the thousand.
type Stats struct {
	// Name is the rule's; empty for a [Store].
	Name string
	// Keys is how many keys there is room for, Bytes the memory set aside for them. Neither changes.
	Keys, Bytes int
	// Evicted counts keys that were forgotten while units of theirs were in use. None of them was
	// exhausted. Keys that had become idle are not counted: forgetting them changes nothing.
	Evicted uint64
	// Shared counts debits of keys that found no place because all were taken by exhausted ones.
	Shared uint64
}
