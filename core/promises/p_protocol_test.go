package promises

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nguard-go/nguard/adapters/httpguard"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
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

const (
	sameOrigin = "Sec-Fetch-Site: same-origin"
	asJSON     = "Content-Type: application/json"
)

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
	defer c.conn.Close()
	return c.ask(raw)
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
	case method == "HEAD" || resp.StatusCode == 304 || resp.StatusCode == 204:
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

// clears reports whether the answer tells the browser to drop the session cookie.
func (w *world) clears(lines []string) bool {
	for _, line := range lines {
		if strings.HasPrefix(line, w.guard.CookieName()+"=;") && strings.Contains(line, "; Max-Age=0") {
			return true
		}
	}
	return false
}

// serve starts the world's handler on a server of one's own making, as an application configures it.
func (w *world) serve(handler http.Handler, configure func(*httptest.Server)) *httptest.Server {
	w.t.Helper()
	s := httptest.NewUnstartedServer(handler)
	if configure != nil {
		configure(s)
	}
	if s.TLS != nil {
		s.StartTLS()
	} else {
		s.Start()
	}
	w.t.Cleanup(s.Close)
	return s
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

func TestProtocolP1_SlowHeadersAndHalfOpenConnectionsEndAtTheServersLimits(t *testing.T) {
	w := newWorld(t, memory(t))
	s := w.serve(w.handler(), func(s *httptest.Server) {
		s.Config.ReadHeaderTimeout, s.Config.IdleTimeout = 100*time.Millisecond, 100*time.Millisecond
	})
	addr := s.Listener.Addr().String()
	slow := dialWire(t, addr)
	if _, err := io.WriteString(slow.conn, "GET /api/auth/session HTTP/1.1\r\nHost: x\r\nX-Slow: "); err != nil {
		t.Fatal(err)
	}
	idle := dialWire(t, addr)
	idle.ask("GET /api/auth/session HTTP/1.1\r\nHost: x\r\n\r\n").expect(401)
	for name, c := range map[string]*wire{"slow headers": slow, "idle connection": idle} {
		if !closedWithin(c.conn, 5*time.Second) {
			t.Errorf("%s: still open after 5 s", name)
		}
	}
	dialWire(t, addr).ask("GET /public HTTP/1.1\r\nHost: x\r\n\r\n").expect(200)
}

func TestProtocolP2_MessageFramingHasOneMeaningOrIsRefused(t *testing.T) {
	w := newWorld(t, memory(t))
	victim := w.loggedIn("user")
	host, cookie := "Host: "+w.addr()+"\r\n", w.by(victim.token())+"\r\n"
	for name, raw := range map[string]string{
		"two hosts":              "GET /who HTTP/1.1\r\n" + host + "Host: evil.example\r\n" + cookie + "\r\n",
		"no host":                "GET /who HTTP/1.1\r\n" + cookie + "\r\n",
		"two lengths":            "POST /api/auth/update HTTP/1.1\r\n" + host + cookie + sameOrigin + "\r\nContent-Length: 16\r\nContent-Length: 2\r\n\r\n{\"theme\":\"dark\"}",
		"negative length":        "POST /api/auth/update HTTP/1.1\r\n" + host + cookie + sameOrigin + "\r\nContent-Length: -1\r\n\r\n{\"theme\":\"dark\"}",
		"signed length":          "POST /api/auth/update HTTP/1.1\r\n" + host + cookie + sameOrigin + "\r\nContent-Length: +16\r\n\r\n{\"theme\":\"dark\"}",
		"unknown coding":         "POST /api/auth/update HTTP/1.1\r\n" + host + cookie + sameOrigin + "\r\nTransfer-Encoding: xchunked\r\nContent-Length: 16\r\n\r\n{\"theme\":\"dark\"}",
		"space before the colon": "GET /who HTTP/1.1\r\n" + host + "Cookie : " + strings.TrimPrefix(cookie, "Cookie: ") + "\r\n",
		"folded first line":      "GET /who HTTP/1.1\r\n " + host + cookie + "\r\n",
		"bare CR in a value":     "GET /who HTTP/1.1\r\n" + host + "X-A: a\rSet-Cookie: b\r\n" + cookie + "\r\n",
	} {
		if r := w.sends(raw); r.status < 400 || r.status >= 600 {
			t.Errorf("%s: got status %d, want a refusal", name, r.status)
		}
	}
	// A length beside chunks: net/http takes the chunks. The length must then count for nothing: the body is
	// neither cut to it nor prolonged by it.
	both := "POST /api/auth/update HTTP/1.1\r\n" + host + cookie + sameOrigin + "\r\n" + asJSON + "\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n11\r\n{\"language\":\"de\"}\r\n0\r\n\r\n"
	c := dialWire(t, w.addr())
	if r := c.ask(both); r.status == 200 {
		c.ask(w.written("GET", "/who", "", w.by(victim.token()))).expect(200) // what follows is read as a request
		if got := victim.get("/api/auth/session").at("session", "data", "language"); got != "de" {
			t.Errorf("accepted, but language is %v", got)
		}
	} else if r.status < 400 {
		t.Errorf("length beside chunks: status %d", r.status)
	}
	victim.get("/who").expect(200)
	if got := victim.get("/api/auth/session").at("session", "data", "theme"); got != "light" {
		t.Errorf("a refused request changed the theme to %v", got)
	}
}

// spellings of a path that some server takes for the path itself.
func spellings(path string) []string {
	last := path[strings.LastIndex(path, "/")+1:]
	dir := strings.TrimSuffix(path, last)
	return []string{
		strings.ToUpper(path), "/" + path, path + "/", path + "//", dir + "/" + last, dir + "./" + last, dir + "x/../" + last,
		dir + "%2e/" + last, dir + "x/%2e%2e/" + last, strings.Replace(path, "/"+last, "%2f"+last, 1), dir + fmt.Sprintf("%%%02x", last[0]) + last[1:],
		dir + fmt.Sprintf("%%25%02x", last[0]) + last[1:], path + ";x=1", path + ";", dir + ";/" + last, path + "%00", path + "%20", path + "%0d%0a",
		path + ".json", path + ".css", path + "%2f..%2fx", path + "?", path + "%3fx", path + "%23", strings.ReplaceAll(path, "/", `\`), path + "%c0%af", path + "\xef\xbc\x8f",
	}
}

func TestProtocolP3_RespelledPathsGetTheRoutesRuleOrNothing(t *testing.T) {
	w := newWorld(t, memory(t))
	user := w.loggedIn("user")
	for _, path := range spellings("/admin") {
		r := w.sends(w.written("GET", path, "", w.by(user.token())))
		if strings.Contains(r.body, "for admins") {
			t.Errorf("GET %q: a user got the page for admins", path)
		}
		if r.status == 200 {
			t.Errorf("GET %q: status 200", path)
		}
	}
	for _, path := range spellings("/api/auth/session") {
		r := w.sends(w.written("GET", path, ""))
		if r.status == 200 {
			t.Errorf("GET %q without a session: status 200: %s", path, r.body)
		}
	}
	for _, path := range spellings("/api/auth/logout") {
		r := w.sends(w.written("POST", path, "", w.by(user.token()), "Sec-Fetch-Site: cross-site"))
		if r.status < 300 {
			t.Errorf("cross-site POST %q: status %d", path, r.status)
		}
		for name := range r.header {
			if name == "Access-Control-Allow-Origin" {
				t.Errorf("POST %q: CORS header", path)
			}
		}
	}
	user.get("/who").expect(200)
	// Everything under the prefix that is no endpoint is the endpoints' own 404, as JSON.
	for _, path := range []string{"", "session/", "sessio", "Session", "session.css", "sessions/", "sessions/*", "sessions/%2e%2e", "users//sessions", "users/a", "%6cogin/", "x%0d%0ay"} {
		r := w.sends(w.written("GET", "/api/auth/"+path, "", w.by(user.token()))).expect(404)
		if ct := r.header.Get("Content-Type"); ct != "application/json" {
			t.Errorf("GET /api/auth/%s: Content-Type %q", path, ct)
		}
	}
}

func TestProtocolP4_OnlyListedMethodsAreAnswered(t *testing.T) {
	w := newWorld(t, memory(t))
	user := w.loggedIn("user")
	for path, allow := range map[string]string{
		"login": "POST", "logout": "POST", "session": "GET, HEAD", "validate": "GET, HEAD, POST", "update": "POST", "profile": "POST",
		"update-role": "POST", "refresh": "POST", "sessions": "DELETE, GET", "sessions/0123456789012345678901": "DELETE",
		"users/user/sessions": "DELETE, GET", "users/user/sessions/0123456789012345678901": "DELETE",
	} {
		for _, method := range []string{"TRACE", "PUT", "PATCH", "OPTIONS", "PROPFIND", "CONNECT", "post", "get", "Delete", "HEAD", "GET", "POST", "DELETE"} {
			if slices.Contains(strings.Split(allow, ", "), method) || method == "CONNECT" { // CONNECT has no path in HTTP/1.1
				continue
			}
			r := w.sends(w.written(method, "/api/auth/"+path, "", w.by(user.token()), sameOrigin)).expect(405)
			if got := r.header.Get("Allow"); got != allow {
				t.Errorf("%s %s: Allow is %q, want %q", method, path, got, allow)
			}
			if r.header.Get("Content-Type") != "application/json" {
				t.Errorf("%s %s: Content-Type %q", method, path, r.header.Get("Content-Type"))
			}
			if strings.Contains(r.body, user.token()) {
				t.Errorf("%s %s: the answer repeats the token", method, path)
			}
		}
	}
	user.get("/who").expect(200)
}

func TestProtocolP5_NoURLIsBuiltFromTheHost(t *testing.T) {
	w := newWorld(t, memory(t), func(c *nguard.Config) { c.LoginPage = "/login" })
	user := w.loggedIn("user")
	const evil = "evil.example"
	for _, raw := range []string{
		"GET http://" + evil + "/admin HTTP/1.1\r\nHost: " + evil + "\r\nAccept: text/html\r\n\r\n",
		"GET /admin HTTP/1.1\r\nHost: " + evil + "\r\nAccept: text/html\r\nX-Forwarded-Host: " + evil + "\r\n\r\n",
		"GET /admin HTTP/1.1\r\nHost: " + evil + "\r\nAccept: text/html\r\n" + w.by(user.token()) + "\r\n\r\n",
		"GET http://" + evil + "/api/auth/session HTTP/1.1\r\nHost: " + w.addr() + "\r\n" + w.by(user.token()) + "\r\n\r\n",
		"POST /api/auth/login HTTP/1.1\r\nHost: " + evil + "\r\n" + asJSON + "\r\nContent-Length: 50\r\n\r\n" + `{"id":"user","password":"` + guardtest.Password + `"}` + strings.Repeat(" ", 50-len(`{"id":"user","password":"`+guardtest.Password+`"}`)),
		"POST /api/auth/update HTTP/1.1\r\nHost: " + evil + "\r\nOrigin: https://" + evil + "\r\n" + w.by(user.token()) + "\r\nContent-Length: 2\r\n\r\n{}",
	} {
		r := w.sends(raw)
		if strings.Contains(r.head+r.body, evil) {
			t.Errorf("%q: the answer repeats the Host: %s%s", raw, r.head, r.body)
		}
		if r.status == 303 && r.header.Get("Location") != "/login" {
			t.Errorf("Location is %q", r.header.Get("Location"))
		}
	}
}

func TestProtocolP6_SplitCookieLinesOfHTTP2AreOne(t *testing.T) {
	w := newWorld(t, memory(t))
	victim, thief := w.loggedIn("user"), w.loggedIn("other")
	s := w.serve(w.handler(), func(s *httptest.Server) {
		s.EnableHTTP2, s.TLS = true, &tls.Config{MinVersion: tls.VersionTLS12}
	})
	name := w.guard.CookieName() + "="
	for _, c := range []struct {
		what  string
		lines []string
		want  int
	}{
		{"one line, split at each pair", []string{"a=1; " + name + victim.token() + "; b=2"}, 200},
		{"three lines", []string{"a=1", name + victim.token(), "b=2"}, 200},
		{"two values in two lines", []string{name + victim.token(), name + thief.token()}, 401},
		{"two values in one line", []string{name + thief.token() + "; a=1; " + name + victim.token()}, 401},
	} {
		r, err := http.NewRequest("GET", s.URL+"/who", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header["Cookie"] = c.lines
		resp, err := s.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.ProtoMajor != 2 {
			t.Fatalf("HTTP/%d was spoken", resp.ProtoMajor)
		}
		if resp.StatusCode != c.want || (c.want == 200 && string(body) != "user") {
			t.Errorf("%s: status %d, body %q", c.what, resp.StatusCode, body)
		}
		if c.want == 401 && !w.clears(resp.Header["Set-Cookie"]) {
			t.Errorf("%s: the cookies are not cleared", c.what)
		}
	}
}

func TestProtocolP6_WritesOverHTTPSNeedTheHTTPSOrigin(t *testing.T) {
	w := newWorld(t, memory(t))
	s := w.serve(w.handler(), func(s *httptest.Server) { s.EnableHTTP2 = true; s.TLS = &tls.Config{} })
	for origin, want := range map[string]int{s.URL: 200, strings.Replace(s.URL, "https", "http", 1): 403} {
		r, _ := http.NewRequest("POST", s.URL+"/api/auth/logout", nil)
		r.Header.Set("Origin", origin)
		resp, err := s.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("Origin %s: status %d, want %d", origin, resp.StatusCode, want)
		}
	}
}

func TestProtocolP7_TheLoginPageIsAPathOfThisOriginAndNothingElse(t *testing.T) {
	b := memory(t)
	for _, page := range []string{"//evil", `/\evil`, `\\evil`, "https:evil", "https://evil/", "javascript:alert(1)", "evil", "/\tevil", "/a\r\nSet-Cookie: a=b", "/\x00", "/ü"} {
		c := nguard.Config{Store: b.store, LoginPage: page}
		if _, err := nguard.New(c); err == nil || !strings.Contains(err.Error(), "LoginPage") {
			t.Errorf("LoginPage %q: error is %v", page, err)
		}
	}
	w := newWorld(t, b, func(c *nguard.Config) { c.LoginPage = "/login" })
	for _, query := range []string{"", "?return_to=//evil", `?next=/\evil`, "?url=https:evil", "?callback=x", "//evil"} {
		a := w.browser().do("GET", "/admin"+query, "", "Accept: text/html")
		if loc := a.header.Get("Location"); a.status == 303 && loc != "/login" || a.status == 200 {
			t.Errorf("GET /admin%s: status %d, Location %q", query, a.status, loc)
		}
		if a.status == 303 && a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("a cache may keep the way to the login page")
		}
	}
}

// sharedCache is a cache as RFC 9111 lets one be: it keeps a 200 to a GET that is not no-store, by URL and
// by the headers that Vary names, Set-Cookie included.
type sharedCache struct {
	next http.Handler
	mu   sync.Mutex
	kept map[string][]*cached
}

type cached struct {
	vary   map[string]string
	header http.Header
	body   []byte
}

func (c *sharedCache) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, hit := range c.kept[r.URL.Path] {
		same := r.Method == "GET"
		for name, v := range hit.vary {
			same = same && r.Header.Get(name) == v
		}
		if same {
			for k, v := range hit.header {
				rw.Header()[k] = v
			}
			rw.Header().Set("X-Cache", "hit")
			_, _ = rw.Write(hit.body)
			return
		}
	}
	rec := httptest.NewRecorder()
	c.next.ServeHTTP(rec, r)
	if r.Method == "GET" && rec.Code == 200 && !strings.Contains(rec.Header().Get("Cache-Control"), "no-store") {
		vary := map[string]string{}
		for _, line := range rec.Header()["Vary"] {
			for _, name := range strings.Split(line, ",") {
				vary[strings.TrimSpace(name)] = r.Header.Get(strings.TrimSpace(name))
			}
		}
		c.kept[r.URL.Path] = append(c.kept[r.URL.Path], &cached{vary, rec.Header().Clone(), bytes.Clone(rec.Body.Bytes())})
	}
	for k, v := range rec.Header() {
		rw.Header()[k] = v
	}
	rw.WriteHeader(rec.Code)
	_, _ = rw.Write(rec.Body.Bytes())
}

func TestProtocolP8_ASharedCacheGivesNobodyAnothersSession(t *testing.T) {
	w := newWorld(t, memory(t))
	s := w.serve(&sharedCache{next: w.handler(), kept: map[string][]*cached{}}, nil)
	ann, ben, nobody := w.browserAt(s.URL), w.browserAt(s.URL), w.browserAt(s.URL)
	ann.login("user")
	ben.login("other")
	for _, path := range []string{"/api/auth/session", "/api/auth/validate", "/api/auth/sessions", "/who"} {
		for range 2 {
			a, b, n := ann.get(path), ben.get(path), nobody.get(path)
			if a.text() == b.text() || a.text() == n.text() {
				t.Errorf("%s: two people get the same answer: %s", path, a.text())
			}
		}
		if a := ann.get(path); path != "/who" && a.header.Get("X-Cache") == "hit" {
			t.Errorf("%s was kept by a cache", path)
		}
	}
	ann.get("/api/auth/validate.css").expect(404)
	// A public page that hands out a successor token must not be kept with it, and says that it depends on
	// the cookie even where nobody asks for the session.
	old := ann.copyOf()
	old.base = s.URL
	w.clock.Advance(time.Minute)
	ann.post("/api/auth/refresh", "").expect(200)
	page := old.get("/public").expect(200)
	if len(page.header["Set-Cookie"]) != 1 || page.header.Get("Cache-Control") != "no-store" {
		t.Errorf("public page with Set-Cookie %q has Cache-Control %q", page.header["Set-Cookie"], page.header.Get("Cache-Control"))
	}
	if got := nobody.get("/public").expect(200); len(got.header["Set-Cookie"]) != 0 || got.header.Get("Vary") != "Cookie" {
		t.Errorf("a visitor got Set-Cookie %q, Vary %q", got.header["Set-Cookie"], got.header.Get("Vary"))
	}
}

// panicking is a policy with a fault.
type panicking struct{}

func (panicking) Decide(context.Context, nguard.Access) nguard.Decision { panic("policy fault") }

func TestProtocolP9_AFaultInACallbackDeniesAndTheProcessLives(t *testing.T) {
	boom := func() { panic("callback fault canary") }
	var armed bool // set between requests only
	field := &nguard.Field[string]{Name: "risky", Write: panicking{}}
	checked := &nguard.Field[string]{Name: "checked", Check: func(string) error { boom(); return nil }, Write: theme.Write}
	for _, c := range []struct {
		name   string
		config func(*nguard.Config)
		method string
		path   string
		body   string
		want   int
	}{
		{"write policy", func(c *nguard.Config) { c.Fields = append(c.Fields, field) }, "POST", "/api/auth/update", `{"risky":"x","theme":"dark"}`, 503},
		{"field check", func(c *nguard.Config) { c.Fields = append(c.Fields, checked) }, "POST", "/api/auth/update", `{"checked":"x","theme":"dark"}`, 500},
		{"BeforeUpdate", func(c *nguard.Config) {
			c.Hooks.BeforeUpdate = func(context.Context, nguard.Update) error { boom(); return nil }
		}, "POST", "/api/auth/update", `{"theme":"dark"}`, 500},
		{"BeforeUpdate error", func(c *nguard.Config) {
			c.Hooks.BeforeUpdate = func(context.Context, nguard.Update) error { return fmt.Errorf("hook canary") }
		}, "POST", "/api/auth/update", `{"theme":"dark"}`, 403},
		{"Validate", func(c *nguard.Config) {
			c.Hooks.Validate = func(context.Context, *nguard.Session) error {
				if armed {
					boom()
				}
				return nil
			}
		}, "GET", "/api/auth/session", "", 503},
		{"OnLoad", func(c *nguard.Config) {
			c.Hooks.OnLoad = func(context.Context, *nguard.Session) (map[string]any, error) {
				if armed {
					boom()
				}
				return nil, nil
			}
		}, "GET", "/api/auth/session", "", 503},
		{"OnLoad with what JSON cannot say", func(c *nguard.Config) {
			c.Hooks.OnLoad = func(context.Context, *nguard.Session) (map[string]any, error) {
				if armed {
					return map[string]any{"canary": func() {}}, nil
				}
				return nil, nil
			}
		}, "GET", "/api/auth/session", "", 500},
	} {
		t.Run(c.name, func(t *testing.T) {
			armed = false
			w := newWorld(t, memory(t), func(config *nguard.Config) { config.Fields = fields(); c.config(config) })
			b := w.loggedIn("user")
			armed = true
			a := b.do(c.method, c.path, c.body).expect(c.want)
			if strings.Contains(a.text(), "canary") || strings.Contains(a.text(), "goroutine") {
				t.Errorf("the answer shows the inside: %s", a.text())
			}
			if c.want == 503 || c.name == "BeforeUpdate" || c.name == "field check" {
				w.awaitEvent(map[bool]string{true: nguard.EventAuthzFail, false: nguard.EventCrash}[c.name == "write policy"], map[bool]nguard.Outcome{true: nguard.Denied, false: nguard.Failure}[c.name == "write policy"])
			}
			armed = false
			if strings.HasPrefix(c.name, "BeforeUpdate") {
				return // it refuses for good; the session was not ended by it:
			}
			if got := b.get("/api/auth/session").expect(200).at("session", "data", "theme"); got != "light" {
				t.Errorf("theme is %v after a refused update", got)
			}
		})
	}
	t.Run("AfterAuthenticate", func(t *testing.T) {
		w := newWorld(t, memory(t), func(c *nguard.Config) {
			c.Hooks.AfterAuthenticate = func(context.Context, nguard.User) error { boom(); return nil }
		})
		b := w.browser()
		if a := b.post("/api/auth/login", `{"id":"user","password":"`+guardtest.Password+`"}`); a.status < 500 || b.token() != "" {
			t.Errorf("status %d, token %q", a.status, b.token())
		}
		w.awaitEvent(nguard.EventCrash, nguard.Failure)
	})
	t.Run("after the fact", func(t *testing.T) {
		w := newWorld(t, memory(t), func(c *nguard.Config) {
			c.Hooks.AfterUpdate = func(context.Context, nguard.Update) { boom() }
			c.Hooks.OnLogout = func(context.Context, *nguard.Session) { boom() }
		})
		b := w.loggedIn("user")
		b.post("/api/auth/update", `{"theme":"dark"}`).expect(200)
		thief := b.copyOf()
		b.post("/api/auth/logout", "").expect(200)
		thief.get("/who").expect(401)
	})
	t.Run("roles that nobody knows", func(t *testing.T) {
		for _, role := range []string{"", "ghost", "Admin", "admin ", "*"} {
			b := memory(t)
			b.put(nguard.User{ID: "ghost", Email: "ghost@example.com", Role: role, Permissions: []string{"", "nothing:known"}})
			w := newWorld(t, b)
			ghost := w.loggedIn("ghost")
			ghost.get("/admin").expect(403)
			ghost.post("/api/auth/update-role", `{"userId":"ghost","newRole":"admin"}`).expect(403)
		}
	})
	t.Run("no policy", func(t *testing.T) {
		w := newWorld(t, memory(t))
		defer func() {
			if recover() == nil {
				t.Error("Require(nil) was accepted")
			}
		}()
		var status error
		s := w.serve(httpguard.Sessions(w.guard)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			status = httpguard.From(r).Authorize(r.Context(), nil, nil)
		})), nil)
		b := w.loggedIn("admin")
		b.base = s.URL
		b.hold(w.loggedIn("admin").token()).get("/")
		if nguard.Status(status).Status != 403 {
			t.Errorf("a nil policy decided %v", status)
		}
		httpguard.Require(w.guard, nil)
	})
}

func TestProtocolP10_TheCookieGoesBeforeTheFirstByte(t *testing.T) {
	w := newWorld(t, memory(t))
	var writer http.ResponseWriter
	mux := http.NewServeMux()
	mux.HandleFunc("POST /early", func(rw http.ResponseWriter, r *http.Request) {
		writer = rw
		_, err := httpguard.From(r).Refresh(r.Context())
		if err != nil {
			httpguard.Fail(rw, r, err)
			return
		}
		fmt.Fprint(rw, "data: one\n\n")
		if err := http.NewResponseController(rw).Flush(); err != nil {
			t.Errorf("Flush: %v", err)
		}
		fmt.Fprint(rw, "data: two\n\n")
	})
	mux.HandleFunc("POST /late", func(rw http.ResponseWriter, r *http.Request) {
		fmt.Fprint(rw, "data: one\n\n")
		_ = http.NewResponseController(rw).Flush()
		// net/http does not tell that the header is gone. The change stands, and the browser keeps a token
		// that still works (promise P5).
		_, err := httpguard.From(r).Refresh(r.Context())
		fmt.Fprintf(rw, "%v", err)
	})
	mux.HandleFunc("/hijack", func(rw http.ResponseWriter, r *http.Request) {
		if _, err := httpguard.From(r).Session(); err != nil {
			httpguard.Fail(rw, r, err)
			return
		}
		conn, _, err := http.NewResponseController(rw).Hijack()
		if err != nil {
			t.Errorf("Hijack: %v", err)
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nsocks")
	})
	var kept *nguard.Request
	mux.HandleFunc("POST /keep", func(_ http.ResponseWriter, r *http.Request) { kept = httpguard.From(r) })
	s := w.serve(httpguard.Sessions(w.guard)(httpguard.Endpoints(w.guard)(mux)), nil)
	b := w.browserAt(s.URL)
	b.login("user")
	first := b.token()
	w.clock.Advance(time.Minute)
	if a := b.post("/early", "").expect(200); len(a.header["Set-Cookie"]) != 1 || b.token() == first {
		t.Errorf("a stream after a refresh came with Set-Cookie %q", a.header["Set-Cookie"])
	}
	if _, ok := writer.(http.Flusher); !ok {
		t.Error("no Flusher")
	}
	if _, ok := writer.(http.Hijacker); !ok {
		t.Error("no Hijacker")
	}
	if _, ok := writer.(io.ReaderFrom); !ok {
		t.Error("no ReaderFrom: no sendfile")
	}
	b.get("/api/auth/session").expect(200)
	w.clock.Advance(time.Minute)
	before := b.token()
	a := b.post("/late", "").expect(200)
	if len(a.header["Set-Cookie"]) != 0 || b.token() != before {
		t.Errorf("a cookie came with a late change: %q", a.header["Set-Cookie"])
	}
	w.clock.Advance(time.Minute)
	if a := b.get("/api/auth/session").expect(200); b.token() == before || len(a.header["Set-Cookie"]) != 1 {
		t.Error("the browser was not given the successor that the late change made")
	}
	if a := b.get("/hijack").expect(200); a.text() != "socks" {
		t.Errorf("hijacked answer is %q", a.text())
	}
	b.post("/keep", "").expect(200)
	_, updateErr := kept.Update(context.Background(), func(*nguard.Draft) error { return nil })
	_, sessionErr := kept.Session()
	for what, err := range map[string]error{"Session": sessionErr, "Update": updateErr, "Logout": kept.Logout(context.Background())} {
		if err == nil || !strings.Contains(err.Error(), "too late") {
			t.Errorf("%s after the handler has returned: %v", what, err)
		}
	}
}
