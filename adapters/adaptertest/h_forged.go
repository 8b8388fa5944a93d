package adaptertest

import (
	"fmt"
	"strings"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
)

const (
	urlencoded = "Content-Type: application/x-www-form-urlencoded"
	crossSite  = "Sec-Fetch-Site: cross-site"
	evilOrigin = "Origin: https://evil.example"
)

// writes is every request that changes something, in the words of a person who may make it.
var crossWrites = []struct{ method, path, body string }{
	{"POST", "/api/auth/login", `{"id":"other","password":"` + guardtest.Password + `"}`},
	{"POST", "/api/auth/logout", ""}, {"POST", "/api/auth/refresh", ""},
	{"POST", "/api/auth/update", `{"theme":"dark"}`}, {"POST", "/api/auth/profile", `{"name":"Mallory"}`},
	{"POST", "/api/auth/update-role", `{"userId":"user","newRole":"admin"}`},
	{"DELETE", "/api/auth/sessions", ""}, {"DELETE", "/api/auth/sessions/{handle}", ""}, {"DELETE", "/api/auth/users/user/sessions", ""},
	{"POST", "/api/visits", ""}, {"POST", "/step-up", ""}, {"PUT", "/public", "x"}, {"PATCH", "/public", "x"}, {"DELETE", "/public", ""}, {"POST", "/public", "x"},
	{"BREW", "/public", ""}, {"PROPFIND", "/public", ""},
}

// forged is a victim with a session, whom other sites send requests of.
type forged struct {
	*world
	victim *browser
	token  string
	state  string
}

func (k *kit) newForged(t *testing.T, options ...func(*nguard.Config)) *forged {
	w := k.newWorld(t, options...)
	f := &forged{world: w}
	for _, id := range []string{"user", "admin"} {
		token, _, err := w.guard.Login(nguard.WithActor(t.Context(), "test"), id, nguard.LoginOptions{})
		if err != nil {
			t.Fatal(err)
		}
		f.token = token
	}
	f.victim = w.browser().hold(f.token)
	f.state = f.now()
	return f
}

// now is all that a forged request might change.
func (f *forged) now() string {
	f.t.Helper()
	ctx := f.t.Context()
	var b strings.Builder
	for _, id := range []string{"admin", "user", "other"} {
		list, err := f.guard.Sessions(ctx, id)
		if err != nil {
			f.t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s %d:", id, len(list))
		for _, s := range list {
			fmt.Fprint(&b, s.ID(), s.Version(), s.User(), visits.Get(s))
		}
	}
	return b.String()
}

// refused sends every write with these header lines, and wants 403 and no effect.
func (f *forged) refused(what string, lines ...string) {
	f.t.Helper()
	for _, c := range crossWrites {
		path := strings.Replace(c.path, "{handle}", f.handle("admin"), 1)
		r := f.sends(f.written(c.method, path, c.body, append([]string{f.by(f.token)}, lines...)...))
		if r.status != 403 && f.unheard(r, c.method, c.body, lines...) {
			continue
		}
		if r.status != 403 {
			f.t.Errorf("%s: %s %s: status %d", what, c.method, path, r.status)
		}
		if r.header.Get("Content-Type") != "application/json" || len(r.header["Set-Cookie"]) != 0 {
			f.t.Errorf("%s: %s %s: Content-Type %q, Set-Cookie %q", what, c.method, path, r.header.Get("Content-Type"), r.header["Set-Cookie"])
		}
	}
	if now := f.now(); now != f.state {
		f.t.Fatalf("%s: before %s, now %s", what, f.state, now)
	}
	f.victim.get("/who").expect(200)
}
