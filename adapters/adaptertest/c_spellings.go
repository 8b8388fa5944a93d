package adaptertest

import (
	"fmt"
	"strings"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
)

// cookieSpellings are the rules C1 to C3 and C8 of the checklist: what stands in the place of a token.
var cookieSpellings = []rule{
	{"C1 every flipped bit", "A token with one bit flipped is refused like any value that was never issued, to the byte.", cookieFlippedBits},
	{"C2 every length", "A token cut short or made longer is refused like any value that was never issued, to the byte.", cookieLengths},
	{"C3 other spellings", "A token has one spelling: every other one is refused like a value that was never issued, to the byte.", cookieOtherSpellings},
	{"C3 an empty value", "A session cookie with an empty value is no cookie, and hides none that has one.", cookieEmptyValue},
	{"C8 look-alikes", "Cookies whose names look like that of the session are other cookies.", cookieLookAlikes},
}

// sameRefusal sends each value as the session cookie and wants one answer to the byte: 401 that clears the
// cookie. What the server itself refuses as no HTTP, such as a control character, never gets to nguard.
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

func cookieFlippedBits(t *testing.T, k *kit) {
	w := k.newWorld(t)
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

func cookieLengths(t *testing.T, k *kit) {
	w := k.newWorld(t)
	w.roomy(64 << 10)
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

func cookieOtherSpellings(t *testing.T, k *kit) {
	w := k.newWorld(t)
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

func cookieEmptyValue(t *testing.T, k *kit) {
	w := k.newWorld(t)
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

func cookieLookAlikes(t *testing.T, k *kit) {
	w := k.newWorld(t)
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
