package ginguard_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nguard-go/nguard/adapters/ginguard"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
	"github.com/nguard-go/nguard/policy"
)

var (
	roleUser  = policy.NewRole("user")
	roleAdmin = policy.NewRole("admin", "*").Inherits(roleUser)

	theme  = &nguard.Field[string]{Name: "theme", Default: "light", Write: policy.Self}
	visits = &nguard.Field[int]{Name: "visits"}
	role   = &nguard.Field[string]{Name: "role", Write: roleAdmin, Scope: nguard.InUser, Rotate: true}
)

const password = `"password":"` + guardtest.Password + `"}`

// newGuard is a guard in memory with an admin and two users.
func newGuard(t testing.TB, options ...func(*nguard.Config)) *nguard.Guard {
	t.Helper()
	model, err := policy.NewModel(policy.Config{Roles: []*policy.Role{roleUser, roleAdmin}, Permissions: []policy.Permission{"posts:edit"}})
	if err != nil {
		t.Fatal(err)
	}
	c := nguard.Config{Roles: model, Fields: []nguard.AnyField{theme, visits, role}}
	for _, option := range options {
		option(&c)
	}
	return guardtest.New(t, c, nguard.User{ID: "ann", Role: "admin"}, nguard.User{ID: "bob", Role: "user"}, nguard.User{ID: "eve", Role: "user"})
}

// events is a sink that hands records to the test: those of refusals are written after the answer.
type events chan nguard.Event

func (e events) Record(_ context.Context, event nguard.Event) error {
	e <- event
	return nil
}

// next waits for the next record of this name.
func (e events) next(t testing.TB, name string) nguard.Event {
	t.Helper()
	limit := time.After(20 * time.Second)
	for {
		select {
		case event := <-e:
			if event.Name == name {
				return event
			}
		case <-limit:
			t.Fatalf("no record of %s", name)
		}
	}
}

func withEvents(e events) func(*nguard.Config) { return func(c *nguard.Config) { c.Audit = e } }

func init() { gin.SetMode(gin.ReleaseMode) }

// client sends requests as a page of the application does, and keeps the cookies that it gets.
type client struct {
	t          testing.TB
	base, host string
	http       *http.Client
	cookies    map[string]string
}

// serve starts the application on a listener of its own and returns a client of it.
func serve(t testing.TB, h http.Handler) *client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return newClient(t, s)
}

func newClient(t testing.TB, s *httptest.Server) *client {
	h := s.Client()
	h.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	h.Timeout = 30 * time.Second
	h.Transport.(*http.Transport).MaxIdleConnsPerHost = 64
	return &client{t, s.URL, s.Listener.Addr().String(), h, map[string]string{}}
}

// other is another browser at the same server.
func (c *client) other() *client {
	return &client{c.t, c.base, c.host, c.http, map[string]string{}}
}

// signIn gives the client a session of a guard, without a request.
func (c *client) signIn(g *nguard.Guard, userID string) *client {
	c.t.Helper()
	token, _, err := g.Login(nguard.WithActor(context.Background(), "job:test"), userID, nguard.LoginOptions{})
	if err != nil {
		c.t.Fatal(err)
	}
	c.cookies[g.CookieName()] = token
	return c
}

func (c *client) request(method, path, body string, headers ...string) *http.Request {
	c.t.Helper()
	r, err := http.NewRequest(method, c.base+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, value := range c.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	return r
}

func (c *client) do(method, path, body string, headers ...string) reply {
	c.t.Helper()
	resp, err := c.http.Do(c.request(method, path, body, headers...))
	if err != nil {
		c.t.Fatal(err)
	}
	a := read(c.t, method+" "+path, resp)
	for _, cookie := range resp.Cookies() {
		if cookie.Value == "" {
			delete(c.cookies, cookie.Name)
		} else {
			c.cookies[cookie.Name] = cookie.Value
		}
	}
	return a
}

func (c *client) get(path string, headers ...string) reply {
	c.t.Helper()
	return c.do("GET", path, "", headers...)
}

// cookie is the header by which the client shows its session.
func (c *client) cookie(g *nguard.Guard) string {
	return "Cookie: " + g.CookieName() + "=" + c.cookies[g.CookieName()]
}

// wire is one connection, on which requests are written byte by byte.
type wire struct {
	t    testing.TB
	host string
	conn net.Conn
	in   *bufio.Reader
}

func (c *client) dial() *wire {
	c.t.Helper()
	conn, err := net.DialTimeout("tcp", c.host, 10*time.Second)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		c.t.Fatal(err)
	}
	return &wire{c.t, c.host, conn, bufio.NewReader(conn)}
}

