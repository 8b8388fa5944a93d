package paritytest

import (
	"io"
	"net"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/nguard-go/nguard/adapters/ginguard"
)

// difStartGin is the application on gin.
func difStartGin(t testing.TB, w *difWorld, v difVariant, l net.Listener) func() {
	g := w.guard
	text := func(fn difHandler) gin.HandlerFunc {
		return func(c *gin.Context) {
			s, err := fn(c.Request.Context(), ginguard.From(c))
			if err != nil {
				ginguard.Fail(c, err)
				return
			}
			c.String(200, "%s", s)
		}
	}
	say := func(s string) gin.HandlerFunc {
		return text(difSay(s))
	}
	engine := gin.New()
	var r gin.IRoutes = engine
	switch v {
	case difMount:
		r = engine.Group("/app", ginguard.Sessions(g))
		r.Any("/api/auth/*endpoint", ginguard.Endpoints(g))
	case difOwn:
		engine.Use(ginguard.Sessions(g), ginguard.Endpoints(g, "login"))
		engine.POST("/api/auth/login", func(c *gin.Context) {
			body, _ := io.ReadAll(c.Request.Body)
			text(difLogin(string(body)))(c)
		})
	default:
		engine.Use(ginguard.Sessions(g), ginguard.Endpoints(g))
	}
	// gin takes HEAD for another method, net/http and fiber for a kind of GET.
	get := []string{"GET", "HEAD"}
	r.Any("/public", say("hello"))
	r.Any("/sentinel", say(difSentinel))
	r.Match(get, "/who", text(difWho))
	r.Match(get, "/admin", ginguard.Require(g, difAdmin), say("for admins"))
	r.Match(get, "/limited", ginguard.Limit(g, &difLimit{}), say("once"))
	r.POST("/visits", text(difVisit))
	r.Match(get, "/fault", text(difFault))
	r.Match(get, "/posts/:id", ginguard.Require(g, difModerator), func(c *gin.Context) { say("post " + c.Param("id"))(c) })
	r.Match(get, "/events", ginguard.Require(g, difSignedIn), func(c *gin.Context) {
		c.Header("Content-Type", "text/event-stream")
		for range 2 {
			_, _ = io.WriteString(c.Writer, difEvents)
			c.Writer.Flush()
		}
	})
	engine.NoRoute(func(c *gin.Context) { c.String(404, "no such page") })
	return difServe(t, engine, l)
}
