package guides

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/gofiber/fiber/v2"

	"github.com/nguard-go/nguard/adapters/fiberguard"
	"github.com/nguard-go/nguard/adapters/ginguard"
	"github.com/nguard-go/nguard/adapters/httpguard"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
	"github.com/nguard-go/nguard/policy"
	"github.com/nguard-go/nguard/stores/memstore"
)

var (
	Reader = policy.NewRole("reader")
	Admin  = policy.NewRole("admin").Inherits(Reader)

	Theme = &nguard.Field[string]{Name: "theme", Default: "light", OneOf: []string{"light", "dark"}, Write: policy.Self, Scope: nguard.InUser}
	Motto = &nguard.Field[string]{Name: "motto"}
	Views = &nguard.Field[int]{Name: "views"}
)

func newModel(t *testing.T) *policy.Model {
	t.Helper()
	model, err := policy.NewModel(policy.Config{Roles: []*policy.Role{Reader, Admin}})
	if err != nil {
		t.Fatal(err)
	}
	return model
}

// newGuard knows ann, an admin, and bob, who is none.
func newGuard(t *testing.T) *nguard.Guard {
	t.Helper()
	return guardtest.New(t, nguard.Config{Roles: newModel(t), Fields: []nguard.AnyField{Theme, Motto, Views}},
		nguard.User{ID: "ann", Name: "Ann", Role: "admin"}, nguard.User{ID: "bob", Name: "Bob", Role: "reader"})
}

