package fiberguard_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/gofiber/fiber/v2"

	"github.com/nguard-go/nguard/adapters/fiberguard"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
	"github.com/nguard-go/nguard/policy"
)

func second[T any](_ T, err error) error { return err }

// every is what each method of a Request that can fail says.
func every(r *nguard.Request, ctx context.Context, userID string) map[string]error {
	return map[string]error{
		"Session":         second(r.Session()),
		"Update":          second(r.Update(ctx, func(d *nguard.Draft) error { return visits.Set(d, 99) })),
		"Apply":           second(r.Apply(ctx, []byte(`{"theme":"dark"}`), nguard.ApplyOptions{})),
		"Refresh":         second(r.Refresh(ctx)),
		"Login":           second(r.Login(ctx, userID, nguard.LoginOptions{})),
		"SignIn":          second(r.SignIn(ctx, nguard.NewCredentials(map[string]string{"id": userID}), nguard.LoginOptions{})),
		"Reauthenticated": second(r.Reauthenticated(ctx, nguard.LoginOptions{})),
		"EndOthers":       second(r.EndOthers(ctx)),
		"Authorize":       r.Authorize(ctx, policy.SignedIn, nil),
		"Manage":          r.Manage(ctx, "bob"),
		"ChangeAuthority": func() error { _, _, err := r.ChangeAuthority(ctx, "bob", nguard.Authority{}); return err }(),
		"Revoke":          r.Revoke(ctx, "bob", "AAAAAAAAAAAAAAAAAAAAAA"),
		"Limit":           r.Limit(ctx, nguard.Unlimited),
		"Events":          r.Events(),
		"Logout":          r.Logout(ctx),
	}
}

// TestEvery_IsAll: a method of Request that comes later is missed here, not in production.
func TestEvery_IsAll(t *testing.T) {
	known := every(nil, t.Context(), "")
	v := reflect.TypeFor[*nguard.Request]()
	for i := range v.NumMethod() {
		switch name := v.Method(i).Name; name {
		case "End", "Guard", "ID", "IP", "Record", "Subject": // give no error, or change no answer
		default:
			if _, ok := known[name]; !ok {
				t.Errorf("the tests do not know %s", name)
			}
		}
	}
	for name, err := range known {
		if !errors.Is(err, nguard.ErrNotInstalled) {
			t.Errorf("%s of a nil Request: %v", name, err)
		}
	}
}

// TestLate_BodyIsBuffered: fiber keeps the body until the handler has returned, so that a change after
// c.SendString still sets its cookie.
func TestLate_BodyIsBuffered(t *testing.T) {
	g := newGuard(t)
	app := newApp()
	app.Use(fiberguard.Sessions(g))
	app.Post("/", func(c *fiber.Ctx) error {
		if err := c.SendString("sent"); err != nil {
			return err
		}
		return visit(c)
	})
	app.Post("/logout", func(c *fiber.Ctx) error {
		if err := c.SendString("sent"); err != nil {
			return err
		}
		return fiberguard.From(c).Logout(c.UserContext())
	})
	c := serve(t, app).signIn(g, "bob")
	if a := c.do("POST", "/", "").expect(200).says("sent"); len(a.names()) != 1 {
		t.Errorf("cookies %q", a.names())
	}
	c.do("POST", "/logout", "").expect(200).says("sent")
	if len(c.cookies) != 0 {
		t.Errorf("cookies %v", c.cookies)
	}
}

// TestLate_AfterAnswerOfNguard: an answer of nguard is whole, and nothing changes the session after it.
func TestLate_AfterAnswerOfNguard(t *testing.T) {
	g := newGuard(t)
	said := make(chan error, 1)
	app := newApp()
	app.Use(fiberguard.Sessions(g))
	app.Post("/", func(c *fiber.Ctx) error {
		err := fiberguard.Fail(c, nguard.ErrDenied)
		said <- visit(c)
		return err
	})
	c := serve(t, app).signIn(g, "bob")
	if a := c.do("POST", "/", "").refused(403, "forbidden"); len(a.names()) != 0 {
		t.Errorf("cookies %q", a.names())
	}
	if err := <-said; !errors.Is(err, nguard.ErrTooLate) {
		t.Errorf("the change says %v", err)
	}
}

// TestLate_InStream: a stream is written when the handler has returned and the header is on its way. A change
// there is ErrTooLate, and leaves the session alone.
func TestLate_InStream(t *testing.T) {
	g := newGuard(t)
	returned, said := make(chan struct{}), make(chan map[string]error, 1)
	app := newApp()
	app.Use(func(c *fiber.Ctx) error {
		defer close(returned)
		return c.Next()
	}, fiberguard.Sessions(g))
	app.Post("/", func(c *fiber.Ctx) error {
		r, ctx := fiberguard.From(c), c.UserContext()
		c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
			<-returned
			said <- every(r, ctx, "eve")
			fmt.Fprint(w, "streamed")
		})
		return nil
	})
	c := serve(t, app).signIn(g, "bob")
	if a := c.do("POST", "/", "").expect(200).says("streamed"); len(a.names()) != 0 {
		t.Errorf("cookies %q", a.names())
	}
	for name, err := range <-said {
		if !errors.Is(err, nguard.ErrTooLate) {
			t.Errorf("%s in a stream: %v", name, err)
		}
	}
	if s, err := g.Lookup(t.Context(), c.cookies[g.CookieName()]); err != nil || visits.Get(s) != 0 {
		t.Errorf("the session: %v, %v", s, err)
	}
}

