package promises

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nguard-go/nguard/adapters/httpguard"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
)

// p02Change is a change over HTTP. ready brings the world into the state before it and returns the request.
type p02Change struct {
	name  string
	ready func(w *world) func() answer
}

// settled is a browser whose bookkeeping is done, so that a request of it writes what it is for.
func (w *world) settled(userID string) *browser {
	w.t.Helper()
	b := w.loggedIn(userID)
	b.get("/api/auth/session").expect(200)
	return b
}

func p02Changes() []p02Change {
	as := func(userID, method, path, body string) func(w *world) func() answer {
		return func(w *world) func() answer {
			b := w.settled(userID)
			return func() answer { return b.do(method, path, body) }
		}
	}
	return []p02Change{
		{"role of another", as("admin", "POST", "/api/auth/update-role", `{"userId":"user","newRole":"moderator"}`)},
		{"own role", as("admin2", "POST", "/api/auth/update-role", `{"userId":"admin2","newRole":"user"}`)},
		{"own theme", as("user", "POST", "/api/auth/update", `{"data":{"theme":"dark"}}`)},
		{"theme and a field of the session", as("user", "POST", "/api/auth/update", `{"theme":"dark","draft":"a"}`)},
		{"a field of the session", as("user", "POST", "/api/auth/update", `{"draft":"a"}`)},
		{"refresh", func(w *world) func() answer {
			b := w.settled("user")
			w.clock.Advance(nguard.Grace + time.Second)
			return func() answer { return b.post("/api/auth/refresh", "") }
		}},
		{"step-up", as("user", "POST", "/step-up", "")},
		{"login", func(w *world) func() answer {
			b := w.browser()
			return func() answer {
				return b.post("/api/auth/login", `{"id":"user","password":"`+guardtest.Password+`"}`)
			}
		}},
		{"login over another person's session", func(w *world) func() answer {
			b := w.settled("other")
			return func() answer {
				return b.post("/api/auth/login", `{"id":"user","password":"`+guardtest.Password+`"}`)
			}
		}},
		{"logout", as("user", "POST", "/api/auth/logout", "")},
		{"log out all other devices", func(w *world) func() answer {
			b := w.settled("user")
			w.settled("user")
			return func() answer { return b.do("DELETE", "/api/auth/sessions", "") }
		}},
		{"log out one other device", func(w *world) func() answer {
			b, other := w.settled("user"), w.settled("user")
			id := strings.SplitN(other.get("/api/auth/session").header.Get(nguard.VersionHeader), ".", 2)[0]
			return func() answer { return b.do("DELETE", "/api/auth/sessions/"+id, "") }
		}},
	}
}

// In one database every change is one transaction: whichever statement fails, and however, nothing has
// changed and the answer is 503; only where the answer of a commit, or of a statement that is a
// transaction of its own, was lost is the outcome said to be unknown.
func TestP02_OneDatabaseEveryStatement(t *testing.T) {
	for _, mode := range []sqlFault{refused, lost, answered} {
		t.Run(mode.String(), func(t *testing.T) {
			b, d := faultySQLite(t)
			for _, c := range p02Changes() {
				t.Run(c.name, func(t *testing.T) {
					w := newWorld(t, b)
					for n := 1; ; n++ {
						for _, p := range people() {
							b.put(p)
						}
						if _, err := b.db.Exec(`DELETE FROM nguard_sessions; DELETE FROM nguard_audit`); err != nil { // short dumps
							t.Fatal(err)
						}
						do := c.ready(w)
						before, recorded := dump(t, b.db), successes(t, b.db)
						d.arm(n, mode)
						a := do()
						fired := d.disarm()
						after, now := dump(t, b.db), successes(t, b.db)
						what := fmt.Sprintf("statement %d %s (%s): %d %s", n, mode, fired, a.status, a.raw)
						switch code := codeOf(a); {
						case a.status == 200:
							if before == after {
								t.Errorf("%s: nothing has changed", what)
							}
						case a.status != 503 || a.header.Get("Retry-After") == "":
							t.Errorf("%s: want 503 with Retry-After", what)
						case code == "unavailable":
							if before != after {
								t.Errorf("%s: something has changed:%s", what, difference(before, after))
							}
							if now != recorded {
								t.Errorf("%s: a success is recorded", what)
							}
						case code == "outcome_unknown":
							if mode == refused {
								t.Errorf("%s: the database has answered, so the outcome is known", what)
							}
							if own := fired != "COMMIT" && !strings.HasPrefix(fired, "DELETE FROM nguard_sessions") && !strings.HasPrefix(fired, "INSERT INTO nguard_epochs"); own && c.name != "log out all other devices" {
								t.Errorf("%s: only a commit can leave the outcome unknown", what)
							}
							if before == after && now != recorded {
								t.Errorf("%s: a success is recorded and nothing has changed", what)
							}
						}
						if a.status != 200 && (len(a.header.Values("Set-Cookie")) > 0 || strings.Contains(string(a.raw), "nguard_")) {
							t.Errorf("%s: a cookie or internals in the answer: %v", what, a.header)
						}
						if fired == "" {
							a.expect(200)
							if n < 2 {
								t.Fatal("no statement was counted")
							}
							return
						}
						if t.Failed() || n > 60 {
							t.FailNow()
						}
					}
				})
			}
		})
	}
}

