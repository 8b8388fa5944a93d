package promises

import (
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/nguard-go/nguard/adapters/httpguard"
	nguard "github.com/nguard-go/nguard/core"
)

// sameRefusal sends each value as the session cookie and wants one answer to the byte: 401 that clears the
// cookie. What net/http itself refuses as no HTTP, such as a control character, never gets to nguard.
func (w *world) sameRefusal(values []string) {
	w.t.Helper()
	first := w.sends(w.written("GET", "/api/auth/session", "", w.by("never-issued"))).expect(401)
	if !w.clears(first.header["Set-Cookie"]) {
		w.t.Fatalf("a value that was never issued is not cleared: %s", first.head)
	}
	c := dialWire(w.t, w.addr())
	for _, value := range values {
		r := c.ask(w.written("GET", "/api/auth/session", "", w.by(value)))
		if r.status == 400 && strings.Contains(r.head, "Connection: close") {
			c = dialWire(w.t, w.addr())
			continue
		}
		if r.stable() != first.stable() {
			w.t.Errorf("cookie %q: answer differs:\n%s\nwant\n%s", value, r.stable(), first.stable())
		}
	}
}

func TestC1_EveryFlippedBitIsRefusedAlike(t *testing.T) {
	w := newWorld(t, memory(t))
	victim := w.loggedIn("user")
	token := victim.token()
	var values []string
	for i := range len(token) {
		for bit := range 8 {
			raw := []byte(token)
			raw[i] ^= 1 << bit
			if raw[i] == ';' && i == 0 {
				continue // an empty value, which is no cookie: "contract 5" in adapters/adaptertest
			}
			values = append(values, string(raw))
		}
	}
	w.sameRefusal(values)
	if got := victim.get("/who").text(); got != "user" {
		t.Errorf("the session itself: %q", got)
	}
}

func TestC2_EveryLengthIsRefusedAlike(t *testing.T) {
	w := newWorld(t, memory(t))
	victim := w.loggedIn("user")
	token := victim.token()
	var values []string
	for n := 1; n < len(token); n++ {
		values = append(values, token[:n], token[n:])
	}
	for _, tail := range []string{"A", "=", "==", ".", "-", "%00", "%3D", "A" + token, token, "." + token, strings.Repeat("A", 4000), "\u00a0"} {
		values = append(values, token+tail, tail+token)
	}
	w.sameRefusal(values)
	victim.get("/who").expect(200)
}

func TestC3_OtherSpellingsAreRefusedAlike(t *testing.T) {
	w := newWorld(t, memory(t))
	victim := w.loggedIn("user")
	token := victim.token()
	values := []string{
		`"` + token + `"`, `'` + token + `'`, " " + token, "\t" + token, token[:36] + " " + token[36:], token + ",", "," + token, token + "," + token,
		"\x01" + token, token + "\x7f", token[:10] + "\x00" + token[10:], "\xff\xfe" + token, token + "\x80", "\xef\xbb\xbf" + token, "=" + token,
		strings.ToUpper(token), strings.ToLower(token), "%" + fmt.Sprintf("%02x", token[0]) + token[1:], strings.NewReplacer("-", "+", "_", "/").Replace(token) + "=",
		"Bearer " + token, "{}", "null", "undefined", "0", "s:" + token + ".sig", "eyJhbGciOiJub25lIn0.e30.", strings.Repeat("\U0001F36A", 20),
	}
	// The last character carries no spare bits: no second spelling of the same bytes exists.
	for c := byte('!'); c < 0x7f; c++ {
		if c != token[71] && c != ';' {
			values = append(values, token[:71]+string(c))
		}
	}
	w.sameRefusal(values)
	victim.get("/who").expect(200)
	w.await("the malformed token", func(e nguard.Event) bool { return e.Name == nguard.EventInputInvalid && e.Reason == "malformed token" })
}

