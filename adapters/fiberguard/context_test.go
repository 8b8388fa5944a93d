package fiberguard_test

import (
	"testing"

	"github.com/gofiber/fiber/v2"

	"github.com/nguard-go/nguard/adapters/fiberguard"
	"github.com/nguard-go/nguard/adapters/internal/browsertest"
	nguard "github.com/nguard-go/nguard/core"
)

// TestContext_IsNeverFibers: a fasthttp.RequestCtx is a context.Context by its methods, and belongs to
// another request as soon as the handler has returned. Nothing that nguard calls gets one, or a context that
// rests on one, and what was kept still tells of its own request while the next one runs.
func TestContext_IsNeverFibers(t *testing.T) {
	w := &browsertest.Watcher{}
	g := w.Guard(t)
	app := newApp()
	app.Use(func(c *fiber.Ctx) error {
		c.Locals("local", "of fiber")
		c.SetUserContext(w.Begin(c.UserContext()))
		return c.Next()
	}, fiberguard.Sessions(g), func(c *fiber.Ctx) error {
		w.Began(fiberguard.From(c))
		return c.Next()
	}, fiberguard.Endpoints(g), fiberguard.Limit(g, w.Limiter()))
	app.All("/", fiberguard.Require(g, w.Policy()), func(c *fiber.Ctx) error {
		w.LookBack(t)
		return visit(c)
	})
	app.Post("/again", func(c *fiber.Ctx) error {
		_, err := fiberguard.From(c).Login(c.UserContext(), "bob", nguard.LoginOptions{})
		return err
	})
	w.Judge(t, g, serve(t, app), []string{"fasthttp", "fiber"}, "local")
}

// TestStore_Hangs: fiber's context is never cancelled, so that a store which hangs would hold the request, and
// its goroutine, for ever.
func TestStore_Hangs(t *testing.T) {
	browsertest.StoreHangs(t, func(g *nguard.Guard) *browsertest.Client {
		app := newApp()
		app.Use(fiberguard.Sessions(g), fiberguard.Endpoints(g))
		app.Get("/", who)
		app.Get("/free", func(c *fiber.Ctx) error { return c.SendString("free") })
		return serve(t, app)
	})
}
