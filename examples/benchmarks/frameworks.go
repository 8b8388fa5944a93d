package main

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-contrib/sessions"
	ginmem "github.com/gin-contrib/sessions/memstore"
	"github.com/gin-gonic/gin"
	"github.com/gofiber/fiber/v2"
	fibersession "github.com/gofiber/fiber/v2/middleware/session"
	"github.com/valyala/fasthttp"

	"github.com/nguard-go/nguard/adapters/fiberguard"
	"github.com/nguard-go/nguard/adapters/ginguard"
)

func ginEngine() *gin.Engine {
	gin.SetMode(gin.ReleaseMode)
	return gin.New()
}

func ginBare(b *testing.B) {
	e := ginEngine()
	e.GET("/", func(c *gin.Context) { c.Status(http.StatusOK) })
	serve(b, e, request(""))
}

func ginRead(b *testing.B) {
	g, token := loggedIn(b, memoryStore(b))
	e := ginEngine()
	e.Use(ginguard.Sessions(g))
	e.GET("/", func(c *gin.Context) {
		s, err := ginguard.From(c).Session()
		if err != nil || theme.Get(s) != "dark" {
			b.Fatal("no session")
		}
		c.Status(http.StatusOK)
	})
	serve(b, e, request(g.CookieName()+"="+token))
}

// ginPeer is the same request with gin-contrib/sessions: the session holds what nguard's record holds.
func ginPeer(b *testing.B) {
	e := ginEngine()
	e.Use(sessions.Sessions("session", ginmem.NewStore([]byte("a key of thirty-two bytes exactly"))))
	e.POST("/", func(c *gin.Context) {
		s := sessions.Default(c)
		peersSession(func(name string, v any) { s.Set(name, v) })
		if err := s.Save(); err != nil {
			b.Fatal(err)
		}
	})
	e.GET("/", func(c *gin.Context) {
		if s := sessions.Default(c); s.Get("user") != "user-1" || s.Get("theme") != "dark" {
			b.Fatal("no session")
		}
		c.Status(http.StatusOK)
	})
	login := httptest.NewRecorder()
	e.ServeHTTP(login, httptest.NewRequest(http.MethodPost, "/", nil))
	cookie := login.Result().Cookies()[0]
	serve(b, e, request(cookie.Name+"="+cookie.Value))
}

// serveFiber hands the same request to the app again and again, parsed by fasthttp from what a browser sends,
// so that middleware is what is measured.
func serveFiber(b *testing.B, app *fiber.App, cookie string) {
	wire := "GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: Mozilla/5.0\r\nSec-Fetch-Site: same-origin\r\n"
	if cookie != "" {
		wire += "Cookie: " + cookie + "\r\n"
	}
	var ctx fasthttp.RequestCtx
	if err := ctx.Request.Read(bufio.NewReader(strings.NewReader(wire + "\r\n"))); err != nil {
		b.Fatal(err)
	}
	h := app.Handler()
	measured(b, func(int) {
		ctx.Response.Reset()
		ctx.ResetUserValues()
		h(&ctx)
	})
}

func fiberBare(b *testing.B) {
	app := fiber.New()
	app.Get("/", func(c *fiber.Ctx) error { return c.SendStatus(fiber.StatusOK) })
	serveFiber(b, app, "")
}

func fiberRead(b *testing.B) {
	g, token := loggedIn(b, memoryStore(b))
	app := fiber.New()
	app.Use(fiberguard.Sessions(g))
	app.Get("/", func(c *fiber.Ctx) error {
		s, err := fiberguard.From(c).Session()
		if err != nil || theme.Get(s) != "dark" {
			b.Fatal("no session")
		}
		return c.SendStatus(fiber.StatusOK)
	})
	serveFiber(b, app, g.CookieName()+"="+token)
}

// fiberPeer is the same request with fiber's own sessions. It reads, so it does not save.
func fiberPeer(b *testing.B) {
	store := fibersession.New()
	app := fiber.New()
	app.Post("/", func(c *fiber.Ctx) error {
		s, err := store.Get(c)
		if err != nil {
			return err
		}
		peersSession(s.Set)
		return s.Save()
	})
	app.Get("/", func(c *fiber.Ctx) error {
		s, err := store.Get(c)
		if err != nil || s.Get("user") != "user-1" || s.Get("theme") != "dark" {
			b.Fatal("no session")
		}
		return c.SendStatus(fiber.StatusOK)
	})
	login, err := app.Test(httptest.NewRequest(http.MethodPost, "/", nil))
	if err != nil {
		b.Fatal(err)
	}
	cookie := login.Cookies()[0]
	serveFiber(b, app, cookie.Name+"="+cookie.Value)
}
