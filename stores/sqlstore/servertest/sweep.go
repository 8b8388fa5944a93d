package servertest

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// fill stores n sessions, the one of number i of the user i, that end at first + i nanoseconds.
func (s Server) fill(t testing.TB, db *sql.DB, n int, first time.Time) {
	t.Helper()
	noise := s.Bytes(make([]byte, 26))
	for _, statement := range []string{
		fmt.Sprintf(`INSERT INTO nguard_epochs (owner, change_mark, revoke_mark, open_count, bumped_at, keep_until)
			SELECT concat('user', n), n, n, 0, %d, %d + n FROM %s`, time.Now().UnixNano(), first.UnixNano(), s.Numbers(n)),
		fmt.Sprintf(`INSERT INTO nguard_sessions
			(id, owner, version, cur, prev, salt, last_seen, seen_at, expires, created, revoke_mark, record)
			SELECT concat('row', n), concat('user', n), 1, %[1]s, NULL, NULL, 1, 1, %[2]d + n, n, n, %[1]s FROM %[3]s`, noise, first.UnixNano(), s.Numbers(n)),
	} {
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
}

// A sweep of many rows passes by those that somebody has locked, and keeps nobody waiting meanwhile: not for
// the rows that it removes, and not for those beside them.
func sweepPasses(t *testing.T, s Server) {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	db := s.Open(t).Open(t)
	store := s.migrated(t, db)
	const rows = 10_000
	s.fill(t, db, rows, time.Now().Add(-time.Hour))

	holder, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Rollback()
	for _, lock := range []string{
		`SELECT id FROM nguard_sessions WHERE id = 'row5000' FOR UPDATE`,
		`SELECT owner FROM nguard_epochs WHERE owner = 'user7000' FOR UPDATE`,
	} {
		var key string
		if err := holder.QueryRow(lock).Scan(&key); err != nil {
			t.Fatal(err)
		}
	}

	var (
		wg    sync.WaitGroup
		swept atomic.Bool
		calls atomic.Int32
	)
	for i := range 4 {
		owner := fmt.Sprint("live", i)
		c := login(t, store, owner)
		wg.Go(func() {
			f := c.Found
			for n := 0; n < 10 || !swept.Load(); n++ {
				if _, err := store.Create(ctx, stamped(owner, c.Stamp), gap(2)); err != nil {
					t.Error(err)
					return
				}
				if _, err := store.Touch(ctx, f, time.Now()); err != nil {
					break // the cap has ended it; it was the oldest
				}
				calls.Add(1)
			}
		})
	}
	removed, err := store.Sweep(ctx, time.Now(), 2*rows)
	swept.Store(true)
	wg.Wait()
	if err != nil || removed != rows-1 {
		t.Fatalf("removed %d, %v; want all but the one that is locked", removed, err)
	}
	if left := all(t, db, `SELECT owner FROM nguard_epochs WHERE owner LIKE 'user%' ORDER BY owner`); fmt.Sprintf("%s", left) != "[user5000 user7000]" {
		t.Fatalf("the epochs %s are left; want that of the locked session, and the locked one", left)
	}
	if calls.Load() == 0 {
		t.Error("no request went on beside the sweep")
	}

	if err := holder.Rollback(); err != nil {
		t.Fatal(err)
	}
	if removed, err = store.Sweep(ctx, time.Now(), 2*rows); err != nil || removed != 1 {
		t.Fatalf("removed %d, %v; want the one that was locked", removed, err)
	}
	if left := all(t, db, `SELECT owner FROM nguard_epochs WHERE owner LIKE 'user%'`); len(left) != 0 {
		t.Fatalf("the epochs %s are left", left)
	}
}
