package promises

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

func TestB1_ReplayAfterGrace(t *testing.T) {
	eachFrozen(t, func(t *testing.T, w *world, c *frozen) {
		b, first, second := rotated(t, w, c)
		phone, stranger := w.loggedIn("user"), w.loggedIn("other")
		id := handleOf(b.get("/who").expect(200))
		c.Advance(11 * time.Second)
		w.show(first, "POST", "/api/visits").expect(401)
		b.get("/who").expect(401)
		w.show(second, "POST", "/api/auth/refresh").expect(401)
		phone.get("/who").expect(200) // one family, not the person's other devices
		stranger.get("/who").expect(200)
		e := w.awaitEvent(nguard.EventTokenReuse, nguard.Denied)
		if e.Session != id || e.Target != "user" || e.Path != "/api/visits" || e.IP == "" {
			t.Errorf("record: %+v", e)
		}
	})
}

func TestB2_ReplayWithinGrace(t *testing.T) {
	eachFrozen(t, func(t *testing.T, w *world, c *frozen) {
		b, first, second := rotated(t, w, c)
		w.show(first, "GET", "/who").expect(200) // the reply of the refresh was lost, in another tab
		b.get("/who").expect(200)
		for range 10 {
			c.Advance(time.Second)
			if a := w.show(first, "POST", "/api/auth/refresh").expect(200); given(w, a) != second {
				t.Fatalf("a second tab got %q, want the one live successor", given(w, a))
			}
		}
		c.Advance(time.Hour / 2)
		b.get("/who").expect(200)
		for _, e := range w.back.read() {
			if e.Name == nguard.EventTokenReuse {
				t.Errorf("a theft was recorded: %+v", e)
			}
		}
	})
}

// An older generation, and a sibling that no row ever led to, end the family even while every grace is open.
func TestB3_OlderGenerationAndSibling(t *testing.T) {
	for _, sibling := range []bool{false, true} {
		eachFrozen(t, func(t *testing.T, w *world, c *frozen) {
			b, first, _ := rotated(t, w, c)
			b.get("/who").expect(200)
			c.Advance(11 * time.Second)
			b.post("/api/auth/refresh", "").expect(200)
			shown := first
			if sibling {
				locator, secret := parts(t, first)
				mac := hmac.New(sha256.New, secret)
				mac.Write([]byte("nguard next"))
				mac.Write(make([]byte, 16)) // another salt
				shown = forge(locator, mac.Sum(nil))
			}
			w.show(shown, "GET", "/who").expect(401)
			b.get("/who").expect(401)
			w.awaitEvent(nguard.EventTokenReuse, nguard.Denied)
		})
	}
}

func TestB5_ReplayAfterRevocation(t *testing.T) {
	for what, revoke := range map[string]func(w *world, b, admin *browser) error{
		"password change": func(w *world, b, _ *browser) error {
			b.w.loggedIn("user").do("DELETE", "/api/auth/sessions", "").expect(200) // what it calls: EndOthers
			return nil
		},
		"password change by a job": func(w *world, _, _ *browser) error { return w.guard.RevokeUser(byJob, "user") },
		"disable": func(w *world, _, _ *browser) error {
			_, err := w.guard.ChangeUser(byJob, "user", func(u *nguard.User) error { u.Disabled = true; return nil })
			return err
		},
		"delete": func(w *world, _, _ *browser) error {
			w.remove("user")
			return w.guard.RevokeUser(byJob, "user")
		},
		"revoke all by an admin": func(_ *world, _, admin *browser) error {
			admin.do("DELETE", "/api/auth/users/user/sessions", "").expect(200)
			return nil
		},
	} {
		t.Run(what, func(t *testing.T) {
			eachFrozen(t, func(t *testing.T, w *world, c *frozen) {
				second := another(t, w)
				var tokens []string
				for range 3 {
					tokens = append(tokens, w.loggedIn("user").token())
				}
				_, first, successor := rotated(t, w, c)
				tokens = append(tokens, first, successor)
				admin := w.loggedIn("admin")
				if err := revoke(w, w.browser().hold(tokens[0]), admin); err != nil {
					t.Fatal(err)
				}
				for i, token := range tokens {
					for _, at := range []*world{w, second} {
						at.show(token, "GET", "/who").expect(401)
						if code := at.show(token, "POST", "/api/visits").status; code != 401 {
							t.Errorf("token %d: status %d", i, code)
						}
					}
				}
				admin.get("/who").expect(200)
			})
		})
	}
}

