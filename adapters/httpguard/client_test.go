package httpguard_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// client sends requests as a page of the application does, and keeps the cookies that it gets.
type client struct {
	t       testing.TB
	base    string
	http    *http.Client
	cookies map[string]string
}

// other is another browser at the same server.
func (c *client) other() *client {
	return &client{t: c.t, base: c.base, http: c.http, cookies: map[string]string{}}
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
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, cookie := range resp.Cookies() {
		if cookie.Value == "" {
			delete(c.cookies, cookie.Name)
		} else {
			c.cookies[cookie.Name] = cookie.Value
		}
	}
	return reply{c.t, method + " " + path, resp.StatusCode, resp.Header, string(raw)}
}

func (c *client) get(path string, headers ...string) reply {
	c.t.Helper()
	return c.do("GET", path, "", headers...)
}

// serve starts h and returns a client of it.
func serve(t testing.TB, h http.Handler) *client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return newClient(t, s)
}

func newClient(t testing.TB, s *httptest.Server) *client {
	c := *s.Client()
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.Timeout = 20 * time.Second
	return &client{t: t, base: s.URL, http: &c, cookies: map[string]string{}}
}

type reply struct {
	t      testing.TB
	what   string
	status int
	header http.Header
	body   string
}

func (a reply) expect(status int) reply {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("%s: got status %d, want %d: %s", a.what, a.status, status, a.body)
	}
	return a
}

// code is the member of that name, after a look at what every refusal has in common.
func (a reply) code() string {
	a.t.Helper()
	var body struct{ Error, Message, Code string }
	if err := json.Unmarshal([]byte(a.body), &body); err != nil || body.Error == "" || body.Error != body.Message {
		a.t.Errorf("%s: body %q", a.what, a.body)
	}
	if got := a.header.Get("Content-Type"); got != "application/json" {
		a.t.Errorf("%s: type %q", a.what, got)
	}
	if a.header.Get("Cache-Control") != "no-store" || a.header.Get("X-Content-Type-Options") != "nosniff" {
		a.t.Errorf("%s: headers %v", a.what, a.header)
	}
	return body.Code
}
