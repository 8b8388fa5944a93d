package nguard

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"
)

func fixedToken() (t token) {
	for i := range t.raw {
		t.raw[i] = byte(i*7 + 1)
	}
	return t
}

// TestTokenForm pins the form that stored rows and browsers depend on: whoever changes it ends every
// session.
func TestTokenForm(t *testing.T) {
	tok := fixedToken()
	sum := sha256.Sum256(append([]byte("nguard:"), tok.raw[:]...))
	want := base64.RawURLEncoding.EncodeToString(append(append([]byte{}, tok.raw[:]...), sum[:6]...))
	if got := tok.String(); got != want || len(got) != 72 {
		t.Errorf("token is %q, want %q", got, want)
	}
	id := sha256.Sum256(append([]byte("nguard id"), tok.raw[:16]...))
	if got, want := tok.id(), base64.RawURLEncoding.EncodeToString(id[:16]); got != want {
		t.Errorf("ID is %q, want %q", got, want)
	}
	if got := tok.digest(); !bytes.Equal(got[:], sum[6:]) {
		t.Error("the digest is not the part of the hash that does not travel")
	}
	mac := hmac.New(sha256.New, tok.raw[16:])
	mac.Write([]byte("nguard nextsalt"))
	next := tok.next([]byte("salt"))
	if !bytes.Equal(next.secret(), mac.Sum(nil)) || !bytes.Equal(next.locator(), tok.locator()) {
		t.Error("the successor is another")
	}
}

// TestTokenNew: tokens differ, in both parts, and are read back.
func TestTokenNew(t *testing.T) {
	locators, secrets := map[string]bool{}, map[string]bool{}
	for range 1000 {
		tok, err := newToken()
		if err != nil {
			t.Fatal(err)
		}
		if got, d, ok := parseToken(tok.String()); !ok || got != tok || d != tok.digest() {
			t.Fatalf("%q is not read back", tok.String())
		}
		locators[string(tok.locator())], secrets[string(tok.secret())] = true, true
	}
	if len(locators) != 1000 || len(secrets) != 1000 {
		t.Errorf("of 1000 tokens %d locators and %d secrets differ", len(locators), len(secrets))
	}
}

// TestTokenOneSpelling: no bit of a token can be changed, and no other text stands for it (ASVS 1.1.1).
func TestTokenOneSpelling(t *testing.T) {
	tok := fixedToken()
	s := tok.String()
	raw, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	for bit := range len(raw) * 8 {
		raw[bit/8] ^= 1 << (bit % 8)
		if _, _, ok := parseToken(base64.RawURLEncoding.EncodeToString(raw)); ok {
			t.Errorf("bit %d may be changed", bit)
		}
		raw[bit/8] ^= 1 << (bit % 8)
	}
	std := base64.RawStdEncoding.EncodeToString(raw)
	if std == s {
		t.Fatal("the example has none of the letters that tell the alphabets apart")
	}
	for _, other := range []string{"", s[1:], s + "A", s + "=", s[:len(s)-1], std, " " + s[:71], s[:71] + "\n", s[:36] + "\n" + s[37:], strings.ToLower(s), `"` + s[1:71] + `"`} {
		if _, _, ok := parseToken(other); ok {
			t.Errorf("%q is accepted", other)
		}
	}
}

// TestTokenNext: all who show a token get one successor, which has its ID and another secret, and each
// salt another one.
func TestTokenNext(t *testing.T) {
	tok := fixedToken()
	a, again, b := tok.next([]byte("a")), tok.next([]byte("a")), tok.next([]byte("b"))
	switch {
	case a != again:
		t.Error("two callers get two successors")
	case a == b || a == tok:
		t.Error("the salt makes no difference")
	case a.id() != tok.id():
		t.Error("the ID changes with a rotation")
	case a.digest() == tok.digest():
		t.Error("the digest stays")
	}
}

// TestTokenParseAllocates: reading a token is part of every request.
func TestTokenParseAllocates(t *testing.T) {
	tok := fixedToken()
	s := tok.String()
	if n := testing.AllocsPerRun(100, func() { parseToken(s) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
