package ginguard_test

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nguard-go/nguard/adapters/ginguard"
	"github.com/nguard-go/nguard/adapters/internal/browsertest"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/policy"
)

// wrapped is an application behind all four kinds of middleware.
func wrapped(g *nguard.Guard, handlers ...gin.HandlerFunc) *gin.Engine {
	app := gin.New()
	app.Use(ginguard.Sessions(g), ginguard.Endpoints(g), ginguard.Require(g, policy.SignedIn), ginguard.Limit(g, nguard.Unlimited))
	app.Any("/", handlers...)
	return app
}

// TestStream_WriterIsGins: the writer that handlers get is gin's own value, and what it wraps is the server's,
// with all that it can do, over HTTP/1 and HTTP/2.
func TestStream_WriterIsGins(t *testing.T) {
	g := browsertest.NewGuard(t)
	for _, version := range []int{1, 2} {
		var outer, inner gin.ResponseWriter
		var server, unwrapped http.ResponseWriter
		app := gin.New()
		app.Use(func(c *gin.Context) { outer = c.Writer })
		app.Use(ginguard.Sessions(g), ginguard.Endpoints(g), ginguard.Require(g, policy.SignedIn), ginguard.Limit(g, nguard.Unlimited))
		app.POST("/", func(c *gin.Context) {
			visit(t, c)
			inner = c.Writer
			unwrapped = c.Writer.(interface{ Unwrap() http.ResponseWriter }).Unwrap()
			c.String(http.StatusOK, "HTTP/%d pusher %v", c.Request.ProtoMajor, c.Writer.Pusher() != nil)
		})
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			server = w
			app.ServeHTTP(w, r)
		}))
		s.EnableHTTP2 = version == 2
		s.StartTLS()
		a := browsertest.NewClient(t, s.URL, s.Client()).SignIn(g, "bob").Do("POST", "/", "").Expect(200).Says(fmt.Sprintf("HTTP/%d pusher %v", version, version == 2))
		s.Close()
		if len(a.Names()) != 1 {
			t.Errorf("cookies %q", a.Names())
		}
		if outer != inner || server != unwrapped {
			t.Errorf("the handler got a %T over a %T, gin gave a %T over a %T", inner, unwrapped, outer, server)
		}
	}
}

// TestStream_Events: c.Stream and c.SSEvent reach the client event by event, while the session stays at hand,
// with the cookie of a change that was made before, and deadlines can be set by http.ResponseController.
func TestStream_Events(t *testing.T) {
	g := browsertest.NewGuard(t)
	next := make(chan struct{})
	c := browsertest.Serve(t, wrapped(g, func(c *gin.Context) {
		visit(t, c)
		control := http.NewResponseController(c.Writer)
		for what, err := range map[string]error{"write": control.SetWriteDeadline(time.Now().Add(time.Minute)), "read": control.SetReadDeadline(time.Now().Add(time.Minute))} {
			if err != nil {
				t.Errorf("%s deadline: %v", what, err)
			}
		}
		i := 0
		c.Stream(func(io.Writer) bool {
			s, err := ginguard.From(c).Session()
			if err != nil {
				t.Errorf("session while streaming: %v", err)
				return false
			}
			c.SSEvent("message", fmt.Sprintf("%s %d", s.UserID(), i))
			c.Writer.Flush()
			select {
			case <-next:
			case <-c.Request.Context().Done(): // the test has given up
				return false
			}
			i++
			return i < 3
		})
	})).SignIn(g, "bob")
	resp, err := c.HTTP.Do(c.Request("POST", "/", ""))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 200 || len(resp.Header.Values("Set-Cookie")) != 1 || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		t.Errorf("status %d, header %v", resp.StatusCode, resp.Header)
	}
	lines := bufio.NewReader(resp.Body)
	for i := range 3 {
		for _, want := range []string{"event:message\n", fmt.Sprintf("data:bob %d\n", i), "\n"} {
			if line, err := lines.ReadString('\n'); err != nil || line != want {
				t.Errorf("event %d: %q, want %q, %v", i, line, want, err)
			}
		}
		next <- struct{}{} // only now does the handler go on: the event was not held back
	}
	if rest, err := io.ReadAll(lines); err != nil || len(rest) != 0 {
		t.Errorf("rest %q, %v", rest, err)
	}
}

