// Package fiberguard puts nguard in front of fiber v2 handlers.
//
//	app := fiber.New()
//	app.Use(fiberguard.Sessions(guard), fiberguard.Endpoints(guard))
//	app.Get("/account", fiberguard.Require(guard, policy.SignedIn), account)
//
// [Sessions] finds the session of each request; handlers get it by [From]. [Endpoints] answers
// /api/auth/*, [Require] asks policies, [Limit] a rate limiter, and [Fail] turns any error into the JSON
// that browser clients know. All are fiber.Handler: for the app, for a group, or for one route. What they
// refuse is answered by them: no ErrorHandler is needed for it. What fiber itself refuses before any handler,
// such as a body above its BodyLimit, [ErrorHandler] answers.
//
// Give c.UserContext() to what a handler calls, not c.Context(): that is the connection's, and belongs to the
// next request afterwards. fiber does not cancel it when the client leaves; calls to stores have deadlines
// of their own. Whose forwarded headers count is said by nguard.Config.Proxies alone, as with all
// adapters, and not by fiber's ProxyHeader. What nguard returns may be kept: it never points into fiber's
// buffers. What it is given, such as a form value for a field or a parameter for an ID, it copies.
//
// A body that is streamed is written by another goroutine, which begins while the handler returns and goes on
// after it. Change the session before, and take along what the stream needs of it. The stream itself uses
// neither the Request, which is nguard.ErrTooLate once the handler has returned and writes headers beside
// it until then, nor c, which is perhaps another person's already.
//
// fiber reads 4096 bytes of header by default, all cookies included: set ReadBufferSize where the application
// has many. Of a multipart body, and with StreamRequestBody of any, fasthttp takes what nobody has read for the
// next request on the connection: behind Sessions or Endpoints such a request is the last on its own.
// docs/adapters.md tells what else to set.
//
// Behind net/http, by fiber's middleware/adaptor, the connection is not known to be encrypted: name the public
// origin in nguard.Config.Origins.
package fiberguard

import (
	"errors"
	"strings"

	"github.com/gofiber/fiber/v2"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/endpoints"
)

// Sessions finds and judges the session of each request and keeps it in the UserContext. Requests without a
// session pass; writes from other origins are refused with 403. Use it once, around everything that uses
// sessions.
func Sessions(g *nguard.Guard) fiber.Handler {
	return func(c *fiber.Ctx) error {
		return with(g, c, func(*exchange, *nguard.Request) error { return c.Next() })
	}
}

// Endpoints answers everything under /api/auth/, unknown paths with 404, and passes the rest on. The names
// in except, such as "login", are passed on too, for handlers of the application's own. It works after
// [Sessions] and without it, for an app, a group and a mounted app, and as the handler of a route such as
// "/app/api/auth/*".
func Endpoints(g *nguard.Guard, except ...string) fiber.Handler {
	set := endpoints.New(g, except...)
	return func(c *fiber.Ctx) error {
		if !set.Owns(c.Route().Path, newExchange(c).path()) {
			return c.Next()
		}
		return with(g, c, func(x *exchange, r *nguard.Request) error {
			set.Serve(x, r)
			return nil
		})
	}
}

// Require lets a request pass if the policy allows it: 401 without a session that it needs, 403 when it
// refuses, 503 when it cannot know. It works after [Sessions] and without it. A policy that the guard's
// roles do not know, or nil, panics when the route is built, as fiber does for a bad handler.
func Require(g *nguard.Guard, p nguard.Policy) fiber.Handler {
	if err := g.CheckPolicy(p); err != nil {
		panic("fiberguard: Require: " + err.Error())
	}
	return asking(g, func(r *nguard.Request, c *fiber.Ctx) error { return r.Authorize(c.UserContext(), p, nil) })
}

// Limit asks a limiter for each request: 429 with Retry-After when it refuses, 503 when it is down. It
// works after [Sessions] and without it. A nil limiter panics when the route is built.
func Limit(g *nguard.Guard, l nguard.Limiter) fiber.Handler {
	if l == nil {
		panic("fiberguard: Limit: the limiter is nil: give one, or nguard.Unlimited")
	}
	return asking(g, func(r *nguard.Request, c *fiber.Ctx) error { return r.Limit(c.UserContext(), l) })
}

// From returns the request's way to its session. On a route without middleware it is nil, and all its
// methods say nguard.ErrNotInstalled.
func From(c *fiber.Ctx) *nguard.Request {
	r, _ := nguard.FromContext(c.UserContext())
	return r
}

// Fail answers with the JSON of an error, or sends a page to Config.LoginPage: for handlers that got an error
// from nguard. It returns nil, so that fiber's ErrorHandler has nothing to do:
//
//	return fiberguard.Fail(c, err)
func Fail(c *fiber.Ctx, err error) error {
	nguard.Refuse(newExchange(c), err)
	return nil
}

// ErrorHandler is for fiber.Config.ErrorHandler, in front of the application's own:
//
//	app := fiber.New(fiber.Config{ErrorHandler: fiberguard.ErrorHandler(fiber.DefaultErrorHandler)})
//
// It answers three things, and leaves the rest to next. An error of nguard that a handler returns is answered
// as [Fail] does. What is returned as an error on a path of /api/auth/* becomes JSON, which browser clients need
// there: they take text for success. So does what fiber refuses before any middleware, when it does not know
// the path yet: a header above ReadBufferSize, a body above BodyLimit, or one that is broken.
func ErrorHandler(next fiber.ErrorHandler) fiber.ErrorHandler {
	return func(c *fiber.Ctx, err error) error {
		x := newExchange(c)
		path, routed := x.path(), len(c.Route().Handlers) > 0 // a request that is not kept has the path "/"
		endpoint := strings.HasPrefix(path, endpoints.Prefix) || !routed && path == "/"
		refused := new(fiber.Error)
		switch own := !errors.As(err, &refused); {
		case own && (endpoint || nguard.Status(err).Status != fiber.StatusInternalServerError):
			return Fail(c, err)
		case endpoint:
			return endpoints.Refuse(x, refused.Code)
		}
		return next(c, err)
	}
}

// asking is middleware that asks before it passes a request on.
func asking(g *nguard.Guard, ask func(*nguard.Request, *fiber.Ctx) error) fiber.Handler {
	return func(c *fiber.Ctx) error {
		return with(g, c, func(x *exchange, r *nguard.Request) error {
			if err := ask(r, c); err != nil {
				g.Refuse(x, err)
				return nil
			}
			return c.Next()
		})
	}
}

// with runs fn with the Request of this guard: the one in the context, or a new one that ends with fn.
func with(g *nguard.Guard, c *fiber.Ctx, fn func(*exchange, *nguard.Request) error) error {
	x := newExchange(c)
	if r, ok := g.Of(x.ctx); ok {
		return fn(x, r)
	}
	r, err := g.Begin(x)
	defer r.End()
	if err != nil {
		g.Refuse(x, err)
		return nil
	}
	return fn(x, r)
}
