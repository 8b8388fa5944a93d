package guides

import (
	"bufio"
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nguard-go/nguard/adapters/httpguard"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
	"github.com/nguard-go/nguard/stores/memstore"
)

// TestLive: a page hears of a change of role, and the server stops although its stream is open.
func TestLive(t *testing.T) {
	people := guardtest.NewUsers(nguard.User{ID: "ada", Role: "user"})
	guard, err := nguard.New(nguard.Config{
		Store:   memstore.New(),
		Users:   people,
		Limits:  nguard.Limits{Login: nguard.Unlimited, Update: nguard.Unlimited},
		Streams: nguard.Streams{PerUser: 10, Max: 2000},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: httpguard.Endpoints(guard)(http.NotFoundHandler()), WriteTimeout: 30 * time.Second}
	l := newListener(t)
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()

	job := nguard.WithActor(context.Background(), "job:demo")
	token, _, err := guard.Login(job, "ada", nguard.LoginOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequest("GET", "http://"+l.Addr().String()+"/api/auth/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Cookie", guard.CookieName()+"="+token)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	version := func() string {
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				return data
			}
		}
		return ""
	}
	first := version()
	if _, err := guard.ChangeUser(job, "ada", func(u *nguard.User) error { u.Role = "admin"; return nil }); err != nil {
		t.Fatal(err)
	}
	if second := version(); first == "" || second == "" || second == first {
		t.Errorf("told %q, then %q", first, second)
	}

	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := stop(ctx, guard, server); err != nil {
		t.Error(err)
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
	if last := version(); last != "" {
		t.Errorf("told %q at the end", last)
	}
}

func stop(ctx context.Context, guard *nguard.Guard, server *http.Server) error {
	guard.EndStreams()
	err := errors.Join(server.Shutdown(ctx), guard.Shutdown(ctx))
	return err
}