func TestC3_AnEmptyValueIsNoCookie(t *testing.T) {
	w := newWorld(t, memory(t))
	victim := w.loggedIn("user")
	name := w.guard.CookieName()
	none := w.sends(w.written("GET", "/api/auth/session", "")).expect(401)
	for _, line := range []string{name + "=", name, name + "= ", name + "=;", "; " + name + "=; ;;", name + "=; " + name + "="} {
		if r := w.sends(w.written("GET", "/api/auth/session", "", "Cookie: "+line)); r.stable() != none.stable() {
			t.Errorf("Cookie: %s: %s", line, r.stable())
		}
	}
	for _, line := range []string{name + "=; " + name + "=" + victim.token(), name + "=" + victim.token() + "; " + name + "="} {
		w.sends(w.written("GET", "/who", "", "Cookie: "+line)).expect(200)
	}
	for _, e := range w.back.read() {
		if e.Name == nguard.EventInputInvalid {
			t.Errorf("an event for no cookie: %+v", e)
		}
	}
}

func TestC4_HugeCookieHeadersAreBounded(t *testing.T) {
	w := newWorld(t, memory(t))
	victim := w.loggedIn("user")
	for _, size := range []int{8 << 10, 64 << 10, 1<<20 + 16<<10} {
		for name, line := range map[string]string{
			"one value":    w.by(strings.Repeat("A", size)),
			"others first": "Cookie: other=" + strings.Repeat("A", size),
			"many":         "Cookie: " + strings.Repeat("a=b; ", size/5),
		} {
			r := w.sends(w.written("GET", "/who", "", line))
			if r.status != 401 && r.status != 431 && r.status != 400 {
				t.Errorf("%s of %d bytes: status %d", name, size, r.status)
			}
			if size > 1<<20 && r.status == 401 {
				t.Errorf("%s of %d bytes reached the handler", name, size)
			}
		}
	}
	// A session that stands behind more than is looked at does not count, and is not half read.
	w.sends(w.written("GET", "/who", "", "Cookie: other="+strings.Repeat("A", 20<<10)+"; "+w.guard.CookieName()+"="+victim.token())).expect(401)
	w.await("the oversize header", func(e nguard.Event) bool { return e.Reason == "too many cookies" })
	victim.get("/who").expect(200)
}

func TestC5_ASessionOverTheBudgetIsAnErrorAndChangesNothing(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		app := w.serve(httpguard.Sessions(w.guard)(httpguard.Endpoints(w.guard)(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			_, err := httpguard.From(r).Update(r.Context(), func(d *nguard.Draft) error {
				_ = draftBox.Set(d, strings.Repeat("x", 20<<10)) // one that ignores the error does not get by
				return visits.Set(d, 7)
			})
			if err != nil {
				httpguard.Fail(rw, r, err)
			}
		}))), nil)
		b := w.browserAt(app.URL)
		b.login("user")
		b.post("/api/auth/update", `{"draft":"before"}`).expect(200)
		b.post("/", "").expect(413)
		a := b.get("/api/auth/session").expect(200)
		if a.at("session", "data", "draft") != "before" || a.at("session", "data", "visits") != 0.0 {
			t.Errorf("a refused change left %s", a.raw)
		}
	})
}

func TestC6_TheLargestSessionFitsWithOrdinaryHeaders(t *testing.T) {
	big := &nguard.Field[string]{Name: "big"}
	w := newWorld(t, memory(t), func(c *nguard.Config) { c.Fields = append(fields(), big) })
	app := w.serve(httpguard.Sessions(w.guard)(httpguard.Endpoints(w.guard)(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		_, err := httpguard.From(r).Update(r.Context(), func(d *nguard.Draft) error { return big.Set(d, strings.Repeat("x", 16000)) })
		if err != nil {
			httpguard.Fail(rw, r, err)
		}
	}))), nil)
	b := w.browserAt(app.URL)
	b.login("user")
	a := b.post("/", "").expect(200)
	lines := a.header["Set-Cookie"]
	if len(lines) != 1 || len(lines[0]) > 4096 {
		t.Fatalf("Set-Cookie: %d lines, %d bytes", len(lines), len(strings.Join(lines, "")))
	}
	if pair, _, _ := strings.Cut(lines[0], ";"); len(pair) > 256 {
		t.Errorf("name and value take %d bytes, whatever the session holds", len(pair))
	}
	ordinary := []string{
		"User-Agent: Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
		"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8", "Accept-Language: en-GB,en;q=0.9,tr;q=0.8",
		`Sec-Ch-Ua: "Chromium";v="142", "Not?A_Brand";v="99"`, "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty", "Referer: " + app.URL + "/some/page?with=a&query=string",
	}
	got := b.do("GET", "/api/auth/session", "", ordinary...).expect(200)
	if s, _ := got.at("session", "data", "big").(string); len(s) != 16000 {
		t.Errorf("%d of 16000 bytes came back", len(s))
	}
}

