package fiberguard_test

import (
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/nguard-go/nguard/adapters/fiberguard"
	"github.com/nguard-go/nguard/adapters/internal/browsertest"
)

// newApp is fiber with its default settings, but for its banner.
func newApp(config ...fiber.Config) *fiber.App {
	c := fiber.Config{}
	if len(config) > 0 {
		c = config[0]
	}
	c.DisableStartupMessage = true
	return fiber.New(c)
}

// serve starts the application on a listener of its own and returns a client of it.
func serve(t testing.TB, app *fiber.App) *browsertest.Client {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serveOn(t, app, ln)
}

func serveOn(t testing.TB, app *fiber.App, ln net.Listener) *browsertest.Client {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- app.Listener(ln) }()
	transport := &http.Transport{}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := app.ShutdownWithTimeout(20 * time.Second); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		_ = ln.Close() // where the test has failed before the application took it
		if err := <-done; err != nil {
			t.Errorf("listener: %v", err)
		}
	})
	return browsertest.NewClient(t, "http://"+ln.Addr().String(), &http.Client{Transport: transport})
}

// who answers with the ID of the person.
func who(c *fiber.Ctx) error {
	s, err := fiberguard.From(c).Session()
	if err != nil {
		return fiberguard.Fail(c, err)
	}
	return c.SendString(s.UserID())
}

// visit counts a visit, which sets a cookie.
func visit(c *fiber.Ctx) error {
	return browsertest.Visit(c.UserContext(), fiberguard.From(c))
}
