// Package nethttptest is the applications of adaptertest on net/http, as a program writes them. With [Harness] the
// author of a store asks everything that the suite asks of a service:
//
//	func TestService(t *testing.T) {
//		h := nethttptest.Harness()
//		h.Open = func(t testing.TB) adaptertest.Backing {
//			return adaptertest.Elsewhere(t, "mine", mystore.New(...), nil, nil)
//		}
//		adaptertest.Run(t, h)
//	}
package nethttptest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/nguard-go/nguard/adapters/adaptertest"
	"github.com/nguard-go/nguard/adapters/httpguard"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/policy/ratelimit"
)

// Harness is net/http with the limits of package ratelimit. What is left is its Open.
func Harness() adaptertest.Harness {
	return adaptertest.Harness{Serve: Serve, Limits: Limits, HTTP2: true}
}

// Serve is an App as a program writes it with http.ServeMux.
func Serve(_ testing.TB, app adaptertest.App) *adaptertest.Server {
	return Listen(app, netHTTP(app))
}

// Listen serves a handler of net/http, or of a framework built on it, with what app asks for.
func Listen(app adaptertest.App, h http.Handler) *adaptertest.Server {
	s := httptest.NewUnstartedServer(h)
	s.Config.ReadHeaderTimeout, s.Config.ReadTimeout, s.Config.IdleTimeout = app.ReadHeaderTimeout, app.ReadTimeout, app.IdleTimeout
	if app.MaxHeader > http.DefaultMaxHeaderBytes {
		s.Config.MaxHeaderBytes = app.MaxHeader
	}
	if !app.TLS {
		s.Start()
		return &adaptertest.Server{URL: s.URL, Close: s.Close}
	}
	s.EnableHTTP2 = true
	s.StartTLS()
	return &adaptertest.Server{URL: s.URL, Close: s.Close, Client: s.Client()}
}

func netHTTP(app adaptertest.App) http.Handler {
	mux := http.NewServeMux()
	for _, r := range app.Routes {
		h := native(r.Handle)
		for i := len(r.Require) - 1; i >= 0; i-- {
			h = httpguard.Require(app.Guard, r.Require[i])(h)
		}
		for i := len(r.Limit) - 1; i >= 0; i-- {
			h = httpguard.Limit(app.Guard, r.Limit[i])(h)
		}
		pattern := r.Path
		if pattern == "/" {
			pattern = "/{$}" // "/" alone is everything below it
		}
		if r.Method != "" {
			pattern = r.Method + " " + pattern
		}
		mux.Handle(pattern, h)
	}
	if app.Fallback != nil {
		mux.Handle("/", native(app.Fallback))
	}
	var h http.Handler = mux
	if !app.NoEndpoints {
		h = httpguard.Endpoints(app.Guard, app.Except...)(h)
	}
	if app.Middleware != nil {
		next := h
		h = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			app.Middleware(&httpCtx{w, r})
			next.ServeHTTP(w, r)
		})
	}
	if !app.NoSessions {
		h = httpguard.Sessions(app.Guard)(h)
	}
	if app.Mount != "" {
		h = http.StripPrefix(app.Mount, h)
	}
	return h
}

func native(handle func(adaptertest.Ctx)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handle(&httpCtx{w, r}) })
}

// httpCtx is what handlers of net/http have in hand.
type httpCtx struct {
	w http.ResponseWriter
	r *http.Request
}

func (c *httpCtx) From() *nguard.Request        { return httpguard.From(c.r) }
func (c *httpCtx) Fail(err error)               { httpguard.Fail(c.w, c.r, err) }
func (c *httpCtx) Context() context.Context     { return c.r.Context() }
func (c *httpCtx) Param(name string) string     { return c.r.PathValue(name) }
func (c *httpCtx) Header(name string) string    { return c.r.Header.Get(name) }
func (c *httpCtx) SetHeader(name, value string) { c.w.Header().Set(name, value) }
func (c *httpCtx) AddHeader(name, value string) { c.w.Header().Add(name, value) }

func (c *httpCtx) Respond(status int, body string) {
	c.w.WriteHeader(status)
	fmt.Fprint(c.w, body)
}

func (c *httpCtx) Stream(fn func(w io.Writer, flush func() error)) {
	fn(c.w, http.NewResponseController(c.w).Flush)
}

// Limits are those of package ratelimit, by the suite's clock.
func Limits(t testing.TB, now func() time.Time) adaptertest.Limits {
	on := func(rules ...ratelimit.Rule) nguard.Limiter {
		t.Helper()
		l, err := ratelimit.NewWithClock(now, rules...)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	return adaptertest.Limits{
		Default:    nguard.Limits{Login: on(ratelimit.LoginRules()...), Update: on(ratelimit.UpdateRules()...), Read: on(ratelimit.ReadRules()...)},
		LoginDelay: ratelimit.LoginDelay,
		PerIP:      func(name string, n int, d time.Duration) nguard.Limiter { return on(ratelimit.PerIP(name, n, d)) },
		PerAccount: func(name string, n int, d time.Duration) nguard.Limiter { return on(ratelimit.PerAccount(name, n, d)) },
		PerUser:    func(name string, n int, d time.Duration) nguard.Limiter { return on(ratelimit.PerUser(name, n, d)) },
	}
}
