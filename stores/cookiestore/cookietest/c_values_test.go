package cookietest

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/cookiestore"
)

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// C1 to C3 by one rule: whatever is wrong with a value, the answer is the same to the byte.
func alike(t *testing.T, s *site, values map[string]string) {
	t.Helper()
	want := s.session(strings.Repeat("A", 200))
	s.refused("garbage", want)
	for what, v := range values {
		got := s.session(v)
		if got.status != want.status || got.body != want.body || fmt.Sprint(steady(got.header)) != fmt.Sprint(steady(want.header)) {
			t.Errorf("%s: got %d %v %s, want %d %v %s", what, got.status, got.header, got.body, want.status, want.header, want.body)
		}
	}
}

// steady is the headers that do not change with the time.
func steady(h http.Header) http.Header {
	h = h.Clone()
	h.Del("Date")
	return h
}

func TestC1_Bits(t *testing.T) {
	for name, s := range map[string]*site{"row": open(t), "bare": open(t, bare)} {
		t.Run(name, func(t *testing.T) {
			value := s.login("ann").value()
			tries := map[string]string{}
			for i := range value {
				at := strings.IndexByte(alphabet, value[i])
				bit := 1 << (i % 6) // one in each character, every bit in every place of a byte; storetest flips all
				tries[fmt.Sprintf("bit %d of %d", i%6, i)] = value[:i] + string(alphabet[at^bit]) + value[i+1:]
			}
			alike(t, s, tries)
		})
	}
}

func TestC2_Length(t *testing.T) {
	s := open(t)
	value := s.login("ann").value()
	tries := map[string]string{}
	for i := 1; i < len(value); i++ {
		tries[fmt.Sprint("cut at ", i)] = value[:i]
	}
	for _, more := range []string{"A", "AA", "AAA", "AAAA", "_", strings.Repeat("A", 1000), value} {
		tries["with "+more] = value + more
		tries["behind "+more] = more + value
	}
	alike(t, s, tries)
}

func TestC3_Bytes(t *testing.T) {
	s := open(t)
	value := s.login("ann").value()
	want := s.raw(strings.Repeat("A", 200))
	for what, v := range map[string]string{
		"quoted": `"` + value + `"`, "space inside": value[:9] + " " + value[9:], "comma": value + ",", "comma inside": value[:9] + "," + value[9:],
		"control": value[:9] + "\x01" + value[9:], "delete": value + "\x7f", "no UTF-8": value[:9] + "\xff" + value[9:],
		"letter of two bytes": "é" + value, "equals sign": "=" + value, "tilde": "~" + value, "tab": value[:9] + "\t" + value[9:],
	} {
		// net/http itself refuses a header with control characters.
		got := s.raw(v)
		refused := strings.ContainsAny(v, "\x01\x7f") && strings.HasPrefix(got, "HTTP/1.1 400 ")
		if !refused && got != want {
			t.Errorf("%s: got %s, want %s", what, got, want)
		}
	}
	if !strings.Contains(want, " 401 ") || !strings.Contains(want, "Max-Age=0") {
		t.Errorf("garbage got %s", want)
	}
	t.Run("empty", func(t *testing.T) {
		s := open(t)
		a := s.session("")
		if a.status != http.StatusUnauthorized || len(a.cookies) != 0 {
			t.Errorf("got %d and %v", a.status, a.cookies)
		}
		s.session("x")
		s.await(nguard.EventInputInvalid, 1) // of the second: records are written in their order
	})
}

func TestC4_Floods(t *testing.T) {
	for name, s := range map[string]*site{"one cookie": open(t), "several": open(t, large)} {
		for _, size := range []int{8 << 10, 64 << 10, 1<<20 - 1000, 1 << 20} {
			for _, first := range []string{"A", "~1.4.AAAAAAAAAAA.", "~", "."} {
				a := s.session(first + strings.Repeat("A", size-len(first)))
				if a.status != http.StatusUnauthorized && a.status != http.StatusRequestHeaderFieldsTooLarge && a.status != http.StatusBadRequest {
					t.Errorf("%s, %d bytes from %q: got %d", name, size, first, a.status)
				}
			}
		}
	}
}