// difference is the rows of two dumps that are not in both.
func difference(before, after string) string {
	var b strings.Builder
	for _, side := range [][3]string{{"-", before, after}, {"+", after, before}} {
		for _, line := range strings.Split(side[1], "\n") {
			if !strings.Contains(side[2], line) {
				b.WriteString("\n" + side[0] + " " + line)
			}
		}
	}
	return b.String()
}

// codeOf is the member "code" of an error.
func codeOf(a answer) string {
	a.t.Helper()
	if a.status < 400 {
		return ""
	}
	code, _ := a.at("code").(string)
	return code
}

// The same for a change that no request makes.
func TestP02_OneDatabaseChangeUser(t *testing.T) {
	ctx := context.WithValue(nguard.WithActor(t.Context(), "job:promote"), countedKey{}, true)
	for _, mode := range []sqlFault{refused, lost, answered} {
		t.Run(mode.String(), func(t *testing.T) {
			b, d := faultySQLite(t)
			w := newWorld(t, b)
			w.settled("user")
			for n := 1; ; n++ {
				b.put(people()[3])
				before, recorded := dump(t, b.db), successes(t, b.db)
				d.arm(n, mode)
				_, err := w.guard.ChangeUser(ctx, "user", func(u *nguard.User) error { u.Role, u.Name = "moderator", "Uma M."; return nil })
				fired := d.disarm()
				if fired == "" {
					if err != nil || before == dump(t, b.db) {
						t.Fatalf("nothing failed and nothing changed: %v", err)
					}
					return
				}
				unknown := errors.Is(err, nguard.ErrOutcomeUnknown)
				if !errors.Is(err, nguard.ErrUnavailable) || unknown != (fired == "COMMIT" && mode != refused) {
					t.Fatalf("statement %d (%s): %v", n, fired, err)
				}
				if !unknown && (before != dump(t, b.db) || recorded != successes(t, b.db)) {
					t.Fatalf("statement %d (%s): something has changed:%s", n, fired, difference(before, dump(t, b.db)))
				}
			}
		})
	}
}

