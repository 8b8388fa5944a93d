package cookietest

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nguard-go/nguard/adapters/httpguard"
	"github.com/nguard-go/nguard/audit"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
	"github.com/nguard-go/nguard/policy"
	"github.com/nguard-go/nguard/stores/cookiestore"
	"github.com/nguard-go/nguard/stores/cookiestore/jwtcodec"
)

// bio is a field of the users table that people fill themselves.
var bio = &nguard.Field[string]{Name: "bio", Write: policy.Self, Scope: nguard.InUser}

func withBio(_ *cookiestore.Config, g *nguard.Config) { g.Fields = append(fields(), bio) }

// asked counts how often a person is looked up.
type asked struct {
	*guardtest.Users
	n atomic.Int64
}

func (a *asked) User(ctx context.Context, id string) (nguard.User, error) {
	a.n.Add(1)
	return a.Users.User(ctx, id)
}

// people is a users table in the database of the rows, so that a change of a person is one transaction.
type people struct{ db *sql.DB }

func (p people) Database() *sql.DB { return p.db }

func (p people) Identify(_ context.Context, c nguard.Credentials) (string, error) {
	return c.Get("id"), nil
}

func (p people) Authenticate(ctx context.Context, c nguard.Credentials) (nguard.User, error) {
	u, err := p.User(ctx, c.Get("id"))
	if err != nil || c.Get("password") != guardtest.Password {
		return nguard.User{}, nguard.ErrBadCredentials
	}
	return u, nil
}

func (p people) User(ctx context.Context, id string) (u nguard.User, err error) {
	const query = "SELECT person FROM people WHERE id = ?"
	row := p.db.QueryRowContext
	if tx, ok := nguard.TxOf(ctx, p.db); ok {
		row = tx.QueryRowContext
	}
	var raw []byte
	if err = row(ctx, query, id).Scan(&raw); errors.Is(err, sql.ErrNoRows) {
		return u, nguard.ErrNoUser
	}
	if err == nil {
		err = json.Unmarshal(raw, &u)
	}
	return u, err
}

func (p people) UpdateUser(ctx context.Context, before, after nguard.User) error {
	old, err := json.Marshal(before)
	if err != nil {
		return err
	}
	raw, err := json.Marshal(after)
	if err != nil {
		return err
	}
	exec := p.db.ExecContext
	if tx, ok := nguard.TxOf(ctx, p.db); ok {
		exec = tx.ExecContext
	}
	done, err := exec(ctx, "UPDATE people SET person = ? WHERE id = ? AND person = ?", string(raw), after.ID, string(old))
	if err != nil {
		return err
	}
	if n, err := done.RowsAffected(); err != nil || n == 0 {
		return errors.Join(nguard.ErrConflict, err)
	}
	return nil
}

// together is a site whose people live in the database of its rows.
func together(t *testing.T) option {
	return func(c *cookiestore.Config, g *nguard.Config) {
		companion := rows(t, file(t))
		db := companion.Database()
		if _, err := db.ExecContext(t.Context(), "CREATE TABLE people (id TEXT PRIMARY KEY, person TEXT NOT NULL)"); err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{"ann", "root"} {
			raw, err := json.Marshal(nguard.User{ID: id, Role: map[string]string{"ann": "user", "root": "admin"}[id], Permissions: []string{}, Data: map[string]any{}})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := db.ExecContext(t.Context(), "INSERT INTO people VALUES (?, ?)", id, string(raw)); err != nil {
				t.Fatal(err)
			}
		}
		c.Companion, g.Users = companion, people{db}
	}
}

