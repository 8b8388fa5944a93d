package adaptertest

import (
	"context"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
)

// injection are the rules L4 to L7 of the checklist: what text does to headers, errors, queries and keys.
var injection = []rule{
	{"L4 headers", "Nothing that a request says changes the lines of the answer's header, and no configuration that would is accepted.", injectionHeaders},
	{"L5 markup", "Errors reflect no markup, and markup that a person saves comes back as text.", injectionMarkup},
	{"L6 queries", "No text is a query: it is unknown, refused or kept as it is, and no row goes or comes.", injectionSQL},
	{"L7 keys", "Ending the sessions of a person ends exactly those, whatever the ID looks like.", injectionKeys},
}

// nasty is text that breaks lines, terminals, formats, queries or documents which take it for their own.
var nasty = []string{
	"a\r\nSet-Cookie: x=y", "a\nb", "a\rb", "\x1b[2J\x1b[31mred", "\x1b]0;title\x07", "a\u202eb", "\u2066x\u2069", "a\u2028b", "a\u2029b", "a\u0085b", "z\u200bw\u200d\ufeff", "\u00ad", "\U000e0041",
	"%s%n%x%d", "%!v(MISSING)", "{{.}}", "${jndi:ldap://x}", "#{7*7}", "<%= 7*7 %>", "=1+1", "+1", "-1", "@SUM(A1)", "=cmd|'/C calc'!A0", "\t=1+1",
	"<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "</script><!--", "&lt;", "]]>", "`x`",
	"' OR '1'='1", "'; DROP TABLE people; --", "\" OR 1=1 --", "x') UNION SELECT * FROM people --", "%' OR '%'='", "\\'; --", "user'--", "$1", "?", ":id", "user\\",
	"*", "a:b", "{user}", "user*", "[user]", "../user", "user/../admin", "user\\..\\admin", "//", "a/b", "\u00fcser", "\u212aelvin", "𝓊ser", "\ufffd",
}

// jsonText quotes text without judging it.
func jsonText(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case r < ' ':
			b.WriteString(`\u00` + string("0123456789abcdef"[r>>4]) + string("0123456789abcdef"[r&15]))
		default:
			b.WriteRune(r)
		}
	}
	return b.String() + `"`
}

