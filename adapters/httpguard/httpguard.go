// Package httpguard puts nguard in front of net/http handlers.
//
//	mux := http.NewServeMux()
//	mux.Handle("GET /account", httpguard.Require(guard, policy.SignedIn)(account))
//	handler := httpguard.Sessions(guard)(httpguard.Endpoints(guard)(mux))
//
// [Sessions] finds the session of each request; handlers get it by [From]. [Endpoints] answers
// /api/auth/*, [Require] asks policies, [Limit] a rate limiter, and [Fail] turns any error into the JSON
// that browser clients know. All are ordinary middleware. The http.ResponseWriter is passed on as it is,
// never wrapped, so that streaming, Hijack, sendfile and http.ResponseController work untouched. The
// price is that net/http cannot say whether an answer has started: change a session before the first
// byte of the body, or its cookie is lost. For the same reason the time that a request may take is the
// server's to bound: set ReadHeaderTimeout, ReadTimeout and IdleTimeout of [http.Server], whose zero values
// let a slow client hold a connection for ever (checklist E9, P1).
package httpguard

import (
	"net/http"

	"github.com/nguard-go/nguard/adapters/internal/nethttp"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/endpoints"
)

// Middleware wraps a handler.
type Middleware = func(http.Handler) http.Handler

// Sessions finds and judges the session of each request and keeps it in the request's context. Requests
// without a session pass; writes from other origins are refused with 403. Mount it once, around
// everything that uses sessions.
func Sessions(g *nguard.Guard) Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			with(g, w, r, func(_ *nethttp.Exchange, _ *nguard.Request, r *http.Request) { next.ServeHTTP(w, r) })
		})
	}
}

// Endpoints answers everything under /api/auth/, unknown paths with 404, and passes the rest on. The names
// in except, such as "login", are passed on too, for handlers of the application's own. It works inside
// [Sessions] and without it, and below http.StripPrefix.
func Endpoints(g *nguard.Guard, except ...string) Middleware {
	set := endpoints.New(g, except...)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !set.Owns("", r.URL.Path) {
				next.ServeHTTP(w, r)
				return
			}
			with(g, w, r, func(x *nethttp.Exchange, req *nguard.Request, _ *http.Request) { set.Serve(x, req) })
		})
	}
}

// Require lets a request pass if the policy allows it: 401 without a session that it needs, 403 when it
// refuses, 503 when it cannot know. It works inside [Sessions] and without it. A policy that the guard's
// roles do not know, or nil, panics when the route is built, as http.ServeMux does for a bad pattern.
func Require(g *nguard.Guard, p nguard.Policy) Middleware {
	if err := g.CheckPolicy(p); err != nil {
		panic("httpguard: Require: " + err.Error())
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			with(g, w, r, func(x *nethttp.Exchange, req *nguard.Request, r *http.Request) {
				if err := req.Authorize(r.Context(), p, nil); err != nil {
					g.Refuse(x, err)
					return
				}
				next.ServeHTTP(w, r)
			})
		})
	}
}

// Limit asks a limiter for each request: 429 with Retry-After when it refuses, 503 when it is down. It
// works inside [Sessions] and without it. A nil limiter panics when the route is built.
func Limit(g *nguard.Guard, l nguard.Limiter) Middleware {
	if l == nil {
		panic("httpguard: Limit: the limiter is nil: give one, or nguard.Unlimited")
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			with(g, w, r, func(x *nethttp.Exchange, req *nguard.Request, r *http.Request) {
				if err := req.Limit(r.Context(), l); err != nil {
					g.Refuse(x, err)
					return
				}
				next.ServeHTTP(w, r)
			})
		})
	}
}

// From returns the request's way to its session. On a route without middleware it is nil, and all its
// methods say nguard.ErrNotInstalled.
func From(r *http.Request) *nguard.Request {
	req, _ := nguard.FromContext(r.Context())
	return req
}

// Fail answers with the JSON of an error, or sends a page to Config.LoginPage: for handlers that got an
// error from nguard. Do not write to w before or after it.
func Fail(w http.ResponseWriter, r *http.Request, err error) {
	nguard.Refuse(&nethttp.Exchange{W: w, R: r}, err)
}

// with runs fn with the Request of this guard: the one in the context, or a new one that ends with fn.
func with(g *nguard.Guard, w http.ResponseWriter, r *http.Request, fn func(*nethttp.Exchange, *nguard.Request, *http.Request)) {
	x := &nethttp.Exchange{W: w, R: r}
	if req, ok := g.Of(r.Context()); ok {
		fn(x, req, r)
		return
	}
	req, err := g.Begin(x)
	defer req.End()
	if err != nil {
		g.Refuse(x, err)
		return
	}
	fn(x, req, x.R)
}
