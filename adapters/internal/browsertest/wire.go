package browsertest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Wire is one connection, on which requests are written byte by byte.
type Wire struct {
	Host string
	Conn net.Conn
	In   *bufio.Reader

	t testing.TB
}

// Dial opens a connection to the client's server, which is closed when the test ends.
func (c *Client) Dial() *Wire {
	c.t.Helper()
	conn, err := net.DialTimeout("tcp", c.Host, 10*time.Second)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		c.t.Fatal(err)
	}
	return &Wire{c.Host, conn, bufio.NewReader(conn), c.t}
}

// Write writes what may be less than a request.
func (w *Wire) Write(text string) {
	w.t.Helper()
	if _, err := io.WriteString(w.Conn, text); err != nil {
		w.t.Fatal(err)
	}
}

// Do sends a request with these header lines and reads the answer.
func (w *Wire) Do(method, path, body string, lines ...string) Reply {
	w.t.Helper()
	head := method + " " + path + " HTTP/1.1\r\n"
	if len(lines) == 0 || !strings.HasPrefix(lines[0], "Host:") {
		head += "Host: " + w.Host + "\r\n"
	}
	for _, line := range lines {
		head += line + "\r\n"
	}
	if body != "" {
		head += fmt.Sprintf("Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	w.Write(head + "\r\n" + body)
	resp, err := http.ReadResponse(w.In, &http.Request{Method: method})
	if err != nil {
		w.t.Fatalf("%s %s: %v", method, path, err)
	}
	return read(w.t, method+" "+path, resp)
}

// Head reads the header of an answer as it came.
func (w *Wire) Head() string {
	w.t.Helper()
	var b strings.Builder
	for {
		line, err := w.In.ReadString('\n')
		if err != nil {
			w.t.Fatalf("after %q: %v", b.String(), err)
		}
		if b.WriteString(line); line == "\r\n" {
			return b.String()
		}
	}
}
