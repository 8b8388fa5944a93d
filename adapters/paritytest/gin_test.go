package paritytest

import (
	"context"
	"io"
	"regexp"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/nguard-go/nguard/adapters/adaptertest"
	"github.com/nguard-go/nguard/adapters/adaptertest/nethttptest"
	"github.com/nguard-go/nguard/adapters/ginguard"
	nguard "github.com/nguard-go/nguard/core"
)

func init() { gin.SetMode(gin.ReleaseMode) } // gin's only switch for its notes on standard output

// serveGin is an App as a program writes it with gin. An App with a Mount is a group.
func serveGin(_ testing.TB, app adaptertest.App) *adaptertest.Server {
	return nethttptest.Listen(app, ginEngine(app))
}

func ginEngine(app adaptertest.App) *gin.Engine {
	e := gin.New()
	var around gin.HandlersChain
	if !app.NoSessions {
		around = append(around, ginguard.Sessions(app.Guard))
	}
	if app.Middleware != nil {
		around = append(around, onGin(app.Middleware))
	}
	routes := &e.RouterGroup
	switch {
	case app.Mount == "" && app.NoEndpoints:
		e.Use(around...)
	case app.Mount == "":
		e.Use(append(around, ginguard.Endpoints(app.Guard, app.Except...))...)
	default:
		routes = e.Group(app.Mount, around...)
		if !app.NoEndpoints {
			routes.Any("/api/auth/*endpoint", ginguard.Endpoints(app.Guard, app.Except...))
		}
	}
	for _, r := range app.Routes {
		var chain gin.HandlersChain
		for _, l := range r.Limit {
			chain = append(chain, ginguard.Limit(app.Guard, l))
		}
		for _, p := range r.Require {
			chain = append(chain, ginguard.Require(app.Guard, p))
		}
		chain = append(chain, onGin(r.Handle))
		if path := colons(r.Path); r.Method == "" {
			routes.Any(path, chain...)
		} else {
			routes.Handle(r.Method, path, chain...)
		}
	}
	if app.Fallback != nil {
		e.NoRoute(onGin(app.Fallback))
	}
	return e
}

var braces = regexp.MustCompile(`\{(\w+)\}`)

// colons spells a path as gin and fiber do: /posts/:id.
func colons(path string) string { return braces.ReplaceAllString(path, ":$1") }

func onGin(handle func(adaptertest.Ctx)) gin.HandlerFunc {
	return func(c *gin.Context) { handle(ginCtx{c}) }
}

// ginCtx is what handlers of gin have in hand.
type ginCtx struct{ c *gin.Context }

func (c ginCtx) From() *nguard.Request           { return ginguard.From(c.c) }
func (c ginCtx) Fail(err error)                  { ginguard.Fail(c.c, err) }
func (c ginCtx) Context() context.Context        { return c.c.Request.Context() }
func (c ginCtx) Param(name string) string        { return c.c.Param(name) }
func (c ginCtx) Header(name string) string       { return c.c.GetHeader(name) }
func (c ginCtx) SetHeader(name, value string)    { c.c.Header(name, value) }
func (c ginCtx) AddHeader(name, value string)    { c.c.Writer.Header().Add(name, value) }
func (c ginCtx) Respond(status int, body string) { c.c.String(status, "%s", body) }

func (c ginCtx) Stream(fn func(w io.Writer, flush func() error)) {
	fn(c.c.Writer, func() error {
		c.c.Writer.Flush()
		return nil
	})
}
