package fiberguard

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/endpoints"
)

// exchange is nguard.Exchange over a fiber context. What fasthttp gives points into buffers that the next
// request on the connection overwrites, so every string and slice is copied here, once, at the edge.
type exchange struct {
	c      *fiber.Ctx
	ctx    context.Context
	values [4]string // room for the lines of headers, which would be an allocation each
	used   int
}

// newExchange takes the context that fiber's users can set. It is never the fasthttp.RequestCtx, whose values
// belong to the next request afterwards; where nobody has set one it is never cancelled either, and each
// call of the engine to a store has a deadline of its own.
//
// Of a multipart or streamed body, fasthttp takes what nobody has read for the next request (fasthttp#2336,
// fasthttp#2368): whoever writes the body, such as a page of another site, would write that request too. So
// there is no next one on such a connection.
func newExchange(c *fiber.Ctx) *exchange {
	if r := &c.Context().Request; r.IsBodyStream() && r.Header.ContentLength() != 0 || len(r.Header.MultipartFormBoundary()) > 0 {
		c.Context().SetConnectionClose()
	}
	return &exchange{c: c, ctx: c.UserContext()}
}

func (x *exchange) Context() context.Context { return x.ctx }

// Line reads the connection, never Secure, Hostname or IP of fiber, which believe forwarded headers when
// they are set up to.
func (x *exchange) Line() nguard.Line {
	conn := x.c.Context()
	uri, head := conn.URI(), &conn.Request.Header
	host := uri.Host()
	if bytes.HasPrefix(head.RequestURI(), []byte("/")) {
		host = head.Host() // "//evil.example/visits?u=a://b" is a path, of which fasthttp makes a host
	}
	return nguard.Line{Method: strings.Clone(x.c.Method()), Path: x.path(), Host: string(host), Query: len(uri.QueryString()) > 0, TLS: conn.IsTLS()}
}

func (x *exchange) Peer() netip.Addr {
	peer, _ := x.c.Context().RemoteAddr().(*net.TCPAddr) // nil has no address
	return peer.AddrPort().Addr()
}

// path is the path as net/http decodes it, below the mount. What cannot be decoded leads nowhere as it is.
func (x *exchange) path() string {
	p := endpoints.Below(x.c.Route().Path, string(x.c.Context().URI().PathOriginal()))
	if decoded, err := url.PathUnescape(p); err == nil {
		return decoded
	}
	return p
}

// Header reads the lines as they came, and nothing is written by reading: fasthttp's own functions share
// buffers. What fasthttp makes of the lines will not do: of a repeated Content-Type or Host it keeps the last,
// and once anybody has asked for a cookie, all Cookie lines are one, without their quotes, and a nameless
// "=__Host-x" has become "__Host-x".
func (x *exchange) Header(name string) []string {
	raw := x.c.Context().Request.Header.RawHeaders()
	if len(raw) == 0 {
		return x.made(name)
	}
	lines := nguard.HeaderLines(raw, name, x.values[x.used:x.used]) // each header has its own part: two are compared
	x.used = min(x.used+len(lines), len(x.values))
	return lines[:len(lines):len(lines)]
}

// made is Header of a request that was made in memory, by an adapter from net/http: it has no raw lines, and each
// cookie is taken as fasthttp has parsed it.
func (x *exchange) made(name string) (lines []string) {
	h := &x.c.Context().Request.Header
	if name == fiber.HeaderCookie {
		for k, v := range h.Cookies() {
			lines = append(lines, string(k)+"="+string(v))
		}
		return lines
	}
	for _, v := range h.PeekAll(name) {
		lines = append(lines, string(v))
	}
	return lines
}

// Body is the body as sent: fiber's own Body inflates it, to any size.
func (x *exchange) Body(max int64) ([]byte, error) {
	if r := &x.c.Context().Request; r.IsBodyStream() {
		return nguard.ReadBody(r.BodyStream(), max)
	}
	return nguard.ReadBody(bytes.NewReader(x.c.Context().Request.Body()), max)
}

func (x *exchange) SetHeader(name, value string) {
	x.c.Context().Response.Header.SetCanonical([]byte(name), []byte(value))
}

// AddHeader adds a line. fiber's Append would join it to the one before.
func (x *exchange) AddHeader(name, value string) {
	h := &x.c.Context().Response.Header
	if len(h.PeekCanonical([]byte(name))) == 0 {
		x.SetHeader(name, value)
	} else if !slices.ContainsFunc(h.PeekAll(name), func(line []byte) bool { return string(line) == value }) {
		h.Add(name, value)
	}
}

// SetCookie adds a line of its own: joined to another by a comma, both would be lost.
func (x *exchange) SetCookie(name, line string) {
	h := &x.c.Context().Response.Header
	h.DelCookie(name)
	h.Add(fiber.HeaderSetCookie, line)
}

// Started is never true here: fasthttp sends what handlers wrote when they have returned.
func (x *exchange) Started() bool { return false }

func (x *exchange) Respond(status int, body []byte) error {
	x.c.Context().Response.Header.SetStatusCode(status)
	x.c.Context().Response.SetBodyRaw(body)
	return nil
}

// Stream writes when the handler has returned, or while it does, and is the last on its connection: that keeps
// the time limit of the last write. Nothing tells that the client has left but a write that fails. A request
// that was made in memory has no connection: fiber's adaptor would wait for the end of the stream.
func (x *exchange) Stream(patience time.Duration, fn func(context.Context, io.Writer)) error {
	c, ctx := x.c.Context(), x.ctx
	if len(c.Request.Header.RawHeaders()) == 0 {
		return nguard.ErrNotFound
	}
	deadline := c.Conn().SetWriteDeadline
	c.SetConnectionClose()
	c.SetBodyStreamWriter(func(w *bufio.Writer) {
		_ = nguard.Paced{W: w, Flush: w.Flush, Deadline: deadline, Patience: patience}.Run(ctx, fn) // the reader has left
	})
	return nil
}

// Bind reaches the handlers that follow by c.UserContext.
func (x *exchange) Bind(ctx context.Context) {
	x.ctx = ctx
	x.c.SetUserContext(ctx)
}
