package ratelimit

import "math"

// A cell is what one key has used: four words, then room for a log of times. Times are nanoseconds
// on the clock of the limiter.
//
// Small limits keep the time of every unit, so that a window of any position holds at most the limit.
// Large limits keep one time, idle, as the generic cell rate algorithm does (GCRA, ITU-T I.371): a
// full burst at once, then one unit every window/limit.
type cell []int64

const (
	cellCheck = iota // second half of the key's hash; in the shared cell of a set, its rate
	cellUntil        // no unit is free before then; noTime when one was left after the last debit
	cellIdle         // all units are free from then on
	cellMeta         // head, count, share of the limit used, refused: see the masks
	cellLog          // the ring of times begins here
)

const (
	metaCount   = 16 // shift of the number of times in the ring
	metaUsed    = 32 // shift of the used share of the limit, in 65535ths, after the last debit
	metaMask    = 0xffff
	metaRefused = 1 << 48 // a call was refused since the last debit

	noTime = math.MinInt64
)

// clear makes the cell one that has used nothing.
func (c cell) clear() {
	c[cellUntil], c[cellIdle], c[cellMeta] = noTime, noTime, 0
}

// used is the share of the limit that was in use after the last debit.
func (c cell) used() int64 { return c[cellMeta] >> metaUsed & metaMask }

// rate is a limit in the units of a cell.
type rate struct {
	limit, window int64
	// step is the time in which GCRA frees a unit; 0 says that times are logged.
	step int64
}

// newRate chooses how a limit is counted in cells with room for width times. The step is rounded up:
// never more than asked for.
func newRate(limit, window int64, width int) rate {
	r := rate{limit: limit, window: window}
	if limit > int64(width) {
		r.step = (window + limit - 1) / limit
	}
	return r
}

// answer is what a cell says about n units.
type answer struct {
	left  int64 // units free now
	wait  int64 // until n are free; 0 when they are
	reset int64 // until all are free
}

// look says how things stand at now. A nil cell has used nothing. It drops times that have left the
// window, which changes no answer.
func (r rate) look(c cell, n, now int64) answer {
	if c == nil || c[cellIdle] <= now {
		return answer{left: r.limit}
	}
	a := answer{reset: c[cellIdle] - now}
	if r.step > 0 {
		free := r.limit*r.step - a.reset
		a.left = max(0, free/r.step)
		if n > a.left {
			a.wait = n*r.step - free
		}
		return a
	}
	head, count := c.prune(now - r.window)
	a.left = r.limit - count
	if n > a.left {
		log := c[cellLog:]
		a.wait = log[(head+n-a.left-1)%int64(len(log))] + r.window - now
	}
	return a
}

// prune drops the times up to horizon and returns where the oldest that stays is, and how many stay.
func (c cell) prune(horizon int64) (head, count int64) {
	log := c[cellLog:]
	meta := c[cellMeta]
	head, count = meta&metaMask, meta>>metaCount&metaMask
	before := count
	for count > 0 && log[head] <= horizon {
		if head++; head == int64(len(log)) {
			head = 0
		}
		count--
	}
	if count != before {
		c[cellMeta] = meta&^(metaMask<<metaCount|metaMask) | count<<metaCount | head
	}
	return head, count
}

// debit takes n units, at least 1, of those that look found free at now. A clock that was read before
// another caller's debit counts as no earlier than that.
func (r rate) debit(c cell, n, now int64) {
	if r.step > 0 {
		idle := max(c[cellIdle], now) + n*r.step
		c[cellIdle] = idle
		c[cellUntil] = idle - (r.limit-1)*r.step
		c[cellMeta] = min(metaMask, (idle-now)/(r.limit*r.step>>16+1)) << metaUsed
		return
	}
	head, count := c.prune(now - r.window)
	if count > 0 {
		now = max(now, c[cellIdle]-r.window)
	}
	log := c[cellLog:]
	size := int64(len(log))
	for range n {
		log[(head+count)%size] = now
		count++
	}
	c[cellIdle] = now + r.window
	c[cellUntil] = noTime
	if count == r.limit {
		c[cellUntil] = log[head] + r.window
	}
	c[cellMeta] = count*metaMask/r.limit<<metaUsed | count<<metaCount | head
}
