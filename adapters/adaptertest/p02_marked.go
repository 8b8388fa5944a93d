package adaptertest

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// followsTable checks that what a session may do is what the users table says.
func (b *browser) followsTable(userID string) {
	b.w.t.Helper()
	want := b.w.person(userID).Role
	if got := b.get("/api/auth/session").expect(200).at("session", "role"); got != want {
		b.w.t.Errorf("session of %s has the role %v, the users table says %v", userID, got, want)
	}
	status := 403
	if want == "admin" {
		status = 200
	}
	b.get("/admin").expect(status)
}

// quiet checks that a session costs one read and no write again.
func (b *browser) quiet(f *faults) {
	b.w.t.Helper()
	b.get("/api/auth/session").expect(200)
	f.count()
	b.get("/api/auth/session").expect(200)
	calls := f.count()
	for op := range calls {
		if strings.HasPrefix(op, "record") || op == "sweep" { // these run when they like
			delete(calls, op)
		}
	}
	if len(calls) != 1 || calls["load"] != 1 {
		b.w.t.Errorf("a request in steady state made the calls %v", calls)
	}
}

func markedStepByStep(t *testing.T, k *kit) {
	k.open(t).onlyMarked(t)
	fails := func(err error, ops ...string) fault {
		return func(_ context.Context, op string, run func() error) error {
			for _, o := range ops {
				if o == op {
					return err
				}
			}
			return run()
		}
	}
	answerLost := func(o string) fault {
		return func(_ context.Context, op string, run func() error) error {
			if err := run(); err != nil || op != o {
				return err
			}
			return errBroken
		}
	}
	panics := func(o string) fault {
		return func(_ context.Context, op string, run func() error) error {
			if op == o {
				panic(innards)
			}
			return run()
		}
	}
	steps := []struct {
		name    string
		fault   fault
		status  int
		code    string
		changed bool
		open    int
	}{
		{"1: epoch cannot be opened", fails(errBroken, "bump open"), 503, "unavailable", false, 0},
		{"1: answer of opening is lost", answerLost("bump open"), 503, "unavailable", false, 1},
		{"2: attempt cannot be recorded", fails(errBroken, "record attempt"), 503, "unavailable", false, 0},
		{"2: nor can the epoch be closed", fails(errBroken, "record attempt", "bump close"), 503, "unavailable", false, 1},
		{"3: the row has changed, for good", fails(nguard.ErrConflict, "update user"), 409, "conflict", false, 0},
		{"3: the row is gone", fails(nguard.ErrNoUser, "update user"), 404, "no_such_user", false, 0},
		{"3: last admin", fails(nguard.ErrLastAdmin, "update user"), 403, "last_admin", false, 0},
		{"3: users down", fails(errBroken, "update user"), 503, "outcome_unknown", false, 1},
		{"3: users say unavailable", fails(nguard.ErrUnavailable, "update user"), 503, "outcome_unknown", false, 1},
		{"3: answer of users is lost", answerLost("update user"), 503, "outcome_unknown", true, 1},
		{"3: users panic", panics("update user"), 503, "outcome_unknown", false, 1},
		{"4: epoch cannot be closed", fails(errBroken, "bump settle"), 200, "", true, 1},
		{"4: answer of closing is lost", answerLost("bump settle"), 200, "", true, 0},
		{"5: own session cannot be written", fails(errBroken, "replace"), 200, "", true, 0},
		{"5: own session ended meanwhile", fails(nguard.ErrNoSession, "replace"), 200, "", true, 0},
		{"5: outcome cannot be recorded", fails(errBroken, "record success"), 200, "", true, 0},
		{"5: neither", fails(errBroken, "replace", "record success"), 200, "", true, 0},
	}
	for _, own := range []bool{false, true} {
		name, caller, target := "another's role", "admin", "admin2"
		if own {
			name, caller = "own role", "admin2"
		}
		t.Run(name, func(t *testing.T) {
			k.eachFaulty(t, func(t *testing.T, w *world, f *faults) {
				for _, step := range steps {
					if own && step.code == "conflict" {
						continue // it tries again until its deadline: see conflictsForGood
					}
					t.Run(step.name, func(t *testing.T) {
						w := *w
						w.t = t
						f.set(unswept(nil))
						for _, p := range People() {
							w.back.put(p)
						}
						w.touchEpochs("admin", "admin2")
						other, by := w.settled(target), w.settled(caller)
						before := w.snapshot("admin", "admin2")
						known := map[string]bool{} // records of the steps before this one
						for _, e := range w.back.read() {
							known[e.ID] = true
						}
						f.set(unswept(step.fault))
						a := by.post("/api/auth/update-role", `{"userId":"`+target+`","newRole":"user"}`)
						f.set(unswept(nil))

						if a.expect(step.status); codeOf(a) != step.code {
							t.Errorf("code is %q, want %q", codeOf(a), step.code)
						}
						if (w.person(target).Role == "user") != step.changed {
							t.Errorf("role in the users table is %q", w.person(target).Role)
						}
						if got := w.epoch(target).Open; got != step.open {
							t.Errorf("epoch is open %d times, want %d", got, step.open)
						}
						if after := w.snapshot("admin", "admin2"); !step.changed && step.open == 0 && after != before {
							t.Errorf("something has changed:%s", difference(before, after))
						}
						other.followsTable(target)
						by.followsTable(caller)
						if step.status == 200 {
							w.await("the change, sooner or later", func(e nguard.Event) bool {
								return e.Name == nguard.EventAuthzChange && e.Outcome == nguard.Success && e.RequestID != "" && e.Target == target && !known[e.ID]
							})
						}

						w.clock.Advance(nguard.StaleOpen + time.Minute)
						f.mend()
						w.settleStale(target)
						f.set(unswept(nil))
						if got := w.epoch(target).Open; got != 0 {
							t.Errorf("epoch is open %d times after the sweep", got)
						}
						other.followsTable(target)
						other.quiet(f)
						by.quiet(f)
					})
				}
			})
		})
	}
}

