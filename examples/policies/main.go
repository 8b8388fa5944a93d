// Command policies is a service whose rules are Go code, in policies.go: who edits, deletes and exports posts.
// Its tests ask the rules without any request. docs/guides/policies.md tells more.
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
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
)

// people and posts stand for tables: see examples/adminpanel/users.go. The password is "guardtest-password".
var people = guardtest.NewUsers(
	nguard.User{ID: "ann", Email: "ann@example.com", Role: "admin"},
	nguard.User{ID: "ed", Email: "ed@example.com", Role: "editor"},
	nguard.User{ID: "wu", Email: "wu@example.com", Role: "writer"})
var posts = map[string]*Post{"1": {ID: "1", AuthorID: "wu"}, "2": {ID: "2", AuthorID: "ed"}}

func export(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, len(posts), "posts") }

// post loads the row that a request is about, and asks the policy for this one.
func post(may nguard.Policy, done string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		post := posts[r.PathValue("id")]
		if post == nil {
			httpguard.Fail(w, r, nguard.ErrNotFound)
			return
		}
		if err := httpguard.From(r).Authorize(r.Context(), may, post); err != nil {
			httpguard.Fail(w, r, err)
			return
		}
		fmt.Fprintln(w, done, post.ID)
	}
}

func main() {
	addr := flag.String("addr", "localhost:8080", "address to listen on")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	guard, err := newGuard()
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /posts/{id}", post(CanEdit, "edited"))
	mux.HandleFunc("DELETE /posts/{id}", post(CanDelete, "deleted"))
	mux.Handle("GET /export", httpguard.Require(guard, CanExport)(http.HandlerFunc(export)))
	server := &http.Server{Handler: httpguard.Sessions(guard)(httpguard.Endpoints(guard)(mux)), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second}
	listener, err := net.Listen("tcp", *addr)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening on http://%s\n", listener.Addr())
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		log.Fatal(err)
	case <-ctx.Done():
	}
	down, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	err = errors.Join(server.Shutdown(down), guard.Shutdown(down))
	if cancel(); err != nil {
		log.Fatal(err)
	}
}
