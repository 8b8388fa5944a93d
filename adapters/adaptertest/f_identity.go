package adaptertest

import (
	"net/netip"
	"strings"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
)

// identity are the rules F7 to F9 of the checklist: a change is one person's, by whom the cookie says.
var identity = []rule{
	{"F7 lists, wildcards, two IDs", "One request changes one person.", identityOne},
	{"F8 headers", "No header says who somebody is, whether a proxy is trusted or not.", identityHeaders},
	{"F9 bodies", "Without a session nobody is anybody, whoever the body names.", identityBodies},
}

func identityOne(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
		admin := w.loggedIn("admin")
		for body, status := range map[string]int{
			`{"userId":["user","other"],"newRole":"moderator"}`:               400,
			`{"userId":["user"],"newRole":"moderator"}`:                       400,
			`{"userId":{"$ne":""},"newRole":"moderator"}`:                     400,
			`{"userId":null,"newRole":"moderator"}`:                           400,
			`{"userId":7,"newRole":"moderator"}`:                              400,
			`{"userId":true,"newRole":"moderator"}`:                           400,
			`{"userId":"","newRole":"moderator"}`:                             400,
			`{"newRole":"moderator"}`:                                         400,
			`{"userId":"user"}`:                                               400,
			`{"userId":"user","newRole":["moderator"]}`:                       400,
			`{"userId":"user","newRole":{"role":"moderator"}}`:                400,
			`{"userId":"user","newRole":null}`:                                400,
			`{"userId":"user","newRole":1}`:                                   400,
			`{"userId":"user","permissions":"posts:edit"}`:                    400,
			`{"userId":"user","permissions":null}`:                            400,
			`{"userId":"user","permissions":{"0":"posts:edit"}}`:              400,
			`{"userId":"user","userId":"other","newRole":"moderator"}`:        400,
			`{"userId":"user","UserId":"other","newRole":"moderator"}`:        400,
			`{"userId":"user","userIds":["other"],"newRole":"moderator"}`:     400,
			`{"userId":"user","user":{"id":"other"},"newRole":"moderator"}`:   400,
			`{"userId":"user","newRole":"moderator","role":"admin"}`:          400,
			`{"userId":"user","newRole":"moderator","disabled":true}`:         400,
			`[{"userId":"user","newRole":"moderator"}]`:                       400,
			`{"userId":"user\u0000","newRole":"moderator"}`:                   400,
			`{"userId":"*","newRole":"moderator"}`:                            404,
			`{"userId":"%","newRole":"moderator"}`:                            404,
			`{"userId":"user' OR '1'='1","newRole":"moderator"}`:              404,
			`{"userId":"user\nother","newRole":"moderator"}`:                  404,
			`{"userId":"` + strings.Repeat("x", 192) + `","newRole":"admin"}`: 404,
		} {
			unchanged(t, w, body, func() { admin.post("/api/auth/update-role", body).expect(status) })
		}
		unchanged(t, w, "query", func() {
			admin.post("/api/auth/update-role?userId=user&newRole=moderator", `{}`).expect(400)
			admin.post("/api/auth/update-role?userId=user", `{"newRole":"moderator"}`).expect(400)
		})
	})
}

func identityHeaders(t *testing.T, k *kit) {
	claims := []string{
		"X-User-Id: admin", "X-User: admin", "X-Role: admin", "X-Roles: admin", "X-Forwarded-User: admin", "X-Forwarded-Email: admin@example.com",
		"X-Remote-User: admin", "Remote-User: admin", "X-Auth-Request-User: admin", "X-Authenticated-User: admin", "X-Forwarded-Preferred-Username: admin",
		"X-Middleware-Subrequest: middleware:middleware:middleware", "X-Original-Url: /api/auth/session", "X-Rewrite-Url: /api/auth/session",
		"X-Http-Method-Override: GET", "Authorization: Basic YWRtaW46Z3VhcmR0ZXN0LXBhc3N3b3Jk", "Authorization: Bearer admin", "Forwarded: for=127.0.0.1;by=admin",
		"X-Forwarded-For: 127.0.0.1", "X-Nguard-User: admin", "Nguard-Session-Version: admin.1", "Cookie: role=admin; user=admin; isAdmin=true",
	}
	for _, trusted := range []bool{false, true} {
		k.each(t, func(t *testing.T, w *world) {
			nobody, user := w.browser(), w.loggedIn("user")
			for _, c := range claims {
				nobody.do("GET", "/who", "", c).expect(401)
				nobody.do("GET", "/admin", "", c).expect(401)
				nobody.do("GET", "/api/auth/sessions", "", c).expect(401)
				nobody.do("POST", "/api/auth/update-role", `{"userId":"user","newRole":"admin"}`, c).expect(401)
				if strings.HasPrefix(c, "Cookie") {
					continue // would take the place of the session cookie
				}
				if got := user.do("GET", "/who", "", c).expect(200).text(); got != "user" {
					t.Errorf("%s: the person is %q", c, got)
				}
				user.do("GET", "/admin", "", c).expect(403)
			}
			user.do("GET", "/admin", "", claims[:20]...).expect(403)
			unchanged(t, w, "claims on writes", func() {
				user.do("POST", "/api/auth/update-role", `{"userId":"user","newRole":"admin"}`, claims[:9]...).expect(403)
				user.do("POST", "/api/auth/update", `{"role":"admin"}`, claims[:9]...).expect(403)
			})
		}, func(c *nguard.Config) {
			if trusted {
				c.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
			}
		})
	}
}

func identityBodies(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
		token := w.loggedIn("admin").token()
		b := w.browser()
		unchanged(t, w, "without a session", func() {
			for path, bodies := range map[string][]string{
				"/api/auth/update": {
					`{"user":{"id":"user"},"data":{"theme":"dark"}}`, `{"userId":"user","theme":"dark"}`, `{"session":{"user":{"id":"admin"}},"theme":"dark"}`,
					`{"token":"` + token + `","theme":"dark"}`, `{"sessionId":"` + token + `","theme":"dark"}`,
				},
				"/api/auth/update-role": {`{"userId":"user","newRole":"admin"}`, `{"userId":"admin","newRole":"user"}`, `{"userId":"user","newRole":"admin","token":"` + token + `"}`},
				"/api/auth/profile":     {`{"id":"user","name":"x"}`, `{"name":"x"}`},
				"/api/auth/refresh":     {"", `{"token":"` + token + `"}`},
				"/step-up":              {`{"userId":"admin"}`},
				"/api/visits":           {`{"userId":"admin"}`},
			} {
				for _, body := range bodies {
					if a := b.post(path, body).expect(401); a.header.Get("Set-Cookie") != "" {
						t.Errorf("%s %s set a cookie", path, body)
					}
				}
			}
			for _, path := range []string{"/api/auth/session", "/api/auth/sessions", "/api/auth/users/admin/sessions", "/who", "/admin"} {
				b.get(path).expect(401)
				b.get(path + "?userId=admin&token=" + token).expect(401)
			}
		})
	})
}
