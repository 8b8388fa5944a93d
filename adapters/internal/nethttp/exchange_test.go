package nethttp

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nguard-go/nguard/adapters/internal/browsertest"
)

// serve serves streams with the given patience until the test ends.
func serve(t *testing.T, s *http.Server, patience time.Duration, fn func(w io.Writer)) browsertest.Pipes {
	s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = (&Exchange{W: w, R: r}).Stream(patience, func(_ context.Context, w io.Writer) { fn(w) })
	})
	l := make(browsertest.Pipes)
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	return l
}

// TestSlowReader: a reader who does not read is dropped after the time that a write may take, and the limit of
// the server for whole answers does not count.
func TestSlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		took := make(chan time.Duration)
		l := serve(t, &http.Server{WriteTimeout: 2 * time.Second}, 3*time.Second, func(w io.Writer) {
			time.Sleep(4 * time.Second) // longer than both limits, with nothing to write
			took <- browsertest.Fill(w)
		})
		conn := l.Dial()
		defer conn.Close()
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if _, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil { // which is the head, and nothing after it
			t.Fatal(err)
		}
		if d := <-took; d != 3*time.Second {
			t.Errorf("dropped %v after it stopped reading", d)
		}
	})
}

// TestEndOfStream: what was written long before the end is answered whole, and the connection is used again.
func TestEndOfStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := serve(t, &http.Server{}, time.Second, func(w io.Writer) {
			_, _ = io.WriteString(w, "first")
			time.Sleep(2 * time.Second)
		})
		conn := l.Dial()
		defer conn.Close()
		in := bufio.NewReader(conn)
		for range 2 {
			if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			resp, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			raw, err := io.ReadAll(resp.Body)
			if err != nil || string(raw) != "first" {
				t.Errorf("%q, %v", raw, err)
			}
		}
	})
}

// TestMiddlewareThatFlushes: what arrives is enough, also where the time of a write cannot be set.
func TestMiddlewareThatFlushes(t *testing.T) {
	rec := httptest.NewRecorder()
	x := &Exchange{W: struct {
		http.ResponseWriter
		http.Flusher
	}{rec, rec}, R: httptest.NewRequest("GET", "/", nil)}
	err := x.Stream(time.Second, func(_ context.Context, w io.Writer) { _, _ = io.WriteString(w, "all") })
	if err != nil || !rec.Flushed || rec.Body.String() != "all" {
		t.Errorf("error %v, flushed %v, %q", err, rec.Flushed, rec.Body)
	}
}

// TestMiddlewareThatCannotFlush: nothing would arrive, so nothing begins.
func TestMiddlewareThatCannotFlush(t *testing.T) {
	x := &Exchange{W: struct{ http.ResponseWriter }{httptest.NewRecorder()}, R: httptest.NewRequest("GET", "/", nil)}
	err := x.Stream(time.Second, func(context.Context, io.Writer) { t.Error("it has begun") })
	if !errors.Is(err, http.ErrNotSupported) || !x.Started() {
		t.Errorf("error %v, started %v", err, x.Started())
	}
}
