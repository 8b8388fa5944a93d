package httpguard_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/nguard-go/nguard/adapters/httpguard"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/policy"
)

// wrapped is h behind all four kinds of middleware.
func wrapped(g *nguard.Guard, h http.Handler) http.Handler {
	return httpguard.Sessions(g)(httpguard.Endpoints(g)(httpguard.Require(g, policy.SignedIn)(httpguard.Limit(g, nguard.Unlimited)(h))))
}

// visit counts a visit and returns the person, so that each streaming test has a session and a cookie to
// set before it begins.
func visit(t testing.TB, r *http.Request) string {
	t.Helper()
	s, err := httpguard.From(r).Update(r.Context(), func(d *nguard.Draft) error {
		return visits.Modify(d, func(n int) int { return n + 1 })
	})
	if err != nil {
		t.Errorf("update before the first byte: %v", err)
		return ""
	}
	return s.UserID()
}

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

// TestP09_Writer_Identical: the http.ResponseWriter that handlers get is the server's own value, with all
// that it can do, over HTTP/1 and HTTP/2.
func TestP09_Writer_Identical(t *testing.T) {
	g := newGuard(t)
	for _, version := range []int{1, 2} {
		t.Run(fmt.Sprint("HTTP/", version), func(t *testing.T) {
			var outer, inner http.ResponseWriter
			inside := wrapped(g, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				inner = w
				_, flusher := w.(http.Flusher)
				_, hijacker := w.(http.Hijacker)
				_, pusher := w.(http.Pusher)
				_, reader := w.(io.ReaderFrom)
				_, text := w.(io.StringWriter)
				fmt.Fprint(w, visit(t, r), r.ProtoMajor, flusher, hijacker, pusher, reader, text)
			}))
			s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				outer = w
				inside.ServeHTTP(w, r)
			}))
			s.EnableHTTP2 = version == 2
			s.StartTLS()
			defer s.Close()
			c := newClient(t, s).signIn(g, "bob")
			a := c.do("POST", "/", "").expect(200)
			want := map[int]string{1: "bob1 true true false true true", 2: "bob2 true false true false true"}[version]
			if a.body != want || a.header.Get("Set-Cookie") == "" {
				t.Errorf("%q, want %q; cookie %q", a.body, want, a.header.Get("Set-Cookie"))
			}
			if outer != inner || reflect.TypeOf(outer) != reflect.TypeOf(inner) {
				t.Errorf("the handler got a %T, the server gave a %T", inner, outer)
			}
		})
	}
}

// TestP09_ServerSentEvents: events reach the client while the handler still runs, the session is there
// throughout, and it ends for the next request when it is revoked meanwhile.
func TestP09_ServerSentEvents(t *testing.T) {
	g := newGuard(t)
	next := make(chan struct{})
	c := serve(t, wrapped(g, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user := visit(t, r)
		w.Header().Set("Content-Type", "text/event-stream")
		control := http.NewResponseController(w)
		if err := control.SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Errorf("SetWriteDeadline: %v", err)
		}
		if err := control.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Errorf("SetReadDeadline: %v", err)
		}
		for i := range 3 {
			if _, err := fmt.Fprintf(w, "data: %s %d\n\n", user, i); err != nil {
				t.Errorf("write: %v", err)
			}
			if err := control.Flush(); err != nil {
				t.Errorf("Flush: %v", err)
				return
			}
			select {
			case <-next:
			case <-r.Context().Done(): // the test has given up
				return
			}
			if s, err := httpguard.From(r).Session(); err != nil || s.UserID() != user {
				t.Errorf("session while streaming: %v", err)
			}
		}
	}))).signIn(g, "bob")
	resp, err := c.http.Do(c.request("POST", "/events", ""))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 200 || !strings.HasPrefix(resp.Header.Get("Set-Cookie"), g.CookieName()+"=") || resp.ContentLength != -1 {
		t.Errorf("status %d, cookie %q, length %d", resp.StatusCode, resp.Header.Get("Set-Cookie"), resp.ContentLength)
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
		next <- struct{}{} // only now does the handler go on: the event was not held back
	}
	if rest, err := io.ReadAll(lines); err != nil || len(rest) != 0 {
		t.Errorf("rest %q, %v", rest, err)
	}
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

