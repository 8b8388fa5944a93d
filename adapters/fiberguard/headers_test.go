package fiberguard_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gofiber/fiber/v2"

	"github.com/nguard-go/nguard/adapters/fiberguard"
	"github.com/nguard-go/nguard/adapters/internal/browsertest"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
	"github.com/nguard-go/nguard/stores/memstore"
)

// TestHeaders_ConfigIsChecked: fiber writes what it is given, so that New refuses a name, domain or page with
// a character that ends a header line or an attribute (L4).
func TestHeaders_ConfigIsChecked(t *testing.T) {
	for _, bad := range []string{"a\r\nSet-Cookie: x=y", "a\nb", "a\rb", "a;b", "a; Domain=evil.example", "a,b", "a=b", "a b"} {
		for field, c := range map[string]nguard.Config{
			"Cookie.Name": {Cookie: nguard.Cookie{Name: bad}}, "Cookie.Domain": {Cookie: nguard.Cookie{Domain: bad}}, "Namespace": {Namespace: bad},
		} {
			c.Store = memstore.New()
			if _, err := nguard.New(c); err == nil || !strings.Contains(err.Error(), field) {
				t.Errorf("%s %q: %v", field, bad, err)
			}
		}
		if page := "/" + bad; strings.ContainsAny(bad, "\r\n") {
			if _, err := nguard.New(nguard.Config{Store: memstore.New(), LoginPage: page}); err == nil || !strings.Contains(err.Error(), "LoginPage") {
				t.Errorf("LoginPage %q: %v", page, err)
			}
		}
	}
}