func TestC7_TwoValuesOfTheCookieCountAsNone(t *testing.T) {
	w := newWorld(t, memory(t))
	victim, thief := w.loggedIn("user"), w.loggedIn("other")
	name := w.guard.CookieName() + "="
	v, th := name+victim.token(), name+thief.token()
	for what, lines := range map[string][]string{
		"one line":             {"Cookie: " + v + "; " + th},
		"one line, other way":  {"Cookie: " + th + "; " + v},
		"two lines":            {"Cookie: " + v, "Cookie: " + th},
		"two lines, other way": {"Cookie: " + th, "Cookie: " + v},
		"others between":       {"Cookie: a=1; " + v + "; b=2", "Cookie: c=3; " + th},
		"beside junk":          {"Cookie: " + v + "; " + name + "junk"},
		"junk first":           {"Cookie: " + name + "junk; " + v},
		"three":                {"Cookie: " + v + "; " + v + "; " + th},
	} {
		r := w.sends(w.written("GET", "/api/auth/session", "", lines...)).expect(401)
		if !w.clears(r.header["Set-Cookie"]) || len(r.header["Set-Cookie"]) != 1 {
			t.Errorf("%s: Set-Cookie %q", what, r.header["Set-Cookie"])
		}
		if r.header.Get(nguard.VersionHeader) != "" {
			t.Errorf("%s: a session's version in the answer", what)
		}
		w.sends(w.written("POST", "/api/auth/update", `{"theme":"dark"}`, append(lines, sameOrigin, asJSON)...)).expect(401)
		// A login is the way out: the browser gets the one new token and no deletion beside it.
		r = w.sends(w.written("POST", "/api/auth/login", credentials, append(lines, sameOrigin, asJSON)...)).expect(200)
		if got := r.header["Set-Cookie"]; len(got) != 1 || w.clears(got) {
			t.Errorf("%s: login answers Set-Cookie %q", what, got)
		}
		w.sends(w.written("POST", "/api/auth/logout", "", append(lines, sameOrigin)...)).expect(200)
	}
	e := w.await("the two cookies", func(e nguard.Event) bool { return e.Reason == "two session cookies" })
	if e.Name != nguard.EventInputInvalid || e.Actor != "" {
		t.Errorf("event %+v", e)
	}
	// Neither session ended: who tosses a cookie cannot sign anybody out for good.
	for _, b := range []*browser{victim, thief} {
		b.get("/who").expect(200)
	}
	w.sends(w.written("GET", "/who", "", "Cookie: "+v+"; "+v)).expect(200) // the same value twice is one
}

