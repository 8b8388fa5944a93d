package httpguard_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nguard-go/nguard/adapters/httpguard"
)

// asBrowser gives a raw request the headers that the tests' client sends.
func asBrowser(c *client, host string) string {
	head := "Host: " + host + "\r\nSec-Fetch-Site: same-origin\r\n"
	for name, value := range c.cookies {
		head += "Cookie: " + name + "=" + value + "\r\n"
	}
	return head
}

func dial(t testing.TB, c *client) (net.Conn, string) {
	t.Helper()
	host := strings.TrimPrefix(c.base, "http://")
	conn, err := net.DialTimeout("tcp", host, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(15 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn, host
}

// TestP09_FullDuplex: handlers may read the request while they answer.
func TestP09_FullDuplex(t *testing.T) {
	g := newGuard(t)
	c := serve(t, wrapped(g, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user := visit(t, r)
		control := http.NewResponseController(w)
		if err := control.EnableFullDuplex(); err != nil {
			t.Errorf("EnableFullDuplex: %v", err)
		}
		in := bufio.NewReader(r.Body)
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			fmt.Fprintf(w, "%s heard %s", user, line)
			if err := control.Flush(); err != nil {
				t.Errorf("Flush: %v", err)
				return
			}
		}
	}))).signIn(g, "bob")
	conn, host := dial(t, c)
	if _, err := io.WriteString(conn, "POST /echo HTTP/1.1\r\n"+asBrowser(c, host)+"Transfer-Encoding: chunked\r\n\r\n4\r\none\n\r\n"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	out := bufio.NewReader(resp.Body)
	for _, word := range []string{"one", "two", "three"} {
		if got, err := out.ReadString('\n'); err != nil || got != "bob heard "+word+"\n" {
			t.Fatalf("got %q, %v", got, err)
		}
		if next := map[string]string{"one": "4\r\ntwo\n\r\n", "two": "6\r\nthree\n\r\n", "three": "0\r\n\r\n"}[word]; next != "" {
			if _, err := io.WriteString(conn, next); err != nil { // the request goes on only now
				t.Fatal(err)
			}
		}
	}
}

// TestP09_Hijack: a handler takes the connection over, as for a WebSocket, knowing who is there. From
// another origin the handshake never reaches it.
func TestP09_Hijack(t *testing.T) {
	g := newGuard(t)
	reached := make(chan string, 8)
	c := serve(t, wrapped(g, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, err := httpguard.From(r).Session()
		if err != nil {
			httpguard.Fail(w, r, err)
			return
		}
		reached <- s.UserID()
		conn, buf, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Errorf("Hijack: %v", err)
			return
		}
		defer conn.Close()
		fmt.Fprintf(buf, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhello %s\n", s.UserID())
		if err := buf.Flush(); err != nil {
			t.Error(err)
		}
		line, err := buf.ReadString('\n')
		if err != nil {
			t.Error(err)
		}
		if s, err := httpguard.From(r).Session(); err != nil || s.UserID() != "bob" { // the handler still runs
			t.Errorf("session on the hijacked connection: %v", err)
		}
		fmt.Fprintf(conn, "you said %s", line)
	}))).signIn(g, "bob")
	upgrade := "Connection: Upgrade\r\nUpgrade: websocket\r\n"
	conn, host := dial(t, c)
	if _, err := io.WriteString(conn, "GET /socket HTTP/1.1\r\n"+asBrowser(c, host)+"Origin: http://"+host+"\r\n"+upgrade+"\r\n"); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	resp, err := http.ReadResponse(in, nil)
	if err != nil || resp.StatusCode != 101 || resp.Header.Get("Upgrade") != "websocket" {
		t.Fatalf("handshake: %v, %v", resp, err)
	}
	if line, err := in.ReadString('\n'); err != nil || line != "hello bob\n" {
		t.Errorf("first frame %q, %v", line, err)
	}
	if _, err := io.WriteString(conn, "ping\n"); err != nil {
		t.Fatal(err)
	}
	if line, err := in.ReadString('\n'); err != nil || line != "you said ping\n" {
		t.Errorf("second frame %q, %v", line, err)
	}
	if user := <-reached; user != "bob" {
		t.Errorf("the socket is %q", user)
	}
	for _, origin := range []string{"Origin: http://evil.example\r\n", "Origin: null\r\n", "Origin: http://" + host + ".evil.example\r\n", "Origin: https://" + host + "\r\n"} {
		conn, host := dial(t, c)
		if _, err := io.WriteString(conn, "GET /socket HTTP/1.1\r\n"+asBrowser(c, host)+origin+upgrade+"\r\n"); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || resp.StatusCode != 403 {
			t.Errorf("%q: %v, %v", origin, resp, err)
		}
	}
	if len(reached) != 0 {
		t.Error("a foreign handshake reached the handler")
	}
}
