package adaptertest

import (
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/sqlstore"
)

// another is a second process on the same store: a guard of its own, and handles of its own where that can
// be. What a service keeps outside of them, both processes reach.
func another(t testing.TB, w *world) *world {
	t.Helper()
	b := w.back
	if b.again != nil {
		b = b.k.hold(b.again(t))
		b.sealed = w.back.sealed
	}
	return newWorld(t, b, func(c *nguard.Config) {
		c.Now, c.Lifetime, c.MaxSessions, c.RefuseAtCap = w.config.Now, w.config.Lifetime, w.config.MaxSessions, w.config.RefuseAtCap
	})
}

// via is the same browser, talking to another process of the service.
func (b *browser) via(w *world) *browser {
	return &browser{w: w, base: w.server.URL, client: b.client}
}

// oneDatabase reports whether people live in the database of the sessions, so that a change of both is one
// transaction.
func (b backing) oneDatabase() bool {
	u, ok := nguard.Ability[nguard.Transactional](b.users)
	return ok && b.db != nil && u.Database() == b.db
}

// bySQL reports whether SQL made the backing, so that its tables are known, and what they are like.
func (b backing) bySQL() bool {
	u, ok := nguard.Ability[*sqlUsers](b.users)
	return ok && u.kind.name == sqlite.name && b.oneDatabase()
}

// onlySQL skips a case that looks into tables, unless SQL made them.
func (b backing) onlySQL(t testing.TB) {
	t.Helper()
	if !b.bySQL() {
		t.Skip("not for this backing: sessions, people and records are not in one database, with the tables of adaptertest.SQL")
	}
}

// notSealed skips the rest of a case, which asks for what cookies that hold the session cannot keep.
func (b backing) notSealed(t testing.TB, why string) {
	t.Helper()
	if b.sealed != nil {
		t.Skip("not for this backing: " + why)
	}
}

// keepsUpdates skips the rest of a case about updates at once, where cookies hold the session.
func (b backing) keepsUpdates(t testing.TB) {
	t.Helper()
	b.notSealed(t, "the store lacks NoLostUpdate: of two updates at once the cookie that arrives last counts")
}

// onlySQLite skips a case that changes rows of sessions behind the store's back, unless they are those of
// package sqlstore in SQLite.
func (b backing) onlySQLite(t testing.TB) {
	t.Helper()
	if _, ok := nguard.Ability[*sqlstore.Store](b.store); ok && b.db != nil {
		var version string
		if err := b.db.QueryRow("SELECT sqlite_version()").Scan(&version); err == nil {
			return
		}
	}
	t.Skip("not for this backing: sessions are not in SQLite, in the tables of package sqlstore")
}

// sweeps says whether a sweep, at the time of the guard's clock, removes what is dead and closes what was left
// open. Other stores forget by a clock of their own, which no test moves.
func (b backing) sweeps() bool {
	store := b.store
	if f, ok := store.(*faultyStore); ok {
		store = f.Store // which would answer for every store
	}
	_, ok := nguard.Ability[nguard.Sweeper](store)
	return ok
}

// forget closes changes of these people that nobody has closed: by a sweep long after, or by hand where the
// store does so by its own clock.
func (w *world) forget(t testing.TB, owners ...string) {
	t.Helper()
	w.clock.Advance(nguard.StaleOpen + time.Minute)
	if _, err := w.guard.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, owner := range owners {
		for !w.back.sweeps() && w.epoch(owner).Open > 0 {
			if _, err := ability[nguard.Epochs](w.back.store).Bump(t.Context(), owner, nguard.BumpClose|nguard.BumpChange); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// onlySwept skips a case that is about the sweep.
func (b backing) onlySwept(t testing.TB) {
	t.Helper()
	if !b.sweeps() {
		t.Skip("not for this backing: its rows vanish by themselves, and there is no sweep")
	}
}

// onlyMarked skips a case about changes that are marked while they run.
func (b backing) onlyMarked(t testing.TB) {
	t.Helper()
	if b.oneDatabase() {
		t.Skip("not for this backing: sessions and people are in one database, so that a change is one transaction and nothing is marked")
	}
}
