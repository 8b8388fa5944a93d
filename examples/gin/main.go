// Command gin is a gin application in which people log in, see a page of their own and choose its theme. The
// folder before has it as it was without nguard; docs/guides/gin.md shows what was added.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os/signal"
	"syscall"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nguard-go/nguard/adapters/ginguard"
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

func account(c *gin.Context) {
	session, _ := ginguard.From(c).Session() // there is one: Require lets nobody else pass
	c.String(http.StatusOK, "The page of %s, in a %s theme.\n", session.User().Name, theme.Get(session))
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

	r := gin.New()
	r.Use(gin.Recovery())
	r.Use(ginguard.Sessions(guard), ginguard.Endpoints(guard))
	r.GET("/account", ginguard.Require(guard, policy.SignedIn), account)

	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	fmt.Printf("listening on http://%s\n", listener.Addr())
	server := &http.Server{Handler: r, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, IdleTimeout: 2 * time.Minute}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	down, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return errors.Join(server.Shutdown(down), guard.Shutdown(down))
}