func names(h map[string][]string) string {
	var all []string
	for name := range h {
		all = append(all, name)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func injectionHeaders(t *testing.T, k *kit) {
	b := k.open(t)
	for _, bad := range []string{"a\r\nb", "a\nSet-Cookie: x=y", "a\rb", "a;b", "a; Domain=evil", "a b", "a,b", "a=b", "a\x00b", "a\"b", "a\tb", "ü", "a\u0085b", "(a)", "a/b", "__Host-a", "__host-a", strings.Repeat("a", 65), "a\x7f", ";", " "} {
		if _, err := nguard.New(nguard.Config{Store: b.store, Waive: waived(b.store), Cookie: nguard.Cookie{Name: bad}}); err == nil || !strings.Contains(err.Error(), "Cookie.Name") {
			t.Errorf("Cookie.Name %q: error %v", bad, err)
		}
		if bad == "__Host-a" || bad == "__host-a" || len(bad) == 65 {
			continue
		}
		if _, err := nguard.New(nguard.Config{Store: b.store, Waive: waived(b.store), Cookie: nguard.Cookie{Domain: "x." + bad}}); err == nil || !strings.Contains(err.Error(), "Cookie.Domain") {
			t.Errorf("Cookie.Domain %q: error %v", bad, err)
		}
		if _, err := nguard.New(nguard.Config{Store: b.store, Waive: waived(b.store), Namespace: bad}); err == nil || !strings.Contains(err.Error(), "Namespace") {
			t.Errorf("Namespace %q: error %v", bad, err)
		}
	}
	for _, bad := range []nguard.Cookie{{SameSite: nguard.SameSiteNone}, {SameSite: nguard.SameSiteNone, Insecure: true, CrossSite: "x"}, {SameSite: 9}, {Domain: ".example.com"}, {Domain: strings.Repeat("a", 254)}} {
		if _, err := nguard.New(nguard.Config{Store: b.store, Waive: waived(b.store), Cookie: bad}); err == nil {
			t.Errorf("%+v was accepted", bad)
		}
	}
	// Whatever a request says, the answer has the same header lines; a request ID that a proxy has let
	// through goes into a header of a 503.
	b = k.open(t)
	store := &tally{Store: b.store}
	b.store = store
	w := newWorld(t, b, func(c *nguard.Config) { c.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")} })
	w.roomy(64 << 10)
	user := w.loggedIn("user")
	for _, text := range append(nasty, "id\x01", "id\xff", strings.Repeat("x", 5000)) {
		for _, c := range []struct {
			method, path, body string
			down               bool
		}{
			{"GET", "/api/auth/session", "", false}, {"POST", "/api/auth/profile", `{"name":` + jsonText(text) + `}`, false}, {"GET", "/api/auth/" + url.PathEscape(text), "", false},
			{"POST", "/api/auth/update", `{"role":` + jsonText(text) + `}`, false}, {"GET", "/api/auth/session", "", true},
		} {
			store.down.Store(c.down)
			lines := []string{w.by(user.token()), sameOrigin, asJSON}
			plain := w.sends(w.written(c.method, c.path, c.body, lines...))
			nastier := w.sends(w.written(c.method, c.path, c.body, append(lines, "X-Request-Id: "+text, "User-Agent: "+text, "X-A: "+text, "Referer: "+text)...))
			store.down.Store(false)
			if nastier.status == 400 && plain.status != 400 {
				continue // refused by the server
			}
			if names(plain.header) != names(nastier.header) {
				t.Errorf("%s %s with %q: header %s, without %s", c.method, c.path, text, names(nastier.header), names(plain.header))
			}
			if strings.Count(nastier.head, "\r\n") != strings.Count(nastier.head, "\n") || strings.Count(strings.ReplaceAll(nastier.head, "\r\n", ""), "\r") != 0 {
				t.Errorf("bare line ends in %q", nastier.head)
			}
			if n := len(strings.Split(nastier.head, "\r\n")); n != len(strings.Split(plain.head, "\r\n")) {
				t.Errorf("%d lines of header: %q", n, nastier.head)
			}
		}
	}
}

func injectionMarkup(t *testing.T, k *kit) {
	w := k.newWorld(t)
	user := w.loggedIn("user")
	for _, markup := range []string{"<script>alert(1)</script>", `"><img src=x onerror=alert(1)>`, "<svg/onload=x>"} {
		quoted := jsonText(markup)
		for _, r := range []reply{
			w.sends(w.written("GET", "/api/auth/"+url.PathEscape(markup), "", w.by(user.token()))),
			w.sends(w.written("GET", "/api/auth/session?"+url.QueryEscape(markup), "", w.by(markup))),
			w.sends(w.written("POST", "/api/auth/update", `{`+quoted+`:1}`, sameOrigin, asJSON, w.by(user.token()))),
			w.sends(w.written("POST", "/api/auth/update", `{"theme":`+quoted+`}`, sameOrigin, asJSON, w.by(user.token()))),
			w.sends(w.written("POST", "/api/auth/update-role", `{"userId":`+quoted+`,"newRole":`+quoted+`}`, sameOrigin, asJSON, w.by(user.token()))),
			w.sends(w.written("POST", "/api/auth/update-role", `{`+quoted+`:1}`, sameOrigin, asJSON, w.by(user.token()))),
			w.sends(w.written("POST", "/api/auth/login", `{"id":`+quoted+`,"password":"x"}`, sameOrigin, asJSON)),
			w.sends(w.written("POST", "/api/auth/update", markup, sameOrigin, asJSON, w.by(user.token()))),
			w.sends(w.written("POST", "/api/auth/update", `{}`, sameOrigin, "Content-Type: "+markup, w.by(user.token()))),
			w.sends(w.written("POST", "/api/auth/update", `{"theme":"dark"}`, sameOrigin, asJSON, "If-Match: "+markup, w.by(user.token()))),
			w.sends(w.written("POST", "/api/auth/update", `{"theme":"dark"}`, "Origin: "+markup, asJSON, w.by(user.token()))),
		} {
			if r.status < 400 || strings.ContainsAny(r.body, "<>") || strings.Contains(r.body, "alert") || strings.Contains(r.body, "onload") || r.header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%q: %s%s", markup, r.head, r.body)
			}
		}
		// A name with markup comes back as text that no parser of HTML takes for more.
		r := w.sends(w.written("POST", "/api/auth/profile", `{"name":`+quoted+`}`, sameOrigin, asJSON, w.by(user.token()))).expect(200)
		if strings.ContainsAny(r.body, "<>") || r.header.Get("Content-Type") != "application/json" {
			t.Errorf("profile answers %s", r.body)
		}
		if got := user.get("/api/auth/session").at("session", "user", "name"); got != markup {
			t.Errorf("the name %q came back as %q", markup, got)
		}
	}
}

func injectionSQL(t *testing.T, k *kit) {
	w := k.newWorld(t)
	user, admin := w.loggedIn("user"), w.loggedIn("admin")
	before := w.rowCounts()
	for _, text := range nasty {
		quoted, escaped := jsonText(text), url.PathEscape(text)
		user.get("/api/auth/session?" + escaped)
		w.sends(w.written("GET", "/who", "", w.by(strings.NewReplacer("\r", "", "\n", "", ";", "").Replace(text)))) // as a token
		if a := w.browser().post("/api/auth/login", `{"id":`+quoted+`,"password":`+quoted+`}`); a.status != 401 {
			t.Errorf("login as %q: status %d", text, a.status)
		}
		if a := w.browser().post("/api/auth/login", `{"id":`+quoted+`,"password":"`+guardtest.Password+`"}`); a.status != 401 {
			t.Errorf("login as %q with everybody's password: status %d", text, a.status)
		}
		if a := admin.post("/api/auth/update-role", `{"userId":`+quoted+`,"newRole":"user"}`); a.status != 404 {
			t.Errorf("role of %q: status %d", text, a.status)
		}
		if a := admin.post("/api/auth/update-role", `{"userId":"other","newRole":`+quoted+`}`); a.status != 400 {
			t.Errorf("role %q: status %d", text, a.status)
		}
		admin.get("/api/auth/users/" + escaped + "/sessions").expect(404)
		admin.do("DELETE", "/api/auth/users/"+escaped+"/sessions", "").expect(404)
		if a := admin.do("DELETE", "/api/auth/users/user/sessions/"+escaped, ""); a.status != 404 {
			t.Errorf("session %q: status %d", text, a.status)
		}
		if a := user.do("DELETE", "/api/auth/sessions/"+escaped, ""); a.status != 404 {
			t.Errorf("own session %q: status %d", text, a.status)
		}
		a := user.post("/api/auth/profile", `{"name":`+quoted+`}`).expect(200)
		if got := a.at("session", "user", "name"); got != text {
			t.Errorf("the name %q came back as %q", text, got)
		}
	}
	if after := w.rowCounts(); after != before {
		t.Errorf("rows before %s, after %s", before, after)
	}
	user.get("/who").expect(200)
	admin.get("/admin").expect(200)
}

func injectionKeys(t *testing.T, k *kit) {
	ids := []string{"1", "10", "user*", "user", "us_r", "us%r", "a:b", "a", "{a}", "{a}b", "a/b", "b", "/a/b", "//", "[u]ser", "user?", "USER", "user ", " user", "usér", "use\u0301r", "nguard", strings.Repeat("x", 191), strings.Repeat("x", 190)}
	b := k.open(t)
	var all []nguard.User
	for _, id := range ids {
		all = append(all, nguard.User{ID: id, Email: id + "@example.com", Role: "user"})
	}
	all = append(all, nguard.User{ID: "keeper", Role: "admin"})
	b.users = guardtest.NewUsers(all...)
	w := newWorld(t, b)
	// the same people in another namespace, and one whose key looks like a person's here
	tenant := newGuard(t, nguard.Config{Store: b.store, Waive: waived(b.store), Users: b.users, Namespace: "a", Limits: w.config.Limits, Now: w.clock.Now})
	ctx := nguard.WithActor(context.Background(), "test")
	held := map[string]string{}
	for _, id := range ids {
		for _, g := range []*nguard.Guard{w.guard, tenant} {
			token, _, err := g.Login(ctx, id, nguard.LoginOptions{})
			if err != nil {
				t.Fatalf("%q: %v", id, err)
			}
			held[token] = id
		}
	}
	alive := func() (n int) {
		for token, id := range held {
			s, err := w.guard.Lookup(ctx, token)
			other, errOther := tenant.Lookup(ctx, token)
			if err == nil && errOther == nil {
				t.Errorf("a token of %q opens both namespaces", id)
			}
			for _, found := range []*nguard.Session{s, other} {
				if found != nil {
					n++
					if found.UserID() != id {
						t.Errorf("a token of %q opens a session of %q", id, found.UserID())
					}
				}
			}
		}
		return n
	}
	for i, id := range ids {
		if n := len(w.devices(id)); n != 1 {
			t.Errorf("%q has %d sessions", id, n)
		}
		if err := w.guard.RevokeUser(ctx, id); err != nil {
			t.Errorf("%q: %v", id, err)
		}
		if got, want := alive(), 2*len(ids)-i-1; got != want {
			t.Fatalf("after revoking %q %d sessions live, want %d", id, got, want)
		}
	}
	for _, id := range []string{"", strings.Repeat("x", 192), "a\x00b", "a\r\nb", "a\xffb", "\u0085"} {
		if _, _, err := w.guard.Login(ctx, id, nguard.LoginOptions{}); err == nil {
			t.Errorf("logged in as %q", id)
		}
	}
}
