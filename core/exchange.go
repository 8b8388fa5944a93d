package nguard

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/netip"
)

// Exchange is one HTTP request and its answer, as the engine sees them. It is all that an adapter
// implements. Every string and slice that it returns is a copy which outlives the handler: a map keyed
// by an uncopied fiber cookie was seen to hold another person's token after the next request. It is
// used by one goroutine at a time, until the adapter calls [Request.End].
type Exchange interface {
	// Context is the request's context, cancelled when the client leaves where the framework knows.
	Context() context.Context
	// Line describes the request.
	Line() Line
	// Peer is the address of the other end of the connection, whatever headers say; invalid where there is
	// none.
	Peer() netip.Addr
	// Header returns all lines of a request header, in order, unparsed. The name is in canonical form.
	Header(name string) []string
	// Body reads the raw body, never inflated. ErrTooLarge: it has more than max bytes; no more than one
	// byte beyond is read.
	Body(max int64) ([]byte, error)
	// SetHeader and AddHeader set a header of the answer. The engine gives clean values, and names in
	// canonical form, only. AddHeader adds a value once.
	SetHeader(name, value string)
	AddHeader(name, value string)
	// SetCookie adds the Set-Cookie line, in the place of the line that an earlier call with this
	// cookie name added. Lines of the program stay.
	SetCookie(name, line string)
	// Started reports whether the answer's header has been sent, where that can be known.
	Started() bool
	// Respond sends the whole answer.
	Respond(status int, body []byte) error
	// Bind makes ctx the context of the request for everything that comes after.
	Bind(ctx context.Context)
}

// Line is what an [Exchange] knows of its request besides headers and body.
type Line struct {
	// Method as sent. Path is decoded, as routed, below the mount.
	Method, Path string
	// Host is the Host header or the authority.
	Host string
	// Query reports whether the target has a query string.
	Query bool
	// TLS reports whether the connection is encrypted.
	TLS bool
}

// ReadBody reads a body to its end, for [Exchange.Body]: [ErrTooLarge] when it has more than max bytes, or
// more than an http.MaxBytesReader lets pass, and [ErrMalformed] when it breaks off. It is for adapters.
func ReadBody(r io.Reader, max int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, max+1))
	var tooLarge *http.MaxBytesError
	switch {
	case int64(len(b)) > max, errors.As(err, &tooLarge):
		return nil, ErrTooLarge
	case err != nil:
		return nil, errors.Join(ErrMalformed, err)
	}
	return b, nil
}
