// Command webhook is a service with an audit sink of its own, which posts each record to a webhook. The file
// is what counts: a record is in it, synced, before the change that it is about. The webhook gets a copy,
// later, and no request waits for it. docs/guides/audit-sinks.md tells more.
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

	"github.com/nguard-go/nguard/adapters/httpguard"
	"github.com/nguard-go/nguard/audit"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
	"github.com/nguard-go/nguard/policy/ratelimit"
	"github.com/nguard-go/nguard/stores/memstore"
)

// people stands for the users table, see examples/adminpanel/users.go. The password is "guardtest-password".
var people = guardtest.NewUsers(nguard.User{ID: "ann", Name: "Ann", Email: "ann@example.com"})

func main() {
	addr := flag.String("addr", "localhost:8080", "address to listen on")
	url := flag.String("webhook", "http://localhost:9090/audit", "where records are posted to")
	file := flag.String("file", "audit.jsonl", "where records are kept")
	patience := flag.Duration("patience", 5*time.Second, "how long one post may take")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	trail, err := audit.OpenFile(*file, audit.FileOptions{})
	if err != nil {
		log.Fatal(err)
	}
	copies := audit.NewAsync(newWebhook(*url), audit.AsyncOptions{All: true, Deadline: *patience, Tries: 10, OnError: func(err error) { log.Print(err) }})
	sink, err := audit.NewFanout(audit.FanoutOptions{}, audit.Durable(trail), audit.BestEffort(copies))
	if err == nil {
		err = errors.Join(run(ctx, *addr, sink), trail.Close())
	}
	if err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, addr string, sink nguard.Sink) error {
	guard, err := nguard.New(nguard.Config{Store: memstore.New(), Users: people, Limits: ratelimit.Defaults(), Audit: sink})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	fmt.Printf("listening on http://%s\n", listener.Addr())
	server := &http.Server{Handler: httpguard.Endpoints(guard)(http.NotFoundHandler()), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, IdleTimeout: 2 * time.Minute}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	// First the requests, then the records: Guard.Shutdown drains the sinks, and its error says what is missing.
	down, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return errors.Join(server.Shutdown(down), guard.Shutdown(down))
}
