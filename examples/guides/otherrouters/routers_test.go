package otherrouters

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/labstack/echo/v4"

	"github.com/nguard-go/nguard/adapters/httpguard"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
	"github.com/nguard-go/nguard/policy"
)

var (
	Reader = policy.NewRole("reader")
	Admin  = policy.NewRole("admin").Inherits(Reader)
	Views  = &nguard.Field[int]{Name: "views"}
)

func newGuard(t *testing.T) *nguard.Guard {
	t.Helper()
	model, err := policy.NewModel(policy.Config{Roles: []*policy.Role{Reader, Admin}})
	if err != nil {
		t.Fatal(err)
	}
	return guardtest.New(t, nguard.Config{Roles: model, Fields: []nguard.AnyField{Views}},
		nguard.User{ID: "ann", Name: "Ann", Role: "admin"}, nguard.User{ID: "bob", Name: "Bob", Role: "reader"})
}

// answer is what somebody, or nobody, gets.
func answer(t *testing.T, g *nguard.Guard, h http.Handler, user, method, path string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, path, nil)
	if user != "" {
		r = guardtest.SignedIn(t, g, user, r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// behaves is what both routers must do.
func behaves(t *testing.T, g *nguard.Guard, h http.Handler) {
	t.Helper()
	for _, c := range []struct {
		user, method, path string
		status             int
		text               string
	}{
		{"", "GET", "/account", 401, "no_session"},
		{"bob", "GET", "/account", 200, "Bob"},
		{"bob", "POST", "/views", 200, "views 1"},
		{"", "POST", "/views", 401, "no_session"},
		{"bob", "GET", "/admin/people", 403, "forbidden"},
		{"ann", "GET", "/admin/people", 200, "people"},
		{"bob", "GET", "/api/auth/session", 200, `"Bob"`},
		{"bob", "POST", "/api/auth/logout", 200, "signed out"},
		{"", "GET", "/api/auth/nothing", 404, "not_found"},
		{"bob", "GET", "/nothing", 404, ""},
	} {
		w := answer(t, g, h, c.user, c.method, c.path)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.text) {
			t.Errorf("%q %s %s: %d %s, want %d and %s", c.user, c.method, c.path, w.Code, w.Body, c.status, c.text)
		}
		if set := w.Header().Get("Set-Cookie"); (set != "") != (c.status == 200 && c.method == "POST") {
			t.Errorf("%q %s %s: Set-Cookie %q", c.user, c.method, c.path, set)
		}
	}
	r := guardtest.SignedIn(t, g, "bob", httptest.NewRequest("POST", "/views", nil))
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != 403 || !strings.Contains(w.Body.String(), "cross_origin") {
		t.Errorf("cross-origin: %d %s", w.Code, w.Body)
	}
}

func TestChi(t *testing.T) {
	guard := newGuard(t)

	r := chi.NewRouter()
	r.Use(httpguard.Sessions(guard), httpguard.Endpoints(guard))
	r.With(httpguard.Require(guard, policy.SignedIn)).Get("/account", func(w http.ResponseWriter, r *http.Request) {
		session, err := httpguard.From(r).Session()
		if err != nil {
			httpguard.Fail(w, r, err)
			return
		}
		fmt.Fprint(w, session.User().Name)
	})
	r.Route("/admin", func(r chi.Router) {
		r.Use(httpguard.Require(guard, Admin))
		r.Get("/people", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "people") })
	})
	r.Post("/views", func(w http.ResponseWriter, r *http.Request) {
		session, err := httpguard.From(r).Update(r.Context(), func(d *nguard.Draft) error {
			return Views.Modify(d, func(n int) int { return n + 1 })
		})
		if err != nil {
			httpguard.Fail(w, r, err)
			return
		}
		fmt.Fprint(w, "views ", Views.Get(session))
	})

	behaves(t, guard, r)
}

func TestEcho(t *testing.T) {
	guard := newGuard(t)

	e := echo.New()
	e.Pre(echo.WrapMiddleware(httpguard.Sessions(guard)), echo.WrapMiddleware(httpguard.Endpoints(guard)))
	e.GET("/account", func(c echo.Context) error {
		session, err := httpguard.From(c.Request()).Session()
		if err != nil {
			httpguard.Fail(c.Response(), c.Request(), err)
			return nil
		}
		return c.String(http.StatusOK, session.User().Name)
	}, echo.WrapMiddleware(httpguard.Require(guard, policy.SignedIn)))
	admin := e.Group("/admin", echo.WrapMiddleware(httpguard.Require(guard, Admin)))
	admin.GET("/people", func(c echo.Context) error { return c.String(http.StatusOK, "people") })
	e.POST("/views", func(c echo.Context) error {
		session, err := httpguard.From(c.Request()).Update(c.Request().Context(), func(d *nguard.Draft) error {
			return Views.Modify(d, func(n int) int { return n + 1 })
		})
		if err != nil {
			httpguard.Fail(c.Response(), c.Request(), err)
			return nil
		}
		return c.String(http.StatusOK, fmt.Sprint("views ", Views.Get(session)))
	})

	behaves(t, guard, e)
}
