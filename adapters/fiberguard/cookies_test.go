package fiberguard_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"

	"github.com/nguard-go/nguard/adapters/fiberguard"
	"github.com/nguard-go/nguard/adapters/internal/browsertest"
	nguard "github.com/nguard-go/nguard/core"
)

// TestCookies_AreLinesOfTheirOwn: two Set-Cookie lines that are joined by a comma are one broken cookie, and
// c.Append joins them. The program's own cookies stay, before and after, also those that look alike.
func TestCookies_AreLinesOfTheirOwn(t *testing.T) {
	g := browsertest.NewGuard(t)
	own := g.CookieName()
	alike := []string{own + "2", "x" + own, strings.ToLower(own), strings.TrimPrefix(own, "__Host-")}
	app := newApp()
	app.Use(func(c *fiber.Ctx) error {
		c.Cookie(&fiber.Cookie{Name: "before", Value: "1"})
		for _, name := range alike {
			c.Cookie(&fiber.Cookie{Name: name, Value: "1"})
		}
		return c.Next()
	}, fiberguard.Sessions(g), fiberguard.Endpoints(g))
	app.Post("/", func(c *fiber.Ctx) error {
		c.Cookie(&fiber.Cookie{Name: "between", Value: "2"})
		if err := visit(c); err != nil {
			return err
		}
		c.Cookie(&fiber.Cookie{Name: "after", Value: "3"})
		c.Response().Header.Add("Set-Cookie", "raw=4; Path=/")
		return nil
	})
	c := serve(t, app).SignIn(g, "bob")
	want := append([]string{"before"}, alike...)
	a := c.Do("POST", "/", "").Expect(200)
	if got := a.Names(); !slices.Equal(got, append(slices.Clone(want), "between", own, "after", "raw")) {
		t.Errorf("lines %q", a.Header.Values("Set-Cookie"))
	}
	for _, line := range a.Header.Values("Set-Cookie") {
		if strings.Contains(line, ",") {
			t.Errorf("a joined line: %q", line)
		}
	}
	a = c.Do("POST", "/api/auth/logout", "").Expect(200)
	if got := a.Names(); !slices.Equal(got, append(want, own)) {
		t.Errorf("lines of the logout %q", a.Header.Values("Set-Cookie"))
	}
}

// TestCookies_OwnLineIsReplaced: a login after an update in one handler leaves one line with the new token, or
// browsers would hold whichever they read last.
func TestCookies_OwnLineIsReplaced(t *testing.T) {
	g := browsertest.NewGuard(t)
	app := newApp()
	app.Use(fiberguard.Sessions(g))
	app.Post("/", func(c *fiber.Ctx) error {
		if err := visit(c); err != nil {
			return err
		}
		c.Cookie(&fiber.Cookie{Name: "other", Value: "1"})
		_, err := fiberguard.From(c).Login(c.UserContext(), "eve", nguard.LoginOptions{})
		return err
	})
	app.Post("/logout", func(c *fiber.Ctx) error {
		if err := visit(c); err != nil {
			return err
		}
		return fiberguard.From(c).Logout(c.UserContext())
	})
	c := serve(t, app).SignIn(g, "bob")
	a := c.Do("POST", "/", "").Expect(200)
	if got := a.Names(); !slices.Equal(got, []string{"other", g.CookieName()}) {
		t.Errorf("lines %q", a.Header.Values("Set-Cookie"))
	}
	if s, err := g.Lookup(t.Context(), c.Cookies[g.CookieName()]); err != nil || s.UserID() != "eve" {
		t.Errorf("the cookie is that of %v, %v", s, err)
	}
	a = c.Do("POST", "/logout", "").Expect(200)
	if lines := a.Header.Values("Set-Cookie"); len(lines) != 1 || !strings.HasPrefix(lines[0], g.CookieName()+"=; ") {
		t.Errorf("lines of the logout %q", lines)
	}
}

// TestCookies_AreReadRaw: once any middleware has asked fasthttp for a cookie, it has joined all Cookie lines,
// taken quotes away and turned a nameless "=__Host-x" into "__Host-x", which a sibling host can set (C8).
// The one spelling of a token is read from the lines as they came.
func TestCookies_AreReadRaw(t *testing.T) {
	g := browsertest.NewGuard(t)
	for _, first := range []bool{false, true} {
		app := newApp()
		if first {
			app.Use(func(c *fiber.Ctx) error {
				_ = c.Cookies("anything")
				return c.Next()
			})
		}
		app.Use(fiberguard.Sessions(g))
		app.Get("/", who)
		c := serve(t, app).SignIn(g, "bob")
		eve := c.Other().SignIn(g, "eve")
		name, token, w := g.CookieName(), c.Cookies[g.CookieName()], c.Dial()
		for _, test := range []struct {
			lines  []string
			status int
			clears bool
		}{
			{[]string{"Cookie: " + name + "=" + token}, 200, false},
			{[]string{"cookie: a=1;" + name + "=" + token + ";b"}, 200, false},
			{[]string{"COOKIE: a=1", "Cookie: " + name + "=" + token, "Cookie: b=2"}, 200, false},
			{[]string{"Cookie: " + name + "=" + token + "; " + name + "=" + token}, 200, false},
			{[]string{"Cookie: " + name + "=; " + name + "=" + token}, 200, false},
			{[]string{"Cookie: =" + name + "=" + token}, 401, false},
			{[]string{"Cookie: a=1; =" + name + "=" + token}, 401, false},
			{[]string{"Cookie: " + name + `="` + token + `"`}, 401, true},
			{[]string{"Cookie: " + name + " =" + token}, 401, false},
			{[]string{"Cookie: \u00a0" + name + "=" + token}, 401, false},
			{[]string{"Cookie: " + strings.ToLower(name) + "=" + token}, 401, false},
			{[]string{"Cookie: $Version=1; " + strings.TrimPrefix(name, "__Host-") + "=" + token}, 401, false},
			{[]string{"Cookie: " + name + "=" + token[:71] + "%" + fmt.Sprintf("%X", token[71])}, 401, true},
			{[]string{"Cookie: " + name + "=" + token + "; " + name + "=" + eve.Cookies[name]}, 401, true},
			{[]string{"Cookie: " + name + "=" + token, "Cookie: " + name + "=" + eve.Cookies[name]}, 401, true},
			{[]string{"X-A: b\r\n Cookie: " + name + "=" + token}, 0, false},
		} {
			a := w.Do("GET", "/", "", test.lines...)
			if test.status == 0 { // a folded line: another header's value, or refused
				if a.Status != 401 && a.Status != 400 {
					t.Errorf("%q: status %d", test.lines, a.Status)
				}
				continue
			}
			if a.Status != test.status || (len(a.Names()) > 0) != test.clears {
				t.Errorf("asked before: %v, %q: status %d, cookies %q", first, test.lines, a.Status, a.Header.Values("Set-Cookie"))
			}
		}
	}
}

