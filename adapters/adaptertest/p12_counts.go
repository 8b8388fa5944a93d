package adaptertest

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

func traceRepetitions(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
		sum := func() (records, total int) {
			for _, e := range w.back.read() {
				if e.Name == nguard.EventAuthzFail && e.Actor == "user" {
					records++
					total += 1 + e.Count
				}
			}
			return records, total
		}
		user, other := w.settled("user"), w.settled("other")
		for range 37 {
			user.get("/admin").expect(403)
		}
		other.get("/admin").expect(403) // another person's is not drowned
		w.await("the other's", func(e nguard.Event) bool { return e.Name == nguard.EventAuthzFail && e.Actor == "other" })
		if records, _ := sum(); records != 10 {
			t.Errorf("%d records of 37 denials in a minute, want 10", records)
		}
		w.clock.Advance(time.Minute)
		user.get("/admin").expect(403)
		w.await("the count", func(e nguard.Event) bool { return e.Name == nguard.EventAuthzFail && e.Count == 27 })
		if records, total := sum(); records != 11 || total != 38 {
			t.Errorf("%d records stand for %d denials, want 11 for 38", records, total)
		}
		for range 24 {
			user.get("/admin").expect(403)
		}
		if err := w.guard.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		if records, total := sum(); total != 38+24 || records != 21 {
			t.Errorf("after the end %d records stand for %d denials, want 21 for 62", records, total)
		}
	})
}

func traceStrangers(t *testing.T, k *kit) {
	w := k.newWorld(t)
	b := w.browser()
	const strangers = 300
	for i := range strangers {
		b.post("/api/auth/login", fmt.Sprintf(`{"id":"stranger-%d","password":"x"}`, i)).expect(401)
	}
	if err := w.guard.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, e := range w.back.read() {
		if e.Name == nguard.EventLoginFail {
			total += 1 + e.Count
		}
	}
	if total != strangers {
		t.Errorf("records stand for %d failures, want %d", total, strangers)
	}
}

func traceLoginsUnderFailure(t *testing.T, k *kit) {
	k.eachFaulty(t, func(t *testing.T, w *world, f *faults) {
		ops := []string{"identify", "epoch", "authenticate", "create", "record attempt", "none"}
		var n atomic.Int64
		b := w.browser()
		want := 0
		for i := range 42 {
			op := ops[i%len(ops)]
			if w.back.oneDatabase() && op == "record attempt" {
				op = "record success" // in the transaction
			}
			f.set(func(ctx context.Context, o string, run func() error) error {
				if o == op && counted(ctx) {
					n.Add(1)
					return errBroken
				}
				return run()
			})
			status := 503
			if op == "none" {
				status = 200
			}
			b.post("/api/auth/login", credentials).expect(status)
			want++
			w.clock.Advance(time.Minute)
			f.mend()
		}
		if err := w.guard.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		requests := map[string]bool{}
		for _, e := range w.back.read() {
			if e.Outcome != nguard.Attempt && e.RequestID != "" && (strings.HasPrefix(e.Name, "authn_login") || e.Name == nguard.EventInputInvalid) {
				requests[e.RequestID] = true
			}
		}
		if len(requests) != want || n.Load() != 35 {
			t.Errorf("%d of %d logins left a record, %d failed", len(requests), want, n.Load())
		}
	})
}
