package fiberguard_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"

	"github.com/nguard-go/nguard/adapters/fiberguard"
	"github.com/nguard-go/nguard/adapters/internal/browsertest"
	nguard "github.com/nguard-go/nguard/core"
)

// TestErrorHandler: errors of nguard that a handler returns, as fiber's users do, are answered in JSON; the
// application's own go on to its own handler.
func TestErrorHandler(t *testing.T) {
	g := browsertest.NewGuard(t)
	app := newApp(fiber.Config{ErrorHandler: fiberguard.ErrorHandler(func(c *fiber.Ctx, err error) error {
		return c.Status(fiber.StatusTeapot).SendString("the program's: " + err.Error())
	})})
	app.Use(fiberguard.Sessions(g), fiberguard.Endpoints(g, "own"))
	app.Get("/session", func(c *fiber.Ctx) error {
		_, err := fiberguard.From(c).Session()
		return err
	})
	app.Get("/conflict", func(*fiber.Ctx) error { return errors.Join(errors.New("row changed"), nguard.ErrConflict) })
	app.Get("/fault", func(*fiber.Ctx) error { return errors.New("out of paper") })
	app.Get("/fiber", func(*fiber.Ctx) error { return fiber.ErrTeapot })
	app.Get("/api/auth/own", func(*fiber.Ctx) error { return errors.New("out of paper") })
	c := serve(t, app)
	c.Get("/session").Refused(401, "no_session")
	c.Get("/conflict").Refused(409, "conflict")
	for path, want := range map[string]string{"/fault": "out of paper", "/fiber": "I'm a teapot", "/nowhere": "Cannot GET /nowhere"} {
		if a := c.Get(path).Expect(fiber.StatusTeapot); !strings.Contains(a.Body, "the program's: "+want) {
			t.Errorf("%s: %s", path, a.Body)
		}
	}
	if a := c.Get("/api/auth/own").Refused(500, "internal"); strings.Contains(a.Body, "paper") {
		t.Errorf("the cause is told: %s", a.Body)
	}
}
