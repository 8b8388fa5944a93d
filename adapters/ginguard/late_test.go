package ginguard_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/nguard-go/nguard/adapters/ginguard"
	"github.com/nguard-go/nguard/adapters/internal/browsertest"
	nguard "github.com/nguard-go/nguard/core"
)

// TestLate_AfterTheFirstByte: gin knows when the header has gone, by a byte, a Flush, WriteHeaderNow or a
// Hijack, and a change after it is ErrTooLate instead of a cookie that nobody gets. A status alone is no byte.
func TestLate_AfterTheFirstByte(t *testing.T) {
	g := browsertest.NewGuard(t)
	type starts func(*gin.Context)
	for name, start := range map[string]starts{
		"string": func(c *gin.Context) { c.String(http.StatusOK, "sent") },
		"flush":  func(c *gin.Context) { c.Writer.Flush() },
		"now":    func(c *gin.Context) { c.Writer.WriteHeaderNow() },
		"empty":  func(c *gin.Context) { c.String(http.StatusOK, "") },
		"status": func(c *gin.Context) { c.AbortWithStatus(http.StatusNoContent) },
		"json":   func(c *gin.Context) { c.JSON(http.StatusOK, gin.H{}) },
		"event":  func(c *gin.Context) { c.SSEvent("x", "y") },
		"nguard": func(c *gin.Context) { ginguard.Fail(c, nguard.ErrDenied) },
		"controller": func(c *gin.Context) {
			if err := http.NewResponseController(c.Writer).Flush(); err != nil {
				t.Errorf("Flush: %v", err)
			}
		},
		"hijack": func(c *gin.Context) {
			conn, _, err := c.Writer.Hijack()
			if err != nil {
				t.Errorf("Hijack: %v", err)
				return
			}
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			_ = conn.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			said := make(chan map[string]error, 1)
			app := gin.New()
			app.POST("/", ginguard.Sessions(g), func(c *gin.Context) {
				start(c)
				said <- browsertest.Every(t, ginguard.From(c), c.Request.Context(), "eve")
			})
			c := browsertest.Serve(t, app).SignIn(g, "bob")
			if a := c.Do("POST", "/", ""); len(a.Names()) != 0 {
				t.Errorf("cookies %q", a.Names())
			}
			for method, err := range <-said {
				switch method {
				case "Session", "Authorize", "Limit": // change nothing
					if err != nil {
						t.Errorf("%s: %v", method, err)
					}
				case "Manage", "ChangeAuthority", "Revoke": // of other people, without a cookie: bob may not, or finds nothing
					if err == nil {
						t.Errorf("%s passes", method)
					}
				default:
					if !errors.Is(err, nguard.ErrTooLate) {
						t.Errorf("%s: %v", method, err)
					}
				}
			}
			if s, err := g.Lookup(t.Context(), c.Cookies[g.CookieName()]); err != nil || browsertest.Visits.Get(s) != 0 {
				t.Errorf("the session: %v, %v", s, err)
			}
		})
	}
	app := gin.New()
	app.POST("/", ginguard.Sessions(g), func(c *gin.Context) {
		c.Status(http.StatusAccepted)
		visit(t, c)
		c.String(http.StatusAccepted, "sent")
	})
	if a := browsertest.Serve(t, app).SignIn(g, "bob").Do("POST", "/", "").Expect(202).Says("sent"); len(a.Names()) != 1 {
		t.Errorf("cookies %q", a.Names())
	}
}

// TestRequest_OutlivesHandler: gin takes its Context back when the handler has returned.
func TestRequest_OutlivesHandler(t *testing.T) {
	browsertest.Outlives(t, func(g *nguard.Guard, leak func(*nguard.Request, context.Context), next func()) *browsertest.Client {
		app := gin.New()
		app.Use(ginguard.Sessions(g))
		app.POST("/leak", func(c *gin.Context) {
			leak(ginguard.From(c), c.Request.Context())
			c.String(http.StatusOK, "first")
		})
		app.POST("/next", func(c *gin.Context) {
			next()
			who(c)
		})
		return browsertest.Serve(t, app)
	})
}

// TestRequest_ManyOutliveHandlers is the same of many people at once.
func TestRequest_ManyOutliveHandlers(t *testing.T) {
	browsertest.ManyOutlive(t, func(g *nguard.Guard, handle func(*nguard.Request, context.Context, func(name, value string)) error) *browsertest.Client {
		app := gin.New()
		app.Use(ginguard.Sessions(g))
		app.POST("/", func(c *gin.Context) {
			if err := handle(ginguard.From(c), c.Request.Context(), c.Header); err != nil {
				ginguard.Fail(c, err)
			}
		})
		return browsertest.Serve(t, app)
	})
}
