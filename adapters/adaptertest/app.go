package adaptertest

import (
	"context"
	"io"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// App is an application in terms that every framework has: the middleware of the adapter around
// everything, its endpoints, and routes.
type App struct {
	Guard *nguard.Guard
	// NoSessions leaves the adapter's Sessions out, and NoEndpoints its Endpoints.
	NoSessions, NoEndpoints bool
	// Except are the names of endpoints that the application answers itself.
	Except []string
	// Mount is the path below which everything stands, such as "/app", in the framework's own way of
	// mounting an application; "" for none. Paths of routes do not name it.
	Mount string
	// Middleware is the application's own, between Sessions and Endpoints. It does not answer. Nil for none.
	Middleware func(Ctx)
	Routes     []Route
	// Fallback answers what no route and no endpoint does. Nil for what the framework says then.
	Fallback func(Ctx)
	// TLS is https, with HTTP/2 if the framework speaks it.
	TLS bool
	// ReadHeaderTimeout, ReadTimeout and IdleTimeout are the server's limits. Zero is the framework's
	// default; one that knows no limit for the head alone takes the smaller of the first two for both.
	ReadHeaderTimeout, ReadTimeout, IdleTimeout time.Duration
	// MaxHeader is how many bytes the head of a request may have at least. Zero is the framework's default.
	MaxHeader int
}

// Route is one handler of an App.
type Route struct {
	// Method is such as "GET"; "" is any. Whether a GET answers HEAD as well is the framework's to say.
	Method string
	// Path is such as "/posts/{id}": a name in braces is one segment, whatever it is.
	Path string
	// Limit and Require are the adapter's middleware around Handle: first the limits, then the policies,
	// each in this order.
	Limit   []nguard.Limiter
	Require []nguard.Policy
	// Handle answers. One that returns without a word has answered 200 with an empty body.
	Handle func(Ctx)
}

// Ctx is one request in the hands of a native handler: each method does what the framework's users write.
type Ctx interface {
	// From is the adapter's.
	From() *nguard.Request
	// Fail is the adapter's.
	Fail(err error)
	// Context is what users of the framework give to functions that take a context.
	Context() context.Context
	// Param is what stands in the path for a name in braces.
	Param(name string) string
	// Header is the first line of this name in the request, as the framework gives it: a case about reused
	// buffers keeps the string.
	Header(name string) string
	// SetHeader replaces, and AddHeader adds, a line of the answer.
	SetHeader(name, value string)
	AddHeader(name, value string)
	// Respond answers with a text.
	Respond(status int, body string)
	// Stream answers 200 with what fn writes, as it is written: flush sends it on its way. Where the
	// framework streams after the handler has returned, so does this: it is the last that a handler does.
	Stream(fn func(w io.Writer, flush func() error))
}
