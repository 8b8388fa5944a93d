package sqlstore

import (
	"context"
	"database/sql"
	"strconv"
	"strings"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// batch is how many rows one statement of a sweep touches: the time for which it keeps other writers
// waiting.
const batch = 200

// Sweep runs small statements, or small transactions, that each find their rows and change them in one step.
func (b *rows) Sweep(ctx context.Context, now time.Time, n int) (int, error) {
	at := now.UnixNano()
	removed, err := b.batches(ctx, n, chore{find: opDead, do: opSweep, which: []any{at}})
	if err != nil {
		return removed, err
	}
	_, err = b.batches(ctx, n, chore{
		find: opStale, do: opSettle,
		set:   []any{at, now.Add(nguard.KeepEpoch).UnixNano()},
		which: []any{now.Add(-nguard.StaleOpen).UnixNano()},
	})
	if err != nil || removed >= n {
		// Where dead rows are left, nearly every epoch that could go has one: each would be looked at, and nearly
		// none be dropped, at every call.
		return removed, err
	}
	_, err = b.batches(ctx, n, chore{find: opIdle, do: opForget, which: []any{at}})
	return removed, err
}

// chore is one part of a sweep: what rows are changed to, and which ones they are.
type chore struct {
	find, do   op
	set, which []any
}

// batches does a chore in batches until there is no more to do or n rows are done.
func (b *rows) batches(ctx context.Context, n int, c chore) (int, error) {
	done := 0
	for done < n {
		limit := min(n-done, batch)
		found, touched, err := b.some(ctx, c, limit)
		done += touched
		if err != nil || found < limit {
			return done, err
		}
	}
	return done, nil
}

// some does a chore for at most limit rows, and says how many it found and how many it changed. A database
// that can lock rows, and pass by those that others have locked, does it in two statements: the first locks
// what it finds, and the second judges what became of it until then.
func (b *rows) some(ctx context.Context, c chore, limit int) (found, touched int, err error) {
	if b.dialect.sql[c.find].text == "" {
		n, err := b.exec(ctx, c.do, concat(c.set, c.which, []any{limit})...)
		return int(n), int(n), err
	}
	err = b.tx(ctx, func(ctx context.Context) error {
		touched = 0
		keys := make([]any, 0, batch)
		found, err = b.query(ctx, c.find, func(i int, rs *sql.Rows) error {
			var key string
			keys = append(keys[:i], nil)
			err := rs.Scan(&key)
			keys[i] = key
			return err
		}, concat(c.which, []any{limit})...)
		if err != nil || found == 0 {
			return err
		}
		keys = keys[:found]
		for len(keys) < batch {
			keys = append(keys, keys[0]) // one statement for every number of keys
		}
		n, err := b.exec(ctx, c.do, concat(c.set, keys)...)
		touched = int(n)
		return err
	}, c.find, c.do)
	if err != nil {
		return 0, 0, err
	}
	return found, touched, nil
}

func concat(lists ...[]any) (all []any) {
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

// places are the numbers of a batch of keys, from first on, each behind a mark: $1, $2 and so on.
func places(mark string, first int) string {
	var b strings.Builder
	for i := range batch {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(mark + strconv.Itoa(first+i))
	}
	return b.String()
}
