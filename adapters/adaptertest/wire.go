package adaptertest

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// wire is a connection on which requests are written by hand, for what no client library sends.
type wire struct {
	t    testing.TB
	conn net.Conn
	in   *bufio.Reader
}

func dialWire(t testing.TB, addr string) *wire {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return &wire{t: t, conn: conn, in: bufio.NewReader(conn)}
}

// reply is an answer to the byte.
type reply struct {
	t      testing.TB
	status int
	head   string // status line and header lines as sent
	header http.Header
	body   string
}

// addr is where the world listens; it is also its Host.
func (w *world) addr() string { return strings.TrimPrefix(w.server.URL, "http://") }

// by is the header line that shows a token.
func (w *world) by(token string) string { return "Cookie: " + w.guard.CookieName() + "=" + token }

// written is a request as bytes. Header lines are taken as they are.
func (w *world) written(method, target, body string, lines ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", method, target, w.addr())
	for _, line := range lines {
		b.WriteString(line + "\r\n")
	}
	if body != "" {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	}
	return b.String() + "\r\n" + body
}

// sends writes one request on a connection of its own and reads the answer.
func (w *world) sends(raw string) reply {
	w.t.Helper()
	c := dialWire(w.t, w.addr())
	defer c.drop()
	return c.ask(raw)
}

// drop closes a connection on which all has been said, and leaves nothing of it with the system: the suite
// opens more of them than there are ports for connections that wait to be forgotten.
func (c *wire) drop() {
	if tcp, ok := c.conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.conn.Close()
}

// ask writes bytes and reads one answer. What cannot be written any more, because the server has
// answered and closed, does not matter: the answer does.
func (c *wire) ask(raw string) reply {
	c.t.Helper()
	_, _ = io.WriteString(c.conn, raw)
	method, _, _ := strings.Cut(raw, " ")
	return c.read(method)
}

func (c *wire) read(method string) reply {
	c.t.Helper()
	r, err := c.tryRead(method)
	if err != nil {
		c.t.Fatalf("no answer: %v", err)
	}
	return r
}

func (c *wire) tryRead(method string) (reply, error) {
	var head bytes.Buffer
	for {
		line, err := c.in.ReadString('\n')
		head.WriteString(line)
		if err != nil {
			return reply{}, fmt.Errorf("%w after %q", err, head.String())
		}
		if line == "\r\n" {
			break
		}
	}
	resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(head.Bytes())), &http.Request{Method: method})
	if err != nil {
		return reply{}, err
	}
	r := reply{t: c.t, status: resp.StatusCode, head: head.String(), header: resp.Header}
	var body []byte
	switch length := resp.Header.Get("Content-Length"); {
	case method == "HEAD" || resp.StatusCode == 304 || resp.StatusCode == 204 || resp.StatusCode < 200:
	case slices.Contains(resp.TransferEncoding, "chunked"):
		body, err = io.ReadAll(httputil.NewChunkedReader(c.in))
		if err == nil {
			_, err = c.in.ReadString('\n')
		}
	case length != "":
		n, _ := strconv.Atoi(length)
		body = make([]byte, n)
		_, err = io.ReadFull(c.in, body)
	default:
		body, err = io.ReadAll(c.in)
	}
	r.body = string(body)
	return r, err
}

func (r reply) expect(status int) reply {
	r.t.Helper()
	if r.status != status {
		r.t.Fatalf("got status %d, want %d: %s%s", r.status, status, r.head, r.body)
	}
	return r
}

// stable is the answer without what differs from second to second.
func (r reply) stable() string {
	var b strings.Builder
	for _, line := range strings.SplitAfter(r.head, "\r\n") {
		if !strings.HasPrefix(line, "Date: ") {
			b.WriteString(line)
		}
	}
	return b.String() + r.body
}

// closedWithin reports whether the other side ends the connection before the deadline; what it says
// before does not matter.
func closedWithin(conn net.Conn, d time.Duration) bool {
	if err := conn.SetReadDeadline(time.Now().Add(d)); err != nil {
		return true
	}
	_, err := io.Copy(io.Discard, conn)
	nerr, ok := err.(net.Error)
	return !ok || !nerr.Timeout()
}

// unheard reports whether a refusal is the framework's own, before anything of nguard, because it knows no
// such method or cannot read the body: one without a cookie, which nguard lets through, gets the same.
func (w *world) unheard(r reply, method, body string, lines ...string) bool {
	w.t.Helper()
	return (r.status == 400 || r.status == 501) && w.sends(w.written(method, "/public", body, lines...)).status == r.status && len(r.header["Set-Cookie"]) == 0
}

// clears reports whether the answer tells the browser to drop the session cookie.
func (w *world) clears(lines []string) bool {
	for _, line := range lines {
		if strings.HasPrefix(line, w.guard.CookieName()+"=;") && strings.Contains(line, "; Max-Age=0") {
			return true
		}
	}
	return false
}
