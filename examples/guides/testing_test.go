package guides

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/nguard-go/nguard/adapters/fiberguard"
	"github.com/nguard-go/nguard/adapters/httpguard"
	"github.com/nguard-go/nguard/audit"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
	"github.com/nguard-go/nguard/policy"
)

// routes are the application's.
func routes(guard *nguard.Guard) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /admin", httpguard.Require(guard, Admin)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "admin page") })))
	mux.Handle("POST /close", httpguard.Require(guard, policy.All(Admin, policy.Fresh(5*time.Minute)))(http.NotFoundHandler()))
	return httpguard.Sessions(guard)(httpguard.Endpoints(guard)(mux))
}

func TestAdminPage(t *testing.T) {
	guard := guardtest.New(t, nguard.Config{Roles: newModel(t)},
		nguard.User{ID: "ann", Role: "admin"}, nguard.User{ID: "bob", Role: "reader"})
	handler := routes(guard)
	for user, want := range map[string]int{"": 401, "bob": 403, "ann": 200} {
		r := httptest.NewRequest("GET", "/admin", nil)
		if user != "" {
			r = guardtest.SignedIn(t, guard, user, r)
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%q: %d %s, want %d", user, w.Code, w.Body, want)
		}
	}
}

func TestDemotionCountsAtOnce(t *testing.T) {
	guard := guardtest.New(t, nguard.Config{Roles: newModel(t)},
		nguard.User{ID: "ann", Role: "admin"}, nguard.User{ID: "eve", Role: "admin"})
	handler := routes(guard)
	r := guardtest.SignedIn(t, guard, "eve", httptest.NewRequest("GET", "/admin", nil))

	_, err := guard.ChangeUser(nguard.WithActor(t.Context(), "ann"), "eve", func(u *nguard.User) error {
		u.Role = "reader"
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	if w.Code != 403 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestStepUp(t *testing.T) {
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	guard := guardtest.New(t, nguard.Config{Roles: newModel(t), Now: func() time.Time { return now }},
		nguard.User{ID: "ann", Role: "admin"})
	handler := routes(guard)
	r := guardtest.SignedIn(t, guard, "ann", httptest.NewRequest("POST", "/close", nil))

	now = now.Add(10 * time.Minute)
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	if w.Code != 403 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestRecords(t *testing.T) {
	trail := audit.NewMemory(100)
	guard := guardtest.New(t, nguard.Config{Roles: newModel(t), Audit: trail},
		nguard.User{ID: "bob", Role: "reader"})
	_, err := guard.ChangeUser(nguard.WithActor(t.Context(), "job:test"), "bob", func(u *nguard.User) error {
		u.Role = "admin"
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	events := trail.Events()
	last := events[len(events)-1]
	if last.Actor != "job:test" || last.Target != "bob" || last.Outcome != nguard.Success || last.Changes[0].To != "admin" {
		t.Errorf("recorded %+v", last)
	}
}

func TestFiberPage(t *testing.T) {
	guard := guardtest.New(t, nguard.Config{}, nguard.User{ID: "ann"})
	app := fiber.New()
	app.Get("/account", fiberguard.Require(guard, policy.SignedIn), func(c *fiber.Ctx) error { return c.SendString("page") })

	answer, err := app.Test(guardtest.SignedIn(t, guard, "ann", httptest.NewRequest("GET", "/account", nil)))
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode != 200 {
		t.Errorf("%s", answer.Status)
	}
}
