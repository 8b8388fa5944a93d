package cookietest

import (
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/cookiestore"
)

func contains(list []nguard.Promise, p nguard.Promise) bool {
	for _, other := range list {
		if other == p {
			return true
		}
	}
	return false
}

// Each promise that is not kept has to be waived by name, one by one; nobody loses one by accident.
func TestWaived(t *testing.T) {
	s := open(t)
	for name, c := range map[string]struct {
		config cookiestore.Config
		lacks  []nguard.Promise
	}{
		"row":  {cookiestore.Config{Keys: s.keys, Companion: s.rows}, []nguard.Promise{nguard.NoLostUpdate}},
		"bare": {cookiestore.Config{Keys: s.keys}, everything},
	} {
		store, err := cookiestore.New(c.config)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range c.lacks {
			var others []nguard.Promise
			for _, other := range c.lacks {
				if other != p {
					others = append(others, other)
				}
			}
			if _, err := nguard.New(nguard.Config{Store: store, Waive: others}); err == nil {
				t.Errorf("%s: New takes it without waiving %s", name, p)
			}
		}
		for _, p := range everything {
			if contains(store.Lacks(), p) != contains(c.lacks, p) {
				t.Errorf("%s: lacks %v", name, store.Lacks())
			}
		}
		if _, err := nguard.New(nguard.Config{Store: store, Waive: c.lacks}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Authority is never older than Config.Recheck, and between two of these nothing is looked up or sealed.
func TestBare_Recheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := program(t, bare)
		ctx := nguard.WithActor(t.Context(), "test")
		token, _, err := s.guard.Login(ctx, "ann", nguard.LoginOptions{})
		if err != nil {
			t.Fatal(err)
		}
		s.users.Put(nguard.User{ID: "ann", Name: "Ann", Role: "admin"})
		time.Sleep(time.Minute)
		session, err := s.guard.Lookup(ctx, token)
		if err != nil || session.User().Role != "admin" {
			t.Fatalf("a minute later: %v, %v", session, err)
		}
		// Demotion and removal, by the same old cookie.
		s.users.Put(nguard.User{ID: "ann", Name: "Ann", Role: "user"})
		if session, err = s.guard.Lookup(ctx, token); err != nil || session.User().Role != "user" {
			t.Fatalf("a cookie of an earlier minute is looked up each time: %v, %v", session, err)
		}
		s.users.Put(nguard.User{ID: "ann", Disabled: true})
		if _, err = s.guard.Lookup(ctx, token); !errors.Is(err, nguard.ErrNoSession) {
			t.Fatalf("a disabled person: %v", err)
		}
		s.users.Remove("ann")
		if _, err = s.guard.Lookup(ctx, token); !errors.Is(err, nguard.ErrNoSession) {
			t.Fatalf("a person who is gone: %v", err)
		}
	})
}

func TestBare_Lifetime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := program(t, bare, func(_ *cookiestore.Config, g *nguard.Config) {
			g.Lifetime = nguard.Lifetime{Idle: 10 * time.Minute, Absolute: time.Hour}
		})
		ctx := nguard.WithActor(t.Context(), "test")
		token, _, err := s.guard.Login(ctx, "ann", nguard.LoginOptions{})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(10*time.Minute - time.Nanosecond)
		if _, err := s.guard.Lookup(ctx, token); err != nil {
			t.Fatalf("just before the idle end: %v", err)
		}
		time.Sleep(time.Nanosecond)
		if _, err := s.guard.Lookup(ctx, token); !errors.Is(err, nguard.ErrNoSession) {
			t.Fatalf("at the idle end: %v", err)
		}
	})
}

// The idle clock is in the cookie: a read that moves it sends a new one, and the older one goes by its own.
func TestBare_IdleClock(t *testing.T) {
	var ahead atomic.Int64
	s := open(t, bare, func(c *cookiestore.Config, g *nguard.Config) {
		c.Recheck = time.Hour // so that nothing but the clock makes a new one
		g.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		g.Lifetime = nguard.Lifetime{Idle: 10 * time.Minute, Absolute: time.Hour}
	})
	token, _, err := s.guard.Login(nguard.WithActor(t.Context(), "test"), "ann", nguard.LoginOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if a := s.session(token); a.status != http.StatusOK || len(a.cookies) != 0 {
		t.Fatalf("at once: got %d and %v", a.status, a.cookies)
	}
	ahead.Store(int64(5 * time.Minute))
	a := s.session(token)
	moved, ok := a.set()
	if a.status != http.StatusOK || !ok || moved == token || a.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("five minutes later: got %d, %v", a.status, a.header)
	}
	ahead.Store(int64(13 * time.Minute))
	if a := s.session(moved); a.status != http.StatusOK {
		t.Errorf("the newer cookie: got %d", a.status)
	}
	if a := s.session(token); a.status != http.StatusUnauthorized {
		t.Errorf("the older cookie: got %d", a.status)
	}
	ahead.Store(int64(time.Hour))
	if a := s.session(moved); a.status != http.StatusUnauthorized {
		t.Errorf("at the absolute end: got %d", a.status)
	}
}