func TestB6_IdleLimit(t *testing.T) {
	idle := func(c *nguard.Config) { c.Lifetime.Idle = 20 * time.Minute }
	eachFrozen(t, func(t *testing.T, w *world, c *frozen) {
		b := w.loggedIn("user")
		for range 3 {
			c.Advance(20*time.Minute - time.Second)
			b.get("/who").expect(200)
		}
		token := b.token()
		c.Advance(20*time.Minute + time.Second)
		b.get("/who").expect(401)
		b.post("/api/visits", "").expect(401)
		c.Advance(-10 * time.Minute) // the record is gone, not only late
		w.show(token, "GET", "/who").expect(401)
		w.awaitEvent(nguard.EventSessionExpired, nguard.Success)
	}, idle)
}

// A remembered session has no idle limit, and an absolute one of its own.
func TestB6_RememberedSession(t *testing.T) {
	eachFrozen(t, func(t *testing.T, w *world, c *frozen) {
		b := w.browser()
		a := b.post("/api/auth/login", `{"id":"user","password":"guardtest-password","remember":true}`).expect(200)
		token := given(w, a)
		if line := a.header.Get("Set-Cookie"); !strings.Contains(line, "Max-Age=2592000") {
			t.Errorf("cookie of a remembered session: %q", line)
		}
		c.Advance(30*24*time.Hour - time.Second)
		w.show(token, "GET", "/who").expect(200)
		c.Advance(time.Second)
		w.show(token, "GET", "/who").expect(401)
	})
}

func TestB7_AbsoluteLimit(t *testing.T) {
	eachFrozen(t, func(t *testing.T, w *world, c *frozen) {
		b := w.loggedIn("user")
		for range 47 {
			c.Advance(30 * time.Minute)
			b.get("/who").expect(200)
			b.post("/api/visits", "").expect(200)
			b.post("/api/auth/update", `{"theme":"dark"}`).expect(200)
			b.post("/api/auth/refresh", "").expect(200)
		}
		b.do("DELETE", "/api/auth/sessions", "").expect(200) // no proof of who it is, so no longer life
		c.Advance(30*time.Minute - time.Second)
		b.get("/who").expect(200)
		b.post("/api/auth/refresh", "").expect(200)
		c.Advance(time.Second)
		b.post("/api/visits", "").expect(401)
		b.get("/who").expect(401)
	})
}

// A proof of who it is, and nothing else, makes a session fresh and starts its life again.
func TestB7_OnlyProofMakesFresh(t *testing.T) {
	eachFrozen(t, func(t *testing.T, w *world, c *frozen) {
		b := w.loggedIn("user")
		b.get("/fresh").expect(200)
		c.Advance(6 * time.Minute)
		for _, act := range [][3]string{{"GET", "/who", ""}, {"POST", "/api/auth/refresh", ""}, {"POST", "/api/auth/update", `{"theme":"dark"}`}, {"DELETE", "/api/auth/sessions", ""}} {
			b.do(act[0], act[1], act[2]).expect(200)
			if a := b.get("/fresh"); a.status != 403 || a.at("code") != "step_up_required" {
				t.Errorf("after %s %s: status %d, body %s, want a demand for a step-up", act[0], act[1], a.status, a.raw)
			}
		}
		b.post("/step-up", "").expect(200)
		b.get("/fresh").expect(200)
	})
}

