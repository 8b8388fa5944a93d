// Package endpoints is the HTTP interface of nguard, /api/auth/*, written once over nguard.Exchange and
// mounted by every adapter. Applications use it through their adapter's Endpoints; adapters call
// [New] and [Set.Serve].
//
//	POST   login, logout, refresh, update, profile, update-role
//	GET    session, validate (also HEAD), sessions, users/{id}/sessions
//	GET    events, a stream
//	POST   validate
//	DELETE sessions, sessions/{id}, users/{id}/sessions, users/{id}/sessions/{session}
//
// Every answer is JSON of exactly the type application/json, also 404 and 405: browser clients decide on
// it. Bodies are JSON objects of at most 10 KiB, checked strictly: repeated or case-folded keys, invalid
// UTF-8, trailing data and deep nesting are refused.
package endpoints

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	nguard "github.com/nguard-go/nguard/core"
)

// Prefix is where the endpoints live, on the page's own origin.
const Prefix = "/api/auth/"

// maxBody is the largest body that is read.
const maxBody = 10 << 10

// Set is the endpoints of one guard. It is immutable and safe for concurrent use.
type Set struct {
	guard  *nguard.Guard
	except []string
}

// New makes the endpoints of g. The names in except, such as "login", stay the application's own.
func New(g *nguard.Guard, except ...string) *Set { return &Set{g, slices.Clone(except)} }

// Owns reports whether a request is the endpoints' to answer. path is as [Below] gives it; pattern is that of
// the framework's route, or empty. What a route of the endpoints' own, such as "/app/api/auth/*", leads
// here is theirs however it is spelled: browser clients would take another answer than their 404 for success.
func (s *Set) Owns(pattern, path string) bool {
	name, ok := strings.CutPrefix(path, Prefix)
	if !ok {
		return strings.Contains(pattern, Prefix)
	}
	return !slices.Contains(s.except, name)
}

// Below returns path as the endpoints know it when they are mounted by the route pattern of a framework,
// such as "/app", "/t/:tenant" or "/app/api/auth/*": without the segments that stand before theirs. What
// does not lead to them there is returned as it is: below "/files/*" they are nowhere, and fiber's "/app"
// is not the mount of "/application". It is for adapters of frameworks that do not cut the path of a mount.
func Below(pattern, path string) string {
	mount, _, _ := strings.Cut(pattern, Prefix)
	mount = strings.Trim(mount, "/")
	rest := path
	for mount != "" && rest != "" {
		var segment string
		segment, mount, _ = strings.Cut(mount, "/")
		end := strings.IndexByte(rest[1:], '/')
		if end < 0 || !stands(segment, rest[1:1+end]) {
			return path
		}
		rest = rest[1+end:]
	}
	if !strings.HasPrefix(rest, Prefix) {
		return path
	}
	return rest
}

// stands reports whether a segment of a path can stand for one of a pattern.
func stands(pattern, segment string) bool {
	if strings.HasPrefix(pattern, "*") || strings.HasPrefix(pattern, "+") {
		return false // for any number of segments
	}
	return strings.ContainsAny(pattern, ":*+?") || strings.EqualFold(pattern, segment)
}

// Serve answers a request that Owns has claimed.
func (s *Set) Serve(x nguard.Exchange, r *nguard.Request) {
	c := &call{guard: s.guard, x: x, r: r, line: x.Line()}
	defer func() {
		if p := recover(); p != nil {
			c.fail(fmt.Errorf("panic: %v", p))
		}
	}()
	name := strings.TrimPrefix(c.line.Path, Prefix)
	methods, ok := find(c, name)
	if !ok {
		c.fail(nguard.ErrNotFound)
		return
	}
	handle := methods[c.line.Method]
	if handle == nil {
		allowed := make([]string, 0, len(methods))
		for m := range methods {
			allowed = append(allowed, m)
		}
		slices.Sort(allowed)
		x.SetHeader("Allow", strings.Join(allowed, ", "))
		c.fail(nguard.ErrMethod)
		return
	}
	if err := documentRequest(x); err != nil {
		c.fail(err)
		return
	}
	if err := handle(c); err != nil {
		c.fail(err)
	}
}

// routes maps a path to its methods.
type routes map[string]func(*call) error

