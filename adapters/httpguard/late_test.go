package httpguard_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/nguard-go/nguard/adapters/httpguard"
	"github.com/nguard-go/nguard/adapters/internal/browsertest"
	nguard "github.com/nguard-go/nguard/core"
)

// TestRequest_OutlivesHandler: a goroutine that goes on after its handler never writes into the answer of the next
// person on the same connection.
func TestRequest_OutlivesHandler(t *testing.T) {
	browsertest.Outlives(t, func(g *nguard.Guard, leak func(*nguard.Request, context.Context), next func()) *browsertest.Client {
		mux := http.NewServeMux()
		mux.HandleFunc("/leak", func(w http.ResponseWriter, r *http.Request) {
			leak(httpguard.From(r), context.WithoutCancel(r.Context()))
			fmt.Fprint(w, "first")
		})
		mux.HandleFunc("/next", func(w http.ResponseWriter, r *http.Request) {
			next()
			who(w, r)
		})
		return browsertest.Serve(t, httpguard.Sessions(g)(mux))
	})
}

// TestUpdate_HandlerReturnsMeanwhile: an update that was under way when its handler returned stands, is
// told that its cookie could not be sent, and sends none.
func TestUpdate_HandlerReturnsMeanwhile(t *testing.T) {
	g := browsertest.NewGuard(t)
	started, returned, result := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	h := httpguard.Sessions(g)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		req, ctx := httpguard.From(r), r.Context()
		go func() {
			_, err := req.Update(ctx, func(d *nguard.Draft) error {
				close(started)
				<-returned
				return browsertest.Visits.Set(d, 1)
			})
			result <- err
		}()
		<-started
	}))
	c := browsertest.Serve(t, h).SignIn(g, "bob")
	a := c.Do("POST", "/", "").Expect(200)
	if a.Header.Get("Set-Cookie") != "" {
		t.Errorf("cookie %q", a.Header.Get("Set-Cookie"))
	}
	close(returned)
	if err := <-result; !errors.Is(err, nguard.ErrTooLate) {
		t.Errorf("the update says %v", err)
	}
	s, err := g.Lookup(context.Background(), c.Cookies[g.CookieName()])
	if err != nil || browsertest.Visits.Get(s) != 1 {
		t.Errorf("the session: %v, %v", s, err)
	}
}

// TestClientLeaves_UpdateStands: a client that hangs up in the middle leaves no half a change: the update
// runs to its end.
func TestClientLeaves_UpdateStands(t *testing.T) {
	g := browsertest.NewGuard(t)
	result := make(chan error, 1)
	entered := make(chan struct{})
	c := browsertest.Serve(t, httpguard.Sessions(g)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done() // the client has gone
		_, err := httpguard.From(r).Update(r.Context(), func(d *nguard.Draft) error {
			return errors.Join(browsertest.Visits.Set(d, 1), browsertest.Theme.Set(d, "dark"))
		})
		result <- err
	}))).SignIn(g, "bob")
	w := c.Dial()
	w.Write("POST / HTTP/1.1\r\nHost: " + w.Host + "\r\nSec-Fetch-Site: same-origin\r\n" + c.Cookie(g) + "\r\nContent-Length: 0\r\n\r\n")
	<-entered
	if err := w.Conn.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-result; err != nil {
		t.Errorf("update: %v", err)
	}
	s, err := g.Lookup(context.Background(), c.Cookies[g.CookieName()])
	if err != nil || browsertest.Visits.Get(s) != 1 || browsertest.Theme.Get(s) != "dark" {
		t.Errorf("the session: %v, %v", s, err)
	}
}
