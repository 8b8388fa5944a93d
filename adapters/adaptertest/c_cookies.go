package adaptertest

import (
	"strings"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
)

// cookies are the rules C4 to C9 of the checklist: how much a cookie header and a session may hold, and how many.
var cookies = []rule{
	{"C4 huge headers", "A cookie header is read up to a bound, and a session behind it does not count.", cookieHugeHeaders},
	{"C5 a session over the budget", "A change that would make a session too large is refused as a whole.", cookieOverBudget},
	{"C6 the largest session", "Whatever a session holds, its cookie is short and the next request of a browser gets through.", cookieLargestSession},
	{"C7 two values", "Two different values of the session cookie count as none and are cleared, and neither session ends by it.", cookieTwoValues},
	{"C7 one line", "A handler's own cookies stay beside ours, and ours replaces what was set under its name before.", cookieOneLine},
	{"C9 thousands of cookies", "A session behind thousands of cookies does not count; behind a few hundred it does.", cookieThousands},
}

func cookieHugeHeaders(t *testing.T, k *kit) {
	w := k.newWorld(t)
	w.roomy(64 << 10)
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

func cookieOverBudget(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
		b := w.browserAt(w.pages(Route{Method: "POST", Path: "/", Handle: func(c Ctx) {
			_, err := c.From().Update(c.Context(), func(d *nguard.Draft) error {
				_ = draftBox.Set(d, strings.Repeat("x", 20<<10)) // one that ignores the error does not get by
				return visits.Set(d, 7)
			})
			if err != nil {
				c.Fail(err)
			}
		}}))
		b.login("user")
		b.post("/api/auth/update", `{"draft":"before"}`).expect(200)
		b.post("/", "").expect(413)
		a := b.get("/api/auth/session").expect(200)
		if a.at("session", "data", "draft") != "before" || a.at("session", "data", "visits") != 0.0 {
			t.Errorf("a refused change left %s", a.raw)
		}
	})
}

func cookieLargestSession(t *testing.T, k *kit) {
	big := &nguard.Field[string]{Name: "big"}
	w := k.newWorld(t, func(c *nguard.Config) { c.Fields = append(fields(), big) })
	b := w.browserAt(w.pages(Route{Method: "POST", Path: "/", Handle: func(c Ctx) {
		_, err := c.From().Update(c.Context(), func(d *nguard.Draft) error { return big.Set(d, strings.Repeat("x", 16000)) })
		if err != nil {
			c.Fail(err)
		}
	}}))
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
		`Sec-Ch-Ua: "Chromium";v="142", "Not?A_Brand";v="99"`, "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty", "Referer: " + b.base + "/some/page?with=a&query=string",
	}
	got := b.do("GET", "/api/auth/session", "", ordinary...).expect(200)
	if s, _ := got.at("session", "data", "big").(string); len(s) != 16000 {
		t.Errorf("%d of 16000 bytes came back", len(s))
	}
}

func cookieTwoValues(t *testing.T, k *kit) {
	w := k.newWorld(t)
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

func cookieOneLine(t *testing.T, k *kit) {
	w := k.newWorld(t)
	base := w.pages(Route{Method: "POST", Path: "/", Handle: func(c Ctx) {
		c.AddHeader("Set-Cookie", "own=1")
		c.AddHeader("Set-Cookie", w.guard.CookieName()+"2=1")
		req := c.From()
		if _, err := req.Login(c.Context(), "user", nguard.LoginOptions{}); err != nil {
			t.Error(err)
		}
		if _, err := req.Reauthenticated(c.Context(), nguard.LoginOptions{}); err != nil {
			t.Error(err)
		}
	}})
	b := w.browserAt(base).hold("junk")
	a := b.post("/", "").expect(200)
	if lines := a.header["Set-Cookie"]; len(lines) != 3 {
		t.Errorf("Set-Cookie %q", lines)
	}
	if b.token() == "" || b.token() == "junk" {
		t.Errorf("the browser holds %q", b.token())
	}
}

func cookieThousands(t *testing.T, k *kit) {
	w := k.newWorld(t)
	w.roomy(64 << 10)
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