// What cannot be done is an error, never a success that is none.
func TestBare_Refusals(t *testing.T) {
	s := open(t, bare)
	ctx := nguard.WithActor(t.Context(), "test")
	ann := s.login("ann")
	if err := s.guard.RevokeUser(ctx, "ann"); !errors.Is(err, errors.ErrUnsupported) || errors.Is(err, nguard.ErrUnavailable) {
		t.Errorf("RevokeUser: %v", err)
	}
	if err := s.guard.RevokeUser(ctx, "ann", "AAAAAAAAAAAAAAAAAAAAAA"); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("RevokeUser but one: %v", err)
	}
	if err := s.guard.Revoke(ctx, "ann", "AAAAAAAAAAAAAAAAAAAAAA"); !errors.Is(err, nguard.ErrNotFound) {
		t.Errorf("Revoke: %v", err)
	}
	if _, err := s.guard.Sessions(ctx, "ann"); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Sessions: %v", err)
	}
	for _, try := range []struct{ method, path string }{{"GET", "/api/auth/sessions"}, {"DELETE", "/api/auth/sessions"}, {"POST", "/others"}} {
		a := ann.do(try.method, try.path, "")
		if a.status < 500 {
			t.Errorf("%s %s: got %d: %s", try.method, try.path, a.status, a.body)
		}
		ann.me() // it is still signed in
	}
	if n := s.seen(nguard.EventTokenRevoked); n != 0 {
		t.Errorf("%d records say that sessions have ended", n)
	}
	a := ann.ok(ann.do("POST", "/api/auth/logout", ""))
	if !a.clears() || len(ann.cookies()) != 0 {
		t.Errorf("logout leaves %v", ann.cookies())
	}
}

// A job cannot change values that only a browser has; what the row or the users table is for, it can.
func TestJobs(t *testing.T) {
	s := open(t)
	ann := s.login("ann")
	ctx := nguard.WithActor(t.Context(), "job:test")
	list, err := s.guard.Sessions(ctx, "ann")
	if err != nil || len(list) != 1 {
		t.Fatalf("%d sessions, %v", len(list), err)
	}
	_, err = s.guard.Update(ctx, "ann", list[0].ID(), func(d *nguard.Draft) error { return note.Set(d, "by a job") })
	if !errors.Is(err, errors.ErrUnsupported) || errors.Is(err, nguard.ErrUnavailable) {
		t.Errorf("a value of the session: %v", err)
	}
	if note := ann.me().Data["note"]; note != "" {
		t.Errorf("the note is %q", note)
	}
	if _, err = s.guard.Update(ctx, "ann", list[0].ID(), func(d *nguard.Draft) error { return role.Set(d, "admin") }); err != nil {
		t.Errorf("a value of the users table: %v", err)
	}
	if me := ann.me(); me.Role != "admin" {
		t.Errorf("the role is %q", me.Role)
	}
	if err := s.guard.Revoke(ctx, "ann", list[0].ID()); err != nil {
		t.Error(err)
	}
	if a := ann.do("GET", "/api/auth/session", ""); a.status != http.StatusUnauthorized {
		t.Errorf("revoked: got %d", a.status)
	}
}

// With a companion nothing but the values is different: what ends sessions elsewhere, ends these.
func TestRow_Promises(t *testing.T) {
	s := open(t)
	ctx := nguard.WithActor(t.Context(), "test")
	one, two := s.login("ann"), s.login("ann")
	two.ok(two.do("POST", "/api/auth/update", `{"note":"kept"}`))
	two.ok(two.do("POST", "/others", ""))
	if a := one.do("GET", "/api/auth/session", ""); a.status != http.StatusUnauthorized {
		t.Errorf("the other session: got %d", a.status)
	}
	if note := two.me().Data["note"]; note != "kept" {
		t.Errorf("the note is %q", note)
	}
	// A refresh replaces the row's token; the cookie of before leads to the successor, with its own values.
	before := two.value()
	two.ok(two.do("POST", "/api/auth/refresh", ""))
	after := two.value()
	a := s.session(before)
	set, ok := a.set()
	if a.status != http.StatusOK || !ok || set == before || after == before {
		t.Errorf("the cookie of before the refresh: got %d and %v", a.status, ok)
	}
	two.me()
	if err := s.guard.RevokeUser(ctx, "ann"); err != nil {
		t.Fatal(err)
	}
	for what, v := range map[string]string{"before": before, "after": after, "again": set} {
		if a := s.session(v); a.status != http.StatusUnauthorized {
			t.Errorf("revoked, the cookie from %s: got %d", what, a.status)
		}
	}
}

// A cookie from two generations ago is stolen, or restored: the session ends for both.
func TestRow_Theft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := program(t)
		ctx := nguard.WithActor(t.Context(), "test")
		first, _, err := s.guard.Login(ctx, "ann", nguard.LoginOptions{})
		if err != nil {
			t.Fatal(err)
		}
		store := storeOf(t, s)
		value := first
		for range 2 {
			time.Sleep(time.Minute)
			f, err := store.Load(ctx, value)
			if err != nil {
				t.Fatal(err)
			}
			next := *f.Record
			next.Version++
			if f, err = store.Replace(ctx, f, &next, true); err != nil {
				t.Fatal(err)
			}
			value = f.Live
			if _, err := s.guard.Lookup(ctx, value); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.guard.Lookup(ctx, first); !errors.Is(err, nguard.ErrNoSession) {
			t.Fatalf("the first cookie: %v", err)
		}
		if _, err := s.guard.Lookup(ctx, value); !errors.Is(err, nguard.ErrNoSession) {
			t.Fatalf("the newest cookie lives on: %v", err)
		}
		synctest.Wait()
		if s.seen(nguard.EventTokenReuse) != 1 {
			t.Error("no record of the theft")
		}
	})
}

// storeOf is another store on the same keys and rows, as another process has it.
func storeOf(t *testing.T, s *site) nguard.Store {
	t.Helper()
	store, err := cookiestore.New(cookiestore.Config{Keys: s.keys, Companion: s.rows})
	if err != nil {
		t.Fatal(err)
	}
	return store
}
