package httpguard_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nguard-go/nguard/adapters/httpguard"
	"github.com/nguard-go/nguard/adapters/internal/browsertest"
	"github.com/nguard-go/nguard/audit"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
	"github.com/nguard-go/nguard/policy"
)

// TestFrom_NotInstalled: on a route without middleware the Request is nil, and each of its methods says
// so instead of "no session" or a panic. New methods are covered as they come.
func TestFrom_NotInstalled(t *testing.T) {
	r := httpguard.From(httptest.NewRequest("GET", "/", nil))
	if r != nil {
		t.Fatalf("From gives %v", r)
	}
	v := reflect.ValueOf(r)
	for i := range v.NumMethod() {
		name, m := v.Type().Method(i).Name, v.Method(i)
		if name == "End" {
			continue // for adapters
		}
		var args []reflect.Value
		for j := range m.Type().NumIn() {
			in := reflect.New(m.Type().In(j)).Elem()
			if in.Type() == reflect.TypeFor[context.Context]() {
				in.Set(reflect.ValueOf(context.Background()))
			}
			args = append(args, in)
		}
		if m.Type().IsVariadic() {
			args = args[:len(args)-1]
		}
		func() {
			defer func() {
				if p := recover(); p != nil {
					t.Errorf("%s panics: %v", name, p)
				}
			}()
			for _, out := range m.Call(args) {
				if err, ok := out.Interface().(error); out.Type() == reflect.TypeFor[error]() && (!ok || !errors.Is(err, nguard.ErrNotInstalled)) {
					t.Errorf("%s says %v", name, err)
				}
			}
		}()
	}
	if s := r.Subject(); s == nil || s.UserID != "" {
		t.Errorf("subject: %+v", s)
	}
	c := browsertest.Serve(t, http.HandlerFunc(who))
	if got := c.Get("/").Expect(500).Code(); got != "internal" {
		t.Errorf("code %q", got)
	}
}

// TestContext_CarriesRequest: the context that a handler passes on leads to the Request, also when it is
// derived, and calls with it are the person's.
func TestContext_CarriesRequest(t *testing.T) {
	sink := audit.NewMemory(0)
	g := browsertest.NewGuard(t, func(c *nguard.Config) { c.Audit = sink })
	type key struct{}
	c := browsertest.Serve(t, httpguard.Sessions(g)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(context.WithValue(r.Context(), key{}, "x"), time.Minute)
		defer cancel()
		req, ok := nguard.FromContext(ctx)
		if !ok || req != httpguard.From(r) || ctx.Value(key{}) != "x" || ctx.Value(http.ServerContextKey) == nil {
			t.Errorf("context gives %v, %v", req, ok)
		}
		if err := g.Revoke(ctx, "eve", "AAAAAAAAAAAAAAAAAAAAAA"); !errors.Is(err, nguard.ErrNotFound) {
			t.Errorf("a call of the guard with the request's context: %v", err) // and not ErrNoActor
		}
		if err := req.Record(ctx, nguard.Event{Name: "own_event", Outcome: nguard.Success, Class: nguard.ClassObservation}); err != nil {
			t.Error(err)
		}
		if err := req.Authorize(context.Background(), browsertest.Admin, nil); !errors.Is(err, nguard.ErrDenied) {
			t.Errorf("with a context from elsewhere: %v", err)
		}
	}))).SignIn(g, "bob")
	c.Get("/page").Expect(200)
	for _, e := range sink.Events() {
		if e.Name == "own_event" {
			if e.Actor != "bob" || e.Path != "/page" || e.IP != "127.0.0.1" || e.RequestID == "" {
				t.Errorf("record: %+v", e)
			}
			return
		}
	}
	t.Error("no record of the program's own event")
}

