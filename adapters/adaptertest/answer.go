package adaptertest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"
)

// answer is what came back.
type answer struct {
	t      testing.TB
	what   string
	status int
	header http.Header
	raw    []byte
}

// expect fails the test when the status is another.
func (a answer) expect(status int) answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("%s: got status %d, want %d; body %s", a.what, a.status, status, a.raw)
	}
	return a
}

// json is the body as an object.
func (a answer) json() map[string]any {
	a.t.Helper()
	var m map[string]any
	if err := json.Unmarshal(a.raw, &m); err != nil {
		a.t.Fatalf("%s: body is not a JSON object: %q", a.what, a.raw)
	}
	return m
}

// at walks into the body by member names, such as at("session", "data", "theme").
func (a answer) at(path ...string) any {
	a.t.Helper()
	var v any = a.json()
	for _, p := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[p]
	}
	return v
}

// text is the body.
func (a answer) text() string { return string(bytes.TrimSpace(a.raw)) }
