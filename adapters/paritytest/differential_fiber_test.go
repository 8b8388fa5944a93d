package paritytest

import (
	"bufio"
	"net"
	"testing"

	"github.com/gofiber/fiber/v2"

	"github.com/nguard-go/nguard/adapters/fiberguard"
	nguard "github.com/nguard-go/nguard/core"
)

// difStartFiber is the application on fiber.
func difStartFiber(t testing.TB, w *difWorld, v difVariant, l net.Listener) func() {
	config := fiber.Config{DisableStartupMessage: true, StreamRequestBody: v == difStream} // all else is the default
	if v == difErrors {
		config.ErrorHandler = fiberguard.ErrorHandler(fiber.DefaultErrorHandler)
	}
	app := fiber.New(config)
	difFiberApp(app, w.guard, v)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = app.Listener(l) // ends with the listener
	}()
	return func() {
		_ = l.Close()
		<-done
	}
}

func difFiberApp(app *fiber.App, g *nguard.Guard, v difVariant) {
	text := func(fn difHandler) fiber.Handler {
		return func(c *fiber.Ctx) error {
			s, err := fn(c.UserContext(), fiberguard.From(c))
			if err != nil {
				return fiberguard.Fail(c, err)
			}
			return c.SendString(s)
		}
	}
	say := func(s string) fiber.Handler {
		return text(difSay(s))
	}
	r := app.Group("/")
	switch v {
	case difMount:
		r = app.Group("/app", fiberguard.Sessions(g), fiberguard.Endpoints(g))
	case difOwn:
		app.Use(fiberguard.Sessions(g), fiberguard.Endpoints(g, "login"))
		app.Post("/api/auth/login", func(c *fiber.Ctx) error {
			return text(difLogin(string(c.Body())))(c)
		})
	default:
		app.Use(fiberguard.Sessions(g), fiberguard.Endpoints(g))
	}
	r.All("/public", say("hello"))
	r.All("/sentinel", say(difSentinel))
	r.Get("/who", text(difWho))
	r.Get("/admin", fiberguard.Require(g, difAdmin), say("for admins"))
	r.Get("/limited", fiberguard.Limit(g, &difLimit{}), say("once"))
	r.Post("/visits", text(difVisit))
	r.Get("/fault", text(difFault))
	r.Get("/posts/:id", fiberguard.Require(g, difModerator), func(c *fiber.Ctx) error { return say("post " + c.Params("id"))(c) })
	r.Get("/events", fiberguard.Require(g, difSignedIn), func(c *fiber.Ctx) error {
		c.Set("Content-Type", "text/event-stream")
		c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
			for range 2 {
				_, _ = w.WriteString(difEvents)
				_ = w.Flush()
			}
		})
		return nil
	})
	app.Use(func(c *fiber.Ctx) error { return c.Status(404).SendString("no such page") })
}