// A change of the caller's own session and row has no number of tries, but the deadline of the whole change. It
// is made to pass between two tries, and within one: then the mark of that one is closed all the same.
func conflictsForGood(t *testing.T, k *kit) {
	k.open(t).onlyMarked(t)
	const timeout = 300 * time.Millisecond
	k.eachFaulty(t, func(t *testing.T, w *world, f *faults) {
		for _, late := range []string{"load", "update user"} { // before the next try the session is read again
			w.touchEpochs("admin", "admin2")
			other, by := w.settled("admin2"), w.settled("admin2")
			before := w.snapshot("admin", "admin2")
			var tries atomic.Int32
			f.set(unswept(func(_ context.Context, op string, run func() error) error {
				if op == "update user" {
					tries.Add(1)
				}
				if op == late && tries.Load() == 5 {
					deadline := time.NewTimer(6 * timeout) // that of a change is 5; this call has a shorter one
					defer deadline.Stop()
					<-deadline.C
				}
				if op == "update user" {
					return nguard.ErrConflict
				}
				return run()
			}))
			a := by.post("/api/auth/update-role", `{"userId":"admin2","newRole":"user"}`).expect(409)
			f.set(unswept(nil))
			if codeOf(a) != "conflict" || tries.Load() != 5 {
				t.Errorf("%s: after %d tries the code is %q", late, tries.Load(), codeOf(a))
			}
			if after := w.snapshot("admin", "admin2"); after != before || w.epoch("admin2").Open != 0 {
				t.Errorf("%s: something has changed, or is open %d times:%s", late, w.epoch("admin2").Open, difference(before, after))
			}
			other.followsTable("admin2")
			other.quiet(f)
			by.quiet(f)
		}
	}, func(c *nguard.Config) { c.Timeout = timeout })
}

func openEpochIsRight(t *testing.T, k *kit) {
	k.eachFaulty(t, func(t *testing.T, w *world, f *faults) {
		w.back.onlyMarked(t)
		user, admin := w.settled("user"), w.settled("admin")
		if _, err := ability[nguard.Epochs](w.back.store).Bump(t.Context(), "user", nguard.BumpOpen); err != nil {
			t.Fatal(err)
		}
		f.count()
		user.get("/api/auth/session").expect(200)
		if calls := f.count(); calls["user"] != 1 || calls["replace"] != 0 {
			t.Errorf("with an open epoch a request makes the calls %v", calls)
		}
		p := w.person("user")
		p.Role = "admin"
		w.back.put(p)
		user.get("/admin").expect(200) // the table counts at once
		admin.post("/api/auth/update-role", `{"userId":"user","newRole":"user"}`).expect(200)
		user.get("/admin").expect(403)
		user.post("/api/auth/update", `{"theme":"dark"}`).expect(200)
		if got := w.loggedIn("user").get("/api/auth/session").at("session", "data", "theme"); got != "dark" {
			t.Errorf("theme is %v", got)
		}
		if open := w.epoch("user").Open; open != 1 {
			t.Errorf("epoch is open %d times: another change closed what was not its own", open)
		}
	})
}
