package ginguard_test

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/nguard-go/nguard/adapters/ginguard"
	"github.com/nguard-go/nguard/adapters/internal/browsertest"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
	"github.com/nguard-go/nguard/stores/memstore"
)

// TestHeaders_NothingIsEchoedRaw: what a client sends and an answer repeats, such as the ID of a request,
// adds no line to the answer.
func TestHeaders_NothingIsEchoedRaw(t *testing.T) {
	store := &downStore{Store: memstore.New()}
	g := browsertest.NewGuard(t, func(c *nguard.Config) {
		c.Store, c.LoginPage = store, "/login?next=%0d%0a"
		c.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
		c.Users = guardtest.NewUsers(nguard.User{ID: "bob", Name: "a\r\nX-Evil: 1"})
	})
	app := gin.New()
	app.Use(ginguard.Sessions(g), ginguard.Endpoints(g))
	app.NoRoute(who)
	c := browsertest.Serve(t, app).SignIn(g, "bob")
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
					continue // refused by net/http
				}
				if strings.Count(head, "\r\n") != want || strings.Count(head, "\r\n") != strings.Count(head, "\n") || strings.Count(head, "\r\n") != strings.Count(head, "\r") {
					t.Errorf("%s with %q: %q", path, text, head)
				}
			}
		}
	}
}

// TestFraming_LeftOverBody: a body that is refused before its end is not taken for the next request on the
// connection (P2).
func TestFraming_LeftOverBody(t *testing.T) {
	g := browsertest.NewGuard(t)
	app := gin.New()
	app.Use(ginguard.Sessions(g), ginguard.Endpoints(g))
	var smuggledIn atomic.Bool
	app.GET("/smuggled", func(*gin.Context) { smuggledIn.Store(true) })
	app.GET("/", who)
	c := browsertest.Serve(t, app).SignIn(g, "bob")
	const smuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
	for _, size := range []int{40 << 10, 1 << 20} {
		body := strings.Repeat(smuggled, size/len(smuggled))
		for _, test := range []struct {
			path, site string
			want       int
		}{{"/api/auth/update", "same-origin", 413}, {"/api/auth/update", "cross-site", 403}, {"/api/auth/nothing", "same-origin", 404}} {
			w := c.Dial()
			go func() { // the server may hang up instead of reading on
				_, _ = io.WriteString(w.Conn, "POST "+test.path+" HTTP/1.1\r\nHost: "+w.Host+"\r\nSec-Fetch-Site: "+test.site+"\r\nContent-Type: application/json\r\nContent-Length: "+strconv.Itoa(len(body))+"\r\n"+c.Cookie(g)+"\r\n\r\n"+body+
					"GET / HTTP/1.1\r\nHost: "+w.Host+"\r\nConnection: close\r\n"+c.Cookie(g)+"\r\n\r\n")
			}()
			rest, _ := io.ReadAll(w.In)
			if !strings.HasPrefix(string(rest), "HTTP/1.1 "+strconv.Itoa(test.want)+" ") || strings.Count(string(rest), "HTTP/1.1 ") > 2 || smuggledIn.Load() {
				t.Errorf("%s: %.300q", test.path, rest)
			}
		}
	}
}

// TestMethods: what an endpoint does not know is 405 with Allow, whatever the method is called (P4).
func TestMethods(t *testing.T) {
	g := browsertest.NewGuard(t)
	app := gin.New()
	app.Use(ginguard.Sessions(g), ginguard.Endpoints(g))
	c := browsertest.Serve(t, app)
	for _, method := range []string{"TRACE", "PUT", "PATCH", "OPTIONS", "DELETE", "PROPFIND", "post"} {
		a := c.Dial().Do(method, "/api/auth/login", "", "Sec-Fetch-Site: same-origin", "Content-Length: 0").Refused(405, "method_not_allowed")
		if a.Header.Get("Allow") != "POST" {
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
