package fiberguard_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/gofiber/fiber/v2"

	"github.com/nguard-go/nguard/adapters/fiberguard"
	"github.com/nguard-go/nguard/adapters/internal/browsertest"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/policy"
)

// wrapped is an application behind all four kinds of middleware.
func wrapped(g *nguard.Guard, handlers ...fiber.Handler) *fiber.App {
	app := newApp()
	app.Use(fiberguard.Sessions(g), fiberguard.Endpoints(g), fiberguard.Require(g, policy.SignedIn), fiberguard.Limit(g, nguard.Unlimited))
	app.All("/", handlers...)
	return app
}

// TestStream_ServerSentEvents: each event reaches the client when it is flushed, with the cookie of a change
// that was made before.
func TestStream_ServerSentEvents(t *testing.T) {
	g := browsertest.NewGuard(t)
	next := make(chan struct{})
	c := serve(t, wrapped(g, func(c *fiber.Ctx) error {
		if err := visit(c); err != nil {
			return err
		}
		s, err := fiberguard.From(c).Session() // before the stream: there it is too late
		if err != nil {
			return err
		}
		c.Set("Content-Type", "text/event-stream")
		c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
			for i := range 3 {
				fmt.Fprintf(w, "data: %s %d\n\n", s.UserID(), i)
				if err := w.Flush(); err != nil {
					return // the test has given up
				}
				<-next
			}
		})
		return nil
	})).SignIn(g, "bob")
	resp, err := c.HTTP.Do(c.Request("POST", "/", ""))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 200 || len(resp.Header.Values("Set-Cookie")) != 1 || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("status %d, header %v", resp.StatusCode, resp.Header)
	}
	lines := bufio.NewReader(resp.Body)
	for i := range 3 {
		line, err := lines.ReadString('\n')
		if err != nil || line != fmt.Sprintf("data: bob %d\n", i) {
			t.Errorf("event %d: %q, %v", i, line, err)
		}
		if _, err := lines.ReadString('\n'); err != nil {
			t.Error(err)
		}
		next <- struct{}{} // only now does the stream go on: the event was not held back
	}
	if rest, err := io.ReadAll(lines); err != nil || len(rest) != 0 {
		t.Errorf("rest %q, %v", rest, err)
	}
}

// TestStream_Hijack: a handler takes the connection over, as for a WebSocket, knowing who is there. From
// another origin the handshake never reaches it.
func TestStream_Hijack(t *testing.T) {
	g := browsertest.NewGuard(t)
	reached := make(chan string, 8)
	c := serve(t, wrapped(g, func(c *fiber.Ctx) error {
		s, err := fiberguard.From(c).Session()
		if err != nil {
			return fiberguard.Fail(c, err)
		}
		user := s.UserID()
		reached <- user
		c.Status(fiber.StatusSwitchingProtocols)
		c.Set("Upgrade", "websocket")
		c.Set("Connection", "Upgrade")
		c.Context().Hijack(func(conn net.Conn) {
			fmt.Fprintf(conn, "hello %s\n", user)
			line, err := bufio.NewReader(conn).ReadString('\n')
			if err != nil {
				t.Errorf("read: %v", err)
			}
			fmt.Fprintf(conn, "you said %s", line)
		})
		return nil
	})).SignIn(g, "bob")
	c.Socket(t, g, reached)
}
