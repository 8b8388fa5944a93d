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
	r.Use(gin.Recovery(), ginguard.Sessions(a.guard), ginguard.Endpoints(a.guard))
	r.GET("/", func(c *gin.Context) {
		for name, value := range pageHeaders {
			c.Header(name, value)
		}
		c.String(http.StatusOK, "%s", page(c.Request.Host))
	})
	r.GET("/healthz", handleGin(a.healthz))
	r.POST("/api/visits", handleGin(a.visit))
	r.GET("/api/users", ginguard.Require(a.guard, ReadUsers), handleGin(a.listUsers))
	r.GET("/api/audit", ginguard.Require(a.guard, ReadAudit), handleGin(a.listAudit))
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
