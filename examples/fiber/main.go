// Command fiber is a fiber application in which people log in, see a page of their own and choose its theme.
// The folder before has it as it was without nguard; docs/guides/fiber.md shows what was added.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"os/signal"
	"syscall"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/recover"

	"github.com/nguard-go/nguard/adapters/fiberguard"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
	"github.com/nguard-go/nguard/policy"
	"github.com/nguard-go/nguard/policy/ratelimit"
	"github.com/nguard-go/nguard/stores/memstore"
)

// people stands for the users table, with one person and the password "guardtest-password". A real program
// gives its own: examples/adminpanel/users.go has the methods in SQL.
var people = guardtest.NewUsers(nguard.User{ID: "ann", Name: "Ann", Email: "ann@example.com"})

var theme = &nguard.Field[string]{Name: "theme", Default: "light", OneOf: []string{"light", "dark"}, Write: policy.Self, Scope: nguard.InUser}

func account(c *fiber.Ctx) error {
	session, _ := fiberguard.From(c).Session() // there is one: Require lets nobody else pass
	return c.SendString(fmt.Sprintf("The page of %s, in a %s theme.\n", session.User().Name, theme.Get(session)))
}

func main() {
	addr := flag.String("addr", "localhost:8080", "address to listen on")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *addr); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, addr string) error {
	guard, err := nguard.New(nguard.Config{Store: memstore.New(), Users: people, Limits: ratelimit.Defaults(), Fields: []nguard.AnyField{theme}})
	if err != nil {
		return err
	}

	app := fiber.New(fiber.Config{ReadTimeout: 15 * time.Second, IdleTimeout: 2 * time.Minute, DisableStartupMessage: true})
	app.Use(recover.New())
	app.Use(fiberguard.Sessions(guard), fiberguard.Endpoints(guard))
	app.Get("/account", fiberguard.Require(guard, policy.SignedIn), account)

	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	fmt.Printf("listening on http://%s\n", listener.Addr())
	failed := make(chan error, 1)
	go func() { failed <- app.Listener(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	down, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return errors.Join(app.ShutdownWithContext(down), guard.Shutdown(down))
}
