package httpguard_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/nguard-go/nguard/adapters/httpguard"
	"github.com/nguard-go/nguard/adapters/internal/browsertest"
	nguard "github.com/nguard-go/nguard/core"
)

// TestUpdate_InsideUpdate: a function that changes the session again would wait for itself. It is told so
// in bounded time, may read the session, and the outer change goes on.
func TestUpdate_InsideUpdate(t *testing.T) {
	g := browsertest.NewGuard(t, func(c *nguard.Config) { c.Timeout = 300 * time.Millisecond })
	for name, set := range map[string]func(d *nguard.Draft) error{
		"in the session": func(d *nguard.Draft) error { return browsertest.Visits.Set(d, 3) }, "in the user": func(d *nguard.Draft) error { return browsertest.Theme.Set(d, "dark") },
	} {
		t.Run(name, func(t *testing.T) {
			c := browsertest.Serve(t, httpguard.Sessions(g)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				req := httpguard.From(r)
				inner := 0
				_, err := req.Update(r.Context(), func(d *nguard.Draft) error {
					if s, err := req.Session(); err != nil || s.UserID() != "bob" {
						t.Errorf("session inside: %v", err)
					}
					if inner++; inner == 1 { // once is enough: each waits for the timeout
						_, err := req.Update(r.Context(), func(*nguard.Draft) error { t.Error("the inner function ran"); return nil })
						if !errors.Is(err, nguard.ErrConflict) {
							t.Errorf("inner update: %v", err)
						}
						if err := req.Logout(r.Context()); !errors.Is(err, nguard.ErrConflict) {
							t.Errorf("inner logout: %v", err)
						}
					}
					return set(d)
				})
				if err != nil {
					httpguard.Fail(w, r, err)
				}
			}))).SignIn(g, "bob")
			if a := c.Do("POST", "/", "").Expect(200); a.Header.Get("Set-Cookie") == "" {
				t.Error("the outer change set no cookie")
			}
			c.Get("/").Expect(200)
		})
	}
}

// TestUpdate_Refused_ChangesNothing: an error or panic of the function leaves the session, and no cookie.
func TestUpdate_Refused_ChangesNothing(t *testing.T) {
	g := browsertest.NewGuard(t)
	own := errors.New("own error")
	c := browsertest.Serve(t, httpguard.Sessions(g)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		before, _ := httpguard.From(r).Session()
		_, err := httpguard.From(r).Update(r.Context(), func(d *nguard.Draft) error {
			if err := browsertest.Visits.Set(d, 5); err != nil {
				return err
			}
			if r.URL.Path == "/panic" {
				panic("in the function")
			}
			return own
		})
		if r.URL.Path == "/error" && !errors.Is(err, own) || r.URL.Path == "/panic" && !errors.Is(err, nguard.ErrHook) {
			t.Errorf("%s: %v", r.URL.Path, err)
		}
		if after, _ := httpguard.From(r).Session(); after != before || browsertest.Visits.Get(after) != 0 {
			t.Errorf("the session is %v, was %v", after, before)
		}
	}))).SignIn(g, "bob")
	for _, path := range []string{"/error", "/panic"} {
		if a := c.Do("POST", path, "").Expect(200); a.Header.Get("Set-Cookie") != "" {
			t.Errorf("%s set a cookie", path)
		}
	}
}
