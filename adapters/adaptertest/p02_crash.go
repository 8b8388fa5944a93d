package adaptertest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

func crashAtEveryStep(t *testing.T, k *kit) {
	marked := []string{"bump open", "record attempt", "update user", "bump settle", "replace", "record success"}
	together := []string{"user", "update user", "bump change", "replace", "record success"}
	b, f := faulty(k.open(t))
	ops := marked
	if b.oneDatabase() {
		ops = together
	}
	var passed time.Duration // time does not go back from one case to the next
	for _, caller := range []string{"admin", "admin2"} {
		for _, op := range ops {
			for _, after := range []bool{false, true} {
				if op == "replace" && caller == "admin" {
					continue // no session of the caller is part of it
				}
				t.Run(fmt.Sprintf("%s dies at %s, done %v", caller, op, after), func(t *testing.T) {
					f.mend()
					for _, p := range People() {
						b.put(p)
					}
					w := newWorld(t, b)
					w.clock.Advance(passed)
					w.touchEpochs("admin", "admin2")
					victim, by := w.settled("admin2"), w.settled(caller)
					w.settled("admin") // or a sweep in the background might forget the epoch of somebody without a session
					before := w.snapshot("admin", "admin2")
					ctx, leave := context.WithCancel(t.Context())
					f.set(die(ctx, leave, op, after))
					if a, err := by.tryIn(ctx, "POST", "/api/auth/update-role", `{"userId":"admin2","newRole":"user"}`); err == nil {
						t.Fatalf("the process lives and answers %d %s", a.status, a.raw)
					}
					leave()
					f.mend()
					if after := w.snapshot("admin", "admin2"); b.oneDatabase() && after != before {
						t.Errorf("something has changed:%s", difference(before, after))
					}

					next := newWorld(t, b)
					next.clock.Advance(passed)
					w.browser().hold(victim.token()).followsTable("admin2") // a node that lives on
					victim, by = next.browser().hold(victim.token()), next.browser().hold(by.token())
					victim.followsTable("admin2")
					by.followsTable(caller)
					passed += nguard.StaleOpen + time.Minute
					next.clock.Advance(nguard.StaleOpen + time.Minute)
					next.settleStale("admin2")
					if open := next.epoch("admin2").Open; open != 0 {
						t.Errorf("epoch is open %d times after the sweep", open)
					}
					victim.quiet(f)
					by.quiet(f)
					victim.followsTable("admin2")
				})
			}
		}
	}
}

// die ends the goroutine of a request at its first call of op, before it or after it, as nearly as a test can
// end a process: what is deferred runs, as a database does away with what its client has begun. Then the
// client leaves, since not every framework closes the connection.
func die(client context.Context, leave func(), op string, after bool) fault {
	var once sync.Once
	return func(ctx context.Context, o string, run func() error) error {
		mine := false
		if o == op && counted(ctx) {
			once.Do(func() { mine = true })
		}
		if mine && !after {
			dies(ctx, client, leave)
		}
		err := run()
		if mine {
			dies(ctx, client, leave)
		}
		return err
	}
}

func dies(ctx, client context.Context, leave func()) {
	request, _ := nguard.FromContext(ctx)
	go func() {
		defer leave()
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for client.Err() == nil {
			if _, err := request.Session(); errors.Is(err, nguard.ErrTooLate) {
				return // all that is deferred has run
			}
			<-tick.C
		}
	}()
	runtime.Goexit()
}
