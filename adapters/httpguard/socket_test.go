package httpguard_test

import (
	"bufio"
	"fmt"
	"net/http"
	"testing"

	"github.com/nguard-go/nguard/adapters/httpguard"
	"github.com/nguard-go/nguard/adapters/internal/browsertest"
)

// TestP09_FullDuplex: handlers may read the request while they answer.
func TestP09_FullDuplex(t *testing.T) {
	g := browsertest.NewGuard(t)
	c := browsertest.Serve(t, wrapped(g, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
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
	}))).SignIn(g, "bob")
	w := c.Dial()
	w.Write("POST /echo HTTP/1.1\r\nHost: " + w.Host + "\r\nSec-Fetch-Site: same-origin\r\n" + c.Cookie(g) + "\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none\n\r\n")
	resp, err := http.ReadResponse(w.In, nil)
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
			w.Write(next) // the request goes on only now
		}
	}
}

// TestP09_Hijack: a handler takes the connection over, as for a WebSocket, knowing who is there. From
// another origin the handshake never reaches it.
func TestP09_Hijack(t *testing.T) {
	g := browsertest.NewGuard(t)
	reached := make(chan string, 8)
	c := browsertest.Serve(t, wrapped(g, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		browsertest.TakeOver(t, w, httpguard.From(r), reached)
	}))).SignIn(g, "bob")
	c.Socket(t, g, reached)
}
