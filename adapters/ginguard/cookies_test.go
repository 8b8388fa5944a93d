package ginguard_test

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/nguard-go/nguard/adapters/ginguard"
	"github.com/nguard-go/nguard/adapters/internal/browsertest"
	nguard "github.com/nguard-go/nguard/core"
)

// TestCookies_AreLinesOfTheirOwn: each cookie is a Set-Cookie line, and the program's own stay, before and
// after, also those that look alike.
func TestCookies_AreLinesOfTheirOwn(t *testing.T) {
	g := browsertest.NewGuard(t)
	own := g.CookieName()
	alike := []string{own + "2", "x" + own, strings.ToLower(own), strings.TrimPrefix(own, "__Host-")}
	app := gin.New()
	app.Use(func(c *gin.Context) {
		c.SetCookie("before", "1", 0, "/", "", true, true)
		for _, name := range alike {
			c.SetCookie(name, "1", 0, "/", "", true, true)
		}
	}, ginguard.Sessions(g), ginguard.Endpoints(g))
	app.POST("/", func(c *gin.Context) {
		http.SetCookie(c.Writer, &http.Cookie{Name: "between", Value: "2"})
		visit(t, c)
		c.SetCookie("after", "3", 0, "/", "", true, true)
		c.Writer.Header().Add("Set-Cookie", "raw=4; Path=/")
	})
	c := browsertest.Serve(t, app).SignIn(g, "bob")
	want := append([]string{"before"}, alike...)
	a := c.Do("POST", "/", "").Expect(200)
	if got := a.Names(); !slices.Equal(got, append(slices.Clone(want), "between", own, "after", "raw")) {
		t.Errorf("lines %q", a.Header.Values("Set-Cookie"))
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
	app := gin.New()
	app.Use(ginguard.Sessions(g))
	app.POST("/", func(c *gin.Context) {
		visit(t, c)
		c.SetCookie("other", "1", 0, "/", "", true, true)
		if _, err := ginguard.From(c).Login(c.Request.Context(), "eve", nguard.LoginOptions{}); err != nil {
			t.Errorf("login: %v", err)
		}
	})
	app.POST("/logout", func(c *gin.Context) {
		visit(t, c)
		if err := ginguard.From(c).Logout(c.Request.Context()); err != nil {
			t.Errorf("logout: %v", err)
		}
	})
	c := browsertest.Serve(t, app).SignIn(g, "bob")
	a := c.Do("POST", "/", "").Expect(200)
	if got := a.Names(); !slices.Equal(got, []string{g.CookieName(), "other"}) {
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

// TestCookies_AreReadRaw: gin's own Cookie decodes percent signs. A token has one spelling, and it is read from
// the lines as they came, after any middleware has asked gin for a cookie (B10, C8).
func TestCookies_AreReadRaw(t *testing.T) {
	g := browsertest.NewGuard(t)
	app := gin.New()
	app.Use(func(c *gin.Context) { _, _ = c.Cookie(g.CookieName()) }, ginguard.Sessions(g))
	app.GET("/", who)
	c := browsertest.Serve(t, app).SignIn(g, "bob")
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
		{[]string{"Cookie: " + name + "=; " + name + "=" + token}, 200, false},
		{[]string{"Cookie: =" + name + "=" + token}, 401, false},
		{[]string{"Cookie: " + name + `="` + token + `"`}, 401, true},
		{[]string{"Cookie: " + name + " =" + token}, 401, false},
		{[]string{"Cookie: \u00a0" + name + "=" + token}, 401, false},
		{[]string{"Cookie: " + strings.ToLower(name) + "=" + token}, 401, false},
		{[]string{"Cookie: " + name + "=%" + "41" + token[1:]}, 401, true},
		{[]string{"Cookie: " + name + "=" + token + "; " + name + "=" + eve.Cookies[name]}, 401, true},
		{[]string{"Cookie: " + name + "=" + token, "Cookie: " + name + "=" + eve.Cookies[name]}, 401, true},
	} {
		a := w.Do("GET", "/", "", test.lines...)
		if a.Status != test.status || (len(a.Names()) > 0) != test.clears {
			t.Errorf("%q: status %d, cookies %q", test.lines, a.Status, a.Header.Values("Set-Cookie"))
		}
	}
}

// TestHeaderSize: the longest cookie that a Config allows is accepted beside what browsers send, and a header
// that is too large gets an answer and ends no process (C4, C6, C9).
func TestHeaderSize(t *testing.T) {
	g := browsertest.NewGuard(t, func(c *nguard.Config) { c.Cookie.Name = strings.Repeat("n", 64) })
	app := gin.New()
	app.Use(ginguard.Sessions(g))
	app.GET("/", who)
	c := browsertest.Serve(t, app).SignIn(g, "bob")
	for header, want := range map[string]int{
		"Cookie: consent=" + strings.Repeat("c", 8<<10): 200,
		"Cookie: a=" + strings.Repeat("x", 64<<10):      401,
		"Cookie: a=" + strings.Repeat("x", 2<<20):       431,
		"Cookie: " + strings.Repeat("a=1; ", 299):       200,
		"Cookie: " + strings.Repeat("a=1; ", 3001):      401,
		"User-Agent: " + strings.Repeat("x", 8<<10):     200,
	} {
		w := c.Dial()
		go func() { // what is left over when the server has hung up is of no interest
			_, _ = io.WriteString(w.Conn, "GET / HTTP/1.1\r\nHost: "+w.Host+"\r\n"+header+"\r\n"+c.Cookie(g)+"\r\n\r\n")
		}()
		resp, err := http.ReadResponse(w.In, nil)
		if err != nil {
			t.Errorf("%.20q: %v", header, err)
			continue
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%.20q of %d bytes: status %d, want %d", header, len(header), resp.StatusCode, want)
		}
	}
	c.Get("/").Expect(200).Says("bob")
}
