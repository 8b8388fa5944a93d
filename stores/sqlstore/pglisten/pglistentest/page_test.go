package pglistentest

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/nguard-go/nguard/adapters/httpguard"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
	"github.com/nguard-go/nguard/stores/servicetest"
)

// TestPage: what another process changes reaches an open page within a second, though its stream looks by itself
// once a minute only.
func TestPage(t *testing.T) {
	place := servicetest.Postgres(t)
	people := guardtest.NewUsers(nguard.User{ID: "ada", Role: "user"}, nguard.User{ID: "eve", Role: "user"})
	process := func() *nguard.Guard {
		g, err := nguard.New(nguard.Config{
			Store: heard(t, place.Open(t), place.DSN()), Users: people, Streams: nguard.Streams{Poll: time.Minute},
			Limits: nguard.Limits{Login: nguard.Unlimited, Update: nguard.Unlimited},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := g.Shutdown(t.Context()); err != nil && t.Context().Err() == nil {
				t.Error(err)
			}
		})
		return g
	}
	here, there := process(), process()
	server := httptest.NewServer(httpguard.Endpoints(here)(http.NotFoundHandler()))
	t.Cleanup(server.Close)
	t.Cleanup(here.EndStreams)
	job := nguard.WithActor(t.Context(), "job:test")
	token, _, err := there.Login(job, "ada", nguard.LoginOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequest("GET", server.URL+"/api/auth/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Cookie", here.CookieName()+"="+token)
	resp, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	events := make(chan string, 100)
	go func() {
		defer close(events)
		for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
			if name, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
				events <- name
			}
		}
	}()
	next := func(d time.Duration, want string) {
		t.Helper()
		select {
		case name := <-events:
			if name != want {
				t.Fatalf("told %q, want %q", name, want)
			}
		case <-time.After(d):
			t.Fatalf("%s is not told within %v", want, d)
		}
	}
	next(10*time.Second, "session.updated")
	// Somebody else's change is none of this page's; and when the first of its own is told, the server is heard.
	if err := there.UserChanged(job, "eve"); err != nil {
		t.Fatal(err)
	}
	change := func(role string) {
		t.Helper()
		if _, err := there.ChangeUser(job, "ada", func(u *nguard.User) error { u.Role = role; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	change("moderator")
	next(10*time.Second, "session.updated")
	if _, err := here.Lookup(job, token); err != nil { // which stamps the session, so that the next change is another version
		t.Fatal(err)
	}
	change("user")
	next(time.Second, "session.updated")
	if err := there.RevokeUser(job, "ada"); err != nil {
		t.Fatal(err)
	}
	next(time.Second, "session.revoked")
}
