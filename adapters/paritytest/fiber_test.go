package paritytest

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/nguard-go/nguard/adapters/adaptertest"
	"github.com/nguard-go/nguard/adapters/fiberguard"
	nguard "github.com/nguard-go/nguard/core"
)

// serveFiber is an App as a program writes it with fiber. An App with a Mount is mounted.
func serveFiber(t testing.TB, app adaptertest.App) *adaptertest.Server {
	t.Helper()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conns := &countedListener{Listener: tcp, serving: make(chan struct{})}
	var listener net.Listener = conns
	s := &adaptertest.Server{URL: "http://" + listener.Addr().String()}
	if app.TLS {
		certified := httptest.NewTLSServer(http.NotFoundHandler()) // for its certificate, and the client that trusts it
		t.Cleanup(certified.Close)
		s.URL, s.Client = "https://"+listener.Addr().String(), certified.Client()
		listener = tls.NewListener(listener, &tls.Config{Certificates: certified.TLS.Certificates})
	}
	r := fiberApp(app)
	served := make(chan error, 1)
	go func() { served <- r.Listener(listener) }()
	<-conns.serving // fasthttp does not stop what has not begun
	s.Close = sync.OnceFunc(func() {
		down := make(chan struct{})
		go func() {
			defer close(down)
			_ = r.ShutdownWithTimeout(5 * time.Second) // what is still open then belongs to a test that has given up on it
		}()
		if err := <-served; err != nil {
			t.Error(err)
		}
		// fasthttp looks every 100 ms whether the last connection has ended, which is known at once here, but for
		// one whose goroutine ended without closing it.
		select {
		case <-conns.ended():
		case <-down:
		}
	})
	return s
}

// countedListener knows when it is served, and when the last of its connections has ended.
type countedListener struct {
	net.Listener
	begun   sync.Once
	serving chan struct{}
	open    sync.WaitGroup
}

func (l *countedListener) Accept() (net.Conn, error) {
	l.begun.Do(func() { close(l.serving) })
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.open.Add(1)
	return &countedConn{c, sync.OnceFunc(l.open.Done)}, nil
}

// ended is closed when no connection is left. The listener is closed.
func (l *countedListener) ended() <-chan struct{} {
	none := make(chan struct{})
	go func() {
		l.open.Wait()
		close(none)
	}()
	return none
}

type countedConn struct {
	net.Conn
	done func()
}

func (c *countedConn) Close() error {
	defer c.done()
	return c.Conn.Close()
}

func fiberApp(app adaptertest.App) *fiber.App {
	config := fiber.Config{DisableStartupMessage: true, ReadTimeout: shorter(app.ReadHeaderTimeout, app.ReadTimeout), IdleTimeout: app.IdleTimeout, ReadBufferSize: app.MaxHeader}
	routes := fiber.New(config)
	if !app.NoSessions {
		routes.Use(fiberguard.Sessions(app.Guard))
	}
	if app.Middleware != nil {
		routes.Use(func(c *fiber.Ctx) error {
			app.Middleware(fiberCtx{c})
			return c.Next()
		})
	}
	if !app.NoEndpoints {
		routes.Use(fiberguard.Endpoints(app.Guard, app.Except...))
	}
	for _, r := range app.Routes {
		var chain []fiber.Handler
		for _, l := range r.Limit {
			chain = append(chain, fiberguard.Limit(app.Guard, l))
		}
		for _, p := range r.Require {
			chain = append(chain, fiberguard.Require(app.Guard, p))
		}
		chain = append(chain, onFiber(r.Handle))
		if path := colons(r.Path); r.Method == "" {
			routes.All(path, chain...)
		} else {
			routes.Add(r.Method, path, chain...)
		}
	}
	if app.Fallback != nil {
		routes.Use(onFiber(app.Fallback))
	}
	if app.Mount == "" {
		return routes
	}
	outer := fiber.New(config)
	outer.Mount(app.Mount, routes)
	return outer
}

// shorter is the one of two limits that ends first; fiber has one for the whole request.
func shorter(a, b time.Duration) time.Duration {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

func onFiber(handle func(adaptertest.Ctx)) fiber.Handler {
	return func(c *fiber.Ctx) error {
		handle(fiberCtx{c})
		return nil
	}
}

// fiberCtx is what handlers of fiber have in hand.
type fiberCtx struct{ c *fiber.Ctx }

func (c fiberCtx) From() *nguard.Request        { return fiberguard.From(c.c) }
func (c fiberCtx) Context() context.Context     { return c.c.UserContext() }
func (c fiberCtx) Param(name string) string     { return c.c.Params(name) }
func (c fiberCtx) Header(name string) string    { return c.c.Get(name) }
func (c fiberCtx) SetHeader(name, value string) { c.c.Set(name, value) }
func (c fiberCtx) AddHeader(name, value string) { c.c.Response().Header.Add(name, value) }

func (c fiberCtx) Fail(err error) {
	// It returns nil always, for handlers to return.
	_ = fiberguard.Fail(c.c, err)
}

func (c fiberCtx) Respond(status int, body string) {
	// SendString has no error to return.
	_ = c.c.Status(status).SendString(body)
}

func (c fiberCtx) Stream(fn func(w io.Writer, flush func() error)) {
	c.c.Context().SetBodyStreamWriter(func(w *bufio.Writer) { fn(w, w.Flush) })
}
