package adaptertest

import (
	"math"
	"net/http"
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
