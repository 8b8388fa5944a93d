package browsertest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
)

// Socket asks for a handshake as for a WebSocket with an application whose handler sends who it is to reached, takes
// the connection over, says hello and repeats one line. From another origin the handshake never reaches it.
func (c *Client) Socket(t testing.TB, g *nguard.Guard, reached <-chan string) {
	t.Helper()
	upgrade := []string{"Connection: Upgrade", "Upgrade: websocket", c.Cookie(g)}
	w := c.Dial()
	w.Write("GET / HTTP/1.1\r\nHost: " + w.Host + "\r\nOrigin: " + c.Base + "\r\n" + strings.Join(upgrade, "\r\n") + "\r\n\r\n")
	resp, err := http.ReadResponse(w.In, nil)
	if err != nil || resp.StatusCode != 101 || resp.Header.Get("Upgrade") != "websocket" {
		t.Fatalf("handshake: %v, %v", resp, err)
	}
	if line, err := w.In.ReadString('\n'); err != nil || line != "hello bob\n" {
		t.Errorf("first frame %q, %v", line, err)
	}
	w.Write("ping\n")
	if line, err := w.In.ReadString('\n'); err != nil || line != "you said ping\n" {
		t.Errorf("second frame %q, %v", line, err)
	}
	if user := <-reached; user != "bob" {
		t.Errorf("the socket is %q", user)
	}
	for _, origin := range []string{"http://evil.example", "null", c.Base + ".evil.example", "https://" + c.Host} {
		c.Dial().Do("GET", "/", "", append([]string{"Origin: " + origin}, upgrade...)...).Refused(403, "cross_origin")
	}
	if len(reached) != 0 {
		t.Error("a foreign handshake reached the handler")
	}
}

// TakeOver is the handler's part of [Client.Socket], for frameworks whose answers are an http.ResponseWriter.
func TakeOver(t testing.TB, w http.ResponseWriter, r *nguard.Request, reached chan<- string) {
	s, err := r.Session()
	if err != nil {
		t.Errorf("session: %v", err)
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
	if s, err := r.Session(); err != nil || s.UserID() != "bob" { // the handler still runs
		t.Errorf("session on the hijacked connection: %v", err)
	}
	fmt.Fprintf(conn, "you said %s", line)
}
