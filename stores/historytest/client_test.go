package historytest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"time"

	"github.com/anishathalye/porcupine"

	nguard "github.com/nguard-go/nguard/core"
)

// store is what a client works with.
type store interface {
	nguard.Store
	nguard.Lister
	nguard.Epochs
}

// patience is how long a client waits for an answer. It is far longer than any takes: connections that are
// cut fail at once.
const patience = 10 * time.Second

// client makes calls, one after another, and writes them into the history.
type client struct {
	store
	h   *history
	n   int
	rng *rand.Rand

	made   int            // names and values so far
	found  []nguard.Found // what this client has seen, the newest last
	epochs []nguard.Epoch
}

// do makes one call.
func (cl *client) do(c call, fn func(ctx context.Context, r *result) error) {
	ctx, cancel := cl.call()
	defer cancel()
	var r result
	from := cl.h.clock.Add(1)
	cl.way()
	err := fn(ctx, &r)
	cl.way()
	cl.record(c, r, err, from, cl.h.clock.Add(1))
}

// call returns the context of a call, and lets trouble come while it is made.
func (cl *client) call() (context.Context, context.CancelFunc) {
	soon := func() time.Duration { return time.Duration(cl.rng.Int64N(int64(cl.h.setup.moment))) }
	switch {
	case cl.h.trouble == leaving && cl.rng.IntN(cl.h.setup.every) == 0:
		return context.WithTimeout(cl.h.ctx, soon())
	case cl.h.trouble == cutting && cl.rng.IntN(8*cl.h.setup.every) == 0:
		wait := time.NewTimer(soon())
		cl.h.cuts.Go(func() {
			<-wait.C
			cl.h.setup.cut()
		})
	}
	return context.WithTimeout(cl.h.ctx, patience)
}

// way is the way to a store in the same process, on which others overtake as they do in a network. Such a store
// answers so fast that calls would hardly ever meet on a machine with few processors and other work.
func (cl *client) way() {
	if cl.h.setup.near {
		for range rand.IntN(4) {
			runtime.Gosched()
		}
	}
}

// record writes a call and what came of it into the history.
func (cl *client) record(c call, r result, err error, from, to int64) {
	switch {
	case err == nil:
		r.answer = done
	case errors.Is(err, nguard.ErrUnavailable):
		cl.h.failed.Add(1)
		if c.kind.reads() || !errors.Is(err, nguard.ErrOutcomeUnknown) {
			return // without effect: as if it had never been made
		}
		r, to = result{answer: lost}, math.MaxInt64
	case errors.Is(err, nguard.ErrNoSession):
		r = result{answer: noSession}
	case errors.Is(err, nguard.ErrConflict):
		r = result{answer: conflict}
	case errors.Is(err, nguard.ErrTooMany):
		r = result{answer: tooMany}
	default:
		r = result{answer: answer(err.Error())} // which the model never gives
	}
	cl.h.add(porcupine.Operation{ClientId: cl.n, Input: c, Output: r, Call: from, Return: to})
}

// act makes a random call, or two that belong together.
func (cl *client) act() {
	switch n := cl.rng.IntN(100); {
	case n < 18:
		cl.load()
	case n < 36: // compare and swap, as the guard does it
		cl.load()
		cl.replace(cl.rng.IntN(3) == 0)
	case n < 43:
		cl.replace(false)
	case n < 53:
		cl.replace(true)
	case n < 61:
		cl.touch()
	case n < 61+cl.h.menu.logins:
		cl.create()
	case n < 78:
		cl.remove()
	case n < 90:
		cl.bump()
	case n < 94:
		cl.epoch()
	default:
		cl.list()
	}
}

func (cl *client) load() {
	k, ok := cl.h.key(cl.rng)
	if !ok {
		cl.create()
		return
	}
	c := call{kind: load, name: k.name, token: k.token}
	if k.token == "" {
		c.kind = find
	}
	cl.do(c, func(ctx context.Context, r *result) (err error) {
		var f nguard.Found
		if c.kind == find {
			f, err = cl.Find(ctx, cl.h.owner, k.id)
		} else {
			f, err = cl.Load(ctx, k.token)
		}
		if err == nil {
			cl.saw(r, f)
			cl.epochs = append(cl.epochs, f.User)
		}
		return err
	})
}

// saw keeps what a call has returned.
func (cl *client) saw(r *result, f nguard.Found) {
	r.views = append(r.views, viewOf(f))
	cl.found = append(cl.found, f)
	cl.h.learn(f)
}

