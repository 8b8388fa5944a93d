package nguard_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// TestHeartbeats: one each 20 seconds, and nothing else while nothing changes.
func TestHeartbeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := newWatched(t, hearing)
		p, leave := opened(t, g, "ada")
		if got := p.took(); !strings.HasPrefix(got, "retry: ") || strings.Count(got, "event: session.updated\n") != 1 {
			t.Errorf("the stream begins with %q", got)
		}
		time.Sleep(time.Hour + time.Second)
		if got := p.took(); got != strings.Repeat(": hb\n\n", 180) {
			t.Errorf("in an hour: %q", got)
		}
		leave()
		synctest.Wait()
		if n := g.OpenStreams(); n != 0 {
			t.Errorf("%d streams are left", n)
		}
	})
}

// TestBounds: what Streams says of its zero fields, and how soon pages come back.
func TestBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := newWatched(t, hearing)
		refused := func(userID string) error {
			p, leave := visited(t, g, userID)
			time.AfterFunc(time.Second, leave) // should it be let in
			return p.events(g)
		}
		for range 20 {
			p, leave := opened(t, g, "ada")
			defer leave()
			if p.waits != 10*time.Second {
				t.Errorf("a write may take %v", p.waits)
			}
			var back int
			if _, err := fmt.Sscanf(p.took(), "retry: %d\n", &back); err != nil || back < 1000 || back >= 4000 {
				t.Errorf("pages come back after %d ms: %v", back, err)
			}
		}
		if err := refused("ada"); !errors.Is(err, nguard.ErrLimited) {
			t.Errorf("the 21st stream of a person: %v", err)
		}
		for i := range 9_980 / 20 {
			p, leave := visited(t, g, fmt.Sprint("user", i))
			defer leave()
			for range 20 {
				go func() { _ = (&page{ctx: p.ctx, cookie: p.cookie, header: http.Header{}}).events(g) }()
			}
		}
		synctest.Wait()
		if n := g.OpenStreams(); n != 10_000 {
			t.Errorf("%d are open", n)
		}
		if err := refused("other"); !errors.Is(err, nguard.ErrUnavailable) {
			t.Errorf("one more than 10 000 in all: %v", err)
		}
		g.EndStreams()
		synctest.Wait()
	})
}

// TestListensWhileNeeded: the store is listened to from the first stream to the last.
func TestListensWhileNeeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now atomic.Int32
		g, s := newWatched(t, func(ctx context.Context, fn func(string)) error {
			now.Add(1)
			defer now.Add(-1)
			return hearing(ctx, fn)
		})
		if now.Load() != 0 {
			t.Error("it listens without a stream")
		}
		_, first := opened(t, g, "ada")
		_, second := opened(t, g, "eve")
		first()
		synctest.Wait()
		if now.Load() != 1 || s.watches.Load() != 1 {
			t.Errorf("%d listen, %d have", now.Load(), s.watches.Load())
		}
		second()
		synctest.Wait()
		if now.Load() != 0 {
			t.Error("it listens on after the last stream")
		}
		_, third := opened(t, g, "ada")
		defer third()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := g.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if now.Load() != 0 || g.OpenStreams() != 0 {
			t.Errorf("after Shutdown %d listen, and %d streams are open", now.Load(), g.OpenStreams())
		}
	})
}

// TestSlowReaderHoldsNobody: a stream whose reader does not read keeps neither the guard's writers nor other
// streams waiting.
func TestSlowReaderHoldsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := newWatched(t, hearing)
		slow, leaveSlow := opened(t, g, "ada")
		p, leave := opened(t, g, "ada")
		slow.full.Store(true)
		time.Sleep(time.Second)
		p.took()
		start := time.Now()
		for range 3 {
			if err := g.RevokeUser(job, "eve"); err != nil {
				t.Fatal(err)
			}
			if err := g.UserChanged(job, "ada"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(30 * time.Second) // the slow one writes, and waits
		}
		if err := g.RevokeUser(job, "ada"); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != 90*time.Second {
			t.Errorf("writers waited: %v", took)
		}
		time.Sleep(time.Second)
		if got := p.took(); !strings.Contains(got, "session.revoked") {
			t.Errorf("told %q", got)
		}
		close(slow.blocks)
		leaveSlow()
		leave()
		synctest.Wait()
		if n := g.OpenStreams(); n != 0 {
			t.Errorf("%d streams are left", n)
		}
	})
}
