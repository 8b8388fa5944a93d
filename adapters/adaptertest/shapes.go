package adaptertest

import (
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
)

// storedSession is what a client keeps: {user, data, expires, role, permissions} with the types of section 7.
func (a answer) storedSession(id, role string) map[string]any {
	a.t.Helper()
	s, ok := a.at("session").(map[string]any)
	if !ok {
		a.t.Fatalf("%s: no session object in %s", a.what, a.raw)
	}
	user, _ := s["user"].(map[string]any)
	data, _ := s["data"].(map[string]any)
	if user["id"] != id || user["role"] != role || data["role"] != role || s["role"] != role {
		a.t.Errorf("%s: not the session of %s, %s: %s", a.what, id, role, a.raw)
	}
	for _, name := range []string{"name", "email"} {
		if _, ok := user[name].(string); !ok {
			a.t.Errorf("%s: user.%s is %T", a.what, name, user[name])
		}
	}
	for _, v := range []any{data["permissions"], s["permissions"]} {
		if _, ok := v.([]any); !ok {
			a.t.Errorf("%s: permissions is %T: %s", a.what, v, a.raw)
		}
	}
	expires, ok := s["expires"].(float64)
	if !ok || expires != math.Trunc(expires) || expires < 1e12 || expires > 1e14 {
		a.t.Errorf("%s: expires is %v: milliseconds since 1970 are wanted", a.what, s["expires"])
	}
	if s["token"] != nil || user["token"] != nil || data["token"] != nil || data["secret"] != nil || a.at("token") != nil {
		a.t.Errorf("%s: a token or private field in %s", a.what, a.raw)
	}
	return s
}

// failed is the body of a failure: error and message with one text, at the top level.
func (a answer) failed(status int) answer {
	a.t.Helper()
	a.expect(status)
	text, _ := a.at("error").(string)
	if a.header.Get("Content-Type") != "application/json" || text == "" || a.at("message") != text {
		a.t.Errorf("%s: Content-Type %q, body %s", a.what, a.header.Get("Content-Type"), a.raw)
	}
	return a
}

func (a answer) cookies() []*http.Cookie {
	return (&http.Response{Header: a.header}).Cookies()
}

// outage checks the form of a 503: when to come again, nothing of the inside, and no word on the cookie.
func (a answer) outage() answer {
	a.t.Helper()
	a.expect(503)
	if a.header.Get("Retry-After") == "" {
		a.t.Errorf("%s: 503 without Retry-After", a.what)
	}
	if got := a.header.Get("Content-Type"); got != "application/json" {
		a.t.Errorf("%s: Content-Type is %q", a.what, got)
	}
	if lines := a.header.Values("Set-Cookie"); len(lines) > 0 {
		a.t.Errorf("%s: an outage sets a cookie: %q", a.what, lines)
	}
	a.discreet()
	return a
}

// discreet checks that an answer tells nothing of the inside (checklist N9).
func (a answer) discreet() {
	a.t.Helper()
	text := strings.ToLower(string(a.raw) + fmt.Sprint(a.header))
	for _, word := range []string{"select", "nguard_sessions", "pq:", "10.0.0.7", "/var/lib", ".go:", "goroutine", "panic", "sqlite", "runtime error", "store.", "users.", "sink."} {
		if strings.Contains(text, word) {
			a.t.Errorf("%s: the answer tells %q: %s %v", a.what, word, a.raw, a.header)
		}
	}
}

// codeOf is the member "code" of an error.
func codeOf(a answer) string {
	a.t.Helper()
	if a.status < 400 {
		return ""
	}
	code, _ := a.at("code").(string)
	return code
}

// silent fails when an answer sets a cookie.
// restamped is silent about a read that brings a new state of the person. Where the cookie holds the session it is
// what gets the new stamp, and holds the token that b had before.
func restamped(t *testing.T, b *browser, before string, a answer) {
	t.Helper()
	if b.w.back.sealed == nil {
		silent(t, a)
	} else if lines := a.header["Set-Cookie"]; len(lines) != 1 || given(b.w, a) == before || !b.w.sameToken(given(b.w, a), before) {
		t.Errorf("%s: Set-Cookie: %q, want the same token with the new stamp", a.what, lines)
	}
}

func silent(t *testing.T, a answer) {
	t.Helper()
	if lines := a.header["Set-Cookie"]; len(lines) > 0 {
		t.Errorf("%s: a read sent Set-Cookie: %q", a.what, lines)
	}
}
