package fiberguard_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/gofiber/fiber/v2"

	"github.com/nguard-go/nguard/adapters/fiberguard"
	"github.com/nguard-go/nguard/adapters/internal/browsertest"
	nguard "github.com/nguard-go/nguard/core"
)

// TestLate_BodyIsBuffered: fiber keeps the body until the handler has returned, so that a change after
// c.SendString still sets its cookie.
func TestLate_BodyIsBuffered(t *testing.T) {
	g := browsertest.NewGuard(t)
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
	c := serve(t, app).SignIn(g, "bob")
	if a := c.Do("POST", "/", "").Expect(200).Says("sent"); len(a.Names()) != 1 {
		t.Errorf("cookies %q", a.Names())
	}
	c.Do("POST", "/logout", "").Expect(200).Says("sent")
	if len(c.Cookies) != 0 {
		t.Errorf("cookies %v", c.Cookies)
	}
}

// TestLate_AfterAnswerOfNguard: an answer of nguard is whole, and nothing changes the session after it.
func TestLate_AfterAnswerOfNguard(t *testing.T) {
	g := browsertest.NewGuard(t)
	said := make(chan error, 1)
	app := newApp()
	app.Use(fiberguard.Sessions(g))
	app.Post("/", func(c *fiber.Ctx) error {
		err := fiberguard.Fail(c, nguard.ErrDenied)
		said <- visit(c)
		return err
	})
	c := serve(t, app).SignIn(g, "bob")
	if a := c.Do("POST", "/", "").Refused(403, "forbidden"); len(a.Names()) != 0 {
		t.Errorf("cookies %q", a.Names())
	}
	if err := <-said; !errors.Is(err, nguard.ErrTooLate) {
		t.Errorf("the change says %v", err)
	}
}

// TestLate_InStream: a stream is written when the handler has returned and the header is on its way. A change
// there is ErrTooLate, and leaves the session alone.
func TestLate_InStream(t *testing.T) {
	g := browsertest.NewGuard(t)
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
			said <- browsertest.Every(t, r, ctx, "eve")
			fmt.Fprint(w, "streamed")
		})
		return nil
	})
	c := serve(t, app).SignIn(g, "bob")
	if a := c.Do("POST", "/", "").Expect(200).Says("streamed"); len(a.Names()) != 0 {
		t.Errorf("cookies %q", a.Names())
	}
	for name, err := range <-said {
		if !errors.Is(err, nguard.ErrTooLate) {
			t.Errorf("%s in a stream: %v", name, err)
		}
	}
	if s, err := g.Lookup(t.Context(), c.Cookies[g.CookieName()]); err != nil || browsertest.Visits.Get(s) != 0 {
		t.Errorf("the session: %v, %v", s, err)
	}
}

// TestRequest_OutlivesHandler: fasthttp gives the next request the same RequestCtx.
func TestRequest_OutlivesHandler(t *testing.T) {
	browsertest.Outlives(t, func(g *nguard.Guard, leak func(*nguard.Request, context.Context), next func()) *browsertest.Client {
		app := newApp()
		app.Use(fiberguard.Sessions(g))
		app.Post("/leak", func(c *fiber.Ctx) error {
			leak(fiberguard.From(c), c.UserContext())
			return c.SendString("first")
		})
		app.Post("/next", func(c *fiber.Ctx) error {
			next()
			return who(c)
		})
		return serve(t, app)
	})
}

// TestRequest_ManyOutliveHandlers is the same of many people at once.
func TestRequest_ManyOutliveHandlers(t *testing.T) {
	browsertest.ManyOutlive(t, func(g *nguard.Guard, handle func(*nguard.Request, context.Context, func(name, value string)) error) *browsertest.Client {
		app := newApp()
		app.Use(fiberguard.Sessions(g))
		app.Post("/", func(c *fiber.Ctx) error {
			if err := handle(fiberguard.From(c), c.UserContext(), c.Set); err != nil {
				return fiberguard.Fail(c, err)
			}
			return nil
		})
		return serve(t, app)
	})
}
