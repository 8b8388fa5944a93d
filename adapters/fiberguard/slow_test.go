package fiberguard

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"

	"github.com/nguard-go/nguard/adapters/internal/browsertest"
)

// serveStream serves a stream with the given patience at any path, until the test ends.
func serveStream(t *testing.T, l net.Listener, config fiber.Config, patience time.Duration, fn func(context.Context, io.Writer)) {
	t.Helper()
	config.DisableStartupMessage = true
	config.DisableDefaultDate = true // for which fasthttp has a goroutine that never ends
	app := fiber.New(config)
	app.Use(func(c *fiber.Ctx) error { return newExchange(c).Stream(patience, fn) })
	served := make(chan error, 1)
	go func() { served <- app.Listener(l) }()
	t.Cleanup(func() {
		_ = app.ShutdownWithTimeout(time.Second)
		<-served
	})
}

// bubble gives a test its own time.
func bubble(t *testing.T, fn func(t *testing.T)) {
	synctest.Test(t, func(t *testing.T) {
		t.Cleanup(func() { time.Sleep(time.Minute) }) // fasthttp's pool looks now and then whether it is over
		fn(t)
	})
}

// asks sends a request and reads the head of the answer.
func asks(t *testing.T, conn net.Conn) *http.Response {
	t.Helper()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// TestSlowReader: a reader who does not read is dropped after the time that a write may take, and the limit of
// the server for whole answers does not count.
func TestSlowReader(t *testing.T) {
	bubble(t, func(t *testing.T) {
		took, l := make(chan time.Duration), make(browsertest.Pipes)
		serveStream(t, l, fiber.Config{WriteTimeout: 2 * time.Second}, 3*time.Second, func(_ context.Context, w io.Writer) {
			time.Sleep(4 * time.Second) // longer than both limits, with nothing to write
			took <- browsertest.Fill(w)
		})
		conn := l.Dial()
		defer conn.Close()
		asks(t, conn)
		if d := <-took; d != 3*time.Second {
			t.Errorf("dropped %v after it stopped reading", d)
		}
	})
}

// TestEndOfStream: what is written after a time longer than any limit arrives, and so does the end.
func TestEndOfStream(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := make(browsertest.Pipes)
		serveStream(t, l, fiber.Config{WriteTimeout: time.Second}, time.Second, func(_ context.Context, w io.Writer) {
			_, _ = io.WriteString(w, "first")
			time.Sleep(2 * time.Second)
			_, _ = io.WriteString(w, " second")
			time.Sleep(2 * time.Second)
		})
		conn := l.Dial()
		defer conn.Close()
		resp := asks(t, conn)
		if raw, err := io.ReadAll(resp.Body); err != nil || string(raw) != "first second" {
			t.Errorf("%q, %v", raw, err)
		}
		if !resp.Close {
			t.Error("the connection may be used again, with the time limit of the last write")
		}
	})
}

// kept is a listener that hands its connections to the test, which may ask whether the server has closed them.
type kept struct {
	net.Listener
	conns chan *keptConn
}

type keptConn struct {
	net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l kept) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	k := &keptConn{Conn: c, closed: make(chan struct{})}
	l.conns <- k
	return k, nil
}

func (c *keptConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

// TestReaderLeaves: that a reader has left is noticed by the third write after it: the first is answered by a reset,
// and the second fails beside the stream.
func TestReaderLeaves(t *testing.T) {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := kept{tcp, make(chan *keptConn, 1)}
	left, third := make(chan struct{}), make(chan error, 1)
	serveStream(t, l, fiber.Config{}, time.Second, func(_ context.Context, w io.Writer) {
		beat := func() error { _, err := io.WriteString(w, ": hb\n\n"); return err }
		server := <-l.conns
		_ = beat() // with which the head goes
		<-left
		_ = beat()
		limit := time.After(10 * time.Second)
		for err := error(nil); err == nil; _, err = server.Write(nil) { // until the reset has come
			select {
			case <-limit:
				t.Error("no reset comes")
				third <- nil
				return
			default:
				runtime.Gosched()
			}
		}
		_ = beat()
		<-server.closed
		third <- beat()
	})
	conn, err := net.Dial("tcp", tcp.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	asks(t, conn)
	_ = conn.Close()
	close(left)
	if <-third == nil {
		t.Error("the third write is not told")
	}
}

// TestNoStreamBehindAnAdaptor: it would wait for the end of the stream before the first byte.
func TestNoStreamBehindAnAdaptor(t *testing.T) {
	app := fiber.New()
	app.Use(func(c *fiber.Ctx) error {
		if err := newExchange(c).Stream(time.Second, func(context.Context, io.Writer) { t.Error("it has begun") }); err != nil {
			return c.SendStatus(404)
		}
		return nil
	})
	w := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "/", nil)
	adaptor.FiberApp(app)(w, r)
	if w.Code != 404 {
		t.Errorf("status %d", w.Code)
	}
}
