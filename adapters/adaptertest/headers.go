package adaptertest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
)

var headers = []rule{
	{"P10 headers on every status", "Each answer of nguard, of whatever status and from whatever layer, has the headers that all have, its own, and no others.", headersOfEveryStatus},
	{"P10 headers of limits", "An answer at a limit says when to come again and which limit it was, and a limiter that is down is an outage.", headersOfLimits},
	{"P10 headers of versions", "ETag, If-None-Match and If-Match speak of one version of one session, which only a change moves.", headersOfVersions},
}

// everyAnswer is what each answer of nguard carries, and with which value.
var everyAnswer = map[string]string{
	"Cache-Control":                "no-store",
	"X-Content-Type-Options":       "nosniff",
	"Content-Security-Policy":      "default-src 'none'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'",
	"Referrer-Policy":              "no-referrer",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Vary":                         "Cookie",
	"Content-Type":                 "application/json",
}

// exactly fails unless the answer has these headers, those that every answer has, and no others.
func (r reply) exactly(what string, more ...string) {
	r.t.Helper()
	allowed := append([]string{"Date", "Content-Length", "Connection"}, more...)
	for name, want := range everyAnswer {
		if name == "Content-Type" && r.status == 304 {
			if _, ok := r.header[name]; ok {
				r.t.Errorf("%s: a 304 has a Content-Type", what)
			}
			continue
		}
		lines := r.header[name]
		if name == "Vary" && slices.Contains(more, "origin") {
			want = "Cookie|Origin, Sec-Fetch-Site"
		}
		if got := strings.Join(lines, "|"); got != want {
			r.t.Errorf("%s: %s is %q, want %q", what, name, got, want)
		}
		allowed = append(allowed, name)
	}
	for name := range r.header {
		if !slices.Contains(allowed, name) {
			r.t.Errorf("%s: unexpected header %s: %q", what, name, r.header[name])
		}
	}
	for _, name := range more {
		if name != "origin" && len(r.header[name]) != 1 {
			r.t.Errorf("%s: header %s: %q, want one line", what, name, r.header[name])
		}
	}
	if r.status != 304 && r.body != "" {
		var m map[string]any
		if err := json.Unmarshal([]byte(r.body), &m); err != nil {
			r.t.Errorf("%s: body is no JSON object: %q", what, r.body)
		}
		if r.status >= 400 {
			for _, member := range []string{"error", "message", "code"} {
				if s, _ := m[member].(string); s == "" {
					r.t.Errorf("%s: %q is missing in %s", what, member, r.body)
				}
			}
			if m["error"] != m["message"] {
				r.t.Errorf("%s: error is %q and message %q: some clients read the one, some the other", what, m["error"], m["message"])
			}
		}
	}
}

