package ginguard_test

import (
	"net/http"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/nguard-go/nguard/adapters/ginguard"
	"github.com/nguard-go/nguard/adapters/internal/browsertest"
)

func init() { gin.SetMode(gin.ReleaseMode) }

// who answers with the ID of the person.
func who(c *gin.Context) {
	s, err := ginguard.From(c).Session()
	if err != nil {
		ginguard.Fail(c, err)
		return
	}
	c.String(http.StatusOK, s.UserID())
}

// visit counts a visit, which sets a cookie.
func visit(t testing.TB, c *gin.Context) {
	t.Helper()
	if err := browsertest.Visit(c.Request.Context(), ginguard.From(c)); err != nil {
		t.Errorf("visit: %v", err)
	}
}
