package sqltest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nguard-go/nguard/audit"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/servicetest"
)

// remote opens a sink whose database is reached through a proxy, and one that reaches it directly.
func remote(t *testing.T, run func(t *testing.T, through, direct *audit.SQL, p *servicetest.Proxy)) {
	for i, open := range []func(testing.TB) servicetest.Database{servicetest.Postgres, servicetest.MySQL} {
		d := databases[i+1]
		t.Run(d.name, func(t *testing.T) {
			place := open(t)
			p := servicetest.NewProxy(t, place.Addr)
			direct := d.sink(t, place.Open(t))
			db, _ := place.Through(p).Listen(t)
			through, err := audit.NewSQL(db, d.dialect)
			if err != nil {
				t.Fatal(err)
			}
			run(t, through, direct, p)
		})
	}
}

// TestAnswerLost: an insert whose answer does not come may have been done, and says so.
func TestAnswerLost(t *testing.T) {
	remote(t, func(t *testing.T, through, direct *audit.SQL, p *servicetest.Proxy) {
		record(t, through, t.Context(), event(1))
		p.Hang()
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		begun := time.Now()
		err := through.Record(ctx, event(2))
		if !errors.Is(err, nguard.ErrUnavailable) || !errors.Is(err, nguard.ErrOutcomeUnknown) {
			t.Errorf("no answer: %v", err)
		}
		if took := time.Since(begun); took > 2*time.Second {
			t.Errorf("took %v, the deadline was 200 ms", took)
		}
		p.Heal(t)
		record(t, through, t.Context(), event(3))
		if got := ids(list(t, direct, audit.Filter{})); got != "3 1" && got != "3 2 1" {
			t.Errorf("records %s", got)
		}
	})
}

// TestPurgeLost: the same holds for what deletes.
func TestPurgeLost(t *testing.T) {
	remote(t, func(t *testing.T, through, direct *audit.SQL, p *servicetest.Proxy) {
		record(t, through, t.Context(), event(1))
		p.Hang()
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		_, err := through.Purge(ctx, clock.Add(time.Hour))
		if !errors.Is(err, nguard.ErrUnavailable) || !errors.Is(err, nguard.ErrOutcomeUnknown) {
			t.Errorf("no answer: %v", err)
		}
		_, err = through.Purge(ctx, clock.Add(time.Hour))
		if !errors.Is(err, nguard.ErrUnavailable) || errors.Is(err, nguard.ErrOutcomeUnknown) {
			t.Errorf("ended before it began: %v", err)
		}
		p.Refuse()
		_, err = through.Purge(t.Context(), clock.Add(time.Hour))
		if !errors.Is(err, nguard.ErrUnavailable) || errors.Is(err, nguard.ErrOutcomeUnknown) {
			t.Errorf("refused: %v", err)
		}
		p.Heal(t)
		if _, err := direct.Purge(t.Context(), clock.Add(time.Hour)); err != nil || len(list(t, direct, audit.Filter{})) != 0 {
			t.Errorf("after it: %v", err)
		}
	})
}

// TestPurgeLeft: whoever leaves between two steps has sent nothing that is not answered.
func TestPurgeLeft(t *testing.T) {
	db, w := servicetest.SQLite(t, "").Listen(t)
	s := databases[0].sink(t, db)
	if _, err := db.ExecContext(t.Context(), fill["sqlite"][0]); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	w.Fault(func(string) error {
		cancel()
		return nil
	})
	n, err := s.Purge(ctx, clock)
	if n != 1000 || !errors.Is(err, nguard.ErrUnavailable) || errors.Is(err, nguard.ErrOutcomeUnknown) {
		t.Errorf("purged %d, %v", n, err)
	}
}

// TestRefusedConnection: without a connection nothing was sent, and that is no unknown outcome.
func TestRefusedConnection(t *testing.T) {
	remote(t, func(t *testing.T, through, _ *audit.SQL, p *servicetest.Proxy) {
		p.Refuse()
		err := through.Record(t.Context(), event(1))
		if !errors.Is(err, nguard.ErrUnavailable) || errors.Is(err, nguard.ErrOutcomeUnknown) {
			t.Errorf("refused: %v", err)
		}
		if _, err := through.List(t.Context(), audit.Filter{}); !errors.Is(err, nguard.ErrUnavailable) {
			t.Errorf("list: %v", err)
		}
		p.Heal(t)
		record(t, through, t.Context(), event(2))
	})
}

// TestCut: connections break while many write. What was said to be written is there, once; what was said not
// to be is not.
func TestCut(t *testing.T) {
	remote(t, func(t *testing.T, through, direct *audit.SQL, p *servicetest.Proxy) {
		const writers, each = 8, 40
		said := make([]error, writers*each)
		var wg sync.WaitGroup
		var written atomic.Int32
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					n := w*each + i
					said[n] = through.Record(t.Context(), event(n))
					if said[n] == nil && written.Add(1)%writers == 0 {
						p.Cut() // in the middle of what the others do
					}
				}
			})
		}
		wg.Wait()
		there := map[string]int{}
		for _, e := range list(t, direct, audit.Filter{Limit: 500}) {
			there[strings.TrimPrefix(e.ID, "id-")]++
		}
		failed := 0
		for n, err := range said {
			count := there[strings.TrimPrefix(event(n).ID, "id-")]
			switch {
			case err == nil && count != 1:
				t.Errorf("record %d was written, and is there %d times", n, count)
			case err != nil && !errors.Is(err, nguard.ErrOutcomeUnknown) && count != 0:
				t.Errorf("record %d was not written, and is there: %v", n, err)
			case count > 1:
				t.Errorf("record %d is there %d times", n, count)
			}
			if err != nil {
				failed++
			}
		}
		if t.Logf("%d of %d failed", failed, len(said)); failed == 0 || failed == len(said) {
			t.Error("the test is about records of both kinds")
		}
	})
}
