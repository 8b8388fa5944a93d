package fiberguard

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
)

// serveStream serves a stream with the given patience at any path.
func serveStream(t *testing.T, config fiber.Config, patience time.Duration, fn func(context.Context, io.Writer)) string {
	t.Helper()
	config.DisableStartupMessage = true
	app := fiber.New(config)
	app.Use(func(c *fiber.Ctx) error { return newExchange(c).Stream(patience, fn) })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- app.Listener(l) }()
	t.Cleanup(func() {
		_ = app.ShutdownWithTimeout(time.Second)
		<-served
	})
	return l.Addr().String()
}

// TestSlowReader: a reader who does not read is dropped after the time that a write may take, and the limit of
// the server for whole answers does not count.
func TestSlowReader(t *testing.T) {
	over := make(chan struct{})
	addr := serveStream(t, fiber.Config{WriteTimeout: 200 * time.Millisecond}, 300*time.Millisecond, func(_ context.Context, w io.Writer) {
		defer close(over)
		time.Sleep(400 * time.Millisecond) // longer than both limits, with nothing to write
		block := bytes.Repeat([]byte("x"), 64<<10)
		for {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	})
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	select {
	case <-over:
	case <-time.After(20 * time.Second):
		t.Fatal("a reader who does not read holds the stream")
	}
}

// TestEndOfStream: what is written after a time longer than any limit arrives, and so does the end.
func TestEndOfStream(t *testing.T) {
	addr := serveStream(t, fiber.Config{WriteTimeout: 50 * time.Millisecond}, 50*time.Millisecond, func(_ context.Context, w io.Writer) {
		_, _ = io.WriteString(w, "first")
		time.Sleep(100 * time.Millisecond)
		_, _ = io.WriteString(w, " second")
		time.Sleep(100 * time.Millisecond)
	})
	resp, err := http.Get("http://" + addr)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if raw, err := io.ReadAll(resp.Body); err != nil || string(raw) != "first second" {
		t.Errorf("%q, %v", raw, err)
	}
	if !resp.Close {
		t.Error("the connection may be used again, with the time limit of the last write")
	}
}

// TestReaderLeaves: it is noticed by the third write after that: the first is answered by a reset, the second fails, beside the stream.
func TestReaderLeaves(t *testing.T) {
	left, wrote := make(chan struct{}), make(chan int, 1)
	addr := serveStream(t, fiber.Config{}, time.Second, func(_ context.Context, w io.Writer) {
		_, _ = io.WriteString(w, "retry: 1000\n\n")
		<-left
		n := 1
		for ; n < 10; n++ {
			if _, err := io.WriteString(w, ": hb\n\n"); err != nil {
				break
			}
			time.Sleep(50 * time.Millisecond) // the answer of a closed connection takes its way
		}
		wrote <- n
	})
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(conn).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	close(left)
	if n := <-wrote; n > 3 {
		t.Errorf("noticed by write %d", n)
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