// browserHead is what a browser of today sends along.
var browserHead = []string{
	"Connection: keep-alive", "Pragma: no-cache", "Cache-Control: no-cache",
	`sec-ch-ua: "Chromium";v="140", "Not=A?Brand";v="24", "Google Chrome";v="140"`, "sec-ch-ua-mobile: ?0", `sec-ch-ua-platform: "Windows"`,
	"Upgrade-Insecure-Requests: 1", "DNT: 1",
	"User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7",
	"Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: navigate", "Sec-Fetch-User: ?1", "Sec-Fetch-Dest: document",
	"Referer: https://app.example.com/a/page/with/a/long/name?and=a&query=" + strings.Repeat("q", 200),
	"Accept-Encoding: gzip, deflate, br, zstd", "Accept-Language: en-GB,en;q=0.9,de-DE;q=0.8,de;q=0.7,tr;q=0.6",
	`If-None-Match: W/"5e5-0123456789abcdef0123456789abcdef"`, "If-Modified-Since: Tue, 01 Sep 2026 10:00:00 GMT",
	"Cookie: _ga=GA1.1.1234567890.1234567890; _ga_ABCDEFGHIJ=GS2.1.s1234567890$o1$g1$t1234567890$j60$l0$h0; " + "consent=" + strings.Repeat("c", 1024),
}

// TestHeaderBuffer_LargestCookie: fiber takes 4096 bytes of header by default, for everything. The longest
// cookie that a Config allows fits in beside what a browser sends and a kilobyte of other cookies (C6).
func TestHeaderBuffer_LargestCookie(t *testing.T) {
	g := browsertest.NewGuard(t, func(c *nguard.Config) { c.Cookie.Name = strings.Repeat("n", 64) })
	app := newApp()
	app.Use(fiberguard.Sessions(g))
	app.Get("/", who)
	c := serve(t, app).SignIn(g, "bob")
	c.Dial().Do("GET", "/", "", append(slices.Clone(browserHead), c.Cookie(g))...).Expect(200).Says("bob")
}

// TestHeaderBuffer_TooLarge: a header that is too large gets an answer and ends no process (C4, C9).
func TestHeaderBuffer_TooLarge(t *testing.T) {
	g := browsertest.NewGuard(t)
	app := newApp()
	app.Use(fiberguard.Sessions(g))
	app.Get("/", who)
	large := newApp(fiber.Config{ReadBufferSize: 256 << 10})
	large.Use(fiberguard.Sessions(g))
	large.Get("/", who)
	c, l := serve(t, app).SignIn(g, "bob"), serve(t, large).SignIn(g, "bob")
	for _, test := range []struct {
		c      *browsertest.Client
		header string
		want   int
	}{
		{c, "Cookie: a=" + strings.Repeat("x", 8<<10), 431},
		{c, "Cookie: a=" + strings.Repeat("x", 64<<10), 431},
		{c, "Cookie: a=" + strings.Repeat("x", 1<<20), 431},
		{c, "Cookie: " + strings.Repeat("a=1; ", 3001), 431},
		{l, "Cookie: a=" + strings.Repeat("x", 64<<10), 401},
		{l, "Cookie: " + strings.Repeat("a=1; ", 3001), 401},
		{l, "Cookie: " + strings.Repeat("a=1; ", 299), 200},
	} {
		w := test.c.Dial()
		go func() { // what is left over when the server has hung up is of no interest
			_, _ = io.WriteString(w.Conn, "GET / HTTP/1.1\r\nHost: "+w.Host+"\r\n"+test.header+"\r\n"+test.c.Cookie(g)+"\r\n\r\n")
		}()
		resp, err := http.ReadResponse(w.In, nil)
		if err != nil {
			t.Errorf("%.20q: %v", test.header, err)
			continue
		}
		_ = resp.Body.Close()
		if resp.StatusCode != test.want {
			t.Errorf("%.20q of %d bytes: status %d, want %d", test.header, len(test.header), resp.StatusCode, test.want)
		}
	}
	c.Get("/").Expect(200).Says("bob")
	l.Get("/").Expect(200).Says("bob")
}
