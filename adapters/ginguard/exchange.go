package ginguard

import (
	"context"

	"github.com/gin-gonic/gin"

	"github.com/nguard-go/nguard/adapters/internal/nethttp"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/endpoints"
)

// exchange is nguard.Exchange over gin's own writer, which is passed on as it is, and the request.
type exchange struct {
	nethttp.Exchange
	c *gin.Context
}

var _ nguard.Exchange = (*exchange)(nil)

func newExchange(c *gin.Context) *exchange {
	return &exchange{nethttp.Exchange{W: c.Writer, R: c.Request}, c}
}

// Line reads the connection, never ClientIP or the forwarded headers that gin believes from anybody.
func (x *exchange) Line() nguard.Line {
	l := x.Exchange.Line()
	l.Path = endpoints.Below(x.c.FullPath(), l.Path)
	return l
}

// Started is what gin knows and net/http does not.
func (x *exchange) Started() bool { return x.c.Writer.Written() }

// Respond sends the header at once, also of an empty answer: gin would take it for none, and let its
// handler for unknown routes write.
func (x *exchange) Respond(status int, body []byte) error {
	err := x.Exchange.Respond(status, body)
	x.c.Writer.WriteHeaderNow()
	return err
}

// Bind reaches the handlers that follow by c.Request.Context. A *gin.Context is no context to keep: it is
// used again for the next request.
func (x *exchange) Bind(ctx context.Context) {
	x.Exchange.Bind(ctx)
	x.c.Request = x.R
}
