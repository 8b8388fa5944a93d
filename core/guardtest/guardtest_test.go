package guardtest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nguard-go/nguard/adapters/httpguard"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
	"github.com/nguard-go/nguard/policy"
)

// recordingTB is a testing.TB that notes what a helper says about the test.
type recordingTB struct {
	testing.TB
	mu       sync.Mutex
	failures []string
	cleanups []func()
}

func (t *recordingTB) Helper() {}

func (t *recordingTB) Errorf(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failures = append(t.failures, fmt.Sprintf(format, args...))
}

func (t *recordingTB) Fatal(args ...any) {
	t.Errorf("%s", fmt.Sprint(args...))
	runtime.Goexit()
}

func (t *recordingTB) Fatalf(format string, args ...any) {
	t.Errorf(format, args...)
	runtime.Goexit()
}

func (t *recordingTB) Cleanup(fn func()) { t.cleanups = append(t.cleanups, fn) }

// run calls fn as a test, ends it, and returns what it failed with.
func run(fn func(t *recordingTB)) []string {
	t := &recordingTB{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		fn(t)
	}()
	<-done
	for _, fn := range t.cleanups {
		fn()
	}
	return t.failures
}

func TestNew_FillsIn(t *testing.T) {
	g := guardtest.New(t, nguard.Config{}, nguard.User{ID: "ann"})
	r := guardtest.SignedIn(t, g, "ann", httptest.NewRequest("POST", "/", nil))
	w := httptest.NewRecorder()
	httpguard.Require(g, policy.SignedIn)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		s, err := httpguard.From(r).Session()
		if err != nil || s.UserID() != "ann" {
			t.Errorf("session: %v, %v", s, err)
		}
	})).ServeHTTP(w, r)
	if w.Code != 200 {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
}

func TestNew_WrongConfig_FailsTheTest(t *testing.T) {
	got := run(func(t *recordingTB) {
		guardtest.New(t, nguard.Config{Cookie: nguard.Cookie{Name: "a b"}})
		t.Errorf("it went on")
	})
	if len(got) != 1 || got[0] == "it went on" {
		t.Errorf("failures: %q", got)
	}
}

func TestNew_ShutsDown(t *testing.T) {
	stopped := 0
	sink := nguard.SinkFunc(func(_ context.Context, e nguard.Event) error {
		if e.Name == nguard.EventShutdown {
			stopped++
		}
		return nil
	})
	if got := run(func(t *recordingTB) { guardtest.New(t, nguard.Config{Audit: sink}) }); len(got) != 0 || stopped != 1 {
		t.Errorf("failures %q, stopped %d times", got, stopped)
	}
	failing := nguard.SinkFunc(func(context.Context, nguard.Event) error { return errors.New("disk full") })
	if got := run(func(t *recordingTB) { guardtest.New(t, nguard.Config{Audit: failing}) }); len(got) != 1 {
		t.Errorf("a sink that fails: %q", got)
	}
}

// A record that can never be written, such as one into a database that the test has closed, ends the test and
// does not hold it up.
func TestNew_CannotShutDown_FailsTheTest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		closed := nguard.SinkFunc(func(context.Context, nguard.Event) error { return errors.New("closed") })
		start := time.Now()
		got := run(func(t *recordingTB) {
			g := guardtest.New(t, nguard.Config{Audit: closed}, nguard.User{ID: "ann"})
			if err := g.RevokeUser(nguard.WithActor(context.Background(), "job:test"), "ann"); err != nil {
				t.Errorf("revoke: %v", err)
			}
		})
		if took := time.Since(start); len(got) != 1 || took > time.Minute {
			t.Errorf("after %v: %q", took, got)
		}
		<-time.After(time.Minute) // of the bubble's clock: the backlog's last pause ends
	})
}

func TestSignedIn_UnknownOrDisabled_FailsTheTest(t *testing.T) {
	for _, user := range []string{"nobody", "disabled", ""} {
		got := run(func(t *recordingTB) {
			g := guardtest.New(t, nguard.Config{}, nguard.User{ID: "disabled", Disabled: true})
			guardtest.SignedIn(t, g, user, httptest.NewRequest("GET", "/", nil))
		})
		if len(got) != 1 {
			t.Errorf("%q: %q", user, got)
		}
	}
}

