package nguard

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"
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

func fixedRouted() routed {
	t := routed{token: fixedToken()}
	for i := range t.route {
		t.route[i] = byte(i*5 + 3)
	}
	return t
}

// TestRoutedForm pins the form of routed tokens, as TestTokenForm does that of others.
func TestRoutedForm(t *testing.T) {
	tok := fixedRouted()
	mask := sha256.Sum256(append([]byte("masked:"), tok.raw[:]...))
	raw := append([]byte{}, tok.raw[:]...)
	for i, b := range tok.route {
		raw = append(raw, b^mask[i])
	}
	sum := sha256.Sum256(append([]byte("routed:"), raw...))
	want := base64.RawURLEncoding.EncodeToString(append(raw, sum[:6]...))
	got, d := tok.text()
	if got != want || len(got) != 96 {
		t.Errorf("token is %q, want %q", got, want)
	}
	if !bytes.Equal(d[:], sum[6:]) {
		t.Error("the digest is not the part of the hash that does not travel")
	}
}

// TestRoutedOneSpelling: no bit of a routed token can be changed, and neither kind passes for the other.
func TestRoutedOneSpelling(t *testing.T) {
	tok := fixedRouted()
	s, d := tok.text()
	if got, e, ok := parseRouted(s); !ok || got != tok || e != d {
		t.Fatalf("%q is not read back", s)
	}
	raw, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	for bit := range len(raw) * 8 {
		raw[bit/8] ^= 1 << (bit % 8)
		if _, _, ok := parseRouted(base64.RawURLEncoding.EncodeToString(raw)); ok {
			t.Errorf("bit %d may be changed", bit)
		}
		raw[bit/8] ^= 1 << (bit % 8)
	}
	plain := tok.token.String()
	for _, other := range []string{"", s[1:], s + "A", s + "=", s[:95], " " + s[:95], s[:95] + "\n", strings.ToLower(s), plain, plain + s[72:]} {
		if _, _, ok := parseRouted(other); ok {
			t.Errorf("%q is accepted", other)
		}
	}
	for _, other := range []string{s, s[:72], s[24:], s[:64] + s[88:]} {
		if _, _, ok := parseToken(other); ok {
			t.Errorf("%q is accepted as a token without a route", other)
		}
	}
}

// TestRoutedHides: of two tokens of one user, and of a token and its successor, no more bytes agree than of any
// two, but for the locator of a successor.
func TestRoutedHides(t *testing.T) {
	at := fixedRouted().route
	seen := map[string]bool{}
	for range 1000 {
		tok, err := newToken()
		if err != nil {
			t.Fatal(err)
		}
		for _, tok := range []routed{{tok, at}, {tok.next([]byte("salt")), at}} {
			s, _ := tok.text()
			raw, err := base64.RawURLEncoding.DecodeString(s)
			if err != nil {
				t.Fatal(err)
			}
			masked := raw[48:66]
			for i := range len(masked) - 7 {
				if part := string([]byte{byte(i)}) + string(masked[i:i+8]); seen[part] {
					t.Fatalf("8 bytes of the route, from %d on, look alike in two tokens", i)
				} else {
					seen[part] = true
				}
			}
			if got, _, ok := parseRouted(s); !ok || got.route != at {
				t.Fatal("the route is lost")
			}
		}
	}
}

// TestRoutedParseAllocates: reading a token is part of every request.
func TestRoutedParseAllocates(t *testing.T) {
	tok := fixedRouted()
	s, _ := tok.text()
	if n := testing.AllocsPerRun(100, func() { parseRouted(s) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// routedBackend keeps one row, and notes by which key it was asked for.
type routedBackend struct {
	Backend
	route []byte
	row   Row
	asked []Key
}

func (b *routedBackend) Route(string) []byte { return b.route }

func (b *routedBackend) Insert(_ context.Context, r Row, _ Cap) ([]string, error) {
	b.row = r
	return nil, nil
}

func (b *routedBackend) Get(_ context.Context, k Key) (Row, Epoch, error) {
	b.asked = append(b.asked, k)
	return b.row, Epoch{}, nil
}

func (b *routedBackend) Swap(_ context.Context, r Row, _ int64) error {
	b.row = r
	return nil
}

// wrappedBackend hides all but Unwrap.
type wrappedBackend struct{ Backend }

func (b wrappedBackend) Unwrap() any { return b.Backend }

// TestRoutedStore: what Router says leads to the row again, by every token of the session; a store without Router
// and one with it refuse each other's tokens without a read.
func TestRoutedStore(t *testing.T) {
	at := fixedRouted().route
	b := &routedBackend{route: at[:]}
	ctx := context.Background()
	r := &Record{Owner: "ada", Version: 1, Expires: time.Now().Add(time.Hour)}
	unrouted := fixedToken()
	plainToken := unrouted.String()
	for _, s := range []Store{Keyed(b), Keyed(wrappedBackend{b})} {
		b.asked = nil
		c, err := s.Create(ctx, r, Cap{})
		if err != nil {
			t.Fatal(err)
		}
		second := *c.Record
		second.Version = 2
		f, err := s.Replace(ctx, c.Found, &second, true)
		if err != nil {
			t.Fatal(err)
		}
		for token, want := range map[string]Match{c.Live: Previous, f.Live: Current} {
			got, err := s.Load(ctx, token)
			if err != nil || got.Match != want || got.Live != f.Live {
				t.Fatalf("got match %d, live %q, error %v", got.Match, got.Live, err)
			}
		}
		for _, k := range b.asked {
			if k != (Key{ID: c.ID, Route: string(at[:])}) {
				t.Fatalf("the row was asked for by %+v", k)
			}
		}
		reads := len(b.asked)
		if _, err := s.Load(ctx, plainToken); !errors.Is(err, ErrMalformed) || len(b.asked) != reads {
			t.Errorf("a token without a route: %v after %d reads", err, len(b.asked)-reads)
		}
		plain := Keyed(struct{ Backend }{b})
		if _, err := plain.Load(ctx, c.Live); !errors.Is(err, ErrMalformed) || len(b.asked) != reads {
			t.Errorf("a token with a route: %v after %d reads", err, len(b.asked)-reads)
		}
	}
	b.route = at[1:]
	if _, err := Keyed(b).Create(ctx, r, Cap{}); err == nil {
		t.Error("a route of 17 bytes made a token")
	}
}

// FuzzRoutedToken: a routed token has one spelling, whatever it is made of, and no other text is one.
func FuzzRoutedToken(f *testing.F) {
	tok := fixedRouted()
	s, _ := tok.text()
	for _, seed := range []string{"", s, s[:95], s + "A", s[:95] + "=", strings.ToUpper(s), tok.token.String(), strings.Repeat("A", routedTextLen)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, d, ok := parseRouted(s)
		if !ok {
			var own routed
			copy(own.raw[:], s)
			copy(own.route[:], strings.TrimPrefix(s, string(own.raw[:])))
			text, d := own.text()
			if again, e, ok := parseRouted(text); !ok || again != own || e != d {
				t.Fatalf("%q is not read back", text)
			}
			return
		}
		if text, e := got.text(); text != s || e != d {
			t.Fatalf("%q and %q are one token", s, text)
		}
	})
}
