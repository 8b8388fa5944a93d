package adaptertest

import (
	"fmt"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
	"github.com/nguard-go/nguard/policy"
)

// readers are the endpoints that read a body, each with a good one that has room for one more member,
// and whether the HTTP contract wants JSON sent under another type, or none, to be read.
var readers = []struct {
	path, good, member string
	lenient            bool
}{
	{"login", `{"id":"admin","password":"` + guardtest.Password + `"%s}`, "id", false},
	{"update", `{"theme":"dark"%s}`, "theme", true},
	{"update-role", `{"userId":"other","newRole":"moderator"%s}`, "newRole", true},
	{"profile", `{"name":"New Name"%s}`, "name", true},
	{"validate", `{"token":"none"%s}`, "token", true},
}

// bodies is a world with one more field, in which an admin sends bodies.
func (k *kit) bodies(t *testing.T) (*world, *browser) {
	w := k.newWorld(t, func(c *nguard.Config) {
		c.Fields = append(fields(), &nguard.Field[int]{Name: "count", Write: policy.Self}, &nguard.Field[float64]{Name: "ratio", Write: policy.Self})
	})
	return w, w.loggedIn("admin")
}

// untouched fails when anything that the good bodies would change has changed.
func (w *world) untouched(b *browser, what string) {
	w.t.Helper()
	a := b.get("/api/auth/session").expect(200)
	if a.at("session", "data", "theme") != "light" || a.at("session", "user", "name") != "Ada Admin" || a.at("session", "data", "count") != 0.0 || w.person("other").Role != "user" {
		w.t.Fatalf("%s: something has changed: %s", what, a.raw)
	}
}

// refuses sends a body to each endpoint and wants this status, JSON, and no effect.
func (b *browser) refuses(t *testing.T, status int, what string, body func(good string) string, headers ...string) {
	t.Helper()
	for _, e := range readers {
		token := b.token()
		a := b.do("POST", "/api/auth/"+e.path, body(e.good), headers...)
		if a.status != status {
			t.Errorf("%s, %s: status %d, want %d: %.200s", e.path, what, a.status, status, a.raw)
		}
		if a.header.Get("Content-Type") != "application/json" || a.at("error") == nil {
			t.Errorf("%s, %s: answer %q %.100s", e.path, what, a.header.Get("Content-Type"), a.raw)
		}
		if b.token() != token {
			t.Errorf("%s, %s: another token", e.path, what)
		}
	}
	b.w.untouched(b, what)
}

// refusesEarly is refuses for what a framework may refuse before anything of nguard sees it: by ending the
// connection while the body is still being sent, or with the status that a page without a session gets too.
func (b *browser) refusesEarly(t *testing.T, status int, what string, body func(good string) string, headers ...string) {
	t.Helper()
	for _, e := range readers {
		token, raw := b.token(), body(e.good)
		a, err := b.try("POST", "/api/auth/"+e.path, raw, headers...)
		if err == nil && a.status != status && (a.status != 400 || b.w.browser().do("POST", "/public", raw, headers...).status != 400) {
			t.Errorf("%s, %s: status %d, want %d: %.200s", e.path, what, a.status, status, a.raw)
		}
		if b.token() != token {
			t.Errorf("%s, %s: another token", e.path, what)
		}
	}
	b.w.untouched(b, what)
}

func with(member string) func(string) string {
	return func(good string) string { return fmt.Sprintf(good, ","+member) }
}

func always(body string) func(string) string { return func(string) string { return body } }