// send makes a request of somebody, or of nobody, and returns status and body.
func send(t *testing.T, g *nguard.Guard, h http.Handler, user, method, path, body string) string {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if user != "" {
		r = guardtest.SignedIn(t, g, user, r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return fmt.Sprint(w.Code, " ", w.Body)
}

// expect compares the beginning of an answer.
func expect(t *testing.T, got, want string) {
	t.Helper()
	if !strings.HasPrefix(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestNetHTTP(t *testing.T) {
	guard := newGuard(t)
	page := func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "page") }
	mux := http.NewServeMux()

	mux.HandleFunc("POST /theme", func(w http.ResponseWriter, r *http.Request) {
		theme := r.PostFormValue("theme")
		session, err := httpguard.From(r).Update(r.Context(), func(d *nguard.Draft) error {
			return Theme.Set(d, theme)
		})
		if err != nil {
			httpguard.Fail(w, r, err)
			return
		}
		fmt.Fprintf(w, "now %s", Theme.Get(session))
	})

	admin := http.NewServeMux()
	admin.HandleFunc("GET /admin/people", page)
	mux.Handle("/admin/", httpguard.Require(guard, Admin)(admin))

	app := http.NewServeMux()
	app.Handle("GET /account", httpguard.Require(guard, policy.SignedIn)(http.HandlerFunc(page)))
	mux.Handle("/app/", http.StripPrefix("/app", httpguard.Endpoints(guard)(app)))

	handler := httpguard.Sessions(guard)(httpguard.Endpoints(guard)(mux))

	expect(t, send(t, guard, handler, "ann", "POST", "/theme", "theme=dark"), "200 now dark")
	expect(t, send(t, guard, handler, "ann", "POST", "/theme", "theme=pink"), "400 ")
	expect(t, send(t, guard, handler, "", "POST", "/theme", "theme=dark"), "401 ")
	expect(t, send(t, guard, handler, "ann", "GET", "/admin/people", ""), "200 page")
	expect(t, send(t, guard, handler, "bob", "GET", "/admin/people", ""), "403 ")
	expect(t, send(t, guard, handler, "bob", "GET", "/app/account", ""), "200 page")
	expect(t, send(t, guard, handler, "", "GET", "/app/account", ""), "401 ")
	expect(t, send(t, guard, handler, "bob", "GET", "/app/api/auth/session", ""), "200 {")
	expect(t, send(t, guard, handler, "bob", "GET", "/app/api/auth/nothing", ""), "404 {")
}

// TestStream: a change before the first byte, then a stream that ends when the session has.
func TestStream(t *testing.T) {
	guard := newGuard(t)
	ticks := make(chan time.Time)

	stream := func(w http.ResponseWriter, r *http.Request) {
		session, err := httpguard.From(r).Update(r.Context(), func(d *nguard.Draft) error {
			return Views.Modify(d, func(n int) int { return n + 1 })
		})
		if err != nil {
			httpguard.Fail(w, r, err)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		for {
			live, err := guard.Sessions(r.Context(), session.UserID())
			if err != nil || !holds(live, session.ID()) {
				return
			}
			fmt.Fprintf(w, "data: views %d\n\n", Views.Get(session))
			if err := http.NewResponseController(w).Flush(); err != nil {
				return
			}
			select {
			case <-ticks:
			case <-r.Context().Done():
				return
			}
		}
	}

	server := httptest.NewServer(httpguard.Require(guard, policy.SignedIn)(http.HandlerFunc(stream)))
	defer server.Close()
	r, err := http.NewRequestWithContext(t.Context(), "GET", server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(guardtest.SignedIn(t, guard, "bob", r))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text := bufio.NewScanner(answer.Body)
	next := func() string {
		text.Scan()
		line := text.Text()
		text.Scan()
		return line
	}
	expect(t, next(), "data: views 1")
	ticks <- time.Now()
	expect(t, next(), "data: views 1")
	if len(answer.Cookies()) != 1 {
		t.Errorf("cookies %v", answer.Cookies())
	}
	if err := guard.RevokeUser(nguard.WithActor(t.Context(), "job:test"), "bob"); err != nil {
		t.Fatal(err)
	}
	ticks <- time.Now()
	if text.Scan() {
		t.Errorf("the stream goes on: %q", text.Text())
	}
}

// holds reports whether a session is among those that live.
func holds(live []*nguard.Session, id string) bool {
	for _, s := range live {
		if s.ID() == id {
			return true
		}
	}
	return false
}

func TestProxy(t *testing.T) {
	store, people, limits := memstore.New(), guardtest.NewUsers(nguard.User{ID: "ann"}), nguard.Limits{Login: nguard.Unlimited, Update: nguard.Unlimited}

	guard, err := nguard.New(nguard.Config{
		Store: store, Users: people, Limits: limits,
		Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
		Origins: []string{"https://app.example.com"},
	})
	if err != nil {
		t.Fatal(err)
	}
	ip := httpguard.Sessions(guard)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, httpguard.From(r).IP())
	}))
	for _, c := range []struct{ peer, forwarded, proto, origin, want string }{
		{"10.0.0.1:1", "203.0.113.7", "https", "https://app.example.com", "200 203.0.113.7"},
		{"192.0.2.1:1", "203.0.113.7", "https", "https://app.example.com", "200 192.0.2.1"},
		{"10.0.0.1:1", "203.0.113.7", "https", "https://evil.example", "403 "},
		{"10.0.0.1:1", "203.0.113.7", "http", "https://app.example.com", "403 "},
	} {
		r := httptest.NewRequest("POST", "/", nil)
		r.RemoteAddr = c.peer
		r.Header.Set("X-Forwarded-For", c.forwarded)
		r.Header.Set("X-Forwarded-Proto", c.proto)
		r.Header.Set("Origin", c.origin)
		w := httptest.NewRecorder()
		ip.ServeHTTP(w, r)
		expect(t, fmt.Sprint(w.Code, " ", w.Body), c.want)
	}
}