func (w *wire) write(text string) {
	w.t.Helper()
	if _, err := io.WriteString(w.conn, text); err != nil {
		w.t.Fatal(err)
	}
}

// do sends a request with these header lines and reads the answer.
func (w *wire) do(method, path, body string, lines ...string) reply {
	w.t.Helper()
	head := method + " " + path + " HTTP/1.1\r\n"
	if len(lines) == 0 || !strings.HasPrefix(lines[0], "Host:") {
		head += "Host: " + w.host + "\r\n"
	}
	for _, line := range lines {
		head += line + "\r\n"
	}
	if body != "" {
		head += fmt.Sprintf("Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	w.write(head + "\r\n" + body)
	resp, err := http.ReadResponse(w.in, &http.Request{Method: method})
	if err != nil {
		w.t.Fatalf("%s %s: %v", method, path, err)
	}
	return read(w.t, method+" "+path, resp)
}

type reply struct {
	t      testing.TB
	what   string
	status int
	header http.Header
	body   string
}

func read(t testing.TB, what string, resp *http.Response) reply {
	t.Helper()
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	return reply{t, what, resp.StatusCode, resp.Header, string(raw)}
}

func (a reply) expect(status int) reply {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("%s: got status %d, want %d: %s", a.what, a.status, status, a.body)
	}
	return a
}

// says expects this body.
func (a reply) says(body string) reply {
	a.t.Helper()
	if a.body != body {
		a.t.Errorf("%s: says %q, want %q", a.what, a.body, body)
	}
	return a
}

// code is the member of that name, after a look at what every refusal of nguard has in common.
func (a reply) code() string {
	a.t.Helper()
	var body struct{ Error, Message, Code string }
	if err := json.Unmarshal([]byte(a.body), &body); err != nil || body.Error == "" || body.Error != body.Message {
		a.t.Errorf("%s: body %q", a.what, a.body)
	}
	if got := a.header.Values("Content-Type"); len(got) != 1 || got[0] != "application/json" {
		a.t.Errorf("%s: type %q", a.what, got)
	}
	if a.header.Get("Cache-Control") != "no-store" || a.header.Get("X-Content-Type-Options") != "nosniff" {
		a.t.Errorf("%s: headers %v", a.what, a.header)
	}
	return body.Code
}

// refused expects a refusal of nguard with this status and code.
func (a reply) refused(status int, code string) reply {
	a.t.Helper()
	if got := a.expect(status).code(); got != code {
		a.t.Errorf("%s: code %q, want %q", a.what, got, code)
	}
	return a
}

// who answers with the ID of the person.
func who(c *gin.Context) {
	s, err := ginguard.From(c).Session()
	if err != nil {
		ginguard.Fail(c, err)
		return
	}
	c.String(http.StatusOK, s.UserID())
}

// visit counts a visit, which sets a cookie.
func visit(c *gin.Context) error {
	_, err := ginguard.From(c).Update(c.Request.Context(), func(d *nguard.Draft) error {
		return visits.Modify(d, func(n int) int { return n + 1 })
	})
	return err
}

// visited visits where nothing is to go wrong.
func visited(t testing.TB, c *gin.Context) {
	t.Helper()
	if err := visit(c); err != nil {
		t.Errorf("visit: %v", err)
	}
}

// names are the cookies that an answer sets, by line.
func (a reply) names() (list []string) {
	for _, line := range a.header.Values("Set-Cookie") {
		name, _, _ := strings.Cut(line, "=")
		list = append(list, name)
	}
	return list
}
