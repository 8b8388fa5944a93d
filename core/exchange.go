package nguard

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"time"
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
	// Stream sends the header, with the status 200, and then what fn writes: each write at once, or not at all.
	// One that takes longer than patience fails, as does every later one: it is the reader who is slow. Time
	// limits of the server for whole answers do not count. Frameworks that stream when the handler has
	// returned, return from Stream before fn has ended: fn uses nothing but what it is given, and does not
	// panic. ctx ends when the client leaves, where that can be known; else the next write fails.
	Stream(patience time.Duration, fn func(ctx context.Context, w io.Writer)) error
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

// Paced does the writing for [Exchange.Stream] of an adapter. It is used by one goroutine.
type Paced struct {
	// W takes what is written, Flush sends it on its way.
	W     io.Writer
	Flush func() error
	// Deadline sets the time of the next write on the connection. http.ErrNotSupported: middleware has put
	// something around the answer that hides the connection; the server's own limits count then.
	Deadline func(time.Time) error
	// Patience is how long a write may take.
	Patience time.Duration
}

// Run sends the header on its way and calls fn with p. The error is the header's, for instance that of
// middleware which cannot flush, so that nothing would ever arrive and fn has not run; or that of the end.
func (p Paced) Run(ctx context.Context, fn func(ctx context.Context, w io.Writer)) error {
	if _, err := p.Write(nil); err != nil {
		return err
	}
	fn(ctx, p)
	_, err := p.Write(nil) // the end of the answer has its time too, however long ago the last write was
	return err
}

// Write writes b and flushes.
func (p Paced) Write(b []byte) (int, error) {
	if err := p.Deadline(time.Now().Add(p.Patience)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	n, err := p.W.Write(b)
	if err != nil {
		return n, err
	}
	return n, p.Flush()
}

// HeaderLines returns the lines of a header in the head of a request as it came, appended to list, for
// [Exchange.Header] of frameworks that share the buffers of parsed ones. A line that goes on in the next one
// is one value, as with net/http: its first part alone could be "same-origin" where the whole is not.
func HeaderLines(head []byte, name string, list []string) []string {
	for len(head) > 0 {
		var line []byte
		line, head, _ = bytes.Cut(head, []byte("\n"))
		if len(line) > len(name) && line[len(name)] == ':' && strings.EqualFold(string(line[:len(name)]), name) {
			value := string(bytes.Trim(line[len(name)+1:], " \t\r"))
			for len(head) > 0 && (head[0] == ' ' || head[0] == '\t') {
				line, head, _ = bytes.Cut(head, []byte("\n"))
				value = strings.TrimLeft(value+" "+string(bytes.Trim(line, " \t\r")), " ") // as net/http joins it
			}
			list = append(list, value)
		}
	}
	return list
}
