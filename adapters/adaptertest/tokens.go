package adaptertest

import (
	"strings"

	nguard "github.com/nguard-go/nguard/core"
)

// given is the token that an answer hands out, or "".
func given(w *world, a answer) string {
	for _, line := range a.header["Set-Cookie"] {
		if v, ok := strings.CutPrefix(line, w.guard.CookieName()+"="); ok {
			v, _, _ = strings.Cut(v, ";")
			return v
		}
	}
	return ""
}

// tokenIn is the token of a cookie's value: what is sealed in it, or the value.
func (w *world) tokenIn(value string) string {
	w.t.Helper()
	if w.back.sealed != nil {
		if token := w.back.sealed(w.t, value); token != "" {
			return token
		}
	}
	return value
}

// sameToken reports whether two values of the cookie are, or hold, one token.
func (w *world) sameToken(a, b string) bool {
	w.t.Helper()
	return a == b || w.tokenIn(a) == w.tokenIn(b)
}

// show sends a request with a token and keeps nothing of the answer.
func (w *world) show(token, method, path string) answer {
	w.t.Helper()
	return w.browser().hold(token).do(method, path, "")
}

// handleOf is the public ID of the session that an answer belongs to.
func handleOf(a answer) string {
	id, _, _ := strings.Cut(a.header.Get(nguard.VersionHeader), ".")
	return id
}
