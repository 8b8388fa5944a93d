package adaptertest

import (
	"database/sql"
	"errors"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

var allOrNothing = []rule{
	{"P2 every statement", "In one database every change is one transaction: whichever statement fails, and however, nothing has changed and the answer is 503; only where the answer of a commit, or of a statement that is a transaction of its own, was lost is the outcome said to be unknown.", everyStatement},
	{"P2 every statement of a job", "The same for a change that no request makes.", everyStatementOfJob},
	{"P2 own errors come back", "What the function of a program says is returned as it is, and is no outage.", ownErrorsComeBack},
	{"P2 the marked way, step by step", "Each step of a change may fail: the answer says what is known, and sessions follow the users table from then on, whatever it came to.", markedStepByStep},
	{"P2 conflicts for good", "A change of one's own that meets a conflict at each try ends at its deadline: 409, nothing has changed, and nothing is left open.", conflictsForGood},
	{"P2 a crash at every step", "A process dies before or after any step. Another process, over the same store and users: sessions follow the users table at their next request, no stale role is granted, and after a sweep all is quiet.", crashAtEveryStep},
	{"P2 an epoch left open", "An open epoch that its process has left behind slows its person down and shuts nobody out, and a later change works as ever.", openEpochIsRight},
	{"P2 a transaction of the program", "The program begins a transaction, and nguard joins it: what the program rolls back has not happened, and what it commits has, to the last part.", transactionOfProgram},
}

func ownErrorsComeBack(t *testing.T, k *kit) {
	mine := errors.New("not on a Sunday")
	k.each(t, func(t *testing.T, w *world) {
		ctx := nguard.WithActor(t.Context(), "admin")
		_, err := w.guard.ChangeUser(ctx, "user", func(u *nguard.User) error { u.Role = "admin"; return mine })
		if !errors.Is(err, mine) || errors.Is(err, nguard.ErrUnavailable) {
			t.Errorf("ChangeUser: %v", err)
		}
		b := w.loggedIn("user")
		s, err := w.guard.Lookup(ctx, b.token())
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.guard.Update(ctx, "user", s.ID(), func(d *nguard.Draft) error { return errors.Join(theme.Set(d, "dark"), mine) })
		if !errors.Is(err, mine) || errors.Is(err, nguard.ErrUnavailable) {
			t.Errorf("Update: %v", err)
		}
		if got := b.get("/api/auth/session").expect(200).at("session", "data", "theme"); got != "light" {
			t.Errorf("theme is %v", got)
		}
	})
}

func transactionOfProgram(t *testing.T, k *kit) {
	b := k.open(t)
	b.onlySQL(t)
	if _, err := b.db.Exec(`CREATE TABLE orders (id INTEGER PRIMARY KEY)`); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, b)
	order := func(c Ctx, end func(*sql.Tx) error) {
		tx, err := b.db.BeginTx(c.Context(), nil)
		if err != nil {
			c.Fail(err)
			return
		}
		defer tx.Rollback()
		_, err = tx.Exec(`INSERT INTO orders DEFAULT VALUES`)
		ctx := nguard.WithTx(c.Context(), b.db, tx)
		req := c.From()
		if err == nil {
			_, err = req.Update(ctx, func(d *nguard.Draft) error {
				return errors.Join(theme.Set(d, "dark"), role.Set(d, "moderator"), draftBox.Set(d, "ordered"))
			})
		}
		if err == nil {
			_, err = req.Guard().ChangeUser(ctx, "other", func(u *nguard.User) error { u.Name = "Otto Orders"; return nil })
		}
		if err == nil {
			err = end(tx)
		}
		if err == nil { // the Request goes on working after either
			_, err = req.Update(c.Context(), func(d *nguard.Draft) error { return visits.Modify(d, func(n int) int { return n + 1 }) })
		}
		if err != nil {
			c.Fail(err)
		}
	}
	base := w.pages(
		Route{Method: "POST", Path: "/order", Handle: func(c Ctx) { order(c, (*sql.Tx).Rollback) }},
		Route{Method: "POST", Path: "/order/commit", Handle: func(c Ctx) { order(c, (*sql.Tx).Commit) }},
	)

	for _, aged := range []bool{false, true} {
		user := w.browserAt(base)
		user.login("user")
		other := w.settled("other")
		if w.clock.Advance(nguard.Grace + time.Second); aged {
			w.clock.Advance(2 * time.Hour / 3)
			user.get("/api/auth/session").expect(200)
			w.clock.Advance(2 * time.Hour / 3) // older than RotateEvery
		}
		recorded := successes(t, b.db)
		user.post("/order", "").expect(200)
		var orders int
		if err := b.db.QueryRow(`SELECT count(*) FROM orders`).Scan(&orders); err != nil || orders != 0 {
			t.Fatalf("%d orders, %v", orders, err)
		}
		if p := w.person("user"); p.Role != "user" || p.Data["theme"] != nil || w.person("other").Name != "Otto Other" {
			t.Errorf("after a rollback the users are %+v and %+v", p, w.person("other"))
		}
		s := user.get("/api/auth/session").expect(200) // rolled back, not signed out
		if s.at("session", "role") != "user" || s.at("session", "data", "theme") != "light" || s.at("session", "data", "draft") != "" ||
			s.at("session", "data", "visits") != 1.0 {
			t.Errorf("after a rollback the session is %s", s.raw)
		}
		if n := successes(t, b.db) - recorded; n > 2 { // the visit, and perhaps a rotation
			t.Errorf("%d successes are recorded after a rollback", n)
		}
		other.get("/api/auth/session")
	}

	user, other := w.browserAt(base), w.settled("other")
	user.login("user")
	recorded := successes(t, b.db)
	user.post("/order/commit", "").expect(200)
	s := user.get("/api/auth/session").expect(200)
	if s.at("session", "role") != "moderator" || s.at("session", "data", "theme") != "dark" || s.at("session", "data", "draft") != "ordered" {
		t.Errorf("after a commit the session is %s", s.raw)
	}
	if got := other.get("/api/auth/session").expect(200).at("session", "user", "name"); got != "Otto Orders" {
		t.Errorf("after a commit the other person is %v", got)
	}
	if n := successes(t, b.db) - recorded; n != 3 {
		t.Errorf("%d successes are recorded after a commit, want 3", n)
	}
}
