package guides

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/nguard-go/nguard/adapters/httpguard"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
)

// plans stands for a table of the application's.
type plans struct {
	mu     sync.Mutex
	names  map[string]string
	err    error
	banned map[string]bool
	told   []string
}

func (p *plans) of(_ context.Context, userID string) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.names[userID], p.err
}

func (p *plans) tell(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.told = append(p.told, what)
}

func TestHooks(t *testing.T) {
	plans := &plans{names: map[string]string{"ann": "gold"}, banned: map[string]bool{}}

	hooks := nguard.Hooks{
		AfterAuthenticate: func(ctx context.Context, u nguard.User) error {
			if plan, err := plans.of(ctx, u.ID); err != nil {
				return fmt.Errorf("%w: %w", nguard.ErrUnavailable, err)
			} else if plan == "" {
				return errors.New("no plan")
			}
			return nil
		},
		OnLoad: func(ctx context.Context, s *nguard.Session) (map[string]any, error) {
			plan, err := plans.of(ctx, s.UserID())
			return map[string]any{"plan": plan}, err
		},
		Validate: func(_ context.Context, s *nguard.Session) error {
			if plans.banned[s.UserID()] {
				return nguard.ErrNoSession
			}
			return nil
		},
		BeforeUpdate: func(_ context.Context, u nguard.Update) error {
			if u.Actor != u.UserID {
				return errors.New("only people themselves, whatever the policies say")
			}
			return nil
		},
		AfterUpdate: func(_ context.Context, u nguard.Update) {
			for _, c := range u.Changes {
				plans.tell(fmt.Sprint(c.Field, " from ", c.From, " to ", c.To))
			}
		},
		OnLogout: func(_ context.Context, s *nguard.Session) { plans.tell("bye " + s.UserID()) },
	}
	guard := guardtest.New(t, nguard.Config{Hooks: hooks, Fields: []nguard.AnyField{Theme}}, nguard.User{ID: "ann"}, nguard.User{ID: "bob"})

	handler := httpguard.Sessions(guard)(httpguard.Endpoints(guard)(http.NotFoundHandler()))
	b := &browser{handler, map[string]string{}}
	do := func(method, path, body string, status int, text string) {
		t.Helper()
		w := b.do(method, "/api/auth/"+path, body, "Content-Type", "application/json", "Sec-Fetch-Site", "same-origin")
		if w.Code != status || !strings.Contains(w.Body.String(), text) {
			t.Errorf("%s: %d %s, want %d and %s", path, w.Code, w.Body, status, text)
		}
	}
	login := func(id string) string { return `{"id":"` + id + `","password":"` + guardtest.Password + `"}` }

	do("POST", "login", login("bob"), 403, "forbidden")
	plans.err = errors.New("no route to host")
	do("POST", "login", login("ann"), 503, "unavailable")
	plans.err = nil
	do("POST", "login", login("ann"), 200, `"plan":"gold"`)
	plans.err = errors.New("no route to host")
	do("GET", "session", "", 503, "unavailable")
	plans.err = nil
	do("GET", "session", "", 200, `"plan":"gold"`)
	do("POST", "update", `{"data":{"theme":"dark"}}`, 200, `"theme":"dark"`)
	if _, err := guard.ChangeUser(nguard.WithActor(t.Context(), "job:x"), "ann", func(u *nguard.User) error { u.Name = "A"; return nil }); !errors.Is(err, nguard.ErrDenied) {
		t.Errorf("a change that BeforeUpdate refuses: %v", err)
	}
	do("POST", "logout", "", 200, "")
	do("POST", "login", login("ann"), 200, "")
	plans.banned["ann"] = true
	do("GET", "session", "", 401, "no_session")
	plans.banned["ann"] = false
	do("GET", "session", "", 401, "no_session") // it has ended
	if want := []string{"theme from <nil> to dark", "bye ann"}; !slices.Equal(plans.told, want) {
		t.Errorf("told %q, want %q", plans.told, want)
	}
}