// joined has the records in that database too.
func joined(t *testing.T) option {
	return func(_ *cookiestore.Config, g *nguard.Config) {
		sink, err := audit.NewSQL(g.Users.(people).db, audit.SQLite)
		if err == nil {
			err = sink.Migrate(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		g.Audit = sink
	}
}

// readable is the form of a JSON Web Token, in which a value stands twice.
func readable(t *testing.T) option {
	return tokens(t, func(c *jwtcodec.Config) { c.Fields = append(fields(), bio) })
}

// biographies opens a site where the program lets everybody write their bio, however long.
func biographies(t *testing.T, options ...option) *site {
	t.Helper()
	s := program(t, append([]option{withBio}, options...)...)
	s.extra = func(mux *http.ServeMux) {
		mux.Handle("POST /nothing", s.handler(func(*http.Request) error { return nil }))
		mux.Handle("POST /bio", s.handler(func(r *http.Request) error {
			raw, err := io.ReadAll(r.Body)
			if err != nil {
				return err
			}
			_, err = httpguard.From(r).Update(r.Context(), func(d *nguard.Draft) error { return bio.Set(d, string(raw)) })
			return err
		}))
	}
	s.serve()
	return s
}

// wayOf is what the sites of these tests differ in: where the person is, and in what form the cookie.
func wayOf(t *testing.T, name string) []option {
	return map[string][]option{
		"people elsewhere": nil, "people elsewhere, no companion": {bare}, "one database": {together(t)}, "one database, records too": {together(t), joined(t)},
		"claims": {readable(t)}, "claims, no companion": {bare, readable(t)},
	}[name]
}

var ways = []string{"people elsewhere", "people elsewhere, no companion", "one database", "one database, records too", "claims", "claims, no companion"}

// person is what the users table knows, and the epoch of the rows.
func (s *site) person(users nguard.Users, id string) string {
	s.t.Helper()
	u, err := users.User(s.t.Context(), id)
	if err != nil {
		s.t.Fatal(err)
	}
	return fmt.Sprintf("%+v", u)
}

// outcomes are what the records of changes of a person say came of it.
func (s *site) outcomes(sink nguard.Sink) (list []string) {
	if stored, ok := sink.(*audit.SQL); ok {
		entries, err := stored.List(s.t.Context(), audit.Filter{Event: nguard.EventUserUpdated})
		if err != nil {
			s.t.Fatal(err)
		}
		for _, e := range entries {
			list = append(list, fmt.Sprintf("%v %s", e.Outcome, e.Reason))
		}
		return list
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		if e.Name == nguard.EventUserUpdated {
			list = append(list, fmt.Sprintf("%v %s", e.Outcome, e.Reason))
		}
	}
	return list
}

// What a person consists of is in each of their cookies. What would not fit into one is refused before anything
// is written, wherever it comes from: else a session could never be brought up to date, and nobody could log in.
func TestC5_Person(t *testing.T) {
	for _, name := range ways {
		t.Run(name, func(t *testing.T) {
			var users nguard.Users
			var sink nguard.Sink
			s := biographies(t, append(wayOf(t, name), func(_ *cookiestore.Config, g *nguard.Config) {
				users, sink = g.Users, g.Audit
			})...)
			ctx := nguard.WithActor(t.Context(), "root")
			ann := s.login("ann")
			before, held := s.person(users, "ann"), fmt.Sprint(ann.cookies())
			unchanged := func(what string) {
				t.Helper()
				if now := s.person(users, "ann"); now != before {
					t.Errorf("%s: the users table has %.200s", what, now)
				}
				if now := fmt.Sprint(ann.cookies()); now != held {
					t.Errorf("%s: the cookie has changed", what)
				}
			}
			a := ann.do("POST", "/bio", strings.Repeat("x", 4000))
			if a.status != http.StatusRequestEntityTooLarge || len(a.cookies) != 0 {
				t.Errorf("by the person: got %d, %v: %s", a.status, a.cookies, a.body)
			}
			unchanged("by the person")
			_, err := s.guard.ChangeUser(ctx, "ann", func(u *nguard.User) error { u.Name = strings.Repeat("x", 4000); return nil })
			if !errors.Is(err, nguard.ErrTooLarge) {
				t.Errorf("by an admin: %v", err)
			}
			unchanged("by an admin")
			if list, err := s.guard.Sessions(t.Context(), "ann"); err == nil {
				_, err = s.guard.Update(ctx, "ann", list[0].ID(), func(d *nguard.Draft) error { return bio.Set(d, strings.Repeat("x", 4000)) })
				if !errors.Is(err, nguard.ErrTooLarge) {
					t.Errorf("by a job: %v", err)
				}
				unchanged("by a job")
			} else if !errors.Is(err, errors.ErrUnsupported) {
				t.Error(err)
			}
			for _, o := range s.outcomes(sink) {
				if want := fmt.Sprintf("%v too large", nguard.Failure); o != want {
					t.Errorf("the record of a refusal says %q", o)
				}
			}
			if n := len(s.outcomes(sink)); n < 2 {
				t.Errorf("%d records of refusals", n)
			}
			ann.ok(ann.do("POST", "/bio", "less"))
			ann.ok(ann.do("POST", "/api/auth/logout", ""))
			s.login("ann").me()
		})
	}
}

// fill gives ann the longest bio that change takes.
func fill(change func(text string) bool) (longest int) {
	high := 4096
	for longest+1 < high {
		mid := (longest + high) / 2
		if change(strings.Repeat("x", mid)) {
			longest = mid
		} else {
			high = mid
		}
	}
	return longest
}

// Whatever a change of a person is let through, they can log in afterwards, from a browser with the longest name;
// and nobody's role is safe from change because they have filled what is left.
func TestC5_LogsInAgain(t *testing.T) {
	for _, name := range ways {
		t.Run(name, func(t *testing.T) {
			s := biographies(t, wayOf(t, name)...)
			ctx := nguard.WithActor(t.Context(), "root")
			ann := s.login("ann")
			enter := func(what string) {
				t.Helper()
				r, err := http.NewRequest("POST", s.server.URL+"/api/auth/login", strings.NewReader(`{"id":"ann","password":"`+guardtest.Password+`"}`))
				if err != nil {
					t.Fatal(err)
				}
				r.Header.Set("Content-Type", "application/json")
				r.Header.Set("Sec-Fetch-Site", "same-origin")
				r.Header.Set("User-Agent", strings.Repeat("u", 300))
				resp, err := s.server.Client().Do(r)
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
				if resp.StatusCode != http.StatusOK {
					t.Errorf("%s, a login got %d", what, resp.StatusCode)
				}
			}
			own := fill(func(text string) bool {
				return ann.do("POST", "/bio", text).status == http.StatusOK
			})
			enter("after a change of their own")
			byAdmin := fill(func(text string) bool {
				_, err := s.guard.ChangeUser(ctx, "ann", func(u *nguard.User) error { u.Data = map[string]any{"bio": text}; return nil })
				if err != nil && !errors.Is(err, nguard.ErrTooLarge) {
					t.Fatal(err)
				}
				return err == nil
			})
			if own < 400 || byAdmin < 400 {
				t.Errorf("the longest bios have %d and %d bytes", own, byAdmin)
			}
			if _, err := s.guard.ChangeUser(ctx, "ann", func(u *nguard.User) error {
				u.Data = map[string]any{"bio": strings.Repeat("x", byAdmin)}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			enter("after a change by an admin")
			if _, err := s.guard.ChangeUser(ctx, "ann", func(u *nguard.User) error { u.Role = "admin"; return nil }); err != nil {
				t.Errorf("a longer role is refused: %v", err)
			}
			enter("after a change of role")
		})
	}
}

// A session that is full itself takes no more of its person, though a new one would.
func TestC5_FullSession(t *testing.T) {
	for _, name := range []string{"people elsewhere", "people elsewhere, no companion", "one database"} {
		t.Run(name, func(t *testing.T) {
			var users nguard.Users
			s := biographies(t, append(wayOf(t, name), func(_ *cookiestore.Config, g *nguard.Config) { users = g.Users })...)
			ann := s.login("ann")
			ann.ok(ann.do("POST", "/keep", strings.Repeat("y", 1200)))
			before := s.person(users, "ann")
			if a := ann.do("POST", "/bio", strings.Repeat("x", 999)); a.status != http.StatusRequestEntityTooLarge {
				t.Errorf("got %d: %s", a.status, a.body)
			}
			if now := s.person(users, "ann"); now != before {
				t.Errorf("the users table has %.200s", now)
			}
			ann.ok(ann.do("POST", "/keep", ""))
			ann.ok(ann.do("POST", "/bio", strings.Repeat("x", 999)))
		})
	}
}

// The bound of a full session is exact: the longest change that is let through is in its cookie afterwards, and
// nobody has to be looked up for it.
func TestC5_ExactRoom(t *testing.T) {
	var users *asked
	s := biographies(t, func(_ *cookiestore.Config, g *nguard.Config) {
		users = &asked{Users: g.Users.(*guardtest.Users)}
		g.Users = users
	})
	ann := s.login("ann")
	ann.ok(ann.do("POST", "/keep", strings.Repeat("y", 1200)))
	fill(func(text string) bool {
		if ann.do("POST", "/bio", text).status != http.StatusOK {
			return false
		}
		looked := users.n.Load()
		if me := ann.me(); me.Data["bio"] != text || users.n.Load() != looked {
			t.Errorf("a bio of %d bytes: looked up %d times", len(text), users.n.Load()-looked)
		}
		return true
	})
	if n := len(ann.value()); n < 3060 {
		t.Errorf("the largest cookie has %d bytes", n)
	}
}

// What a tool has written into the users table asks nobody. A session that has no room for it goes on by the
// users table, quietly, and heals when there is room again.
func TestC5_WrittenElsewhere(t *testing.T) {
	var ahead atomic.Int64
	var users *asked
	s := biographies(t, func(_ *cookiestore.Config, g *nguard.Config) {
		users = &asked{Users: g.Users.(*guardtest.Users)}
		g.Users = users
		g.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		g.Lifetime = nguard.Lifetime{Idle: 23 * time.Hour}
	})
	ctx := nguard.WithActor(t.Context(), "root")
	ann := s.login("ann")
	ann.me()
	token, records := ann.value(), s.records()
	big := nguard.User{ID: "ann", Name: strings.Repeat("x", 4000), Role: "admin"}
	users.Put(big)
	if err := s.guard.UserChanged(ctx, "ann"); err != nil {
		t.Fatal(err)
	}
	records += 2 // of that
	for range 3 {
		if me := ann.me(); me.Role != "admin" || me.User["name"] != big.Name {
			t.Fatalf("read as %s", me.Role)
		}
		a := ann.ok(ann.do("POST", "/nothing", "")) // an unsafe method, which could carry another token
		if len(a.cookies) != 0 {
			t.Errorf("it sets %v", a.cookies)
		}
	}
	if n := s.records(); n != records || ann.value() != token {
		t.Errorf("%d records more, and another cookie: %v", n-records, ann.value() != token)
	}

	// Its token ages like others, and is replaced once.
	ahead.Store(int64(2 * time.Hour))
	for range 3 {
		ann.ok(ann.do("POST", "/nothing", ""))
	}
	if n := s.seen(nguard.EventSessionRenewed); n != 2 || ann.value() == token { // the attempt and its outcome
		t.Errorf("%d records of another token, and another cookie: %v", n, ann.value() != token)
	}
	if me := ann.me(); me.Role != "admin" || me.User["name"] != big.Name {
		t.Errorf("with another token, read as %s", me.Role)
	}

	// Nobody keeps what they have by being too large.
	if _, err := s.guard.ChangeUser(ctx, "ann", func(u *nguard.User) error { u.Role = "user"; return nil }); err != nil {
		t.Fatal(err)
	}
	if me := ann.me(); me.Role != "user" {
		t.Errorf("demoted, read as %s", me.Role)
	}
	if a := ann.do("POST", "/api/auth/update", `{"note":"no room"}`); a.status != http.StatusRequestEntityTooLarge {
		t.Errorf("a value of the session: got %d", a.status)
	}
	if _, err := s.guard.ChangeUser(ctx, "ann", func(u *nguard.User) error { u.Name = "Ann"; return nil }); err != nil {
		t.Fatal(err)
	}
	ann.me()
	looked := users.n.Load()
	if me := ann.me(); me.User["name"] != "Ann" || users.n.Load() != looked {
		t.Errorf("it has not healed: %v, looked up %d times", me.User["name"], users.n.Load()-looked)
	}
}

// records counts all records but those of the pipeline itself, which come when they come.
func (s *site) records() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		if e.Class != nguard.ClassSystem {
			n++
		}
	}
	return n
}

// Without a companion the idle clock is in the cookie: it moves all the same, or who is at work would be signed out.
func TestC5_WrittenElsewhere_Bare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := program(t, withBio, bare, func(_ *cookiestore.Config, g *nguard.Config) {
			g.Lifetime = nguard.Lifetime{Idle: 10 * time.Minute}
		})
		token, _, err := s.guard.Login(nguard.WithActor(t.Context(), "test"), "ann", nguard.LoginOptions{})
		if err != nil {
			t.Fatal(err)
		}
		s.users.Put(nguard.User{ID: "ann", Name: strings.Repeat("x", 4000), Role: "admin"})
		records := s.records()
		handler := httpguard.Sessions(s.guard)(httpguard.Endpoints(s.guard)(http.NotFoundHandler()))
		for range 5 {
			time.Sleep(9 * time.Minute)
			r := httptest.NewRequest("GET", "https://example.com/api/auth/session", nil)
			r.Header.Set("Cookie", cookieName+"="+token)
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			a := answer{status: w.Code, body: w.Body.String(), cookies: w.Result().Cookies()}
			if a.status != http.StatusOK || a.session().Role != "admin" {
				t.Fatalf("got %d: %.200s", a.status, a.body)
			}
			moved, ok := a.set()
			if !ok || moved == token {
				t.Fatal("the clock has not moved")
			}
			token = moved
		}
		if n := s.records(); n != records {
			t.Errorf("%d records more", n-records)
		}
	})
}
