// Package nethttp is nguard.Exchange over an http.ResponseWriter and an *http.Request, for the adapters of
// frameworks that are built on net/http.
package nethttp

import (
	"context"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// Exchange is nguard.Exchange over net/http. Strings of net/http are never reused, so none is copied. Its
// zero value with W and R set is ready.
type Exchange struct {
	W http.ResponseWriter
	// R is the request; [Exchange.Bind] replaces it.
	R      *http.Request
	sent   bool
	values [4]string // room for the values of headers, which would be an allocation each
	used   int
}

var _ nguard.Exchange = (*Exchange)(nil)

// Context is the request's.
func (x *Exchange) Context() context.Context { return x.R.Context() }

// Line describes R, whose path is what http.StripPrefix has left.
func (x *Exchange) Line() nguard.Line {
	return nguard.Line{Method: x.R.Method, Path: x.R.URL.Path, Host: x.R.Host, TLS: x.R.TLS != nil, Query: x.R.URL.RawQuery != ""}
}

// Peer reads RemoteAddr, which is no address on a Unix socket.
func (x *Exchange) Peer() netip.Addr {
	peer, _ := netip.ParseAddrPort(x.R.RemoteAddr) // no TCP: no address
	return peer.Addr()
}

// Header gives the lines as net/http keeps them.
func (x *Exchange) Header(name string) []string { return x.R.Header[name] }

// Body reads R.Body, unless it says itself that it is too long.
func (x *Exchange) Body(max int64) ([]byte, error) {
	if x.R.Body == nil {
		return nil, nil // only in tests that call a handler with http.NewRequest: a server gives http.NoBody
	}
	if x.R.ContentLength > max {
		return nil, nguard.ErrTooLarge
	}
	return nguard.ReadBody(x.R.Body, max)
}

// SetHeader puts the value where it is no allocation, for as many as there is room.
func (x *Exchange) SetHeader(name, value string) {
	if x.used == len(x.values) {
		x.W.Header()[name] = []string{value}
		return
	}
	x.values[x.used] = value
	x.W.Header()[name] = x.values[x.used : x.used+1 : x.used+1]
	x.used++
}

// AddHeader adds a line once.
func (x *Exchange) AddHeader(name, value string) {
	h := x.W.Header()
	switch lines := h[name]; {
	case len(lines) == 0:
		x.SetHeader(name, value)
	case !slices.Contains(lines, value):
		h[name] = append(lines, value)
	}
}

// SetCookie replaces the line of this name, in its place.
func (x *Exchange) SetCookie(name, line string) {
	lines := x.W.Header()["Set-Cookie"]
	for i := range lines {
		if own := name + "="; len(lines[i]) > len(own) && lines[i][:len(own)] == own {
			lines[i] = line
			return
		}
	}
	x.W.Header().Add("Set-Cookie", line)
}

// Started is known for answers of nguard only: net/http does not tell.
func (x *Exchange) Started() bool { return x.sent }

// Respond sends the answer. HEAD gets the length of what GET would get.
func (x *Exchange) Respond(status int, body []byte) error {
	x.sent = true
	if len(body) > 0 {
		x.SetHeader("Content-Length", strconv.Itoa(len(body)))
	}
	x.W.WriteHeader(status)
	if x.R.Method == http.MethodHead || len(body) == 0 {
		return nil
	}
	_, err := x.W.Write(body)
	return err
}

// Stream writes within the handler. A server's WriteTimeout is for whole answers; here each write has its own.
func (x *Exchange) Stream(patience time.Duration, fn func(context.Context, io.Writer)) error {
	x.sent = true
	control := http.NewResponseController(x.W)
	x.W.WriteHeader(http.StatusOK)
	return nguard.Paced{W: x.W, Flush: control.Flush, Deadline: control.SetWriteDeadline, Patience: patience}.Run(x.R.Context(), fn)
}

// Bind makes a copy of R, as net/http asks for.
func (x *Exchange) Bind(ctx context.Context) { x.R = x.R.WithContext(ctx) }