func TestC8_LookAlikesAreIgnored(t *testing.T) {
	w := newWorld(t, memory(t))
	victim, thief := w.loggedIn("user"), w.loggedIn("other")
	name, t1 := w.guard.CookieName(), thief.token()
	for _, pair := range []string{
		"nguard-session=" + t1, "__host-nguard-session=" + t1, "__HOST-NGUARD-SESSION=" + t1, "__Host-Nguard-session=" + t1, "__Secure-nguard-session=" + t1,
		"__Http-nguard-session=" + t1, "__Host-Http-nguard-session=" + t1, "=" + name + "=" + t1, "= " + name + "=" + t1, "\u00a0" + name + "=" + t1, "\u2000" + name + "=" + t1,
		"\u3000" + name + "=" + t1, "\ufeff" + name + "=" + t1, "x" + name + "=" + t1, name + "x=" + t1, name + " =" + t1, name + "\t=" + t1, `"` + name + `"=` + t1, "%5F" + name[1:] + "=" + t1,
		"_" + name + "=" + t1, name + "[]=" + t1, name + ".0=" + t1, name + ":" + t1, "$" + name + "=" + t1, name + ",a=" + t1, "a=" + name + "=" + t1, "a=b, " + name + "=" + t1,
	} {
		alone := w.sends(w.written("GET", "/who", "", "Cookie: "+pair)).expect(401)
		if len(alone.header["Set-Cookie"]) != 0 {
			t.Errorf("%q: Set-Cookie %q", pair, alone.header["Set-Cookie"])
		}
		for _, line := range []string{pair + "; " + name + "=" + victim.token(), name + "=" + victim.token() + "; " + pair} {
			if r := w.sends(w.written("GET", "/who", "", "Cookie: "+line)).expect(200); r.body != "user" {
				t.Errorf("Cookie: %q: signed in as %q", line, r.body)
			}
		}
	}
	// RFC 2965 words are cookies like others.
	if r := w.sends(w.written("GET", "/who", "", `Cookie: $Version=1; `+name+"="+victim.token()+`; $Path=/; $Domain=x`)).expect(200); r.body != "user" {
		t.Errorf("beside $Version: %q", r.body)
	}
	w.sends(w.written("GET", "/who", "", `Cookie: $Version=1; `+name+`="`+victim.token()+`"; $Path="/"`)).expect(401)
}

func TestC9_ThousandsOfCookies(t *testing.T) {
	w := newWorld(t, memory(t))
	victim := w.loggedIn("user")
	own := w.guard.CookieName() + "=" + victim.token()
	many := strings.TrimSuffix(strings.Repeat("a=;", 3001), ";")
	for what, line := range map[string]string{"first": own + ";" + many, "last": many + ";" + own, "nameless": strings.Repeat(";", 6000) + own, "same name": strings.Repeat(w.guard.CookieName()+"=;", 600) + own} {
		r := w.sends(w.written("GET", "/who", "", "Cookie: "+line))
		if r.status != 401 && r.status != 400 {
			t.Errorf("%s: status %d", what, r.status)
		}
	}
	w.sends(w.written("GET", "/who", "", "Cookie: "+strings.Repeat("a=b;", 200)+own)).expect(200)
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

func TestC16_LogoutRemovesTheCookieFromABrowser(t *testing.T) {
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
				w := newWorld(t, memory(t), func(config *nguard.Config) { config.Cookie = c.config })
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

// What a browser does with a deletion that a careless server sends, so that the model above is known to bite.
func TestC16_TheJarKeepsACookieThatIsDeletedWrongly(t *testing.T) {
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

// A handler's own cookies stay beside ours, and ours replaces what was set under its name before.
func TestC7_OneLineForTheSessionWhateverElseIsSet(t *testing.T) {
	w := newWorld(t, memory(t))
	s := httptest.NewServer(httpguard.Sessions(w.guard)(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		http.SetCookie(rw, &http.Cookie{Name: "own", Value: "1"})
		http.SetCookie(rw, &http.Cookie{Name: w.guard.CookieName() + "2", Value: "1"})
		req := httpguard.From(r)
		if _, err := req.Login(r.Context(), "user", nguard.LoginOptions{}); err != nil {
			t.Error(err)
		}
		if _, err := req.Reauthenticated(r.Context(), nguard.LoginOptions{}); err != nil {
			t.Error(err)
		}
	})))
	t.Cleanup(s.Close)
	b := w.browserAt(s.URL).hold("junk")
	a := b.post("/", "").expect(200)
	if lines := a.header["Set-Cookie"]; len(lines) != 3 {
		t.Errorf("Set-Cookie %q", lines)
	}
	if b.token() == "" || b.token() == "junk" {
		t.Errorf("the browser holds %q", b.token())
	}
}
