package jwtcodec

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/cookiestore"
)

// Config is what a [Codec] is made of. Only Secret is required.
type Config struct {
	// Secret is shared with whoever verifies or makes tokens: at least 32 characters, of which the UTF-8 bytes
	// are the key. Older secrets still verify; what they have signed is signed again with the current one.
	Secret string
	Older  []string
	// Fields are the guard's Config.Fields: those that are not private are readable.
	Fields []nguard.AnyField
	// Issuer and Audience, when set, are written as iss and aud, and required. When empty, a token that has
	// the claim is meant for somebody else.
	Issuer, Audience string
	// Namespace is the guard's Config.Namespace, for sessions that others have made.
	Namespace string
	// Now is the clock. Defaults to time.Now; give the guard's if that has one.
	Now func() time.Time
}

// Codec is a [cookiestore.Codec]. [New] makes it; it is safe for concurrent use.
type Codec struct {
	keys             [][]byte // the current one first
	view             *nguard.View
	parser           *jwt.Parser
	issuer, audience string
	namespace        string
}

var _ cookiestore.Codec = (*Codec)(nil)

// New checks c and makes a Codec. Each error names the field and the remedy.
func New(c Config) (*Codec, error) {
	made := &Codec{issuer: c.Issuer, audience: c.Audience, namespace: c.Namespace}
	for i, secret := range append([]string{c.Secret}, c.Older...) {
		field := "Config.Secret"
		if i > 0 {
			field = fmt.Sprintf("Config.Older[%d]", i-1)
		}
		if !utf8.ValidString(secret) || utf8.RuneCountInString(secret) < 32 {
			return nil, fmt.Errorf("jwtcodec: %s has fewer than 32 characters: use 32 random bytes, such as openssl rand -base64 32 prints", field)
		}
		if err := cookiestore.CheckSecret([]byte(secret)); err != nil {
			return nil, fmt.Errorf("jwtcodec: %s %w: use 32 random bytes, such as openssl rand -base64 32 prints", field, err)
		}
		made.keys = append(made.keys, []byte(secret))
	}
	var err error
	if made.view, err = nguard.NewView(c.Fields); err != nil {
		return nil, err
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	// What exp says of a session that was made here, the guard knows better; the leeway is that of nodes whose
	// clocks differ, and the end of a session from elsewhere is the guard's to judge as well.
	made.parser = jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}), jwt.WithExpirationRequired(), jwt.WithIssuedAt(),
		jwt.WithStrictDecoding(), jwt.WithJSONNumber(), jwt.WithLeeway(nguard.Skew), jwt.WithTimeFunc(c.Now))
	return made, nil
}

// header is {"alg":"HS256","typ":"JWT"}, in the one spelling that is accepted.
var header = base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`))

// Encode signs the readable and the sealed claims. See [cookiestore.Codec].
func (c *Codec) Encode(s cookiestore.Content) (string, error) {
	id, err := sessionID(s.Record.ID)
	if err != nil {
		return "", err
	}
	user, data := c.view.Show(s.Record)
	claims := jwt.MapClaims{
		"sessionId": id, "user": user, "data": data,
		"iat": s.Record.Updated.Unix(), "exp": s.Expires.Unix(), "sealed": s.Sealed,
	}
	if c.issuer != "" {
		claims["iss"] = c.issuer
	}
	if c.audience != "" {
		claims["aud"] = c.audience
	}
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(c.keys[0])
	if err != nil {
		return "", fmt.Errorf("jwtcodec: %w", err)
	}
	return token, nil
}

// Decode verifies and reads a token. See [cookiestore.Codec].
func (c *Codec) Decode(value string) (s cookiestore.Content, err error) {
	// Before anything is parsed: one header, one payload, one signature of 32 bytes, no line end that a
	// decoder would skip (checklist D1 to D5, D9).
	payload, ok := strings.CutPrefix(value, header+".")
	if !ok || strings.Trim(value, alphabet+".") != "" || strings.ContainsAny(value, "\r\n") {
		return s, nguard.ErrMalformed
	}
	payload, signature, ok := strings.Cut(payload, ".")
	if !ok || len(signature) != 43 {
		return s, nguard.ErrMalformed
	}
	claims := jwt.MapClaims{}
	for i, key := range c.keys {
		clear(claims)
		_, err = c.parser.ParseWithClaims(value, claims, func(*jwt.Token) (any, error) { return key, nil })
		if s.Stale = i > 0; !errors.Is(err, jwt.ErrTokenSignatureInvalid) {
			break
		}
	}
	over := errors.Is(err, jwt.ErrTokenExpired) || errors.Is(err, jwt.ErrTokenNotValidYet) || errors.Is(err, jwt.ErrTokenUsedBeforeIssued)
	if err != nil && !over {
		return s, nguard.ErrMalformed
	}
	raw, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil || !c.wellFormed(claims) || repeats(raw) {
		return s, nguard.ErrMalformed
	}
	if over {
		return s, fmt.Errorf("%w: the token is over, or not valid yet", nguard.ErrNoSession)
	}
	return s, c.read(&s, claims, raw)
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// read fills in the session of verified claims.
func (c *Codec) read(s *cookiestore.Content, claims jwt.MapClaims, raw []byte) (err error) {
	id := claims["sessionId"].(string)
	s.Expires = seconds(claims["exp"])
	if sealed, own := claims["sealed"].(string); own && sealed != "" {
		s.Sealed, s.Record = sealed, &nguard.Record{ID: recordID(id)}
		return nil
	}
	// Made elsewhere. "expires", which the oldest servers write too, is in milliseconds and not looked at.
	user, data, err := c.view.Read(raw)
	if err != nil {
		return err
	}
	// iat is when it was signed, and servers sign anew with each change: it is no proof that the person was there.
	// AuthAt stays zero, which no policy takes for fresh.
	at := seconds(claims["iat"])
	sum := sha256.Sum256([]byte("nguard jwt session " + id))
	s.Record = &nguard.Record{
		ID: base64.RawURLEncoding.EncodeToString(sum[:16]), Owner: c.owner(user.ID), Version: 1,
		Created: at, Updated: at, Rotated: at, Expires: s.Expires, User: user, Data: data,
	}
	return nil
}

// owner is the user's key in a store, as a guard with the same namespace makes it.
func (c *Codec) owner(userID string) string {
	if c.namespace == "" && !strings.Contains(userID, "/") {
		return userID
	}
	return c.namespace + "/" + userID
}

// sessionID is the claim of that name, 64 hexadecimal digits: the ID, which is public, and as many bytes
// that follow from it.
func sessionID(id string) (string, error) {
	raw, err := base64.RawURLEncoding.DecodeString(id)
	if err != nil || len(raw) != 16 {
		return "", fmt.Errorf("jwtcodec: the session has no ID of 16 bytes")
	}
	sum := sha256.Sum256([]byte("nguard jwt id " + id))
	return hex.EncodeToString(append(raw, sum[:16]...)), nil
}

// recordID is the ID in a sessionId that was made here. Of another one it is any, for which nothing opens.
func recordID(id string) string {
	raw, err := hex.DecodeString(id)
	if err != nil {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(raw[:16])
}