func headersOfEveryStatus(t *testing.T, k *kit) {
	version := nguard.VersionHeader
	w, store := k.tallied(t, func(c *nguard.Config) {
		c.Hooks.BeforeUpdate = func(_ context.Context, u nguard.Update) error {
			if u.Changes[0].To == "panic" {
				panic("hook fault")
			}
			return nil
		}
	})
	user, admin := w.loggedIn("user"), w.loggedIn("admin")
	const mine = "{cookie of user}" // the one of then: one that holds the session is another after each change
	me, root := w.by(mine), w.by(admin.token())
	held := user.token()
	session := w.sends(w.written("GET", "/api/auth/session", "", w.by(held))).expect(200)
	etag := session.header.Get("Etag")
	login := func(id, password string) string { return `{"id":"` + id + `","password":"` + password + `"}` }
	for _, c := range []struct {
		what   string
		status int
		raw    string
		more   []string
	}{
		{"session", 200, w.written("GET", "/api/auth/session", "", me), []string{version, "Etag", nguard.ExpiresInHeader}},
		{"session, HEAD", 200, w.written("HEAD", "/api/auth/session", "", me), []string{version, "Etag", nguard.ExpiresInHeader}},
		{"validate", 200, w.written("GET", "/api/auth/validate", "", me), []string{version, "Etag", nguard.ExpiresInHeader}},
		{"validate, HEAD", 200, w.written("HEAD", "/api/auth/validate", "", me), []string{version}},
		{"validate, POST", 200, w.written("POST", "/api/auth/validate", `{"token":"x"}`, sameOrigin, asJSON, me), []string{version}},
		{"validate without a session", 200, w.written("GET", "/api/auth/validate", ""), nil},
		{"sessions", 200, w.written("GET", "/api/auth/sessions", "", me), []string{version}},
		{"sessions of a user", 200, w.written("GET", "/api/auth/users/user/sessions", "", root), []string{version}},
		{"login", 200, w.written("POST", "/api/auth/login", login("other", guardtest.Password), sameOrigin, asJSON), []string{"Set-Cookie", version}},
		{"logout without a session", 200, w.written("POST", "/api/auth/logout", "", sameOrigin), []string{"Set-Cookie"}},
		{"update", 200, w.written("POST", "/api/auth/update", `{"language":"de"}`, sameOrigin, asJSON, me), []string{"Set-Cookie", version}},
		{"profile", 200, w.written("POST", "/api/auth/profile", `{"name":"U"}`, sameOrigin, asJSON, me), []string{"Set-Cookie", version}},
		{"update-role", 200, w.written("POST", "/api/auth/update-role", `{"userId":"mod","newRole":"user"}`, sameOrigin, asJSON, root), []string{version}},
		{"not modified, session", 304, w.written("GET", "/api/auth/session", "", root, "If-None-Match: {etag of root}"), []string{version, "Etag", nguard.ExpiresInHeader}},
		{"not modified, validate", 304, w.written("GET", "/api/auth/validate", "", root, "If-None-Match: {etag of root}"), []string{version, "Etag", nguard.ExpiresInHeader}},
		{"malformed JSON", 400, w.written("POST", "/api/auth/update", `{`, sameOrigin, asJSON, me), []string{version}},
		{"no usable field", 400, w.written("POST", "/api/auth/update", `{"x":1}`, sameOrigin, asJSON, me), []string{version}},
		{"bad value", 400, w.written("POST", "/api/auth/update", `{"theme":"pink"}`, sameOrigin, asJSON, me), []string{version}},
		{"credentials incomplete", 400, w.written("POST", "/api/auth/login", `{"id":"user"}`, sameOrigin, asJSON), nil},
		{"no session", 401, w.written("GET", "/api/auth/session", ""), nil},
		{"no session, HEAD", 401, w.written("HEAD", "/api/auth/validate", ""), nil},
		{"no session, update", 401, w.written("POST", "/api/auth/update", `{}`, sameOrigin, asJSON), nil},
		{"no session, refresh", 401, w.written("POST", "/api/auth/refresh", "", sameOrigin), nil},
		{"no session, sessions", 401, w.written("GET", "/api/auth/sessions", ""), nil},
		{"never issued", 401, w.written("GET", "/api/auth/session", "", w.by("x")), []string{"Set-Cookie"}},
		{"wrong credentials", 401, w.written("POST", "/api/auth/login", login("user", "wrong"), sameOrigin, asJSON), nil},
		{"policy", 403, w.written("POST", "/api/auth/update", `{"role":"admin"}`, sameOrigin, asJSON, me), []string{version}},
		{"policy, update-role", 403, w.written("POST", "/api/auth/update-role", `{"userId":"user","newRole":"admin"}`, sameOrigin, asJSON, me), []string{version}},
		{"policy, route", 403, w.written("GET", "/admin", "", me), []string{version}},
		{"no session, route", 401, w.written("GET", "/admin", ""), nil},
		{"cross-origin", 403, w.written("POST", "/api/auth/update", `{"theme":"dark"}`, "Sec-Fetch-Site: cross-site", asJSON, me), []string{"origin"}},
		{"cross-origin, no endpoint", 403, w.written("POST", "/public", "", "Origin: https://evil.example"), []string{"origin"}},
		{"into a frame", 403, w.written("GET", "/api/auth/session", "", me, "Sec-Fetch-Dest: iframe"), []string{version}},
		{"no such path", 404, w.written("GET", "/api/auth/nothing", "", me), []string{version}},
		{"no such user", 404, w.written("POST", "/api/auth/update-role", `{"userId":"nobody","newRole":"user"}`, sameOrigin, asJSON, root), []string{version}},
		{"no such handle", 404, w.written("DELETE", "/api/auth/sessions/0123456789012345678901", "", sameOrigin, me), []string{version}},
		{"method", 405, w.written("PUT", "/api/auth/update", "", sameOrigin, me), []string{version, "Allow"}},
		{"method, OPTIONS", 405, w.written("OPTIONS", "/api/auth/login", "", "Origin: https://evil.example", "Access-Control-Request-Method: POST"), []string{"Allow"}},
		{"stale version", 409, w.written("POST", "/api/auth/update", `{"theme":"dark"}`, sameOrigin, asJSON, me, "If-Match: "+etag), []string{version}},
		{"too large", 413, w.written("POST", "/api/auth/update", strings.Repeat(" ", 10<<10)+"{}", sameOrigin, asJSON, me), []string{version}},
		{"media type", 415, w.written("POST", "/api/auth/login", `{}`, sameOrigin), nil},
		{"media type, update", 415, w.written("POST", "/api/auth/update", `a=b`, sameOrigin, "Content-Type: application/x-www-form-urlencoded", me), []string{version}},
		{"fault", 500, w.written("POST", "/api/auth/profile", `{"name":"panic"}`, sameOrigin, asJSON, me), []string{version, "X-Request-Id"}},
		{"refresh", 200, w.written("POST", "/api/auth/refresh", "", sameOrigin, me), []string{"Set-Cookie", version}},
		{"logout", 200, w.written("POST", "/api/auth/logout", "", sameOrigin, me), []string{"Set-Cookie", version}},
	} {
		t.Run(fmt.Sprintf("%d %s", c.status, c.what), func(t *testing.T) {
			const placeholder = "{etag of root}"
			if before, after, found := strings.Cut(c.raw, placeholder); found {
				c.raw = before + w.sends(w.written("GET", "/api/auth/session", "", root)).header.Get("Etag") + after
			}
			byUser := strings.Contains(c.raw, mine)
			r := w.sends(strings.ReplaceAll(c.raw, mine, held))
			r.t = t
			r.expect(c.status).exactly(c.what, c.more...)
			if token := given(w, answer{header: r.header}); byUser && token != "" {
				held = token
			}
		})
	}
	store.down.Store(true)
	for what, raw := range map[string]string{
		"session": w.written("GET", "/api/auth/session", "", root), "validate": w.written("GET", "/api/auth/validate", "", root),
		"update": w.written("POST", "/api/auth/update", `{"theme":"dark"}`, sameOrigin, asJSON, root), "logout": w.written("POST", "/api/auth/logout", "", sameOrigin, root),
		"route": w.written("GET", "/admin", "", root), "validate, POST": w.written("POST", "/api/auth/validate", `{"token":"`+user.token()+`"}`, sameOrigin, asJSON),
	} {
		r := w.sends(raw).expect(503)
		r.exactly("503 "+what, "Retry-After", "X-Request-Id")
		if strings.Contains(r.body+r.head, "canary") || strings.Contains(r.head, "Set-Cookie") {
			t.Errorf("503 %s: %s%s", what, r.head, r.body)
		}
	}
}

