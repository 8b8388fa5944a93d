package browsertest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// Client sends requests as a page of the application does, and keeps the cookies that it gets.
type Client struct {
	// Base is the URL of the server, and Host the address in it.
	Base, Host string
	// HTTP follows no redirects.
	HTTP *http.Client
	// Cookies are the values by name.
	Cookies map[string]string

	t testing.TB
}

// NewClient is a client of the server at base.
func NewClient(t testing.TB, base string, h *http.Client) *Client {
	h.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	h.Timeout = 30 * time.Second
	if transport, ok := h.Transport.(*http.Transport); ok {
		transport.MaxIdleConnsPerHost = 64
	}
	_, host, _ := strings.Cut(base, "://")
	return &Client{Base: base, Host: host, HTTP: h, Cookies: map[string]string{}, t: t}
}

// Serve starts h and returns a client of it.
func Serve(t testing.TB, h http.Handler) *Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return NewClient(t, s.URL, s.Client())
}

// Other is another browser at the same server.
func (c *Client) Other() *Client {
	o := *c
	o.Cookies = map[string]string{}
	return &o
}

// SignIn gives the client a session of a guard, without a request.
func (c *Client) SignIn(g *nguard.Guard, userID string) *Client {
	c.t.Helper()
	token, _, err := g.Login(nguard.WithActor(context.Background(), "job:test"), userID, nguard.LoginOptions{})
	if err != nil {
		c.t.Fatal(err)
	}
	c.Cookies[g.CookieName()] = token
	return c
}

// Request is one with the headers of a page of the application, and others in the form "Name: value".
func (c *Client) Request(method, path, body string, headers ...string) *http.Request {
	c.t.Helper()
	r, err := http.NewRequest(method, c.Base+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, value := range c.Cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	return r
}

// Do sends a [Client.Request] and keeps the cookies of the answer.
func (c *Client) Do(method, path, body string, headers ...string) Reply {
	c.t.Helper()
	resp, err := c.HTTP.Do(c.Request(method, path, body, headers...))
	if err != nil {
		c.t.Fatal(err)
	}
	a := read(c.t, method+" "+path, resp)
	for _, cookie := range resp.Cookies() {
		if cookie.Value == "" {
			delete(c.Cookies, cookie.Name)
		} else {
			c.Cookies[cookie.Name] = cookie.Value
		}
	}
	return a
}

// Get is Do without a body.
func (c *Client) Get(path string, headers ...string) Reply {
	c.t.Helper()
	return c.Do("GET", path, "", headers...)
}

// Cookie is the header by which the client shows its session.
func (c *Client) Cookie(g *nguard.Guard) string {
	return "Cookie: " + g.CookieName() + "=" + c.Cookies[g.CookieName()]
}