// A token has one spelling (checklist B10). What is spelled otherwise is refused, and ends nothing.
func TestB10_OneSpelling(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		var token string
		for tries := 0; !strings.Contains(token, "-") || !strings.Contains(token, "_"); tries++ {
			if tries == 100 {
				t.Fatal("no token with both '-' and '_' in 100 logins")
			}
			token = w.loggedIn("user").token()
		}
		raw, err := base64.RawURLEncoding.DecodeString(token)
		if err != nil {
			t.Fatal(err)
		}
		variants := map[string]string{
			"percent-encoded letter": fmt.Sprintf("%%%02X%s", token[0], token[1:]),
			"percent-encoded dash":   strings.Replace(token, "-", "%2D", 1),
			"plus for dash":          strings.Replace(token, "-", "+", 1),
			"slash for underscore":   strings.Replace(token, "_", "/", 1),
			"other alphabet":         base64.RawStdEncoding.EncodeToString(raw),
			"one pad":                token + "=", "two pads": token + "==", "percent-encoded pad": token + "%3D",
			"upper case": strings.ToUpper(token), "lower case": strings.ToLower(token),
			"quoted": `"` + token + `"`, "one short": token[:len(token)-1], "four short": token[:len(token)-4],
			"one more": token + "A", "four more": token + "AAAA", "twice": token + token, "space within": token[:10] + " " + token[10:],
			"tab within": token[:10] + "\t" + token[10:], "hex": strings.ToLower(strings.Repeat("0", 36)) + token[36:],
			"first missing": token[1:], "dot": token + ".", "null": "null", "one letter": "A",
		}
		for i := range token {
			if flipped := flipCase(token, i); flipped != token {
				variants["case of letter "+string(rune('0'+i/10))+string(rune('0'+i%10))] = flipped
			}
		}
		line := w.guard.CookieName() + "="
		for what, v := range variants {
			if v == token {
				t.Fatalf("%s is no variant", what)
			}
			if a := w.browser().do("GET", "/who", "", "Cookie: "+line+v); a.status != 401 {
				t.Errorf("%s: status %d, want 401", what, a.status)
			}
			if a := w.browser().do("POST", "/api/auth/validate", `{"token":"`+strings.NewReplacer(`"`, `\"`, "\t", `\t`).Replace(v)+`"}`); a.at("valid") == true {
				t.Errorf("%s: valid", what)
			}
		}
		for what, name := range map[string]string{
			"lower-case name": strings.ToLower(line), "without prefix": strings.TrimPrefix(line, "__Host-"), "encoded name": strings.Replace(line, "_", "%5F", 1), "name with space": strings.Replace(line, "=", " =", 1),
		} {
			if a := w.browser().do("GET", "/who", "", "Cookie: "+name+token); a.status != 401 {
				t.Errorf("%s: status %d, want 401", what, a.status)
			}
		}
		w.browser().do("GET", "/who", "", "Cookie: "+line+token).expect(200)
	})
}

func flipCase(s string, i int) string {
	b := []byte(s)
	switch c := b[i]; {
	case c >= 'a' && c <= 'z':
		b[i] = c - 'a' + 'A'
	case c >= 'A' && c <= 'Z':
		b[i] = c - 'A' + 'a'
	}
	return string(b)
}

// A person who moves from one network to another, or whose browser is updated, stays signed in (checklist
// B13): nguard binds a session to neither, since both change for honest people.
func TestB13_OtherNetworkAndAgent(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		token := w.loggedIn("user").token()
		h := w.handler()
		for _, from := range [][2]string{{"192.0.2.1:1234", "Mozilla/5.0"}, {"203.0.113.9:80", "curl/8"}, {"[2001:db8::1]:443", ""}, {"@", "unix socket"}} {
			for _, method := range []string{"GET", "POST"} {
				r := httptest.NewRequest(method, "/public", nil)
				r.RemoteAddr = from[0]
				r.Header.Set("User-Agent", from[1])
				r.Header.Set("Accept-Language", from[1])
				r.Header.Set("Sec-Fetch-Site", "same-origin")
				r.AddCookie(&http.Cookie{Name: w.guard.CookieName(), Value: token})
				rw := httptest.NewRecorder()
				h.ServeHTTP(rw, r)
				if rw.Code != 200 || rw.Header().Get(nguard.VersionHeader) == "" {
					t.Errorf("%s from %s with %q: status %d, session %q", method, from[0], from[1], rw.Code, rw.Header().Get(nguard.VersionHeader))
				}
			}
		}
		list, err := w.guard.Sessions(t.Context(), "user")
		if err != nil || len(list) != 1 || list[0].IP() != "127.0.0.1" {
			t.Errorf("sessions %v, error %v: the address is the one of the login", list, err)
		}
	})
}