func TestC5_Budget(t *testing.T) {
	for name, options := range map[string][]option{"row": nil, "bare": {bare}, "several cookies": {large}} {
		t.Run(name, func(t *testing.T) {
			s := open(t, options...)
			b := s.login("ann")
			b.ok(b.do("POST", "/api/auth/update", `{"note":"kept"}`))
			refuse := func(path, body string) {
				t.Helper()
				before := b.cookies()
				a := b.do("POST", path, body)
				if a.status != http.StatusRequestEntityTooLarge || len(a.cookies) != 0 {
					t.Errorf("%s: got %d and %v: %s", path, a.status, a.cookies, a.body)
				}
				if after := b.cookies(); fmt.Sprint(after) != fmt.Sprint(before) {
					t.Errorf("%s: the cookie has changed", path)
				}
				if note := b.me().Data["note"]; note != "kept" {
					t.Errorf("%s: the note is %q", path, note)
				}
			}
			refuse("/keep", strings.Repeat("x", 11<<10))
			if name != "several cookies" {
				b.ok(b.do("POST", "/keep", strings.Repeat("y", 1400)))
				refuse("/api/auth/update", `{"note":"`+strings.Repeat("x", 999)+`"}`)
			}
			b.ok(b.do("POST", "/keep", "less"))
		})
	}
	t.Run("login", func(t *testing.T) {
		s := open(t)
		s.users.Put(nguard.User{ID: "big", Name: strings.Repeat("x", 4000)})
		a := s.browser().do("POST", "/api/auth/login", `{"id":"big","password":"guardtest-password"}`)
		if a.status != http.StatusRequestEntityTooLarge || len(a.cookies) != 0 {
			t.Errorf("got %d, %v: %s", a.status, a.cookies, a.body)
		}
		list, err := s.guard.Sessions(t.Context(), "big")
		if err != nil || len(list) != 0 {
			t.Errorf("a row was left: %d, %v", len(list), err)
		}
	})
}

func TestC7_Twice(t *testing.T) {
	for name, s := range map[string]*site{"one cookie": open(t), "several": open(t, large)} {
		a, b := s.login("ann").value(), s.login("bob").value()
		for what, lines := range map[string][]string{
			"one line":          {cookieName + "=" + a + "; " + cookieName + "=" + b},
			"the other way":     {cookieName + "=" + b + "; " + cookieName + "=" + a},
			"two lines":         {cookieName + "=" + a, cookieName + "=" + b},
			"two, turned round": {cookieName + "=" + b, cookieName + "=" + a},
			"with garbage":      {cookieName + "=" + a + "; " + cookieName + "=x"},
		} {
			s.refused(name+", "+what, s.send("GET", "/api/auth/session", "", lines...))
		}
		s.await(nguard.EventInputInvalid, 5)
		if got := s.send("GET", "/api/auth/session", "", cookieName+"="+a+"; "+cookieName+"="+a+"; "+cookieName+"="); got.status != http.StatusOK {
			t.Errorf("%s: the same value twice got %d", name, got.status)
		}
	}
}

func TestC8_LookAlikes(t *testing.T) {
	for name, s := range map[string]*site{"one cookie": open(t), "several": open(t, large)} {
		ann, eve := s.login("ann").value(), s.login("bob").value()
		for _, other := range []string{
			"nguard-session", "__host-nguard-session", "__HOST-NGUARD-SESSION", "__Secure-nguard-session", "$Version", "=__Host-nguard-session",
			"\u2003__Host-nguard-session", "__Host-nguard-session\u2003", "__Host-nguard-session ", "__Host-nguard-session-0", "__Host-nguard-session-1", "__Host-nguard-session-9",
			"__Host-nguard-session-02", "%5F_Host-nguard-session", "x__Host-nguard-session",
		} {
			if got := s.send("GET", "/api/auth/session", "", other+"="+eve); got.status != http.StatusUnauthorized {
				t.Errorf("%s: %q alone got %d", name, other, got.status)
			}
			got := s.send("GET", "/api/auth/session", "", other+"="+eve+"; "+cookieName+"="+ann+"; "+other+"="+eve)
			if got.status != http.StatusOK || got.session().User["id"] != "ann" {
				t.Errorf("%s: beside %q ann got %d", name, other, got.status)
			}
		}
	}
}

func TestC9_ManyCookies(t *testing.T) {
	for name, s := range map[string]*site{"one cookie": open(t), "several": open(t, large)} {
		ann := s.login("ann").value()
		for _, n := range []int{3001, 10_000} {
			a := s.send("GET", "/api/auth/session", "", strings.Repeat("a=b; ", n)+cookieName+"="+ann)
			if a.status != http.StatusUnauthorized && a.status != http.StatusBadRequest && a.status != http.StatusRequestHeaderFieldsTooLarge {
				t.Errorf("%s, %d cookies: got %d", name, n, a.status)
			}
		}
	}
}

