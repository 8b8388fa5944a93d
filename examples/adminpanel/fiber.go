package main

import (
	"context"
	"net"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/recover"

	"github.com/nguard-go/nguard/adapters/fiberguard"
)

// onFiber is the program on fiber.
func onFiber(a *app) server {
	r := fiber.New(fiber.Config{
		ReadTimeout:           15 * time.Second,
		WriteTimeout:          30 * time.Second,
		IdleTimeout:           2 * time.Minute,
		DisableStartupMessage: true,

		ErrorHandler:                 fiberguard.ErrorHandler(fiber.DefaultErrorHandler),
		DisablePreParseMultipartForm: true,
	})
	r.Use(recover.New())
	// The page itself stands before the sessions: it needs none, and loads while the store is away.
	for path, file := range site() {
		r.Get(path, func(c *fiber.Ctx) error {
			status, body := file.answer(func(name string) string { return c.Get(name) }, c.Set)
			return c.Status(status).Send(body)
		})
	}
	r.Use(fiberguard.Sessions(a.guard), fiberguard.Endpoints(a.guard))
	for _, route := range a.routes() {
		chain := []fiber.Handler{handleFiber(route.do)}
		if route.need != nil {
			chain = []fiber.Handler{fiberguard.Require(a.guard, route.need), handleFiber(route.do)}
		}
		r.Add(route.method, route.path, chain...)
	}
	return fiberServer{r}
}

// handleFiber is a native handler for an action.
func handleFiber(do action) fiber.Handler {
	return func(c *fiber.Ctx) error {
		v, err := do(c.UserContext(), fiberguard.From(c), func(name string) string { return c.Query(name) })
		if err != nil {
			return fiberguard.Fail(c, err)
		}
		c.Set(fiber.HeaderCacheControl, "no-store")
		return c.JSON(v)
	}
}

// fiberServer is a fiber.App under the names of http.Server.
type fiberServer struct{ app *fiber.App }

func (s fiberServer) Serve(l net.Listener) error         { return s.app.Listener(l) }
func (s fiberServer) Shutdown(ctx context.Context) error { return s.app.ShutdownWithContext(ctx) }
