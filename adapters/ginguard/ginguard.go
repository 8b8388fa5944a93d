// Package ginguard puts nguard in front of gin handlers.
//
//	r := gin.New()
//	r.Use(ginguard.Sessions(guard), ginguard.Endpoints(guard))
//	r.GET("/account", ginguard.Require(guard, policy.SignedIn), account)
//
// [Sessions] finds the session of each request; handlers get it by [From]. [Endpoints] answers
// /api/auth/*, [Require] asks policies, [Limit] a rate limiter, and [Fail] turns any error into the JSON
// that browser clients know. All are gin.HandlerFunc: for the engine, for a group, or for one route. What
// they refuse is answered and aborted.
//
// gin gives middleware to what is added after Use: a route or group that stands before it has none, and says
// nguard.ErrNotInstalled. It runs the middleware of the engine for unknown routes too, which is how Endpoints
// answers there. That of a group it does not: below a path of your own, give Endpoints a route,
//
//	app := r.Group("/app", ginguard.Sessions(guard))
//	app.Any("/api/auth/*endpoint", ginguard.Endpoints(guard))
//
// Give c.Request.Context() to what a handler calls, not the *gin.Context: that is never done, and belongs to
// the next request afterwards. gin's writer is passed on as it is, never wrapped. Whose forwarded headers
// count is said by nguard.Config.Proxies alone, as with all adapters, and not by gin's trusted proxies.
// Change a session before the first byte of the body: later it is nguard.ErrTooLate.
package ginguard

import (
	"github.com/gin-gonic/gin"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/endpoints"
)

// Sessions finds and judges the session of each request and keeps it in the context of c.Request. Requests
// without a session pass; writes from other origins are refused with 403. Use it once, around everything
// that uses sessions.
func Sessions(g *nguard.Guard) gin.HandlerFunc {
	return func(c *gin.Context) { with(g, c, func(*exchange, *nguard.Request) { c.Next() }) }
}

// Endpoints answers everything under /api/auth/, unknown paths with 404, and passes the rest on. The names
// in except, such as "login", are passed on too, for handlers of the application's own. It works after
// [Sessions] and without it, for the engine and as the handler of a route such as "/app/api/auth/*endpoint".
func Endpoints(g *nguard.Guard, except ...string) gin.HandlerFunc {
	set := endpoints.New(g, except...)
	return func(c *gin.Context) {
		if set.Owns(c.FullPath(), endpoints.Below(c.FullPath(), c.Request.URL.Path)) {
			with(g, c, func(x *exchange, r *nguard.Request) {
				set.Serve(x, r)
				c.Abort()
			})
		}
	}
}

// Require lets a request pass if the policy allows it: 401 without a session that it needs, 403 when it
// refuses, 503 when it cannot know. It works after [Sessions] and without it. A policy that the guard's
// roles do not know, or nil, panics when the route is built, as gin does for a bad pattern.
func Require(g *nguard.Guard, p nguard.Policy) gin.HandlerFunc {
	if err := g.CheckPolicy(p); err != nil {
		panic("ginguard: Require: " + err.Error())
	}
	return asking(g, func(r *nguard.Request, c *gin.Context) error { return r.Authorize(c.Request.Context(), p, nil) })
}

// Limit asks a limiter for each request: 429 with Retry-After when it refuses, 503 when it is down. It
// works after [Sessions] and without it. A nil limiter panics when the route is built.
func Limit(g *nguard.Guard, l nguard.Limiter) gin.HandlerFunc {
	if l == nil {
		panic("ginguard: Limit: the limiter is nil: give one, or nguard.Unlimited")
	}
	return asking(g, func(r *nguard.Request, c *gin.Context) error { return r.Limit(c.Request.Context(), l) })
}

// From returns the request's way to its session. On a route without middleware it is nil, and all its
// methods say nguard.ErrNotInstalled.
func From(c *gin.Context) *nguard.Request {
	r, _ := nguard.FromContext(c.Request.Context())
	return r
}

// Fail answers with the JSON of an error, or sends a page to Config.LoginPage, and aborts: for handlers that
// got an error from nguard. Do not write before or after it.
func Fail(c *gin.Context, err error) {
	c.Abort()
	nguard.Refuse(newExchange(c), err)
}

// asking is middleware that asks before it passes a request on.
func asking(g *nguard.Guard, ask func(*nguard.Request, *gin.Context) error) gin.HandlerFunc {
	return func(c *gin.Context) {
		with(g, c, func(x *exchange, r *nguard.Request) {
			if err := ask(r, c); err != nil {
				c.Abort() // also where the answer has started, and Refuse cannot give one any more
				g.Refuse(x, err)
				return
			}
			c.Next()
		})
	}
}

// with runs fn with the Request of this guard: the one in the context, or a new one that ends with fn.
func with(g *nguard.Guard, c *gin.Context, fn func(*exchange, *nguard.Request)) {
	x := newExchange(c)
	if r, ok := g.Of(c.Request.Context()); ok {
		fn(x, r)
		return
	}
	r, err := g.Begin(x)
	defer r.End()
	if err != nil {
		c.Abort()
		g.Refuse(x, err)
		return
	}
	fn(x, r)
}
