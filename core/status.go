package nguard

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
)

// Answer is what the outside learns of an error: one table for all adapters (promise P10). Message is a
// plain sentence, safe to show; Code is stable.
type Answer struct {
	Status  int
	Code    string
	Message string
}

// statuses is read from the top: the first that matches counts. An outage stands before what it may
// have kept from being decided.
var statuses = []struct {
	err    error
	answer Answer
}{
	{ErrOutcomeUnknown, Answer{503, "outcome_unknown", "It is not known whether the change was made. Please check, then try again."}},
	{ErrUnavailable, Answer{503, "unavailable", "The service is not available just now. Please try again shortly."}},
	{ErrLimited, Answer{429, "rate_limited", "Too many requests. Please wait, then try again."}},
	{ErrCrossOrigin, Answer{403, "cross_origin", "The request did not come from this application."}},
	{ErrInsecure, Answer{403, "https_required", "This address must be used over https."}},
	{ErrBadCredentials, Answer{401, "bad_credentials", "The credentials are not right."}},
	{ErrMissingCredentials, Answer{400, "missing_credentials", "The credentials are incomplete."}},
	{ErrTooLarge, Answer{413, "too_large", "The request is too large."}},
	{ErrMediaType, Answer{415, "media_type", "The request body must be JSON."}},
	{ErrMethod, Answer{405, "method_not_allowed", "This method is not allowed here."}},
	{ErrLastAdmin, Answer{403, "last_admin", "The last admin keeps the role."}},
	{ErrDenied, Answer{403, "forbidden", "You may not do this."}},
	{ErrInvalid, Answer{400, "invalid_value", "A value is not accepted."}},
	{ErrNoUsableField, Answer{400, "no_usable_field", "The update names no field that can be changed."}},
	{ErrTooMany, Answer{403, "too_many_sessions", "You are signed in on as many devices as are allowed. Please log out on one of them."}},
	{ErrNoUser, Answer{404, "no_such_user", "There is no such user."}},
	{ErrNotFound, Answer{404, "not_found", "There is nothing here."}},
	{ErrNoSession, Answer{401, "no_session", "You are not signed in."}},
	{ErrConflict, Answer{409, "conflict", "Somebody else has changed this in the meantime."}},
	{ErrMalformed, Answer{400, "malformed", "The request is malformed."}},
	{errors.ErrUnsupported, Answer{501, "unsupported", "This cannot be done here."}},
}

// Status maps an error to its answer. What is not in the table is a fault of the program: 500, with
// nothing of the error in it.
func Status(err error) Answer {
	for _, row := range statuses {
		if !errors.Is(err, row.err) {
			continue
		}
		a := row.answer
		var denied *DeniedError
		var field *FieldError
		switch {
		case row.err == ErrDenied && errors.As(err, &denied) && denied.Decision.Code != "":
			a.Code = denied.Decision.Code
			if a.Code == "step_up_required" {
				a.Message = "Please confirm that it is you, then try again."
			}
		case row.err == ErrInvalid && errors.As(err, &field):
			a.Message = "The field " + field.Field + " " + clean(field.Problem) + "."
		}
		return a
	}
	return Answer{500, "internal", "Something went wrong on our side."}
}

// RetryAfter is what 503 answers ask clients to wait, in seconds.
const RetryAfter = "2"

// Fail answers a request with the JSON of an error, {"error", "message", "code"}, and the headers that
// go with it. Members in extra stand beside them. It is for adapters, whose Fail calls it; it does
// nothing when the answer has started. The cause of a fault goes to the log.
func (g *Guard) Fail(x Exchange, err error, extra map[string]any) error {
	ctx := x.Context()
	if a := Status(err); a.Status >= 500 {
		g.fault(ctx, "nguard: request failed", err, "status", a.Status)
		if id := requestID(ctx); id != "" && !x.Started() {
			x.SetHeader("X-Request-Id", id)
		}
	}
	if r, ok := g.Of(ctx); ok {
		r.refused(err)
	}
	return fail(x, err, extra)
}