func TestUsers_Credentials(t *testing.T) {
	ctx := context.Background()
	u := guardtest.NewUsers(nguard.User{ID: "ann", Email: "ann@example.com"}, nguard.User{ID: "off", Disabled: true})
	for _, c := range []struct {
		id, email, password, want string
		missing, bad              bool
	}{
		{id: "ann", password: guardtest.Password, want: "ann"},
		{email: "ann@example.com", password: guardtest.Password, want: "ann"},
		{email: "nobody@example.com", password: guardtest.Password, want: "nobody@example.com", bad: true},
		{id: "ann", password: "wrong", want: "ann", bad: true},
		{id: "off", password: guardtest.Password, want: "off", bad: true},
		{id: "ann", missing: true}, {password: guardtest.Password, missing: true},
	} {
		in := nguard.NewCredentials(map[string]string{"id": c.id, "email": c.email, "password": c.password})
		id, err := u.Identify(ctx, in)
		if id != c.want || errors.Is(err, nguard.ErrMissingCredentials) != c.missing || !c.missing && err != nil {
			t.Errorf("Identify %+v: %q, %v", c, id, err)
		}
		p, err := u.Authenticate(ctx, in)
		if errors.Is(err, nguard.ErrBadCredentials) != c.bad || errors.Is(err, nguard.ErrMissingCredentials) != c.missing || !c.bad && !c.missing && (err != nil || p.ID != c.want) {
			t.Errorf("Authenticate %+v: %+v, %v", c, p, err)
		}
	}
}

func TestUsers_UpdateUser(t *testing.T) {
	ctx := context.Background()
	u := guardtest.NewUsers(nguard.User{ID: "ann", Role: "admin", Permissions: []string{"a"}, Data: map[string]any{"n": int64(3)}}, nguard.User{ID: "bob", Role: "admin"})
	read := func(id string) nguard.User {
		p, err := u.User(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	before := read("ann")
	after := before
	after.Name, after.Data = "Ann", map[string]any{"n": 4}
	if err := u.UpdateUser(ctx, before, after); err != nil || read("ann").Name != "Ann" {
		t.Fatalf("update: %v, %+v", err, read("ann"))
	}
	for name, spoil := range map[string]func(*nguard.User){
		"nothing":     func(*nguard.User) {},
		"role":        func(p *nguard.User) { p.Role = "user" },
		"permissions": func(p *nguard.User) { p.Permissions = nil },
		"data":        func(p *nguard.User) { p.Data = nil },
		"disabled":    func(p *nguard.User) { p.Disabled = true },
	} {
		stale := read("ann")
		if name == "nothing" {
			stale = before
		}
		spoil(&stale)
		if err := u.UpdateUser(ctx, stale, after); !errors.Is(err, nguard.ErrConflict) {
			t.Errorf("stale by %s: %v", name, err)
		}
	}
	// int and int64 are one value, as in a database.
	same := read("ann")
	same.Data = map[string]any{"n": int64(4)}
	if err := u.UpdateUser(ctx, same, same); err != nil {
		t.Errorf("the same number of another type: %v", err)
	}
	demote := func(id string, change func(*nguard.User)) error {
		p := read(id)
		change(&p)
		return u.UpdateUser(ctx, read(id), p)
	}
	if err := demote("bob", func(p *nguard.User) { p.Role = "user" }); err != nil {
		t.Errorf("one admin of two: %v", err)
	}
	for name, change := range map[string]func(*nguard.User){"role": func(p *nguard.User) { p.Role = "user" }, "disabled": func(p *nguard.User) { p.Disabled = true }} {
		if err := demote("ann", change); !errors.Is(err, nguard.ErrLastAdmin) {
			t.Errorf("the last admin by %s: %v", name, err)
		}
	}
	u.Remove("bob")
	if _, err := u.User(ctx, "bob"); !errors.Is(err, nguard.ErrNoUser) {
		t.Errorf("after Remove: %v", err)
	}
	if err := u.UpdateUser(ctx, nguard.User{ID: "bob"}, nguard.User{ID: "bob"}); !errors.Is(err, nguard.ErrNoUser) {
		t.Errorf("update of nobody: %v", err)
	}
}
