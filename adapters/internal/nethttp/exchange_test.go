package nethttp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// TestSlowReader: a reader who does not read is dropped after the time that a write may take, and the limit of
// the server for whole answers does not count.
func TestSlowReader(t *testing.T) {
	over := make(chan time.Duration, 1)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := &Exchange{W: w, R: r}
		_ = x.Stream(300*time.Millisecond, func(_ context.Context, w io.Writer) {
			time.Sleep(400 * time.Millisecond) // longer than both limits, with nothing to write
			over <- fill(w)
		})
	}))
	s.Config.WriteTimeout = 200 * time.Millisecond
	s.Start()
	defer s.Close()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	select {
	case took := <-over:
		if took < 200*time.Millisecond || took > 5*time.Second {
			t.Errorf("dropped %v after it stopped reading", took)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("a reader who does not read holds the stream")
	}
}

// fill writes until that fails, and returns how long the last write took.
func fill(w io.Writer) time.Duration {
	block := bytes.Repeat([]byte("x"), 64<<10)
	for {
		start := time.Now()
		if _, err := w.Write(block); err != nil {
			return time.Since(start)
		}
	}
}

// TestEndOfStream: what was written long before the end is answered whole.
func TestEndOfStream(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = (&Exchange{W: w, R: r}).Stream(50*time.Millisecond, func(_ context.Context, w io.Writer) {
			_, _ = io.WriteString(w, "first")
			time.Sleep(100 * time.Millisecond)
		})
	}))
	defer s.Close()
	for range 2 { // the connection is used again
		resp, err := s.Client().Get(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || string(raw) != "first" {
			t.Errorf("%q, %v", raw, err)
		}
	}
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