// fault logs the cause of what a client is not told. That the client has left is no fault: nobody is to fill
// the log by leaving.
func (g *Guard) fault(ctx context.Context, what string, err error, args ...any) {
	level := slog.LevelError
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		level = slog.LevelDebug
	}
	g.log.Log(ctx, level, what, append(args, "err", err, "request_id", requestID(ctx))...)
}

func fail(x Exchange, err error, extra map[string]any) error {
	if x.Started() {
		return ErrTooLate
	}
	a := Status(err)
	var limited *LimitError
	switch {
	case errors.As(err, &limited):
		x.SetHeader("Retry-After", seconds(limited.Quota.RetryAfter))
	case a.Status == http.StatusServiceUnavailable:
		x.SetHeader("Retry-After", RetryAfter)
	}
	body := map[string]any{"error": a.Message, "message": a.Message, "code": a.Code}
	for name, v := range extra {
		body[name] = v
	}
	return WriteJSON(x, a.Status, body)
}

// Refuse answers a refused request of the application's own routes: like [Guard.Fail], but a person who
// opens a page without being signed in is sent to Config.LoginPage, if there is one. For adapters.
func (g *Guard) Refuse(x Exchange, err error) {
	if g.loginPage != "" && errors.Is(err, ErrNoSession) && !x.Started() && wantsPage(x) {
		answered(x)
		x.SetHeader("Location", g.loginPage)
		x.SetHeader("Cache-Control", "no-store")
		err = x.Respond(http.StatusSeeOther, nil)
	} else {
		err = g.Fail(x, err, nil)
	}
	if err != nil {
		g.log.Debug("nguard: answer not sent", "err", err)
	}
}

// Refuse is [Guard.Refuse] of the guard that the request belongs to, for adapters, whose Fail calls it. On a
// route without middleware there is no guard: that is a mistake of the program which nobody else would see,
// so it goes to the default log.
func Refuse(x Exchange, err error) {
	if r, ok := FromContext(x.Context()); ok {
		r.g.Refuse(x, err)
		return
	}
	slog.ErrorContext(x.Context(), "nguard: request failed on a route without middleware", "path", clean(x.Line().Path), "err", err)
	// There is nobody to tell that the client has left.
	_ = fail(x, err, nil)
}

// answered tells the Request that no cookie can be sent any more: net/http does not say so.
func answered(x Exchange) {
	if r, ok := FromContext(x.Context()); ok {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.sent = true
	}
}

func wantsPage(x Exchange) bool {
	if m := x.Line().Method; m != http.MethodGet && m != http.MethodHead {
		return false
	}
	for _, line := range x.Header("Accept") {
		if strings.Contains(line, "text/html") {
			return true
		}
	}
	return false
}

// WriteJSON answers with JSON, of exactly the type that browser clients look for, and the headers that
// every answer of nguard carries: nothing is cached, sniffed, framed or referred to (ASVS 3.2.1, 3.4.3
// to 3.4.5, 3.5.8, 14.2.2). A 304 has these headers and no body. It is for adapters and endpoints.
func WriteJSON(x Exchange, status int, v any) error {
	if status == http.StatusNotModified { // a cache or browser replaces the headers that it kept by these
		for _, h := range securityHeaders {
			x.SetHeader(h[0], h[1])
		}
		return x.Respond(status, nil)
	}
	var b strings.Builder
	enc := json.NewEncoder(&b)
	if err := enc.Encode(v); err != nil {
		return err
	}
	for _, h := range securityHeaders {
		x.SetHeader(h[0], h[1])
	}
	x.SetHeader("Content-Type", "application/json")
	answered(x)
	return x.Respond(status, []byte(b.String()))
}

var securityHeaders = [][2]string{
	{"Cache-Control", "no-store"},
	{"Content-Security-Policy", "default-src 'none'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'"},
	{"Cross-Origin-Resource-Policy", "same-origin"},
	{"Referrer-Policy", "no-referrer"},
	{"X-Content-Type-Options", "nosniff"},
}