func (cl *client) create() {
	if len(cl.epochs) == 0 {
		if cl.epoch(); len(cl.epochs) == 0 {
			return
		}
	}
	cl.made++
	c := call{kind: create, name: fmt.Sprintf("s%d.%d", cl.n, cl.made), stamp: recent(cl.rng, cl.epochs), at: cl.h.now()}
	c.stamp.Open = 0
	c.value = c.name
	c.limit = limit{max: cl.h.menu.max, evict: cl.h.menu.evict}
	limit := nguard.Cap{Max: c.limit.max, EvictOldest: c.limit.evict, Now: time.Unix(0, c.at).UTC()}
	if k, ok := cl.h.key(cl.rng); ok && cl.rng.IntN(3) == 0 {
		c.limit.replace, limit.Replace = k.name, k.id
	} else if len(cl.found) > 0 && cl.rng.IntN(3) == 0 {
		f := recent(cl.rng, cl.found)
		c.limit.replace, limit.Replace = f.Device, f.ID
		c.limit.version, limit.Version = f.Version, f.Version
	}
	cl.do(c, func(ctx context.Context, r *result) error {
		created, err := cl.Create(ctx, cl.h.record(c), limit)
		if err == nil {
			cl.saw(r, created.Found)
			r.ended = created.Ended
		}
		return err
	})
}

// replace writes over one of the sessions that this client has seen, which may be long ago.
func (cl *client) replace(rotate bool) {
	f, ok := cl.pick(func(f nguard.Found) bool { return !rotate || f.Match == nguard.Current })
	if !ok {
		cl.load()
		return
	}
	cl.made++
	c := about(f, swap)
	c.at, c.value, c.rotate = cl.h.now(), fmt.Sprintf("v%d.%d", cl.n, cl.made), rotate
	c.stamp = nguard.Epoch{Change: f.Stamp.Change, Revoke: f.Stamp.Revoke}
	if cl.h.menu.restamp && cl.rng.IntN(2) == 0 && len(cl.epochs) > 0 {
		c.stamp = recent(cl.rng, cl.epochs)
		c.stamp.Open = 0
	}
	next := *f.Record
	next.Version++
	next.Updated = time.Unix(0, c.at).UTC()
	next.Stamp = c.stamp
	next.Data = map[string]any{"v": c.value}
	if rotate {
		next.Rotated = next.Updated
	}
	cl.do(c, func(ctx context.Context, r *result) error {
		f, err := cl.Replace(ctx, f, &next, rotate)
		if err == nil {
			cl.saw(r, f)
		}
		return err
	})
}

func (cl *client) touch() {
	f, ok := cl.pick(func(nguard.Found) bool { return true })
	if !ok {
		cl.load()
		return
	}
	c := about(f, touch)
	// The clocks of processes differ: half of the marks are older than the newest that there is.
	c.at = cl.h.now() + int64(time.Duration(cl.rng.IntN(2000)-1000)*time.Millisecond)
	cl.do(c, func(ctx context.Context, r *result) error {
		f, err := cl.Touch(ctx, f, time.Unix(0, c.at).UTC())
		if err == nil {
			cl.saw(r, f)
		}
		return err
	})
}

// about is a call about a session as a client has seen it.
func about(f nguard.Found, k kind) call {
	return call{
		kind: k, name: f.Device, token: f.Live, version: f.Version, match: f.Match,
		lastSeen: nguard.EncodeTime(f.LastSeen), seenAt: nguard.EncodeTime(f.SeenAt),
	}
}

func (cl *client) remove() {
	k, ok := cl.h.key(cl.rng)
	if !ok {
		cl.load()
		return
	}
	cl.do(call{kind: remove, name: k.name}, func(ctx context.Context, _ *result) error {
		return cl.Delete(ctx, cl.h.owner, k.id)
	})
}

func (cl *client) bump() {
	bits := []nguard.Bump{
		nguard.BumpRevoke, nguard.BumpRevoke | nguard.BumpChange, nguard.BumpChange,
		nguard.BumpChange | nguard.BumpOpen, nguard.BumpChange | nguard.BumpClose,
	}
	c := call{kind: bump, bump: bits[cl.rng.IntN(len(bits))]}
	cl.do(c, func(ctx context.Context, r *result) (err error) {
		r.epoch, err = cl.Bump(ctx, cl.h.owner, c.bump)
		if err == nil {
			cl.epochs = append(cl.epochs, r.epoch)
		}
		return err
	})
}

func (cl *client) epoch() {
	cl.do(call{kind: epoch}, func(ctx context.Context, r *result) (err error) {
		r.epoch, err = cl.Epoch(ctx, cl.h.owner)
		if err == nil {
			cl.epochs = append(cl.epochs, r.epoch)
		}
		return err
	})
}

func (cl *client) list() {
	cl.do(call{kind: list}, func(ctx context.Context, r *result) error {
		all, err := cl.List(ctx, cl.h.owner, "", 1000)
		for _, f := range all {
			cl.saw(r, f)
		}
		return err
	})
}

// pick returns one of the sessions that this client has seen.
func (cl *client) pick(fits func(nguard.Found) bool) (nguard.Found, bool) {
	var some []nguard.Found
	for _, f := range cl.found {
		if fits(f) {
			some = append(some, f)
		}
	}
	if len(some) == 0 {
		return nguard.Found{}, false
	}
	return recent(cl.rng, some), true
}

// recent returns the newest, or now and then any.
func recent[T any](rng *rand.Rand, list []T) T {
	if rng.IntN(4) == 0 {
		return list[rng.IntN(len(list))]
	}
	return list[len(list)-1]
}
