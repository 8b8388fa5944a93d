package main

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/nguard-go/nguard/adapters/ginguard"
)

// onGin is the program on gin.
func onGin(a *app) server {
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.Use(gin.Recovery())
	// The page itself stands before the sessions: it needs none, and loads while the store is away.
	for path, file := range site() {
		r.GET(path, func(c *gin.Context) {
			status, body := file.answer(c.GetHeader, c.Header)
			c.Status(status)
			_, _ = c.Writer.Write(body) // the reader may have left
		})
	}
	r.Use(ginguard.Sessions(a.guard), ginguard.Endpoints(a.guard))
	for _, route := range a.routes() {
		chain := gin.HandlersChain{handleGin(route.do)}
		if route.need != nil {
			chain = gin.HandlersChain{ginguard.Require(a.guard, route.need), handleGin(route.do)}
		}
		r.Handle(route.method, route.path, chain...)
	}
	return httpServer(a, r)
}

// handleGin is a native handler for an action.
func handleGin(do action) gin.HandlerFunc {
	return func(c *gin.Context) {
		v, err := do(c.Request.Context(), ginguard.From(c), c.Query)
		if err != nil {
			ginguard.Fail(c, err)
			return
		}
		c.Header("Cache-Control", "no-store")
		c.JSON(http.StatusOK, v)
	}
}
