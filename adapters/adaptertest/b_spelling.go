package adaptertest

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
)

var tokenSpelling = []rule{
	{"B10 one spelling of a token", "A token has one spelling. What is spelled otherwise is refused, and ends nothing.", oneSpelling},
	{"B13 other network and browser", "A person who moves from one network to another, or whose browser is updated, stays signed in: nguard binds a session to neither, since both change for honest people.", otherNetwork},
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

func oneSpelling(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
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

func otherNetwork(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
		token := w.loggedIn("user").token()
		for _, from := range [][2]string{{"192.0.2.1", "Mozilla/5.0"}, {"203.0.113.9", "curl/8"}, {"2001:db8::1", ""}, {"unknown", "no address"}} {
			for _, method := range []string{"GET", "POST"} {
				a := w.sends(w.written(method, "/public", "", w.by(token), "Sec-Fetch-Site: same-origin", "X-Forwarded-For: "+from[0], "User-Agent: "+from[1], "Accept-Language: "+from[1]))
				if a.status != 200 || a.header.Get(nguard.VersionHeader) == "" {
					t.Errorf("%s from %s with %q: status %d, session %q", method, from[0], from[1], a.status, a.header.Get(nguard.VersionHeader))
				}
			}
		}
		list, err := w.guard.Sessions(t.Context(), "user")
		if err != nil || len(list) != 1 || list[0].IP() != "127.0.0.1" {
			t.Errorf("sessions %v, error %v: the address is the one of the login", list, err)
		}
		w.browser().do("POST", "/api/auth/login", `{"id":"other","password":"guardtest-password"}`, "X-Forwarded-For: 203.0.113.9").expect(200)
		if list := w.devices("other"); len(list) != 1 || list[0].IP() != "203.0.113.9" {
			t.Errorf("sessions %v: this case has changed no address", list)
		}
	}, behindProxy)
}