func TestC13_OtherNameOrPurpose(t *testing.T) {
	s := open(t)
	ann := s.login("ann").value()
	other := open(t, func(c *cookiestore.Config, g *nguard.Config) {
		c.Companion, c.Cookie, g.Cookie.Name = s.rows, "__Host-other", "other"
	})
	a := other.send("GET", "/api/auth/session", "", "__Host-other="+ann)
	if a.status != http.StatusUnauthorized || len(a.cookies) != 1 || a.cookies[0].Name != "__Host-other" || a.cookies[0].MaxAge >= 0 {
		t.Errorf("moved to another cookie: got %d, %v", a.status, a.cookies)
	}
	// That a guard has another name than its store cannot happen unseen.
	store, err := cookiestore.New(cookiestore.Config{Keys: s.keys, Companion: s.rows, Cookie: "__Host-other"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = nguard.New(nguard.Config{Store: store, Waive: everything})
	if err == nil || !strings.Contains(err.Error(), "Config.Cookie") {
		t.Errorf("New said %v", err)
	}
}

// There is one format, and no fallback to any other.
func TestC14_OtherFormats(t *testing.T) {
	for name, s := range map[string]*site{"row": open(t), "bare": open(t, bare)} {
		value := s.login("ann").value()
		raw, err := base64.RawURLEncoding.DecodeString(value)
		if err != nil {
			t.Fatal(err)
		}
		record := (&nguard.Record{ID: strings.Repeat("A", 22), Owner: "ann", User: nguard.User{ID: "ann", Role: "admin"}}).Encode()
		plain, err := json.Marshal(map[string]any{"user": map[string]any{"id": "ann", "role": "admin"}})
		if err != nil {
			t.Fatal(err)
		}
		tries := map[string]string{
			"JSON": string(plain), "JSON in base64": base64.RawURLEncoding.EncodeToString(plain),
			"record": base64.RawURLEncoding.EncodeToString(record), "record behind a head": base64.RawURLEncoding.EncodeToString(append(raw[:29:29], record...)),
			"no encryption":           base64.RawURLEncoding.EncodeToString(append([]byte{1}, record...)),
			"JWT without a signature": "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0." + base64.RawURLEncoding.EncodeToString(plain) + ".",
		}
		for v := range 256 {
			if v != int(raw[0]) {
				tries[fmt.Sprint("version ", v)] = base64.RawURLEncoding.EncodeToString(append([]byte{byte(v)}, raw[1:]...))
			}
		}
		for what, v := range tries {
			s.refused(name+", "+what, s.session(v))
		}
	}
}

func TestC16_Deletion(t *testing.T) {
	for name, options := range map[string][]option{
		"one cookie": nil, "several": {large},
		"domain": {func(c *cookiestore.Config, g *nguard.Config) {
			c.Cookie, g.Cookie.Domain = "__Secure-nguard-session", "example.com"
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, options...)
			b := s.browser()
			if name == "domain" {
				// The server is not example.com: what it says is looked at.
				a := s.send("POST", "/api/auth/logout", "", "x=y")
				line := strings.Join(a.header.Values("Set-Cookie"), "\n")
				for _, want := range []string{"__Secure-nguard-session=;", "; Path=/", "; Domain=example.com", "; Secure", "; Max-Age=0"} {
					if !strings.Contains(line, want) {
						t.Errorf("%q is missing in %q", want, line)
					}
				}
				return
			}
			b.ok(b.do("POST", "/api/auth/login", `{"id":"ann","password":"guardtest-password"}`))
			if name == "several" {
				b.ok(b.do("POST", "/keep", strings.Repeat("x", 6000)))
				if n := len(b.cookies()); n < 3 {
					t.Fatalf("the session is in %d cookies", n)
				}
			}
			a := b.ok(b.do("POST", "/api/auth/logout", ""))
			for _, line := range a.header.Values("Set-Cookie") {
				if !strings.Contains(line, "; Path=/") || !strings.Contains(line, "; Secure") || strings.Contains(line, "Domain") || !strings.Contains(line, "Max-Age=0") {
					t.Errorf("a browser does not obey %q", line)
				}
			}
			if held := b.cookies(); len(held) != 0 {
				t.Errorf("the browser still holds %v", held)
			}
		})
	}
}

// Nothing inflates, neither sealed (a test beside the code) nor as it is.
func TestC17_Compressed(t *testing.T) {
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	for range 1000 {
		if _, err := z.Write(make([]byte, 1<<10)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	s := open(t)
	s.refused("gzip", s.session(base64.RawURLEncoding.EncodeToString(bomb.Bytes())))
	// Nor is a value smaller than what it holds: its length tells nothing of what stands beside a guess.
	b := s.login("ann")
	before := len(b.value())
	b.ok(b.do("POST", "/api/auth/update", `{"note":"`+strings.Repeat("a", 900)+`"}`))
	if grown := len(b.value()) - before; grown < 1200 {
		t.Errorf("900 equal letters took %d characters", grown)
	}
}