// TestRequest_ManyGoroutines: one Request may be used by many goroutines of its handler.
func TestRequest_ManyGoroutines(t *testing.T) {
	const workers, rounds = 16, 10
	g := browsertest.NewGuard(t)
	c := browsertest.Serve(t, httpguard.Sessions(g)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		req := httpguard.From(r)
		var done sync.WaitGroup
		for i := range workers {
			done.Add(1)
			go func() {
				defer done.Done()
				for range rounds {
					if _, err := req.Update(r.Context(), func(d *nguard.Draft) error { return browsertest.Visits.Modify(d, func(n int) int { return n + 1 }) }); err != nil {
						t.Errorf("update: %v", err)
					}
					if s, err := req.Session(); err != nil || browsertest.Visits.Get(s) == 0 {
						t.Errorf("session: %v", err)
					}
					if err := req.Authorize(r.Context(), policy.SignedIn, nil); err != nil {
						t.Errorf("authorize: %v", err)
					}
					if i == 0 {
						if _, err := req.Apply(r.Context(), []byte(`{"theme":"dark"}`), nguard.ApplyOptions{}); err != nil {
							t.Errorf("apply: %v", err)
						}
					}
					if req.Subject().UserID != "bob" || req.ID() == "" || !req.IP().IsValid() {
						t.Error("the request does not know itself")
					}
				}
			}()
		}
		done.Wait()
		s, err := req.Session()
		if err != nil {
			httpguard.Fail(w, r, err)
			return
		}
		fmt.Fprint(w, browsertest.Visits.Get(s), browsertest.Theme.Get(s))
	}))).SignIn(g, "bob")
	a := c.Do("POST", "/", "").Expect(200)
	if a.Body != fmt.Sprint(workers*rounds, "dark") || len(a.Header.Values("Set-Cookie")) != 1 {
		t.Errorf("%q, cookies %q", a.Body, a.Header.Values("Set-Cookie"))
	}
}

// TestHandlerPanics: a panic passes through to net/http as it does without nguard, and the request is
// over with it.
func TestHandlerPanics(t *testing.T) {
	g := browsertest.NewGuard(t)
	var kept *nguard.Request
	h := httpguard.Sessions(g)(httpguard.Require(g, policy.SignedIn)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		kept = httpguard.From(r)
		panic(http.ErrAbortHandler)
	})))
	r := guardtest.SignedIn(t, g, "bob", httptest.NewRequest("GET", "/", nil))
	func() {
		defer func() {
			if p := recover(); p != http.ErrAbortHandler {
				t.Errorf("panic value %v", p)
			}
		}()
		h.ServeHTTP(httptest.NewRecorder(), r)
	}()
	if _, err := kept.Session(); !errors.Is(err, nguard.ErrTooLate) {
		t.Errorf("after the panic: %v", err)
	}
}

// TestOwnCookies_Stay: cookies and headers of the program stand beside nguard's, and several changes in
// one request leave one session cookie.
func TestOwnCookies_Stay(t *testing.T) {
	g := browsertest.NewGuard(t)
	c := browsertest.Serve(t, httpguard.Sessions(g)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "before", Value: "1"})
		w.Header().Add("Vary", "Accept")
		for range 3 {
			if _, err := httpguard.From(r).Update(r.Context(), func(d *nguard.Draft) error { return browsertest.Visits.Modify(d, func(n int) int { return n + 1 }) }); err != nil {
				t.Error(err)
			}
		}
		http.SetCookie(w, &http.Cookie{Name: "after", Value: "1"})
		if _, err := httpguard.From(r).Login(r.Context(), "eve", nguard.LoginOptions{}); err != nil {
			t.Error(err)
		}
		if s, err := httpguard.From(r).Session(); err != nil || s.UserID() != "eve" {
			t.Errorf("after the login: %v", err)
		}
		fmt.Fprint(w, "ok")
	}))).SignIn(g, "bob")
	old := c.Other()
	old.Cookies[g.CookieName()] = c.Cookies[g.CookieName()]
	a := c.Do("POST", "/", "").Expect(200)
	var names []string
	for _, line := range a.Header.Values("Set-Cookie") {
		name, _, _ := strings.Cut(line, "=")
		names = append(names, name)
	}
	if fmt.Sprint(names) != fmt.Sprint([]string{"before", g.CookieName(), "after"}) || !strings.Contains(strings.Join(a.Header.Values("Vary"), ","), "Accept") || !strings.Contains(strings.Join(a.Header.Values("Vary"), ","), "Cookie") {
		t.Errorf("cookies %q, Vary %q", names, a.Header.Values("Vary"))
	}
	if s, err := g.Lookup(context.Background(), c.Cookies[g.CookieName()]); err != nil || s.UserID() != "eve" {
		t.Errorf("the cookie leads to %v, %v", s, err)
	}
	if _, err := g.Lookup(context.Background(), old.Cookies[g.CookieName()]); !errors.Is(err, nguard.ErrNoSession) {
		t.Errorf("the session before the login: %v", err)
	}
}