// TestStream_FullDuplex: handlers may read the request while they answer.
func TestStream_FullDuplex(t *testing.T) {
	g := browsertest.NewGuard(t)
	c := browsertest.Serve(t, wrapped(g, func(c *gin.Context) {
		visit(t, c)
		control := http.NewResponseController(c.Writer)
		if err := control.EnableFullDuplex(); err != nil {
			t.Errorf("EnableFullDuplex: %v", err)
		}
		in := bufio.NewReader(c.Request.Body)
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			fmt.Fprintf(c.Writer, "heard %s", line)
			if err := control.Flush(); err != nil {
				t.Errorf("Flush: %v", err)
				return
			}
		}
	})).SignIn(g, "bob")
	w := c.Dial()
	w.Write("POST / HTTP/1.1\r\nHost: " + w.Host + "\r\nSec-Fetch-Site: same-origin\r\n" + c.Cookie(g) + "\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none\n\r\n")
	resp, err := http.ReadResponse(w.In, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	out := bufio.NewReader(resp.Body)
	for word, next := range map[string]string{"one": "4\r\ntwo\n\r\n"} {
		if got, err := out.ReadString('\n'); err != nil || got != "heard "+word+"\n" {
			t.Fatalf("got %q, %v", got, err)
		}
		w.Write(next) // the request goes on only now
	}
	if got, err := out.ReadString('\n'); err != nil || got != "heard two\n" {
		t.Fatalf("got %q, %v", got, err)
	}
	w.Write("0\r\n\r\n")
}

// TestStream_Hijack: a handler takes the connection over, as for a WebSocket, knowing who is there. From
// another origin the handshake never reaches it.
func TestStream_Hijack(t *testing.T) {
	g := browsertest.NewGuard(t)
	reached := make(chan string, 8)
	c := browsertest.Serve(t, wrapped(g, func(c *gin.Context) {
		browsertest.TakeOver(t, c.Writer, ginguard.From(c), reached)
	})).SignIn(g, "bob")
	c.Socket(t, g, reached)
}

// TestStream_Files: large files, ranges and conditional requests come as gin sends them, with a cookie set
// before.
func TestStream_Files(t *testing.T) {
	const size = 4 << 20
	path, content := browsertest.File(t, size)
	g := browsertest.NewGuard(t)
	c := browsertest.Serve(t, wrapped(g, func(c *gin.Context) {
		if c.Request.Method == http.MethodPost {
			visit(t, c)
		}
		c.File(path)
	})).SignIn(g, "bob")
	fetch := func(method string, headers ...string) (browsertest.Reply, [32]byte) {
		a := c.Do(method, "/", "", headers...)
		return a, sha256.Sum256([]byte(a.Body))
	}
	if a, sum := fetch("POST"); sum != sha256.Sum256(content) || len(a.Names()) != 1 || a.Header.Get("Content-Length") != fmt.Sprint(size) {
		t.Errorf("%d bytes, header %v", len(a.Body), a.Header)
	}
	if a, sum := fetch("GET", "Range: bytes=1000-1999"); a.Status != 206 || sum != sha256.Sum256(content[1000:2000]) {
		t.Errorf("range: %d, %d bytes", a.Status, len(a.Body))
	}
	head, _ := fetch("HEAD")
	if head.Header.Get("Content-Length") != fmt.Sprint(size) || head.Body != "" {
		t.Errorf("HEAD: %v", head.Header)
	}
	if a, _ := fetch("GET", "If-Modified-Since: "+head.Header.Get("Last-Modified")); a.Status != 304 || a.Body != "" {
		t.Errorf("conditional: %d, %d bytes", a.Status, len(a.Body))
	}
}