// TestRequest_OutlivesHandler: a goroutine that goes on after its handler gets ErrTooLate from everything that
// could touch an answer, while the next person's request runs on the same connection, in the same
// fasthttp.RequestCtx.
func TestRequest_OutlivesHandler(t *testing.T) {
	g := newGuard(t)
	next, said := make(chan struct{}), make(chan map[string]error, 1)
	app := newApp()
	app.Use(fiberguard.Sessions(g))
	app.Post("/leak", func(c *fiber.Ctx) error {
		r, ctx := fiberguard.From(c), c.UserContext()
		go func() {
			<-next
			_, _, _ = r.ID(), r.IP(), r.Guard() // must not touch the exchange: the race detector looks
			if s := r.Subject(); s.UserID != "" {
				t.Errorf("the late subject is %q", s.UserID)
			}
			said <- every(r, ctx, "eve")
		}()
		return c.SendString("first")
	})
	app.Post("/next", func(c *fiber.Ctx) error {
		close(next)
		for name, err := range <-said {
			if !errors.Is(err, nguard.ErrTooLate) {
				t.Errorf("%s after the handler: %v", name, err)
			}
		}
		return who(c)
	})
	c := serve(t, app)
	ann, bob, w := c.other().signIn(g, "ann"), c.other().signIn(g, "bob"), c.dial()
	w.do("POST", "/leak", "", "Sec-Fetch-Site: same-origin", "Content-Length: 0", bob.cookie(g)).expect(200)
	if a := w.do("POST", "/next", "", "Sec-Fetch-Site: same-origin", "Content-Length: 0", ann.cookie(g)).expect(200).says("ann"); len(a.names()) != 0 {
		t.Errorf("cookies %q", a.names())
	}
	for _, user := range []string{"ann", "bob"} {
		list, err := g.Sessions(t.Context(), user)
		if err != nil || len(list) != 1 || visits.Get(list[0]) != 0 || theme.Get(list[0]) != "light" {
			t.Errorf("sessions of %s: %v, %v", user, list, err)
		}
	}
}

// TestRequest_ManyOutliveHandlers: many people at once, whose handlers all leave goroutines behind that go on
// changing sessions and logging in. Whatever gets through in time stands in the answer of its own person;
// none ever stands in another's.
func TestRequest_ManyOutliveHandlers(t *testing.T) {
	const people, requests = 16, 40
	everybody := guardtest.NewUsers()
	for p := range people {
		everybody.Put(nguard.User{ID: fmt.Sprintf("person-%02d", p)})
	}
	g := newGuard(t, func(c *nguard.Config) { c.Users = everybody })
	var late sync.WaitGroup
	app := newApp()
	app.Use(fiberguard.Sessions(g))
	app.Post("/", func(c *fiber.Ctx) error {
		r, ctx := fiberguard.From(c), c.UserContext()
		s, err := r.Session()
		if err != nil {
			return fiberguard.Fail(c, err)
		}
		id := s.UserID()
		if err := c.SendString(id); err != nil {
			return err
		}
		late.Add(1)
		go func() {
			defer late.Done()
			for range 3 {
				if _, err := r.Login(ctx, id, nguard.LoginOptions{}); err != nil && !errors.Is(err, nguard.ErrTooLate) {
					t.Errorf("login: %v", err)
				}
				if _, err := r.Update(ctx, func(d *nguard.Draft) error { return visits.Set(d, 1) }); err != nil && !errors.Is(err, nguard.ErrTooLate) {
					t.Errorf("update: %v", err)
				}
				_, _ = r.ID(), r.IP()
			}
		}()
		return nil
	})
	c := serve(t, app)
	var all sync.WaitGroup
	for p := range people {
		id := fmt.Sprintf("person-%02d", p)
		me := c.other().signIn(g, id)
		all.Go(func() {
			for range requests {
				resp, err := me.http.Do(me.request("POST", "/", ""))
				if err != nil {
					t.Errorf("%s: %v", id, err)
					return
				}
				body, err := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if resp.StatusCode == http.StatusUnauthorized { // ended by a login whose cookie came too late
					me.signIn(g, id)
					continue
				}
				if err != nil || string(body) != id {
					t.Errorf("%s: body %q, %v", id, body, err)
				}
				for _, line := range resp.Header.Values("Set-Cookie") {
					name, rest, _ := strings.Cut(line, "=")
					token, _, _ := strings.Cut(rest, ";")
					s, err := g.Lookup(t.Context(), token)
					if name != g.CookieName() || err != nil && !errors.Is(err, nguard.ErrNoSession) || err == nil && s.UserID() != id {
						t.Errorf("%s got %q: %v, %v", id, line, s, err)
					}
					me.cookies[name] = token
				}
			}
		})
	}
	all.Wait()
	late.Wait()
}
