package jwtcodec_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/cookiestore"
	"github.com/nguard-go/nguard/stores/cookiestore/jwtcodec"
)

const (
	secretA = "Zp3r8uWn0kq5TfVb2xYc7JdLs4GhMa9eQiRo1"
	secretB = "h6Yt1Kv8Xq3Nw5Rb0Zm7Jc2Ls9Pd4Fg6TaUe8"
)

func made(t testing.TB, c jwtcodec.Config) *jwtcodec.Codec {
	t.Helper()
	codec, err := jwtcodec.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return codec
}

func content() cookiestore.Content {
	now := time.Now().UTC().Truncate(time.Second)
	return cookiestore.Content{
		Sealed: strings.Repeat("A", 100), Expires: now.Add(time.Hour),
		Record: &nguard.Record{ID: "AAECAwQFBgcICQoLDA0ODw", Owner: "ann", Updated: now, User: nguard.User{ID: "ann", Role: "user"},
			Data: map[string]any{"undeclared": "canary"}},
	}
}

func TestN10_Secrets(t *testing.T) {
	for what, bad := range map[string]string{
		"none": "", "31 characters": secretA[:31], "a sample": "your-256-bit-secret-your-256-bit-secret", "one letter": strings.Repeat("x", 40),
		"no UTF-8": secretA + "\xff", "32 bytes of 16 letters": "äöüßéèêëàáâãåæøœ",
	} {
		for field, c := range map[string]jwtcodec.Config{"Config.Secret": {Secret: bad}, "Config.Older[0]": {Secret: secretA, Older: []string{bad}}} {
			_, err := jwtcodec.New(c)
			if err == nil || !strings.Contains(err.Error(), field) || bad != "" && strings.Contains(err.Error(), bad) {
				t.Errorf("%s: %v", what, err)
			}
		}
	}
	if _, err := jwtcodec.New(jwtcodec.Config{Secret: secretA, Fields: []nguard.AnyField{nil}}); err == nil {
		t.Error("a nil field was taken")
	}
}

// An older secret verifies and asks for a new token; one that is not there does not.
func TestOlder(t *testing.T) {
	old, err := made(t, jwtcodec.Config{Secret: secretB}).Encode(content())
	if err != nil {
		t.Fatal(err)
	}
	both := made(t, jwtcodec.Config{Secret: secretA, Older: []string{secretB}})
	if c, err := both.Decode(old); err != nil || !c.Stale || c.Record.ID != content().Record.ID {
		t.Errorf("the older secret: %+v, %v", c, err)
	}
	current, err := both.Encode(content())
	if err != nil {
		t.Fatal(err)
	}
	only := made(t, jwtcodec.Config{Secret: secretA})
	if c, err := only.Decode(current); err != nil || c.Stale {
		t.Errorf("the current secret: %+v, %v", c, err)
	}
	if _, err := only.Decode(old); !errors.Is(err, nguard.ErrMalformed) {
		t.Errorf("a secret that is gone: %v", err)
	}
}