var fixed = map[string]routes{
	"login":       {"POST": login},
	"logout":      {"POST": logout},
	"session":     {"GET": session, "HEAD": session},
	"validate":    {"GET": validate, "HEAD": validateHead, "POST": validateToken},
	"update":      {"POST": update},
	"profile":     {"POST": profile},
	"update-role": {"POST": updateRole},
	"refresh":     {"POST": refresh},
	"sessions":    {"GET": listOwn, "DELETE": endOthers},
	"events":      {"GET": events},
}

// find matches whole paths only, to the byte: what is spelled otherwise does not exist (checklist P3).
func find(c *call, name string) (routes, bool) {
	if r, ok := fixed[name]; ok {
		return r, true
	}
	if id, ok := strings.CutPrefix(name, "sessions/"); ok && isHandle(id) {
		c.session = id
		return routes{"DELETE": endOne}, true
	}
	rest, ok := strings.CutPrefix(name, "users/")
	if !ok {
		return nil, false
	}
	if user, ok := strings.CutSuffix(rest, "/sessions"); ok && user != "" {
		c.user = user
		return routes{"GET": listUser, "DELETE": endUser}, true
	}
	if i := strings.LastIndex(rest, "/sessions/"); i > 0 && isHandle(rest[i+len("/sessions/"):]) {
		c.user, c.session = rest[:i], rest[i+len("/sessions/"):]
		return routes{"DELETE": endUserOne}, true
	}
	return nil, false
}

// isHandle reports whether s has the form of a session's public handle.
func isHandle(s string) bool {
	return len(s) == 22 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == ""
}

// documentRequest refuses to answer into a frame, script or image: these answers are for fetch, or for a
// person who opens one in a tab (ASVS 3.2.1).
func documentRequest(x nguard.Exchange) error {
	for _, dest := range x.Header("Sec-Fetch-Dest") {
		switch dest {
		case "iframe", "frame", "embed", "object", "script", "style", "image":
			return fmt.Errorf("%w: Sec-Fetch-Dest", nguard.ErrCrossOrigin)
		}
	}
	return nil
}

// call is one request to an endpoint.
type call struct {
	guard         *nguard.Guard
	x             nguard.Exchange
	r             *nguard.Request
	line          nguard.Line
	user, session string // from the path
	extra         map[string]any
}

func (c *call) fail(err error) {
	// What a failed answer cannot say any more was logged by the guard, or the client is gone.
	_ = c.guard.Fail(c.x, err, c.extra)
}

func (c *call) ok(body map[string]any) error { return nguard.WriteJSON(c.x, http.StatusOK, body) }

// done is the success of an action.
func (c *call) done(message string, extra map[string]any) error {
	body := map[string]any{"ok": true, "success": true, "message": message}
	for k, v := range extra {
		body[k] = v
	}
	return c.ok(body)
}

// body reads a JSON body. Form types and unknown ones are refused everywhere. A missing type and
// text/plain are read as JSON where existing clients need it (contract section 9); the check of the
// origin, not the media type, is what keeps other sites out.
func (c *call) body(strictType bool) ([]byte, error) {
	if len(c.x.Header("Content-Encoding")) > 0 {
		return nil, fmt.Errorf("%w: compressed", nguard.ErrMediaType)
	}
	types := c.x.Header("Content-Type")
	if len(types) > 1 {
		return nil, fmt.Errorf("%w: repeated", nguard.ErrMediaType)
	}
	full := ""
	if len(types) == 1 {
		full = types[0]
	}
	kind, params, _ := strings.Cut(strings.ToLower(full), ";")
	params = strings.ReplaceAll(strings.ReplaceAll(params, " ", ""), `"`, "")
	lenient := !strictType && (full == "" || strings.TrimSpace(kind) == "text/plain")
	if (strings.TrimSpace(kind) != "application/json" && !lenient) || (params != "" && params != "charset=utf-8") {
		return nil, nguard.ErrMediaType
	}
	return c.x.Body(maxBody)
}

// empty refuses what a DELETE or a listing has no use for: a body or query that seems to choose what is
// concerned must not be ignored (checklist G4, G6).
func (c *call) empty() error {
	if c.line.Query {
		return fmt.Errorf("%w: this path takes no parameters", nguard.ErrMalformed)
	}
	if c.line.Method == http.MethodGet {
		return nil
	}
	b, err := c.x.Body(maxBody)
	if err == nil && len(b) > 0 {
		err = fmt.Errorf("%w: this path takes no body", nguard.ErrMalformed)
	}
	return err
}

func isNoSession(err error) bool { return errors.Is(err, nguard.ErrNoSession) }
