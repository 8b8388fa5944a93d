package httpguard_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/nguard-go/nguard/adapters/httpguard"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/policy"
)

// TestRequest_OutlivesHandler: a goroutine that goes on after its handler gets ErrTooLate from everything
// that could touch an answer, and never writes into that of the next person on the same connection.
func TestRequest_OutlivesHandler(t *testing.T) {
	g := newGuard(t)
	returned, done := make(chan struct{}), make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/leak", func(w http.ResponseWriter, r *http.Request) {
		req, ctx := httpguard.From(r), context.WithoutCancel(r.Context())
		if _, err := req.Session(); err != nil {
			t.Errorf("session in the handler: %v", err)
		}
		go func() {
			defer close(done)
			<-returned
			for name, err := range map[string]error{
				"Session": second(req.Session()),
				"Update": second(req.Update(ctx, func(d *nguard.Draft) error {
					t.Error("the function of a late update ran")
					return visits.Set(d, 99)
				})),
				"Apply":           second(req.Apply(ctx, []byte(`{"theme":"dark"}`), nguard.ApplyOptions{})),
				"Refresh":         second(req.Refresh(ctx)),
				"Login":           second(req.Login(ctx, "ann", nguard.LoginOptions{})),
				"SignIn":          second(req.SignIn(ctx, nguard.NewCredentials(map[string]string{"id": "ann"}), nguard.LoginOptions{})),
				"Logout":          req.Logout(ctx),
				"Reauthenticated": second(req.Reauthenticated(ctx, nguard.LoginOptions{})),
				"EndOthers":       second(req.EndOthers(ctx)),
				"Authorize":       req.Authorize(ctx, policy.SignedIn, nil),
				"Manage":          req.Manage(ctx, "bob"),
				"ChangeAuthority": func() error { _, _, err := req.ChangeAuthority(ctx, "bob", nguard.Authority{}); return err }(),
				"Revoke":          req.Revoke(ctx, "bob", "AAAAAAAAAAAAAAAAAAAAAA"),
				"Limit":           req.Limit(ctx, nguard.Unlimited),
			} {
				if !errors.Is(err, nguard.ErrTooLate) {
					t.Errorf("%s after the handler: %v", name, err)
				}
			}
			if s := req.Subject(); s.UserID != "" {
				t.Errorf("the late subject is %q", s.UserID)
			}
			_, _, _ = req.ID(), req.IP(), req.Guard() // must not touch the exchange: the race detector looks
		}()
		fmt.Fprint(w, "first")
	})
	mux.HandleFunc("/next", func(w http.ResponseWriter, r *http.Request) {
		close(returned)
		<-done
		who(w, r)
	})
	c := serve(t, httpguard.Sessions(g)(mux))
	ann, bob := c.other().signIn(g, "ann"), c.other().signIn(g, "bob")
	// One connection for both, so that the server reuses what it can.
	conn, host := dial(t, c)
	in := bufio.NewReader(conn)
	for _, step := range []struct {
		c          *client
		path, want string
	}{{bob, "/leak", "first"}, {ann, "/next", "ann"}} {
		if _, err := io.WriteString(conn, "POST "+step.path+" HTTP/1.1\r\n"+asBrowser(step.c, host)+"Content-Length: 0\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil || string(body) != step.want || resp.Header.Get("Set-Cookie") != "" {
			t.Errorf("%s: %q, %v, cookie %q", step.path, body, err, resp.Header.Get("Set-Cookie"))
		}
	}
	for _, user := range []string{"ann", "bob"} {
		list, err := g.Sessions(context.Background(), user)
		if err != nil || len(list) != 1 || visits.Get(list[0]) != 0 || theme.Get(list[0]) != "light" {
			t.Errorf("sessions of %s: %v, %v", user, list, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// TestUpdate_HandlerReturnsMeanwhile: an update that was under way when its handler returned stands, is
// told that its cookie could not be sent, and sends none.
func TestUpdate_HandlerReturnsMeanwhile(t *testing.T) {
	g := newGuard(t)
	started, returned, result := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	h := httpguard.Sessions(g)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		req, ctx := httpguard.From(r), r.Context()
		go func() {
			_, err := req.Update(ctx, func(d *nguard.Draft) error {
				close(started)
				<-returned
				return visits.Set(d, 1)
			})
			result <- err
		}()
		<-started
	}))
	c := serve(t, h).signIn(g, "bob")
	a := c.do("POST", "/", "").expect(200)
	if a.header.Get("Set-Cookie") != "" {
		t.Errorf("cookie %q", a.header.Get("Set-Cookie"))
	}
	close(returned)
	if err := <-result; !errors.Is(err, nguard.ErrTooLate) {
		t.Errorf("the update says %v", err)
	}
	s, err := g.Lookup(context.Background(), c.cookies[g.CookieName()])
	if err != nil || visits.Get(s) != 1 {
		t.Errorf("the session: %v, %v", s, err)
	}
}

// TestClientLeaves_UpdateStands: a client that hangs up in the middle leaves no half a change: the update
// runs to its end.
func TestClientLeaves_UpdateStands(t *testing.T) {
	g := newGuard(t)
	result := make(chan error, 1)
	entered := make(chan struct{})
	c := serve(t, httpguard.Sessions(g)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done() // the client has gone
		_, err := httpguard.From(r).Update(r.Context(), func(d *nguard.Draft) error {
			return errors.Join(visits.Set(d, 1), theme.Set(d, "dark"))
		})
		result <- err
	}))).signIn(g, "bob")
	conn, host := dial(t, c)
	if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\n"+asBrowser(c, host)+"Content-Length: 0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-entered
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-result; err != nil {
		t.Errorf("update: %v", err)
	}
	s, err := g.Lookup(context.Background(), c.cookies[g.CookieName()])
	if err != nil || visits.Get(s) != 1 || theme.Get(s) != "dark" {
		t.Errorf("the session: %v, %v", s, err)
	}
}