func TestGin(t *testing.T) {
	gin.SetMode(gin.TestMode)
	guard := newGuard(t)
	page := func(c *gin.Context) { c.String(http.StatusOK, "page") }
	r := gin.New()
	r.Use(ginguard.Sessions(guard), ginguard.Endpoints(guard))

	r.POST("/theme", func(c *gin.Context) {
		theme := c.PostForm("theme")
		session, err := ginguard.From(c).Update(c.Request.Context(), func(d *nguard.Draft) error {
			return Theme.Set(d, theme)
		})
		if err != nil {
			ginguard.Fail(c, err)
			return
		}
		c.String(http.StatusOK, "now %s", Theme.Get(session))
	})

	r.GET("/greeting", func(c *gin.Context) {
		session, err := ginguard.From(c).Session()
		if err != nil {
			ginguard.Fail(c, err)
			return
		}
		c.String(http.StatusOK, "hello %s", session.User().Name)
	})

	admin := r.Group("/admin", ginguard.Require(guard, Admin))
	admin.GET("/people", page)

	expect(t, send(t, guard, r, "ann", "GET", "/greeting", ""), "200 hello Ann")
	expect(t, send(t, guard, r, "", "GET", "/greeting", ""), "401 ")
	expect(t, send(t, guard, r, "ann", "POST", "/theme", "theme=dark"), "200 now dark")
	expect(t, send(t, guard, r, "ann", "POST", "/theme", "theme=pink"), "400 ")
	expect(t, send(t, guard, r, "", "POST", "/theme", "theme=dark"), "401 ")
	expect(t, send(t, guard, r, "ann", "GET", "/admin/people", ""), "200 page")
	expect(t, send(t, guard, r, "bob", "GET", "/admin/people", ""), "403 ")
	expect(t, send(t, guard, r, "bob", "GET", "/api/auth/session", ""), "200 {")

	r = gin.New()

	app := r.Group("/app", ginguard.Sessions(guard))
	app.Any("/api/auth/*endpoint", ginguard.Endpoints(guard))
	app.GET("/account", ginguard.Require(guard, policy.SignedIn), page)

	expect(t, send(t, guard, r, "bob", "GET", "/app/account", ""), "200 page")
	expect(t, send(t, guard, r, "", "GET", "/app/account", ""), "401 ")
	expect(t, send(t, guard, r, "bob", "GET", "/app/api/auth/session", ""), "200 {")
	expect(t, send(t, guard, r, "bob", "GET", "/app/api/auth/nothing", ""), "404 {")
	expect(t, send(t, guard, r, "bob", "GET", "/api/auth/session", ""), "404 404 page not found")

	r.GET("/events", ginguard.Require(guard, policy.SignedIn), func(c *gin.Context) {
		session, err := ginguard.From(c).Update(c.Request.Context(), func(d *nguard.Draft) error {
			return Views.Modify(d, func(n int) int { return n + 1 })
		})
		if err != nil {
			ginguard.Fail(c, err)
			return
		}
		for n := range 3 {
			c.SSEvent("views", Views.Get(session)+n)
			c.Writer.Flush()
		}
	})

	expect(t, send(t, guard, r, "bob", "GET", "/events", ""), "200 event:views\ndata:1\n\nevent:views\ndata:2")
}