// TestP09_Sendfile: io.Copy from a file goes to the writer's own ReadFrom, where net/http uses sendfile;
// large files, ranges and conditional requests work, with a cookie set before.
func TestP09_Sendfile(t *testing.T) {
	const size = 8 << 20
	path := filepath.Join(t.TempDir(), "large.bin")
	content := make([]byte, size)
	for i := range content {
		content[i] = byte(i * 7 >> 3)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	g := newGuard(t)
	mux := http.NewServeMux()
	mux.HandleFunc("/copy", func(w http.ResponseWriter, r *http.Request) {
		visit(t, r)
		f, err := os.Open(path)
		if err != nil {
			t.Error(err)
			return
		}
		defer f.Close()
		w.Header().Set("Content-Length", fmt.Sprint(size))
		if n, err := w.(io.ReaderFrom).ReadFrom(f); n != size || err != nil {
			t.Errorf("ReadFrom: %d, %v", n, err)
		}
	})
	mux.HandleFunc("/file", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, path) })
	c := serve(t, wrapped(g, mux)).signIn(g, "bob")
	fetch := func(method, path string, headers ...string) (*http.Response, [32]byte, int64) {
		resp, err := c.http.Do(c.request(method, path, "", headers...))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		h := sha256.New()
		n, err := io.Copy(h, resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp, [32]byte(h.Sum(nil)), n
	}
	if resp, sum, n := fetch("POST", "/copy"); n != size || sum != sha256.Sum256(content) || resp.ContentLength != size || resp.Header.Get("Set-Cookie") == "" {
		t.Errorf("copy: %d bytes, length %d, cookie %q", n, resp.ContentLength, resp.Header.Get("Set-Cookie"))
	}
	if resp, sum, n := fetch("GET", "/file"); n != size || sum != sha256.Sum256(content) || resp.Header.Get("Accept-Ranges") != "bytes" {
		t.Errorf("file: %d bytes, %v", n, resp.Header)
	}
	if resp, sum, n := fetch("GET", "/file", "Range: bytes=1000-1999"); resp.StatusCode != 206 || n != 1000 || sum != sha256.Sum256(content[1000:2000]) {
		t.Errorf("range: %d, %d bytes", resp.StatusCode, n)
	}
	resp, _, _ := fetch("HEAD", "/file")
	if resp.ContentLength != size {
		t.Errorf("HEAD: length %d", resp.ContentLength)
	}
	if resp, _, n := fetch("GET", "/file", "If-Modified-Since: "+resp.Header.Get("Last-Modified")); resp.StatusCode != 304 || n != 0 {
		t.Errorf("conditional: %d, %d bytes", resp.StatusCode, n)
	}
}

// TestP09_Push: http.Pusher of HTTP/2 is reached; that this client does not want pushes is net/http's own
// answer.
func TestP09_Push(t *testing.T) {
	g := newGuard(t)
	s := httptest.NewUnstartedServer(wrapped(g, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		p, ok := w.(http.Pusher)
		if !ok {
			t.Errorf("a %T is no Pusher", w)
			return
		}
		fmt.Fprint(w, p.Push("/style.css", nil))
	})))
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	if got := newClient(t, s).signIn(g, "bob").get("/").expect(200).body; got != http.ErrNotSupported.Error() {
		t.Errorf("Push says %q", got)
	}
}

