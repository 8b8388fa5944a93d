package ginguard_test

import (
	"net/http"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/nguard-go/nguard/adapters/ginguard"
	"github.com/nguard-go/nguard/adapters/internal/browsertest"
	nguard "github.com/nguard-go/nguard/core"
)

// TestContext_IsNeverGins: a *gin.Context is a context.Context by its methods, is never done, and belongs to
// another request as soon as the handler has returned. Nothing that nguard calls gets one, or a context that
// rests on one, whatever the engine is set to, and what was kept still tells of its own request while the
// next one runs.
func TestContext_IsNeverGins(t *testing.T) {
	for _, fallback := range []bool{false, true} {
		w := &browsertest.Watcher{}
		g := w.Guard(t)
		app := gin.New()
		app.ContextWithFallback = fallback
		app.Use(func(c *gin.Context) {
			c.Set("local", "of gin")
			c.Request = c.Request.WithContext(w.Begin(c.Request.Context()))
		}, ginguard.Sessions(g), func(c *gin.Context) { w.Began(ginguard.From(c)) }, ginguard.Endpoints(g), ginguard.Limit(g, w.Limiter()))
		app.Any("/", ginguard.Require(g, w.Policy()), func(c *gin.Context) {
			w.LookBack(t)
			visit(t, c)
		})
		app.POST("/again", func(c *gin.Context) {
			if _, err := ginguard.From(c).Login(c.Request.Context(), "bob", nguard.LoginOptions{}); err != nil {
				t.Errorf("login: %v", err)
			}
		})
		w.Judge(t, g, browsertest.Serve(t, app), []string{"gin."}, "local", gin.ContextKey, gin.ContextRequestKey)
	}
}

// TestStore_Hangs: a client that stays would wait for a store which hangs for as long as that takes.
func TestStore_Hangs(t *testing.T) {
	browsertest.StoreHangs(t, func(g *nguard.Guard) *browsertest.Client {
		app := gin.New()
		app.Use(ginguard.Sessions(g), ginguard.Endpoints(g))
		app.GET("/", who)
		app.GET("/free", func(c *gin.Context) { c.String(http.StatusOK, "free") })
		return browsertest.Serve(t, app)
	})
}
