package httpguard

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"strconv"

	nguard "github.com/nguard-go/nguard/core"
)

// exchange is nguard.Exchange over net/http. Strings of net/http are never reused, so none is copied.
type exchange struct {
	w      http.ResponseWriter
	r      *http.Request
	sent   bool
	values [4]string // room for the values of headers, which would be an allocation each
	used   int
}

var _ nguard.Exchange = (*exchange)(nil)

func newExchange(w http.ResponseWriter, r *http.Request) *exchange { return &exchange{w: w, r: r} }

func (x *exchange) Context() context.Context { return x.r.Context() }

func (x *exchange) Line() nguard.Line {
	l := nguard.Line{Method: x.r.Method, Path: x.r.URL.Path, Host: x.r.Host, TLS: x.r.TLS != nil, Query: x.r.URL.RawQuery != ""}
	if peer, err := netip.ParseAddrPort(x.r.RemoteAddr); err == nil {
		l.Peer = peer.Addr()
	}
	return l
}

func (x *exchange) Header(name string) []string { return x.r.Header[name] }

func (x *exchange) Body(max int64) ([]byte, error) {
	if x.r.Body == nil {
		return nil, nil // only in tests that call a handler with http.NewRequest: a server gives http.NoBody
	}
	if x.r.ContentLength > max {
		return nil, nguard.ErrTooLarge
	}
	b, err := io.ReadAll(io.LimitReader(x.r.Body, max+1))
	if int64(len(b)) > max {
		return nil, nguard.ErrTooLarge
	}
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, nguard.ErrTooLarge
	}
	if err != nil {
		return nil, errors.Join(nguard.ErrMalformed, err)
	}
	return b, nil
}

func (x *exchange) SetHeader(name, value string) {
	if x.used == len(x.values) {
		x.w.Header()[name] = []string{value}
		return
	}
	x.values[x.used] = value
	x.w.Header()[name] = x.values[x.used : x.used+1 : x.used+1]
	x.used++
}

func (x *exchange) AddHeader(name, value string) {
	for _, line := range x.w.Header()[name] {
		if line == value {
			return
		}
	}
	if len(x.w.Header()[name]) == 0 {
		x.SetHeader(name, value)
		return
	}
	x.w.Header().Add(name, value)
}

func (x *exchange) SetCookie(name, line string) {
	lines := x.w.Header()["Set-Cookie"]
	for i := range lines {
		if own := name + "="; len(lines[i]) > len(own) && lines[i][:len(own)] == own {
			lines[i] = line
			return
		}
	}
	x.w.Header().Add("Set-Cookie", line)
}

// Started is known for answers of nguard only: net/http does not tell.
func (x *exchange) Started() bool { return x.sent }

func (x *exchange) Respond(status int, body []byte) error {
	x.sent = true
	if len(body) > 0 {
		x.SetHeader("Content-Length", strconv.Itoa(len(body)))
	}
	x.w.WriteHeader(status)
	if x.r.Method == http.MethodHead || len(body) == 0 {
		return nil
	}
	_, err := x.w.Write(body)
	return err
}

func (x *exchange) Bind(ctx context.Context) { x.r = x.r.WithContext(ctx) }
