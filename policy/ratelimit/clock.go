package ratelimit

import "time"

// clock gives the time since a limiter was made, by the monotonic clock: a step of the wall clock
// moves no window. A now of the program's own counts as it runs.
type clock struct {
	base time.Time
	now  func() time.Time
}

func newClock(now func() time.Time) clock {
	if now == nil {
		return clock{base: time.Now()}
	}
	return clock{base: now(), now: now}
}

// elapsed reads the clock once.
func (c *clock) elapsed() int64 {
	if c.now == nil {
		return int64(time.Since(c.base))
	}
	return int64(c.now().Sub(c.base))
}

// read reads the clock once, as time of day too.
func (c *clock) read() (wall time.Time, elapsed int64) {
	if c.now == nil {
		wall = time.Now()
	} else {
		wall = c.now()
	}
	return wall, int64(wall.Sub(c.base))
}
