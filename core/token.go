package nguard

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"io"
)

// A token is base64url(locator 16 | secret 32 | check 6): 54 bytes, 72 characters, no padding and no
// spare bits, so that each token has exactly one spelling (ASVS 1.1.1).
//
// The locator finds the row: its hash is the public ID, which therefore leads to no token. The secret
// proves the right to it. One hash of both, in one block of SHA-256, serves twice: its first 6 bytes are the
// check, which travels with the token, and the other 26 are the digest, which is all that the row holds
// (ASVS 7.2.3, promise P4): neither store nor browser has the other's part, and 208 bits are beyond any
// search. The check makes a value that nguard never issued recognisable without a read, so that garbage
// neither costs a query nor can be mistaken for a stolen token.
const (
	locatorLen = 16
	secretLen  = 32
	checkLen   = 6
	saltLen    = 16
	rawLen     = locatorLen + secretLen + checkLen
	tokenLen   = rawLen / 3 * 4
	digestLen  = sha256.Size - checkLen
)

// A store that keeps all of a user's sessions in one place has to know the user before it can look for the
// session (see [Router]). Its tokens are routed: base64url(locator 16 | secret 32 | masked route 18 | check 6),
// 72 bytes, 96 characters, no spare bits either. The route is a hash of the owner. In the token it is XORed
// with a hash of locator and secret, so that two tokens of one person have no bytes in common, and that a
// rotation, which keeps the route, changes all that can be seen but the locator. Check and digest cover it,
// under a label of their own: neither kind of token passes for the other.
const (
	// RouteLen is the length of what [Router.Route] returns, in bytes.
	RouteLen = 18

	routedLen     = locatorLen + secretLen + RouteLen + checkLen
	routedTextLen = routedLen / 3 * 4
)

var tokenEncoding = base64.RawURLEncoding.Strict()

// token is a parsed token: locator and secret.
type token struct{ raw [locatorLen + secretLen]byte }

func (t *token) locator() []byte { return t.raw[:locatorLen] }
func (t *token) secret() []byte  { return t.raw[locatorLen:] }

// digest is what the row knows of a token.
type digest [digestLen]byte

// parseToken accepts the one spelling of a value whose check holds, and returns its digest too.
func parseToken(s string) (t token, d digest, ok bool) {
	if len(s) != tokenLen {
		return t, d, false
	}
	var in [tokenLen]byte
	copy(in[:], s)
	var raw [rawLen]byte
	if n, err := tokenEncoding.Decode(raw[:], in[:]); err != nil || n != rawLen {
		return t, d, false
	}
	copy(t.raw[:], raw[:])
	check, d := t.hash()
	if subtle.ConstantTimeCompare(check[:], raw[locatorLen+secretLen:]) != 1 {
		return t, d, false
	}
	return t, d, true
}

// hash is the two halves of the token's hash.
func (t *token) hash() (check [checkLen]byte, d digest) {
	const label = "nguard:" // 7 bytes: with a longer one the hash would take a second block
	var buf [len(label) + locatorLen + secretLen]byte
	copy(buf[:], label)
	copy(buf[len(label):], t.raw[:])
	sum := sha256.Sum256(buf[:])
	return [checkLen]byte(sum[:checkLen]), digest(sum[checkLen:])
}

func (t *token) String() string {
	var raw [rawLen]byte
	copy(raw[:], t.raw[:])
	check, _ := t.hash()
	copy(raw[locatorLen+secretLen:], check[:])
	return tokenEncoding.EncodeToString(raw[:])
}

// id is the public handle: 128 bits of SHA-256, from which the locator cannot be found.
func (t *token) id() string {
	const label = "nguard id"
	var buf [len(label) + locatorLen]byte
	copy(buf[:], label)
	copy(buf[len(label):], t.locator())
	sum := sha256.Sum256(buf[:])
	var out [22]byte
	base64.RawURLEncoding.Encode(out[:], sum[:16])
	return string(out[:])
}

// next is the successor that everybody who shows t gets: derived from the secret, which only the
// holder has, and the salt, which only the row has. The row alone gives no token.
func (t *token) next(salt []byte) token {
	mac := hmac.New(sha256.New, t.secret())
	mac.Write([]byte("nguard next"))
	mac.Write(salt)
	n := *t
	mac.Sum(n.raw[:locatorLen])
	return n
}

func (t *token) digest() digest {
	_, d := t.hash()
	return d
}

// newToken draws from rand.Reader and fails when it does: there is no fallback (ASVS 11.5.1).
func newToken() (t token, err error) {
	if _, err := io.ReadFull(rand.Reader, t.raw[:]); err != nil {
		return token{}, fmt.Errorf("nguard: no randomness for a token: %w", err)
	}
	return t, nil
}

func newSalt() ([]byte, error) {
	salt := make([]byte, saltLen)
	if _, err := io.ReadFull(rand.Reader, salt); err != nil {
		return nil, fmt.Errorf("nguard: no randomness for a salt: %w", err)
	}
	return salt, nil
}

// route is where the sessions of one user are.
type route [RouteLen]byte

// routed is a token with the route of its owner.
type routed struct {
	token
	route route
}

// parseRouted is parseToken for routed tokens.
func parseRouted(s string) (t routed, d digest, ok bool) {
	if len(s) != routedTextLen {
		return t, d, false
	}
	var in [routedTextLen]byte
	copy(in[:], s)
	var raw [routedLen]byte
	if n, err := tokenEncoding.Decode(raw[:], in[:]); err != nil || n != routedLen {
		return t, d, false
	}
	copy(t.raw[:], raw[:])
	masked := raw[locatorLen+secretLen : routedLen-checkLen]
	check, d := t.seal(route(masked))
	if subtle.ConstantTimeCompare(check[:], raw[routedLen-checkLen:]) != 1 {
		return t, d, false
	}
	t.route = t.mask(route(masked))
	return t, d, true
}

// mask hides a route, or uncovers a hidden one.
func (t *token) mask(r route) route {
	const label = "masked:" // 7 bytes, as in hash
	var buf [len(label) + locatorLen + secretLen]byte
	copy(buf[:], label)
	copy(buf[len(label):], t.raw[:])
	sum := sha256.Sum256(buf[:])
	subtle.XORBytes(r[:], r[:], sum[:RouteLen])
	return r
}

// seal is the two halves of a routed token's hash.
func (t *token) seal(masked route) (check [checkLen]byte, d digest) {
	const label = "routed:"
	var buf [len(label) + locatorLen + secretLen + RouteLen]byte
	copy(buf[:], label)
	copy(buf[len(label):], t.raw[:])
	copy(buf[len(label)+locatorLen+secretLen:], masked[:])
	sum := sha256.Sum256(buf[:])
	return [checkLen]byte(sum[:checkLen]), digest(sum[checkLen:])
}

// text is the token as it travels, and its digest.
func (t *routed) text() (string, digest) {
	var raw [routedLen]byte
	copy(raw[:], t.raw[:])
	masked := t.mask(t.route)
	copy(raw[locatorLen+secretLen:], masked[:])
	check, d := t.seal(masked)
	copy(raw[routedLen-checkLen:], check[:])
	return tokenEncoding.EncodeToString(raw[:]), d
}
