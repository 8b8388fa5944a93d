package adaptertest

import (
	"crypto/sha256"
	"encoding/base64"
	"testing"
)

// forge spells a locator of 16 bytes and a secret of 32 as a token whose check holds: what an attacker who
// knows the format can make of any bytes.
func forge(locator, secret []byte) string {
	raw := append(append([]byte{}, locator...), secret...)
	sum := sha256.Sum256(append([]byte("nguard:"), raw...))
	return base64.RawURLEncoding.EncodeToString(append(raw, sum[:6]...))
}

// parts takes a token apart.
func parts(t testing.TB, token string) (locator, secret []byte) {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(raw) != 54 {
		t.Fatalf("not a token: %q", token)
	}
	if forge(raw[:16], raw[16:48]) != token {
		t.Fatal("forge does not make what nguard makes: this test tests nothing")
	}
	return raw[:16], raw[16:48]
}
