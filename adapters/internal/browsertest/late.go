package browsertest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
)

// TooLate expects that everything which could touch an answer says so.
func TooLate(t testing.TB, what string, said map[string]error) {
	t.Helper()
	for name, err := range said {
		if !errors.Is(err, nguard.ErrTooLate) {
			t.Errorf("%s: %s: %v", what, name, err)
		}
	}
}

// PanicCloses asks an application whose handlers of "/sessions" and "/require" hand over their Request and panic,
// under the framework's recovery: none is left behind that could still write into an answer.
func PanicCloses(t *testing.T, g *nguard.Guard, c *Client, kept <-chan *nguard.Request) {
	t.Helper()
	c.SignIn(g, "bob")
	for _, path := range []string{"/sessions", "/require"} {
		c.Get(path).Expect(500)
		TooLate(t, path, Every(t, <-kept, t.Context(), "bob"))
	}
}

// Outlives asks an application behind Sessions in which a post to "/leak" calls leak, and one to "/next" calls next
// before it says who it is: a goroutine that goes on after its handler gets ErrTooLate from everything that could
// touch an answer, while the next person's request runs on the same connection, in the same context of the framework.
func Outlives(t *testing.T, serve func(g *nguard.Guard, leak func(*nguard.Request, context.Context), next func()) *Client) {
	g := NewGuard(t)
	begun, said := make(chan struct{}), make(chan map[string]error, 1)
	c := serve(g, func(r *nguard.Request, ctx context.Context) {
		go func() {
			<-begun
			_, _, _ = r.ID(), r.IP(), r.Guard() // must not touch the exchange: the race detector looks
			if s := r.Subject(); s.UserID != "" {
				t.Errorf("the late subject is %q", s.UserID)
			}
			said <- Every(t, r, ctx, "eve")
		}()
	}, func() {
		close(begun)
		TooLate(t, "after the handler", <-said)
	})
	ann, bob, w := c.Other().SignIn(g, "ann"), c.Other().SignIn(g, "bob"), c.Dial()
	w.Do("POST", "/leak", "", "Sec-Fetch-Site: same-origin", "Content-Length: 0", bob.Cookie(g)).Expect(200)
	if a := w.Do("POST", "/next", "", "Sec-Fetch-Site: same-origin", "Content-Length: 0", ann.Cookie(g)).Expect(200).Says("ann"); len(a.Names()) != 0 {
		t.Errorf("cookies %q", a.Names())
	}
	for _, user := range []string{"ann", "bob"} {
		list, err := g.Sessions(t.Context(), user)
		if err != nil || len(list) != 1 || Visits.Get(list[0]) != 0 || Theme.Get(list[0]) != "light" {
			t.Errorf("sessions of %s: %v, %v", user, list, err)
		}
	}
}

// ManyOutlive asks an application behind Sessions that answers each post by handle, which sets a header: the body might
// be the first byte. Many people at once have handlers that all leave goroutines behind, which go on changing sessions
// and logging in. Whatever gets through in time stands in the answer of its own person; none ever stands in another's.
func ManyOutlive(t *testing.T, serve func(g *nguard.Guard, handle func(r *nguard.Request, ctx context.Context, set func(name, value string)) error) *Client) {
	const people, requests = 16, 40
	everybody := guardtest.NewUsers()
	for p := range people {
		everybody.Put(nguard.User{ID: fmt.Sprintf("person-%02d", p)})
	}
	g := NewGuard(t, func(c *nguard.Config) { c.Users = everybody })
	var late sync.WaitGroup
	c := serve(g, func(r *nguard.Request, ctx context.Context, set func(name, value string)) error {
		s, err := r.Session()
		if err != nil {
			return err
		}
		id := s.UserID()
		set("X-Person", id)
		late.Go(func() {
			for range 3 {
				if _, err := r.Login(ctx, id, nguard.LoginOptions{}); err != nil && !errors.Is(err, nguard.ErrTooLate) {
					t.Errorf("login: %v", err)
				}
				if _, err := r.Update(ctx, func(d *nguard.Draft) error { return Visits.Set(d, 1) }); err != nil && !errors.Is(err, nguard.ErrTooLate) {
					t.Errorf("update: %v", err)
				}
				_, _ = r.ID(), r.IP()
			}
		})
		return nil
	})
	var all sync.WaitGroup
	for p := range people {
		id := fmt.Sprintf("person-%02d", p)
		me := c.Other().SignIn(g, id)
		all.Go(func() {
			for range requests {
				resp, err := me.HTTP.Do(me.Request("POST", "/", ""))
				if err != nil {
					t.Errorf("%s: %v", id, err)
					return
				}
				_, err = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				if resp.StatusCode == http.StatusUnauthorized { // ended by a login whose cookie came too late
					me.SignIn(g, id)
					continue
				}
				if got := resp.Header.Get("X-Person"); err != nil || got != id {
					t.Errorf("%s: the answer is that of %q, %v", id, got, err)
				}
				for _, line := range resp.Header.Values("Set-Cookie") {
					name, rest, _ := strings.Cut(line, "=")
					token, _, _ := strings.Cut(rest, ";")
					s, err := g.Lookup(t.Context(), token)
					if name != g.CookieName() || err != nil && !errors.Is(err, nguard.ErrNoSession) || err == nil && s.UserID() != id {
						t.Errorf("%s got %q: %v, %v", id, line, s, err)
					}
					me.Cookies[name] = token
				}
			}
		})
	}
	all.Wait()
	late.Wait()
}
