package servertest

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/storetest"
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
	store := s.Migrated(t, db)
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
		c := storetest.Login(t, store, owner)
		wg.Go(func() {
			f := c.Found
			for n := 0; n < 10 || !swept.Load(); n++ {
				if _, err := store.Create(ctx, storetest.Stamped(owner, c.Stamp), gap(2)); err != nil {
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
	left := all(t, db, `SELECT owner FROM nguard_epochs WHERE owner LIKE 'user%' ORDER BY owner`)
	if fmt.Sprintf("%s", left) != "[user5000 user7000]" {
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
	if left = all(t, db, `SELECT owner FROM nguard_epochs WHERE owner LIKE 'user%'`); len(left) != 0 {
		t.Fatalf("the epochs %s are left", left)
	}
}

// A sweep that leaves dead rows behind for want of n does not look for epochs without sessions: nearly all have
// some yet, and it would ask for each of them, at every batch of a service that was off for long.
func sweepBacklog(t *testing.T, s Server) {
	ctx := t.Context()
	db := s.Open(t).Open(t)
	store := s.Migrated(t, db)
	var last nguard.Created
	for i := range 4 {
		last = storetest.Login(t, store, fmt.Sprint("user", i))
	}
	if err := store.Delete(ctx, last.Owner, last.ID); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		n    int
		left string
	}{{2, "[user0 user1 user2 user3]"}, {10, "[]"}} {
		if _, err := store.Sweep(ctx, last.Expires.Add(nguard.KeepEpoch), step.n); err != nil {
			t.Fatal(err)
		}
		if left := fmt.Sprintf("%s", all(t, db, `SELECT owner FROM nguard_epochs ORDER BY owner`)); left != step.left {
			t.Fatalf("the epochs %s are left, want %s", left, step.left)
		}
	}
}

// A sweep that drops the epoch of a user without sessions, and a login of that user at the same time: the epoch of
// a session that was made is there.
func sweepAndLogin(t *testing.T, s Server) {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	db := s.Open(t).Open(t)
	store := s.Migrated(t, db)
	for round := range 40 {
		// The sweep's time is one at which every epoch was idle before the logins, and none is after them.
		at := time.Now().Add(48 * time.Hour)
		records := make([]*nguard.Record, 8)
		for i := range records {
			owner := fmt.Sprint("user", round, " ", i)
			e, err := store.Bump(ctx, owner, nguard.BumpChange)
			if err != nil {
				t.Fatal(err)
			}
			records[i] = storetest.Stamped(owner, e)
			records[i].Expires, records[i].Idle = at.Add(time.Hour), 0
		}
		var wg sync.WaitGroup
		start := make(chan struct{})
		for _, r := range records {
			wg.Go(func() {
				<-start
				c, err := store.Create(ctx, r, gap(2))
				if err != nil {
					t.Error(err)
					return
				}
				if f, err := store.Load(ctx, c.Live); err != nil || f.User.Revoke != c.Stamp.Revoke {
					t.Errorf("the epoch %+v of a session of %+v, %v", f.User, c.Stamp, err)
				}
			})
		}
		for range 2 {
			wg.Go(func() {
				<-start
				if _, err := store.Sweep(ctx, at, 100); err != nil {
					t.Error(err)
				}
			})
		}
		close(start)
		wg.Wait()
		for _, r := range records {
			list, err := store.List(ctx, r.Owner, "", 10)
			if err != nil || len(list) != 1 || list[0].User.Revoke != r.Stamp.Revoke {
				t.Fatalf("%d sessions of %s, %v", len(list), r.Owner, err)
			}
		}
	}
}
