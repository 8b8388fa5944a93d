package adaptertest

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
)

// cookieRemoval is the rule C16 of the checklist: a cookie that is cleared is gone from a browser.
var cookieRemoval = []rule{
	{"C16 removal", "What ends a session removes the cookie from a browser that follows RFC 6265bis, however the cookie is configured.", cookieRemoved},
	{"C16 the model of a browser", "The browser that these rules assume keeps a cookie that a careless server deletes wrongly.", cookieWrongRemoval},
}

// specJar stores cookies as RFC 6265bis says, on top of net/http/cookiejar, which knows no prefixes: a
// __Host- cookie without Secure, with a Domain, or without Path=/ is ignored, a deletion as much as any.
type specJar struct{ http.CookieJar }

func (j specJar) store(u *url.URL, lines []string) {
	for _, line := range lines {
		c, err := http.ParseSetCookie(line)
		if err != nil {
			continue
		}
		lower := strings.ToLower(c.Name)
		if strings.HasPrefix(lower, "__host-") && (!c.Secure || c.Domain != "" || c.Path != "/") {
			continue
		}
		if strings.HasPrefix(lower, "__secure-") && !c.Secure || c.Secure && u.Scheme != "https" {
			continue
		}
		if c.SameSite == http.SameSiteNoneMode && !c.Secure {
			continue
		}
		j.SetCookies(u, []*http.Cookie{c})
	}
}

func cookieRemoved(t *testing.T, k *kit) {
	for _, c := range []struct {
		name, page, cookie string
		config             nguard.Cookie
	}{
		{"default", "https://app.example.com/", "__Host-nguard-session", nguard.Cookie{}},
		{"named, strict", "https://app.example.com/", "__Host-sid", nguard.Cookie{Name: "sid", SameSite: nguard.SameSiteStrict}},
		{"none", "https://app.example.com/", "__Host-nguard-session", nguard.Cookie{SameSite: nguard.SameSiteNone, CrossSite: "embedded in a partner's page"}},
		{"shared domain", "https://app.example.com/", "__Secure-nguard-session", nguard.Cookie{Domain: "example.com"}},
		{"insecure", "http://dev.example.com/", "nguard-session", nguard.Cookie{Insecure: true}},
		{"insecure, shared domain", "http://dev.example.com/", "nguard-session", nguard.Cookie{Insecure: true, Domain: "example.com"}},
	} {
		for _, ending := range []string{"logout", "never issued", "own handle"} {
			t.Run(c.name+"/"+ending, func(t *testing.T) {
				w := k.newWorld(t, func(config *nguard.Config) { config.Cookie = c.config })
				page, err := url.Parse(c.page)
				if err != nil {
					t.Fatal(err)
				}
				inner, err := cookiejar.New(nil)
				if err != nil {
					t.Fatal(err)
				}
				jar := specJar{inner}
				for _, remember := range []string{"", `,"remember":true`} {
					login := w.sends(w.written("POST", "/api/auth/login", strings.TrimSuffix(credentials, "}")+remember+"}", sameOrigin, asJSON)).expect(200)
					jar.store(page, login.header["Set-Cookie"])
					held := jar.Cookies(page)
					if len(held) != 1 || held[0].Name != c.cookie || held[0].Value == "" {
						t.Fatalf("after login the browser holds %v of %q", held, login.header["Set-Cookie"])
					}
					own := "Cookie: " + c.cookie + "=" + held[0].Value
					var end reply
					switch ending {
					case "logout":
						end = w.sends(w.written("POST", "/api/auth/logout", "", sameOrigin, own)).expect(200)
					case "never issued":
						end = w.sends(w.written("GET", "/who", "", own+"x")).expect(401)
					case "own handle":
						end = w.sends(w.written("DELETE", "/api/auth/sessions/"+w.handle("user"), "", sameOrigin, own)).expect(200)
					}
					jar.store(page, end.header["Set-Cookie"])
					if held := jar.Cookies(page); len(held) != 0 {
						t.Fatalf("after %s the browser still holds %v; Set-Cookie %q", ending, held, end.header["Set-Cookie"])
					}
					if ending == "never issued" {
						w.sends(w.written("POST", "/api/auth/logout", "", sameOrigin, own)).expect(200)
					}
				}
			})
		}
	}
}

// It needs no service: it proves that the model of a browser bites.
func cookieWrongRemoval(t *testing.T, _ *kit) {
	page, _ := url.Parse("https://app.example.com/")
	for _, line := range []string{
		"__Host-nguard-session=; Path=/; Max-Age=0", "__Host-nguard-session=; Max-Age=0; Secure", "__Host-nguard-session=; Path=/; Domain=example.com; Secure; Max-Age=0",
		"__Host-nguard-session=; Path=/api; Secure; Max-Age=0", "nguard-session=; Path=/; Secure; Max-Age=0",
	} {
		inner, _ := cookiejar.New(nil)
		jar := specJar{inner}
		jar.store(page, []string{"__Host-nguard-session=token; Path=/; Secure; HttpOnly; SameSite=Lax"})
		jar.store(page, []string{line})
		if len(jar.Cookies(page)) != 1 {
			t.Errorf("%q deleted the cookie", line)
		}
	}
}
