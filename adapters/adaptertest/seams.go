package adaptertest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
)

var seams = []rule{
	{"seams: Observe", "The seam for tracing sees each call to a store, users table and sink, with its error.", seamsObserve},
	{"seams: no actor", "Outside a request somebody must answer for a change.", seamsNoActor},
	{"seams: UserChanged", "Statements of the program's own reach the sessions when it says so, in its own transaction: rolled back, nothing has happened.", seamsUserChanged},
	{"seams: Check and Shutdown", "Readiness follows the store, and Shutdown writes what was held back.", seamsCheckAndShutdown},
}

// spans collects what Observe was told.
type spans struct {
	mu   sync.Mutex
	ops  []string
	errs map[string]error
}

func (s *spans) observe(ctx context.Context, op string) (context.Context, func(error)) {
	s.mu.Lock()
	s.ops = append(s.ops, op)
	s.mu.Unlock()
	return ctx, func(err error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.errs[op] = err
	}
}

func (s *spans) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	ops := s.ops
	s.ops = nil
	return ops
}

func seamsObserve(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
		s := &spans{errs: map[string]error{}}
		w.config.Observe = s.observe
		g := newGuard(t, w.config)
		w.guard = g
		w.server = w.serve(w.app())
		b := w.loggedIn("user")
		ops := s.take()
		for _, op := range []string{"users.identify", "limiter.take", "store.epoch", "users.authenticate", "store.create", "sink.record"} {
			if !slices.Contains(ops, op) {
				t.Errorf("login: %q was not observed; seen: %v", op, ops)
			}
		}
		b.get("/who").expect(200)
		// The backlog writes its records, such as that of the start, and the sweep runs, when they come to it.
		if ops := slices.DeleteFunc(s.take(), func(op string) bool { return op == "sink.record" || op == "store.sweep" }); !slices.Equal(ops, []string{"store.load"}) {
			t.Errorf("a read: observed %v, want one store.load", ops)
		}
		b.post("/api/auth/update", `{"theme":"dark"}`).expect(200)
		if ops := s.take(); !slices.Contains(ops, "users.update") || !slices.Contains(ops, "store.replace") {
			t.Errorf("an update: observed %v", ops)
		}
		w.browser().hold(strings.Repeat("A", 72)).get("/who").expect(401)
		s.mu.Lock()
		defer s.mu.Unlock()
		if err := s.errs["store.load"]; !errors.Is(err, nguard.ErrMalformed) {
			t.Errorf("the error of a call is not observed: %v", err)
		}
	})
}

func seamsNoActor(t *testing.T, k *kit) {
	w := k.newWorld(t)
	ctx := context.Background()
	_, _, login := w.guard.Login(ctx, "user", nguard.LoginOptions{})
	_, change := w.guard.ChangeUser(ctx, "user", func(u *nguard.User) error { u.Name = "x"; return nil })
	for what, err := range map[string]error{
		"Login": login, "ChangeUser": change, "UserChanged": w.guard.UserChanged(ctx, "user"),
		"Revoke": w.guard.Revoke(ctx, "user", "x"), "RevokeUser": w.guard.RevokeUser(ctx, "user"),
	} {
		if !errors.Is(err, nguard.ErrNoActor) {
			t.Errorf("%s without an actor: %v, want ErrNoActor", what, err)
		}
	}
	if e, ok := w.recorded(nguard.EventUserUpdated); ok {
		t.Errorf("a refused change is recorded as %+v", e)
	}
}

func seamsUserChanged(t *testing.T, k *kit) {
	w := k.newWorld(t)
	w.back.onlySQL(t)
	b := w.loggedIn("user")
	ctx := nguard.WithActor(context.Background(), "job:import")
	promote := func(commit bool) {
		t.Helper()
		tx, err := w.back.db.BeginTx(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.ExecContext(ctx, `UPDATE people SET role = 'admin' WHERE id = 'user'`); err != nil {
			t.Fatal(err)
		}
		if err := w.guard.UserChanged(nguard.WithTx(ctx, w.back.db, tx), "user"); err != nil {
			t.Fatal(err)
		}
		end := tx.Rollback
		if commit {
			end = tx.Commit
		}
		if err := end(); err != nil {
			t.Fatal(err)
		}
	}
	promote(false)
	b.get("/admin").expect(403)
	if _, ok := w.recorded(nguard.EventUserUpdated); ok {
		t.Error("a change that was rolled back is in the record")
	}
	promote(true)
	b.get("/admin").expect(200)
	if e := w.awaitEvent(nguard.EventUserUpdated, nguard.Success); e.Actor != "job:import" || e.Target != "user" {
		t.Errorf("record: %+v", e)
	}
}

func seamsCheckAndShutdown(t *testing.T, k *kit) {
	w := k.newWorld(t)
	if err := w.guard.Check(t.Context()); err != nil {
		t.Errorf("Check of a working store: %v", err)
	}
	b := w.loggedIn("user")
	b.post("/api/auth/logout", "").expect(200)
	if err := w.guard.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{nguard.EventStartup, nguard.EventLogout, nguard.EventShutdown} {
		if _, ok := w.recorded(name); !ok {
			t.Errorf("after Shutdown there is no record %s", name)
		}
	}
	if w.back.db == nil {
		return // there is nothing that could be closed
	}
	if err := w.back.db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.guard.Check(t.Context()); !errors.Is(err, nguard.ErrUnavailable) {
		t.Errorf("Check of a closed store: %v, want ErrUnavailable", err)
	}
}