// A guard may let sessions live for years.
func TestLongSession(t *testing.T) {
	codec := made(t, jwtcodec.Config{Secret: secretA})
	c := content()
	c.Expires = c.Expires.AddDate(9, 0, 0)
	token, err := codec.Encode(c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := codec.Decode(token); err != nil {
		t.Error(err)
	}
}

// Nothing that is not declared stands in the readable claims.
func TestReadable(t *testing.T) {
	shown := &nguard.Field[string]{Name: "shown"}
	hidden := &nguard.Field[string]{Name: "hidden", Private: true}
	codec := made(t, jwtcodec.Config{Secret: secretA, Fields: []nguard.AnyField{shown, hidden}})
	c := content()
	c.Record.Data = map[string]any{"shown": "yes", "hidden": "canary", "undeclared": "canary"}
	c.Record.User.Data = map[string]any{"undeclared": "canary"}
	c.Record.Device, c.Record.IP, c.Record.Methods = "canary", "canary", []string{"canary"}
	token, err := codec.Encode(c)
	if err != nil {
		t.Fatal(err)
	}
	claims := jwt.MapClaims{}
	if _, err := jwt.ParseWithClaims(token, claims, func(*jwt.Token) (any, error) { return []byte(secretA), nil }); err != nil {
		t.Fatal(err)
	}
	delete(claims, "sealed")
	var names []string
	for name := range claims {
		names = append(names, name)
	}
	if data := claims["data"].(map[string]any); data["shown"] != "yes" || len(names) != 5 || contains(claims, "canary") {
		t.Errorf("the claims are %v", claims)
	}
}

func contains(v any, text string) bool {
	switch v := v.(type) {
	case string:
		return strings.Contains(v, text)
	case map[string]any:
		for name, v := range v {
			if contains(name, text) || contains(v, text) {
				return true
			}
		}
	case jwt.MapClaims:
		return contains(map[string]any(v), text)
	case []any:
		for _, v := range v {
			if contains(v, text) {
				return true
			}
		}
	}
	return false
}

// A codec with a namespace makes sessions that a guard with it takes for its own.
func TestNamespace(t *testing.T) {
	now := time.Now()
	for _, c := range []struct{ namespace, id, owner string }{{"", "ann", "ann"}, {"", "a/b", "/a/b"}, {"shop", "ann", "shop/ann"}} {
		token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
			"sessionId": strings.Repeat("ab", 32), "user": map[string]any{"id": c.id}, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
		}).SignedString([]byte(secretA))
		if err != nil {
			t.Fatal(err)
		}
		got, err := made(t, jwtcodec.Config{Secret: secretA, Namespace: c.namespace}).Decode(token)
		if err != nil || got.Sealed != "" || got.Record.Owner != c.owner || len(got.Record.ID) != 22 {
			t.Errorf("%+v: %+v, %v", c, got.Record, err)
		}
	}
}

// FuzzDecode: only what the secret has signed is read, and nothing panics.
func FuzzDecode(f *testing.F) {
	codec := made(f, jwtcodec.Config{Secret: secretA})
	token, err := codec.Encode(content())
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{token, token[:len(token)-1], "", "..", token + ".", strings.ReplaceAll(token, ".", "..")} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		c, err := codec.Decode(value)
		if err != nil {
			if !errors.Is(err, nguard.ErrMalformed) && !errors.Is(err, nguard.ErrNoSession) {
				t.Fatal(err)
			}
			return
		}
		again, err := jwt.Parse(value, func(*jwt.Token) (any, error) { return []byte(secretA), nil }, jwt.WithValidMethods([]string{"HS256"}))
		if err != nil || !again.Valid || c.Record == nil {
			t.Fatalf("%q: %v", value, err)
		}
	})
}

// FuzzClaims: whatever claims the secret has signed, they are read in one way or refused.
func FuzzClaims(f *testing.F) {
	codec := made(f, jwtcodec.Config{Secret: secretA, Now: func() time.Time { return time.Unix(1_800_000_100, 0) }})
	right := `{"sessionId":"` + strings.Repeat("ab", 32) + `","user":{"id":"ann"},"iat":1800000000,"exp":1800003600,"data":{}}`
	if c, err := codec.Decode(sign(right)); err != nil || c.Record.User.ID != "ann" {
		f.Fatal(err)
	}
	for _, seed := range []string{
		right,
		`{"exp":1}`, `null`, `{}{}`, `[]`, `{"sealed":"A","sealed":"B"}`, `{"a":[{"b":1,"b":2}]}`, `"x"`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, claims string) {
		token := sign(claims)
		a, errA := codec.Decode(token)
		b, errB := codec.Decode(token)
		if (errA == nil) != (errB == nil) || !reflect.DeepEqual(a, b) {
			t.Fatalf("%s is read in two ways", claims)
		}
		if errA == nil && a.Sealed == "" && (a.Record.User.ID == "" || a.Record.Owner == "" || a.Record.ID == "") {
			t.Fatalf("%s: %+v", claims, a.Record)
		}
	})
}