func headersOfLimits(t *testing.T, k *kit) {
	full := func(c *nguard.Config) {
		c.Limits = nguard.Limits{Login: refusing{}, Update: refusing{}, Read: refusing{}}
	}
	w := k.newWorld(t, full)
	token, _, err := w.guard.Login(nguard.WithActor(context.Background(), "test"), "user", nguard.LoginOptions{})
	if err != nil {
		t.Fatal(err)
	}
	me := w.by(token)
	for _, c := range []struct{ what, method, path, body string }{
		{"login", "POST", "login", credentials}, {"update", "POST", "update", `{"theme":"dark"}`}, {"profile", "POST", "profile", `{"name":"x"}`},
		{"update-role", "POST", "update-role", `{"userId":"user","newRole":"user"}`}, {"refresh", "POST", "refresh", ""}, {"session", "GET", "session", ""},
		{"validate", "GET", "validate", ""}, {"validate, HEAD", "HEAD", "validate", ""}, {"validate, POST", "POST", "validate", `{"token":"x"}`}, {"sessions", "GET", "sessions", ""},
	} {
		r := w.sends(w.written(c.method, "/api/auth/"+c.path, c.body, sameOrigin, asJSON, me)).expect(429)
		r.exactly("429 "+c.what, nguard.VersionHeader, "Retry-After", "Ratelimit", "Ratelimit-Policy")
		for name, want := range map[string]string{"Retry-After": "2", "Ratelimit": `"full";r=0;t=90`, "Ratelimit-Policy": `"full";q=5;w=60`} {
			if got := r.header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", c.what, name, got, want)
			}
		}
	}
	down := k.newWorld(t, func(c *nguard.Config) { c.Limits.Login = broken{} })
	r := down.sends(down.written("POST", "/api/auth/login", credentials, sameOrigin, asJSON)).expect(503)
	r.exactly("503 limiter", "Retry-After", "X-Request-Id")
}