// What the function of a program says is returned as it is, and is no outage.
func TestP02_OwnErrorsComeBack(t *testing.T) {
	mine := errors.New("not on a Sunday")
	each(t, func(t *testing.T, w *world) {
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

// eachMarked runs a test where users and sessions live apart.
func eachMarked(t *testing.T, fn func(t *testing.T, w *world, f *faults), options ...func(*nguard.Config)) {
	t.Helper()
	for _, make := range []func(testing.TB) backing{memory, split} {
		b, f := faulty(make(t))
		t.Run(b.name, func(t *testing.T) {
			w := newWorld(t, b, options...)
			t.Cleanup(f.mend)
			fn(t, w, f)
		})
	}
}

func (w *world) person(id string) nguard.User {
	w.t.Helper()
	u, err := w.back.users.User(context.Background(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return u
}

func (w *world) epoch(id string) nguard.Epoch {
	w.t.Helper()
	e, err := ability[nguard.Epochs](w.back.store).Epoch(context.Background(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return e
}

// touchEpochs makes sure that these people have an epoch, and that it differs from any stamp.
func (w *world) touchEpochs(ids ...string) {
	w.t.Helper()
	for _, id := range ids {
		if _, err := ability[nguard.Epochs](w.back.store).Bump(context.Background(), id, nguard.BumpChange); err != nil {
			w.t.Fatal(err)
		}
	}
}

// clear removes all sessions of some people, without a word.
func (w *world) clear(ids ...string) {
	w.t.Helper()
	for _, id := range ids {
		list, err := ability[nguard.Lister](w.back.store).List(context.Background(), id, "", 1000)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, f := range list {
			if err := w.back.store.Delete(context.Background(), f.Owner, f.ID); err != nil {
				w.t.Fatal(err)
			}
		}
	}
}

// snapshot is all that is stored of some people, as text.
func (w *world) snapshot(ids ...string) string {
	w.t.Helper()
	var b strings.Builder
	for _, id := range ids {
		fmt.Fprintf(&b, "%+v\n", w.person(id))
		if e := w.epoch(id); e == w.epoch(id) { // else there is none yet, and each answer is random
			fmt.Fprintf(&b, "%+v\n", e)
		}
		list, err := ability[nguard.Lister](w.back.store).List(context.Background(), id, "", 100)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, f := range list {
			fmt.Fprintf(&b, "%+v %v %v\n", *f.Record, f.LastSeen, f.SeenAt)
		}
	}
	return b.String()
}

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

// The table of design.md section 5: what is answered when each step fails, and that sessions follow the
// users table from then on, whatever it came to.
func TestP02_MarkedWayStepByStep(t *testing.T) {
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
			eachMarked(t, func(t *testing.T, w *world, f *faults) {
				for _, step := range steps {
					t.Run(step.name, func(t *testing.T) {
						w := *w
						w.t = t
						f.mend()
						for _, p := range people() {
							w.back.put(p)
						}
						w.touchEpochs("admin", "admin2")
						other, by := w.settled(target), w.settled(caller)
						before := w.snapshot("admin", "admin2")
						f.set(step.fault)
						a := by.post("/api/auth/update-role", `{"userId":"`+target+`","newRole":"user"}`)
						f.mend()

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
								return e.Name == nguard.EventAuthzChange && e.Outcome == nguard.Success && e.RequestID != "" && e.Target == target
							})
						}

						w.clock.Advance(nguard.StaleOpen + time.Minute)
						if _, err := w.guard.Sweep(t.Context()); err != nil {
							t.Fatal(err)
						}
						if got := w.epoch(target).Open; got != 0 {
							t.Errorf("epoch is open %d times after the sweep", got)
						}
						other.followsTable(target)
						other.quiet(f)
						by.quiet(f)
					})
				}
			}, func(c *nguard.Config) { c.Timeout = 200 * time.Millisecond })
		})
	}
}

// A process dies before or after any step. Another process, over the same store and users: sessions
// follow the users table at their next request, no stale role is granted, and after a sweep all is quiet.
func TestP02_CrashAtEveryStep(t *testing.T) {
	marked := []string{"bump open", "record attempt", "update user", "bump settle", "replace", "record success"}
	together := []string{"user", "update user", "bump change", "replace", "record success"}
	die := func(op string, after bool) fault {
		var once sync.Once
		return func(ctx context.Context, o string, run func() error) error {
			mine := false
			if o == op && counted(ctx) {
				once.Do(func() { mine = true })
			}
			if mine && !after {
				runtime.Goexit()
			}
			err := run()
			if mine {
				runtime.Goexit()
			}
			return err
		}
	}
	for _, make := range []func(testing.TB) backing{memory, sqlite, split} {
		b, f := faulty(make(t))
		ops := marked
		if b.name == "sqlite" {
			ops = together
		}
		t.Run(b.name, func(t *testing.T) {
			var passed time.Duration // time does not go back from one case to the next
			for _, caller := range []string{"admin", "admin2"} {
				for _, op := range ops {
					for _, after := range []bool{false, true} {
						if op == "replace" && caller == "admin" {
							continue // no session of the caller is part of it
						}
						t.Run(fmt.Sprintf("%s dies at %s, done %v", caller, op, after), func(t *testing.T) {
							f.mend()
							for _, p := range people() {
								b.put(p)
							}
							w := newWorld(t, b)
							w.clock.Advance(passed)
							w.touchEpochs("admin", "admin2")
							victim, by := w.settled("admin2"), w.settled(caller)
							before := w.snapshot("admin", "admin2")
							f.set(die(op, after))
							if a, err := by.try("POST", "/api/auth/update-role", `{"userId":"admin2","newRole":"user"}`); err == nil {
								t.Fatalf("the process lives and answers %d %s", a.status, a.raw)
							}
							f.mend()
							if after := w.snapshot("admin", "admin2"); b.db != nil && b.name == "sqlite" && after != before {
								t.Errorf("something has changed:%s", difference(before, after))
							}

							next := newWorld(t, b)
							next.clock.Advance(passed)
							w.browser().hold(victim.token()).followsTable("admin2") // a node that lives on
							victim, by = next.browser().hold(victim.token()), next.browser().hold(by.token())
							victim.followsTable("admin2")
							by.followsTable(caller)
							passed += nguard.StaleOpen + time.Minute
							next.clock.Advance(nguard.StaleOpen + time.Minute)
							if _, err := next.guard.Sweep(t.Context()); err != nil {
								t.Fatal(err)
							}
							if open := next.epoch("admin2").Open; open != 0 {
								t.Errorf("epoch is open %d times after the sweep", open)
							}
							victim.quiet(f)
							by.quiet(f)
							victim.followsTable("admin2")
						})
					}
				}
			}
		})
	}
}

// An open epoch that its process has left behind slows its person down and shuts nobody out, and a
// later change works as ever.
func TestP02_OpenEpochIsRightAndSlow(t *testing.T) {
	eachMarked(t, func(t *testing.T, w *world, f *faults) {
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

// The program begins a transaction, and nguard joins it: what the program rolls back has not happened,
// and what it commits has, to the last part.
func TestP02_ApplicationTransaction(t *testing.T) {
	b := sqlite(t)
	if _, err := b.db.Exec(`CREATE TABLE orders (id INTEGER PRIMARY KEY)`); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, b)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /order", func(rw http.ResponseWriter, r *http.Request) {
		tx, err := b.db.BeginTx(r.Context(), nil)
		if err != nil {
			httpguard.Fail(rw, r, err)
			return
		}
		defer tx.Rollback()
		_, err = tx.Exec(`INSERT INTO orders DEFAULT VALUES`)
		ctx := nguard.WithTx(r.Context(), b.db, tx)
		req := httpguard.From(r)
		if err == nil {
			_, err = req.Update(ctx, func(d *nguard.Draft) error {
				return errors.Join(theme.Set(d, "dark"), role.Set(d, "moderator"), draftBox.Set(d, "ordered"))
			})
		}
		if err == nil {
			_, err = req.Guard().ChangeUser(ctx, "other", func(u *nguard.User) error { u.Name = "Otto Orders"; return nil })
		}
		if err == nil && r.URL.Query().Has("commit") {
			err = tx.Commit()
		} else if err == nil {
			err = tx.Rollback()
		}
		if err == nil { // the Request goes on working after either
			_, err = req.Update(r.Context(), func(d *nguard.Draft) error { return visits.Modify(d, func(n int) int { return n + 1 }) })
		}
		if err != nil {
			httpguard.Fail(rw, r, err)
		}
	})
	server := httptest.NewServer(httpguard.Sessions(w.guard)(httpguard.Endpoints(w.guard)(mux)))
	t.Cleanup(server.Close)

	for _, aged := range []bool{false, true} {
		user := w.browserAt(server.URL)
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

	user, other := w.browserAt(server.URL), w.settled("other")
	user.login("user")
	recorded := successes(t, b.db)
	user.post("/order?commit", "").expect(200)
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
