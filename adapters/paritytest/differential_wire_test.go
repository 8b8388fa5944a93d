package paritytest

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// difReply is one answer to the byte.
type difReply struct {
	status int
	header []string // lines as sent, in the order of names; those of one name as they came
	body   string
}

// difIgnored are the headers that are not compared, and why.
var difIgnored = map[string]string{
	"Date":       "the second in which the answer was written",
	"Connection": "how the framework goes on with the connection, not what it answers",
	"Server":     "the name of the framework, if it wants to give one",
}

// difSentinel is the answer to the request that is written after each one of the corpus on its connection.
// A framework that sees the end of a request elsewhere than another answers something else before it.
const difSentinel = "the connection goes on"

// difEnd says how the client goes on after the bytes of an entry.
type difEnd string

const (
	difNext difEnd = ""     // with the sentinel
	difHalf difEnd = "half" // closes its side: nothing more will come
	difWait difEnd = "wait" // waits for one answer, and has more to send
)

// difAsk writes bytes on a connection of its own and returns the answers until the server ends it, without
// the sentinel's.
func difAsk(t testing.TB, w *difWorld, v difVariant, addr string, e difEntry) (replies []difReply) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	// Thousands of ports would wait a minute each before they can be used again.
	if err := conn.(*net.TCPConn).SetLinger(0); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	raw := w.fill(e.raw)
	if e.end == difNext {
		raw += "GET " + map[bool]string{true: "/app"}[v == difMount] + "/sentinel HTTP/1.1\r\nHost: app.example\r\nConnection: close\r\n\r\n"
	}
	// What cannot be written any more, because the server has answered and closed, does not matter.
	_, _ = io.WriteString(conn, raw)
	if e.end == difHalf {
		_ = conn.(*net.TCPConn).CloseWrite()
	}
	in := bufio.NewReader(conn)
	for {
		method, _, _ := strings.Cut(raw, " ")
		if len(replies) > 0 {
			method = "" // only the first of several may be HEAD
		}
		r, err := difRead(in, method, w)
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			t.Fatalf("%s: %q: no answer in time after %v", e.name, raw, replies)
		}
		if err != nil {
			return replies
		}
		if r.body == difSentinel && e.end == difNext {
			return replies
		}
		if r.status >= 200 { // when a framework says 100 is its own affair, as long as the answer is the same
			replies = append(replies, r)
		}
		if e.end == difWait {
			return replies
		}
	}
}

func difRead(in *bufio.Reader, method string, w *difWorld) (r difReply, err error) {
	var head bytes.Buffer
	for {
		line, err := in.ReadString('\n')
		head.WriteString(line)
		if err != nil {
			return r, err
		}
		if line == "\r\n" {
			break
		}
	}
	w.secret.learn(head.String(), w.guard.CookieName())
	lines := strings.Split(strings.TrimSuffix(head.String(), "\r\n\r\n"), "\r\n")
	if words := strings.Fields(lines[0]); len(words) < 2 || !strings.HasPrefix(words[0], "HTTP/1.") {
		return r, fmt.Errorf("status line %q", lines[0])
	} else if r.status, err = strconv.Atoi(words[1]); err != nil {
		return r, err
	}
	length, chunked := -1, false
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		switch strings.ToLower(name) {
		case "content-length":
			if length, err = strconv.Atoi(value); err != nil {
				return r, err
			}
		case "transfer-encoding":
			chunked = value == "chunked"
		}
		if difIgnored[name] == "" {
			r.header = append(r.header, w.secret.hide(difRandomHeader(line)))
		}
	}
	slices.SortStableFunc(r.header, func(a, b string) int {
		nameA, _, _ := strings.Cut(a, ":")
		nameB, _, _ := strings.Cut(b, ":")
		return cmp.Compare(nameA, nameB)
	})
	if method == "HEAD" || r.status < 200 || r.status == 204 || r.status == 304 {
		return r, nil // Content-Length is all there is of the body, and is compared
	}
	var body []byte
	switch {
	case chunked:
		if body, err = io.ReadAll(httputil.NewChunkedReader(in)); err == nil {
			_, err = in.ReadString('\n')
		}
	case length >= 0:
		body = make([]byte, length)
		_, err = io.ReadFull(in, body)
	default:
		body, err = io.ReadAll(in)
	}
	// The body itself is compared.
	r.header = slices.DeleteFunc(r.header, func(line string) bool { return strings.HasPrefix(line, "Content-Length:") })
	r.body = w.secret.hide(string(body))
	return r, err
}

// difRandomHeader replaces the request ID that nguard makes up.
func difRandomHeader(line string) string {
	if difIDLine.MatchString(line) {
		return "X-Request-Id: {id}"
	}
	return line
}