// TestRequest_OutlivesHandler: a goroutine that goes on after its handler gets ErrTooLate from everything
// that could touch an answer, and never writes into that of the next person on the same connection.
func TestRequest_OutlivesHandler(t *testing.T) {
	g := newGuard(t)
	returned, done := make(chan struct{}), make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/leak", func(w http.ResponseWriter, r *http.Request) {
		req, ctx := httpguard.From(r), context.WithoutCancel(r.Context())
		if _, err := req.Session(); err != nil {
			t.Errorf("session in the handler: %v", err)
		}
		go func() {
			defer close(done)
			<-returned
			for name, err := range map[string]error{
				"Session": second(req.Session()),
				"Update": second(req.Update(ctx, func(d *nguard.Draft) error {
					t.Error("the function of a late update ran")
					return visits.Set(d, 99)
				})),
				"Apply":           second(req.Apply(ctx, []byte(`{"theme":"dark"}`), nguard.ApplyOptions{})),
				"Refresh":         second(req.Refresh(ctx)),
				"Login":           second(req.Login(ctx, "ann", nguard.LoginOptions{})),
				"SignIn":          second(req.SignIn(ctx, nguard.NewCredentials(map[string]string{"id": "ann"}), nguard.LoginOptions{})),
				"Logout":          req.Logout(ctx),
				"Reauthenticated": second(req.Reauthenticated(ctx, nguard.LoginOptions{})),
				"EndOthers":       second(req.EndOthers(ctx)),
				"Authorize":       req.Authorize(ctx, policy.SignedIn, nil),
				"Manage":          req.Manage(ctx, "bob"),
				"ChangeAuthority": func() error { _, _, err := req.ChangeAuthority(ctx, "bob", nguard.Authority{}); return err }(),
				"Revoke":          req.Revoke(ctx, "bob", "AAAAAAAAAAAAAAAAAAAAAA"),
				"Limit":           req.Limit(ctx, nguard.Unlimited),
			} {
				if !errors.Is(err, nguard.ErrTooLate) {
					t.Errorf("%s after the handler: %v", name, err)
				}
			}
			if s := req.Subject(); s.UserID != "" {
				t.Errorf("the late subject is %q", s.UserID)
			}
			_, _, _ = req.ID(), req.IP(), req.Guard() // must not touch the exchange: the race detector looks
		}()
		fmt.Fprint(w, "first")
	})
	mux.HandleFunc("/next", func(w http.ResponseWriter, r *http.Request) {
		close(returned)
		<-done
		who(w, r)
	})
	c := serve(t, httpguard.Sessions(g)(mux))
	ann, bob := c.other().signIn(g, "ann"), c.other().signIn(g, "bob")
	// One connection for both, so that the server reuses what it can.
	conn, host := dial(t, c)
	in := bufio.NewReader(conn)
	for _, step := range []struct {
		c          *client
		path, want string
	}{{bob, "/leak", "first"}, {ann, "/next", "ann"}} {
		if _, err := io.WriteString(conn, "POST "+step.path+" HTTP/1.1\r\n"+asBrowser(step.c, host)+"Content-Length: 0\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil || string(body) != step.want || resp.Header.Get("Set-Cookie") != "" {
			t.Errorf("%s: %q, %v, cookie %q", step.path, body, err, resp.Header.Get("Set-Cookie"))
		}
	}
	for _, user := range []string{"ann", "bob"} {
		list, err := g.Sessions(context.Background(), user)
		if err != nil || len(list) != 1 || visits.Get(list[0]) != 0 || theme.Get(list[0]) != "light" {
			t.Errorf("sessions of %s: %v, %v", user, list, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// TestUpdate_HandlerReturnsMeanwhile: an update that was under way when its handler returned stands, is
// told that its cookie could not be sent, and sends none.
func TestUpdate_HandlerReturnsMeanwhile(t *testing.T) {
	g := newGuard(t)
	started, returned, result := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	h := httpguard.Sessions(g)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		req, ctx := httpguard.From(r), r.Context()
		go func() {
			_, err := req.Update(ctx, func(d *nguard.Draft) error {
				close(started)
				<-returned
				return visits.Set(d, 1)
			})
			result <- err
		}()
		<-started
	}))
	c := serve(t, h).signIn(g, "bob")
	a := c.do("POST", "/", "").expect(200)
	if a.header.Get("Set-Cookie") != "" {
		t.Errorf("cookie %q", a.header.Get("Set-Cookie"))
	}
	close(returned)
	if err := <-result; !errors.Is(err, nguard.ErrTooLate) {
		t.Errorf("the update says %v", err)
	}
	s, err := g.Lookup(context.Background(), c.cookies[g.CookieName()])
	if err != nil || visits.Get(s) != 1 {
		t.Errorf("the session: %v, %v", s, err)
	}
}

// TestClientLeaves_UpdateStands: a client that hangs up in the middle leaves no half a change: the update
// runs to its end.
func TestClientLeaves_UpdateStands(t *testing.T) {
	g := newGuard(t)
	result := make(chan error, 1)
	entered := make(chan struct{})
	c := serve(t, httpguard.Sessions(g)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done() // the client has gone
		_, err := httpguard.From(r).Update(r.Context(), func(d *nguard.Draft) error {
			return errors.Join(visits.Set(d, 1), theme.Set(d, "dark"))
		})
		result <- err
	}))).signIn(g, "bob")
	conn, host := dial(t, c)
	if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\n"+asBrowser(c, host)+"Content-Length: 0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-entered
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-result; err != nil {
		t.Errorf("update: %v", err)
	}
	s, err := g.Lookup(context.Background(), c.cookies[g.CookieName()])
	if err != nil || visits.Get(s) != 1 || theme.Get(s) != "dark" {
		t.Errorf("the session: %v, %v", s, err)
	}
}
