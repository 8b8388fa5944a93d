package adaptertest

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
)

// forge spells a locator of 16 bytes and a secret of 32 as a token whose check holds, of the kind of like and with its
// route if it has one: what an attacker who knows the format, and has that token, can make of any bytes.
func forge(like string, locator, secret []byte) string {
	raw, label := append(append([]byte{}, locator...), secret...), "nguard:"
	if other, _ := base64.RawURLEncoding.DecodeString(like); len(other) == 54+nguard.RouteLen {
		raw, label = append(raw, masked(raw, masked(other[:48], other[48:48+nguard.RouteLen]))...), "routed:"
	}
	sum := sha256.Sum256(append([]byte(label), raw...))
	return base64.RawURLEncoding.EncodeToString(append(raw, sum[:6]...))
}

// masked hides a route by locator and secret, or uncovers a hidden one.
func masked(by, route []byte) []byte {
	mask := sha256.Sum256(append([]byte("masked:"), by...))
	out := make([]byte, nguard.RouteLen)
	subtle.XORBytes(out, route, mask[:])
	return out
}

// parts takes a token apart.
func parts(t testing.TB, token string) (locator, secret []byte) {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || (len(raw) != 54 && len(raw) != 54+nguard.RouteLen) {
		t.Fatalf("not a token: %q", token)
	}
	if forge(token, raw[:16], raw[16:48]) != token {
		t.Fatal("forge does not make what nguard makes: this test tests nothing")
	}
	return raw[:16], raw[16:48]
}
