package paritytest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/nguard-go/nguard/adapters/httpguard"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
	"github.com/nguard-go/nguard/policy"
)

// A difFramework is a way to serve the application. start returns when the listener accepts; stop ends it.
type difFramework struct {
	name  string
	start func(t testing.TB, w *difWorld, v difVariant, l net.Listener) (stop func())
}

// The frameworks. net/http is the one that the others are compared with.
var (
	difNetHTTP = difFramework{"net/http", func(t testing.TB, w *difWorld, v difVariant, l net.Listener) func() {
		return difServe(t, difNetHTTPApp(w.guard, v), l)
	}}
	difGin   = difFramework{"gin", difStartGin}
	difFiber = difFramework{"fiber", difStartFiber}
)

var (
	errDifFault  = errors.New("disk on fire") // what no table of errors knows
	difSignedIn  = policy.SignedIn
	difModerator = nguard.Policy(difMod)
)

// difHandler is what the handlers of all frameworks share: text for the answer, or an error for Fail.
type difHandler func(context.Context, *nguard.Request) (string, error)

func difSay(s string) difHandler {
	return func(context.Context, *nguard.Request) (string, error) { return s, nil }
}

func difFault(context.Context, *nguard.Request) (string, error) { return "", errDifFault }

func difWho(_ context.Context, r *nguard.Request) (string, error) {
	s, err := r.Session()
	if err != nil {
		return "", err
	}
	return s.UserID(), nil
}

func difVisit(ctx context.Context, r *nguard.Request) (string, error) {
	s, err := r.Update(ctx, func(d *nguard.Draft) error {
		return difVisits.Modify(d, func(n int) int { return n + 1 })
	})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d visits", difVisits.Get(s)), nil
}

// difLogin is a login handler as an application writes its own: it has verified the person itself.
func difLogin(body string) difHandler {
	return func(ctx context.Context, r *nguard.Request) (string, error) {
		if body != "id=other&password="+guardtest.Password {
			return "", nguard.ErrBadCredentials
		}
		s, err := r.Login(ctx, "other", nguard.LoginOptions{Methods: []string{"own"}})
		if err != nil {
			return "", err
		}
		return "welcome " + s.UserID(), nil
	}
}

const difEvents = "data: one\n\n"

// difServe runs an http.Server with its default settings.
func difServe(t testing.TB, h http.Handler, l net.Listener) func() {
	s := &http.Server{Handler: h, ErrorLog: log.New(io.Discard, "", 0)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("net/http stopped: %v", err)
		}
	}()
	return func() {
		_ = s.Close()
		<-done
	}
}

func difNetHTTPApp(g *nguard.Guard, v difVariant) http.Handler {
	text := func(fn difHandler) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			s, err := fn(r.Context(), httpguard.From(r))
			if err != nil {
				httpguard.Fail(w, r, err)
				return
			}
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			_, _ = io.WriteString(w, s)
		}
	}
	say := func(s string) http.Handler {
		return text(difSay(s))
	}
	mux := http.NewServeMux()
	mux.Handle("/public", say("hello"))
	mux.Handle("/sentinel", say(difSentinel))
	mux.Handle("GET /who", text(difWho))
	mux.Handle("GET /admin", httpguard.Require(g, difAdmin)(say("for admins")))
	mux.Handle("GET /limited", httpguard.Limit(g, &difLimit{})(say("once")))
	mux.Handle("POST /visits", text(difVisit))
	mux.Handle("GET /fault", text(difFault))
	mux.Handle("GET /posts/{id}", httpguard.Require(g, difModerator)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		say("post "+r.PathValue("id")).ServeHTTP(w, r)
	})))
	mux.Handle("GET /events", httpguard.Require(g, difSignedIn)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for range 2 {
			_, _ = io.WriteString(w, difEvents)
			_ = http.NewResponseController(w).Flush()
		}
	})))
	nothing := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, "no such page")
	}
	mux.HandleFunc("/", nothing)
	switch v {
	case difMount:
		root := http.NewServeMux()
		root.HandleFunc("/", nothing)
		root.Handle("/app/", http.StripPrefix("/app", httpguard.Sessions(g)(httpguard.Endpoints(g)(mux))))
		return root
	case difOwn:
		mux.HandleFunc("POST /api/auth/login", func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			text(difLogin(string(body)))(w, r)
		})
		return httpguard.Sessions(g)(httpguard.Endpoints(g, "login")(mux))
	}
	return httpguard.Sessions(g)(httpguard.Endpoints(g)(mux))
}

func init() { gin.SetMode(gin.ReleaseMode) } // it prints each route otherwise