// TestHeaders_FasthttpNeutralises: the fasthttp of go.mod puts no line end into a header, whatever it is
// given: the second wall behind the checks of core. With an older one this test fails.
func TestHeaders_FasthttpNeutralises(t *testing.T) {
	app := newApp()
	const evil = "a\r\nX-Evil: 1\nX-Evil: 2\rX-Evil: 3"
	app.Get("/", func(c *fiber.Ctx) error {
		c.Set("X-Value", evil)
		c.Response().Header.Add("X-Added", evil)
		c.Response().Header.Add("Set-Cookie", "raw="+evil)
		c.Cookie(&fiber.Cookie{Name: "name" + evil, Value: evil, Path: "/" + evil, Domain: "example.com" + evil})
		c.Location("/" + evil)
		c.Response().Header.SetContentType("text/plain" + evil)
		return nil
	})
	w := serve(t, app).Dial()
	w.Write("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	head := w.Head()
	if strings.Count(head, "\r\n") != strings.Count(head, "\n") || strings.Count(head, "\r\n") != strings.Count(head, "\r") {
		t.Errorf("bare line ends in %q", head)
	}
	for line := range strings.Lines(head) {
		if strings.HasPrefix(strings.ToLower(line), "x-evil") {
			t.Errorf("a line of its own: %q in %q", line, head)
		}
	}
	if !strings.Contains(head, "X-Evil") {
		t.Errorf("nothing was written: %q", head)
	}
}

// TestHeaders_NothingIsEchoedRaw: what a client sends and an answer repeats, such as the ID of a request,
// adds no line to the answer.
func TestHeaders_NothingIsEchoedRaw(t *testing.T) {
	store := &downStore{Store: memstore.New()}
	g := browsertest.NewGuard(t, func(c *nguard.Config) {
		c.Store, c.LoginPage = store, "/login?next=%0d%0a"
		c.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
		c.Users = guardtest.NewUsers(nguard.User{ID: "bob", Name: "a\r\nX-Evil: 1"})
	})
	app := newApp()
	app.Use(fiberguard.Sessions(g), fiberguard.Endpoints(g))
	app.Get("/*", who)
	c := serve(t, app).SignIn(g, "bob")
	ask := func(path string, lines ...string) string {
		w := c.Dial()
		w.Write("GET " + path + " HTTP/1.1\r\nHost: " + w.Host + "\r\nConnection: close\r\n" + strings.Join(append(lines, c.Cookie(g)), "\r\n") + "\r\n\r\n")
		head := w.Head()
		_, _ = io.Copy(io.Discard, w.In)
		return head
	}
	for _, down := range []bool{false, true} {
		store.down.Store(down)
		for _, path := range []string{"/", "/%0d%0aX-Evil:1", "/api/auth/session", "/api/auth/%0d%0aX-Evil:1", "/?a=%0d%0aX-Evil:1"} {
			want := strings.Count(ask(path), "\r\n")
			for _, text := range []string{"a%0d%0aX-Evil: 1", "a; b", "\x0bX-Evil: 1", "a\u0085X-Evil: 1", "a\u2028X-Evil: 1", "\xff\xfe", strings.Repeat("x", 700)} {
				head := ask(path, "X-Request-Id: "+text, "User-Agent: "+text, "Referer: "+text, "X-Forwarded-For: "+text)
				if strings.Contains(head, " 400 ") {
					continue // refused by fasthttp
				}
				if strings.Count(head, "\r\n") != want || strings.Count(head, "\r\n") != strings.Count(head, "\n") || strings.Count(head, "\r\n") != strings.Count(head, "\r") {
					t.Errorf("%s with %q: %q", path, text, head)
				}
			}
			bare := c.Dial()
			bare.Write("GET " + path + " HTTP/1.1\r\nHost: x\r\nX-Request-Id: a\rX-Evil: 1\r\nUser-Agent: b\rX-Evil: 2\r\nConnection: close\r\n" + c.Cookie(g) + "\r\n\r\n")
			if head := bare.Head(); strings.Contains(head, "X-Evil") || strings.Count(head, "\r\n") != strings.Count(head, "\r") {
				t.Errorf("%s with a bare CR: %q", path, head)
			}
		}
	}
}

// TestFraming_LeftOverBody: a body that is refused before its end, or not read at all, is not taken for the
// next request on the connection (P2), also where fiber streams it.
func TestFraming_LeftOverBody(t *testing.T) {
	g := browsertest.NewGuard(t)
	for _, config := range []fiber.Config{{}, {StreamRequestBody: true}} {
		var smuggledIn atomic.Bool
		app := newApp(config)
		app.Use(fiberguard.Sessions(g), fiberguard.Endpoints(g))
		app.Get("/smuggled", func(c *fiber.Ctx) error {
			smuggledIn.Store(true)
			return nil
		})
		app.Get("/", who)
		c := serve(t, app).SignIn(g, "bob")
		const smuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
		body := strings.Repeat(smuggled, 40<<10/len(smuggled))
		for _, test := range []struct {
			path, site string
			want       int
		}{{"/api/auth/update", "same-origin", 413}, {"/api/auth/update", "cross-site", 403}, {"/api/auth/nothing", "same-origin", 404}} {
			w := c.Dial()
			go func() { // the server may hang up instead of reading on
				_, _ = io.WriteString(w.Conn, "POST "+test.path+" HTTP/1.1\r\nHost: "+w.Host+"\r\nSec-Fetch-Site: "+test.site+"\r\nContent-Type: application/json\r\nContent-Length: "+strconv.Itoa(len(body))+"\r\n"+c.Cookie(g)+"\r\n\r\n"+body+
					"GET / HTTP/1.1\r\nHost: "+w.Host+"\r\nConnection: close\r\n"+c.Cookie(g)+"\r\n\r\n")
			}()
			rest, _ := io.ReadAll(bufio.NewReader(w.Conn))
			if !strings.HasPrefix(string(rest), "HTTP/1.1 "+strconv.Itoa(test.want)+" ") || strings.Count(string(rest), "HTTP/1.1 ") > 2 || smuggledIn.Load() {
				t.Errorf("streaming %v, %s: %.300q", config.StreamRequestBody, test.path, rest)
			}
		}
	}
}

// TestFraming_KeepsTheConnection: the connection stays, also for refusals, but for a body that fiber streams:
// nobody knows whether the program reads it to its end.
func TestFraming_KeepsTheConnection(t *testing.T) {
	g := browsertest.NewGuard(t)
	for _, config := range []fiber.Config{{}, {StreamRequestBody: true}} {
		app := newApp(config)
		app.Use(fiberguard.Sessions(g), fiberguard.Endpoints(g))
		app.Get("/", who)
		c := serve(t, app).SignIn(g, "bob")
		w := c.Dial()
		for range 3 {
			w.Do("GET", "/api/auth/nothing", "", c.Cookie(g)).Refused(404, "not_found")
			w.Do("POST", "/api/auth/nothing", "", c.Cookie(g), "Sec-Fetch-Site: same-origin", "Content-Length: 0").Refused(404, "not_found")
			if config.StreamRequestBody {
				continue
			}
			w.Do("POST", "/api/auth/update", `{"theme":"dark"}`, c.Cookie(g), "Sec-Fetch-Site: same-origin").Expect(200)
			w.Do("POST", "/api/auth/update", `{"theme":`, c.Cookie(g), "Sec-Fetch-Site: same-origin").Refused(400, "malformed")
		}
		if config.StreamRequestBody {
			w.Do("POST", "/api/auth/update", `{"theme":"dark"}`, c.Cookie(g), "Sec-Fetch-Site: same-origin").Expect(200)
			if _, err := w.Conn.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("a connection is kept over a streamed body: %v", err)
			}
		}
	}
}

// TestMethods: what an endpoint does not know is 405 with Allow. Methods that fiber was not told of never reach
// a handler: it answers 400 itself (P4).
func TestMethods(t *testing.T) {
	g := browsertest.NewGuard(t)
	app := newApp()
	app.Use(fiberguard.Sessions(g), fiberguard.Endpoints(g))
	c := serve(t, app)
	for method, want := range map[string]int{"TRACE": 405, "PUT": 405, "PATCH": 405, "OPTIONS": 405, "DELETE": 405, "PROPFIND": 400, "post": 400} {
		a := c.Dial().Do(method, "/api/auth/login", "", "Sec-Fetch-Site: same-origin", "Content-Length: 0").Expect(want)
		if want == 405 && (a.Code() != "method_not_allowed" || a.Header.Get("Allow") != "POST") {
			t.Errorf("%s: %v %s", method, a.Header, a.Body)
		}
	}
}

// downStore is out of order on demand.
type downStore struct {
	nguard.Store
	down atomic.Bool
}

func (s *downStore) Unwrap() any { return s.Store }

func (s *downStore) Load(ctx context.Context, token string) (nguard.Found, error) {
	if s.down.Load() {
		return nguard.Found{}, errors.New("down")
	}
	return s.Store.Load(ctx, token)
}