// sendFiber is send for an app of fiber.
func sendFiber(t *testing.T, g *nguard.Guard, app *fiber.App, user, method, path, body string) string {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if user != "" {
		r = guardtest.SignedIn(t, g, user, r)
	}
	answer, err := app.Test(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(answer.StatusCode, " ", string(text))
}

func TestFiber(t *testing.T) {
	guard := newGuard(t)
	page := func(c *fiber.Ctx) error { return c.SendString("page") }
	app := fiber.New()
	app.Use(fiberguard.Sessions(guard), fiberguard.Endpoints(guard))

	app.Post("/theme", func(c *fiber.Ctx) error {
		theme := c.FormValue("theme")
		session, err := fiberguard.From(c).Update(c.UserContext(), func(d *nguard.Draft) error {
			return Theme.Set(d, theme)
		})
		if err != nil {
			return fiberguard.Fail(c, err)
		}
		return c.SendString("now " + Theme.Get(session))
	})

	app.Get("/greeting", func(c *fiber.Ctx) error {
		session, err := fiberguard.From(c).Session()
		if err != nil {
			return fiberguard.Fail(c, err)
		}
		return c.SendString("hello " + session.User().Name)
	})

	admin := app.Group("/admin", fiberguard.Require(guard, Admin))
	admin.Get("/people", page)

	expect(t, sendFiber(t, guard, app, "ann", "GET", "/greeting", ""), "200 hello Ann")
	expect(t, sendFiber(t, guard, app, "", "GET", "/greeting", ""), "401 ")
	expect(t, sendFiber(t, guard, app, "ann", "POST", "/theme", "theme=dark"), "200 now dark")
	expect(t, sendFiber(t, guard, app, "ann", "POST", "/theme", "theme=pink"), "400 ")
	expect(t, sendFiber(t, guard, app, "", "POST", "/theme", "theme=dark"), "401 ")
	expect(t, sendFiber(t, guard, app, "ann", "GET", "/admin/people", ""), "200 page")
	expect(t, sendFiber(t, guard, app, "bob", "GET", "/admin/people", ""), "403 ")
	expect(t, sendFiber(t, guard, app, "bob", "GET", "/api/auth/session", ""), "200 {")

	app = fiber.New()

	inner := app.Group("/app", fiberguard.Sessions(guard), fiberguard.Endpoints(guard))
	inner.Get("/account", fiberguard.Require(guard, policy.SignedIn), page)

	expect(t, sendFiber(t, guard, app, "bob", "GET", "/app/account", ""), "200 page")
	expect(t, sendFiber(t, guard, app, "", "GET", "/app/account", ""), "401 ")
	expect(t, sendFiber(t, guard, app, "bob", "GET", "/app/api/auth/session", ""), "200 {")
	expect(t, sendFiber(t, guard, app, "bob", "GET", "/app/api/auth/nothing", ""), "404 {")
	expect(t, sendFiber(t, guard, app, "bob", "GET", "/api/auth/session", ""), "404 Cannot GET")

	app.Get("/events", fiberguard.Require(guard, policy.SignedIn), func(c *fiber.Ctx) error {
		session, err := fiberguard.From(c).Update(c.UserContext(), func(d *nguard.Draft) error {
			return Views.Modify(d, func(n int) int { return n + 1 })
		})
		if err != nil {
			return fiberguard.Fail(c, err)
		}
		views := Views.Get(session)
		c.Set("Content-Type", "text/event-stream")
		c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
			for n := range 3 {
				fmt.Fprintf(w, "data: %d\n\n", views+n)
				if err := w.Flush(); err != nil {
					return
				}
			}
		})
		return nil
	})

	expect(t, sendFiber(t, guard, app, "bob", "GET", "/events", ""), "200 data: 1\n\ndata: 2")
}

// TestFiberStrings: what fiber gives to a handler is overwritten by the next request, and what nguard was given
// of it stays as it was.
func TestFiberStrings(t *testing.T) {
	guard := newGuard(t)
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Use(fiberguard.Sessions(guard))
	app.Post("/motto", func(c *fiber.Ctx) error {
		motto := c.FormValue("motto")
		_, err := fiberguard.From(c).Update(c.UserContext(), func(d *nguard.Draft) error {
			return Motto.Set(d, motto)
		})
		if err != nil {
			return fiberguard.Fail(c, err)
		}
		return nil
	})
	token, _, err := guard.Login(nguard.WithActor(t.Context(), "job:test"), "bob", nguard.LoginOptions{})
	if err != nil {
		t.Fatal(err)
	}
	listener := newListener(t)
	go func() { _ = app.Listener(listener) }()
	defer func() { _ = app.Shutdown() }()
	post := func(motto string, cookie bool) {
		r, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+listener.Addr().String()+"/motto", strings.NewReader("motto="+motto))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		if cookie {
			r.AddCookie(&http.Cookie{Name: guard.CookieName(), Value: token})
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close()
	}
	post("carpe-diem", true)
	for range 20 {
		post("EVIL-EVIL-", false)
	}
	session, err := guard.Lookup(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := json.Marshal(session)
	if Motto.Get(session) != "carpe-diem" {
		t.Errorf("another request has written %q into the session: %s", Motto.Get(session), raw)
	}
}
