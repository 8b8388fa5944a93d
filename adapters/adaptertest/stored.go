package adaptertest

import (
	"context"
	"fmt"
	"strings"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// person is somebody as the users table has them.
func (w *world) person(id string) nguard.User {
	w.t.Helper()
	u, err := w.back.users.User(context.Background(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return u
}

// epoch is what the store has of a person.
func (w *world) epoch(id string) nguard.Epoch {
	w.t.Helper()
	e, err := ability[nguard.Epochs](w.back.store).Epoch(context.Background(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return e
}

// touchEpochs makes sure that these people have an epoch, and that it differs from any stamp.
func (w *world) touchEpochs(ids ...string) {
	w.t.Helper()
	for _, id := range ids {
		if _, err := ability[nguard.Epochs](w.back.store).Bump(context.Background(), id, nguard.BumpChange); err != nil {
			w.t.Fatal(err)
		}
	}
}

// clear removes all sessions of some people, without a word.
func (w *world) clear(ids ...string) {
	w.t.Helper()
	for _, id := range ids {
		list, err := ability[nguard.Lister](w.back.store).List(context.Background(), id, "", 1000)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, f := range list {
			if err := w.back.store.Delete(context.Background(), f.Owner, f.ID); err != nil {
				w.t.Fatal(err)
			}
		}
	}
}

// snapshot is all that is stored of some people, as text.
func (w *world) snapshot(ids ...string) string {
	w.t.Helper()
	var b strings.Builder
	for _, id := range ids {
		fmt.Fprintf(&b, "%+v\n", w.person(id))
		if e := w.epoch(id); e == w.epoch(id) { // else there is none yet, and each answer is random
			fmt.Fprintf(&b, "%+v\n", e)
		}
		list, err := ability[nguard.Lister](w.back.store).List(context.Background(), id, "", 100)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, f := range list {
			fmt.Fprintf(&b, "%+v %v %v\n", *f.Record, f.LastSeen, f.SeenAt)
		}
	}
	return b.String()
}

// difference is the rows of two dumps that are not in both.
func difference(before, after string) string {
	var b strings.Builder
	for _, side := range [][3]string{{"-", before, after}, {"+", after, before}} {
		for _, line := range strings.Split(side[1], "\n") {
			if !strings.Contains(side[2], line) {
				b.WriteString("\n" + side[0] + " " + line)
			}
		}
	}
	return b.String()
}

// routed reports whether the store's tokens carry the route of their owner.
func (w *world) routed() bool {
	_, ok := nguard.Ability[nguard.Router](w.back.store)
	return ok
}

// sweepIfAble sweeps a store that can.
func sweepIfAble(ctx context.Context, s nguard.Store, now time.Time, n int) (int, error) {
	if sweeper, ok := nguard.Ability[nguard.Sweeper](s); ok {
		return sweeper.Sweep(ctx, now, n)
	}
	return 0, nil
}