func headersOfVersions(t *testing.T, k *kit) {
	w := k.newWorld(t)
	user := w.loggedIn("user")
	a := user.get("/api/auth/session").expect(200)
	etag, version := a.header.Get("Etag"), a.header.Get(nguard.VersionHeader)
	if !strings.HasPrefix(etag, `"`+version+".") || version != w.handle("user")+".1" {
		t.Errorf("ETag %s, version %q", etag, version)
	}
	for _, tag := range []string{etag, "W/" + etag, `"other", ` + etag, etag + `, "other"`} {
		if a := user.do("GET", "/api/auth/session", "", "If-None-Match: "+tag).expect(304); len(a.raw) != 0 || a.header.Get("Etag") != etag {
			t.Errorf("If-None-Match %s: ETag %q, body %q", tag, a.header.Get("Etag"), a.raw)
		}
	}
	for _, tag := range []string{`"other"`, strings.Trim(etag, `"`), etag[:len(etag)-2] + `"`, "W/"} {
		user.do("GET", "/api/auth/session", "", "If-None-Match: "+tag).expect(200)
	}
	// What another browser has seen is nothing here: without a session there is no 304.
	w.browser().do("GET", "/api/auth/session", "", "If-None-Match: "+etag).expect(401)

	w.clock.Advance(2 * time.Minute) // the end of the session moves, what is shown does not
	user.do("GET", "/api/auth/session", "", "If-None-Match: "+etag).expect(304)

	after := user.do("POST", "/api/auth/update", `{"theme":"dark"}`, "If-Match: "+etag).expect(200).header.Get(nguard.VersionHeader)
	for _, tag := range []string{etag, `"` + version + `"`, `"` + strings.Repeat("A", 22) + `.2"`} {
		if a := user.do("POST", "/api/auth/update", `{"theme":"light"}`, "If-Match: "+tag).expect(409); a.at("success") != false {
			t.Errorf("409 body %s", a.raw)
		}
	}
	for _, tag := range []string{`""`, `"x"`, `"` + w.handle("user") + `.x"`, `"` + w.handle("user") + `.-1"`, `"` + w.handle("user") + `.0"`, etag + ", " + etag} {
		if a := user.do("POST", "/api/auth/update", `{"theme":"light"}`, "If-Match: "+tag); a.status != 400 && a.status != 409 {
			t.Errorf("If-Match %s: status %d", tag, a.status)
		}
	}
	a = user.get("/api/auth/session").expect(200)
	if a.at("session", "data", "theme") != "dark" || a.header.Get("Etag") == etag || after == version || a.header.Get(nguard.VersionHeader) != after {
		t.Errorf("after one update: ETag %s, version %s, %s", a.header.Get("Etag"), a.header.Get(nguard.VersionHeader), a.raw)
	}
	user.do("POST", "/api/auth/update", `{"theme":"light"}`, `If-Match: "`+a.header.Get(nguard.VersionHeader)+`"`).expect(200)
	user.do("POST", "/api/auth/update", `{"theme":"dark"}`, "If-Match: *").expect(200)
}
