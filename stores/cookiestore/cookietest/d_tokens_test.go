package cookietest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/stores/cookiestore"
	"github.com/nguard-go/nguard/stores/cookiestore/jwtcodec"
)

// shared is the secret that a front end has too.
const shared = "Zp3r8uWn0kq5TfVb2xYc7JdLs4GhMa9eQiRo1"

// tokens makes the cookies of a site JSON Web Tokens.
func tokens(t testing.TB, change ...func(*jwtcodec.Config)) option {
	t.Helper()
	return func(s *cookiestore.Config, _ *nguard.Config) {
		c := jwtcodec.Config{Secret: shared, Fields: fields()}
		for _, fn := range change {
			fn(&c)
		}
		codec, err := jwtcodec.New(c)
		if err != nil {
			t.Fatal(err)
		}
		s.Codec = codec
	}
}

func segment(v any) string {
	if text, ok := v.(string); ok {
		return base64.RawURLEncoding.EncodeToString([]byte(text))
	}
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

// signed is a token of these parts, signed rightly whatever they are.
func signed(header, claims any, key string) string {
	text := segment(header) + "." + segment(claims)
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

const jwtHeader = `{"alg":"HS256","typ":"JWT"}`

type claims map[string]any

// elsewhere is the claims that a server of generation 0.2 or 0.3 signs.
func elsewhere(id, role string) claims {
	now := time.Now()
	return claims{
		"sessionId": strings.Repeat("0123456789abcdef", 4), "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
		"user": claims{"id": id, "name": "Ann", "email": "ann@example.com", "role": role}, "data": claims{"note": "from elsewhere", "unknown": 1},
	}
}

func (c claims) with(name string, v any) claims {
	c = maps.Clone(c)
	if c[name] = v; v == nil {
		delete(c, name)
	}
	return c
}

// payload is the claims of a token, verified as a front end does it.
func payload(t *testing.T, token string) claims {
	t.Helper()
	c := jwt.MapClaims{}
	if _, err := jwt.ParseWithClaims(token, c, func(*jwt.Token) (any, error) { return []byte(shared), nil }, jwt.WithValidMethods([]string{"HS256"})); err != nil {
		t.Fatalf("a front end refuses the token: %v", err)
	}
	return claims(c)
}

// A front end that knows the secret reads sessions made here, and finds nothing that it must not see.
func TestD0_FrontEndReads(t *testing.T) {
	for name, options := range map[string][]option{"row": {tokens(t)}, "bare": {tokens(t), bare}} {
		t.Run(name, func(t *testing.T) {
			s := open(t, options...)
			ann := s.login("ann")
			ann.ok(ann.do("POST", "/api/auth/update", `{"note":"mine","theme":"dark"}`))
			ann.ok(ann.do("POST", "/keep", "canary-pin"))
			token := ann.value()
			if head, _, _ := strings.Cut(token, "."); head != segment(jwtHeader) {
				t.Errorf("the header is %s", head)
			}
			c := payload(t, token)
			id, _ := c["sessionId"].(string)
			user, _ := c["user"].(map[string]any)
			data, _ := c["data"].(map[string]any)
			if len(id) != 64 || strings.Trim(id, "0123456789abcdef") != "" || user["id"] != "ann" || user["role"] != "user" ||
				data["note"] != "mine" || data["theme"] != "dark" || c["iat"].(float64) > c["exp"].(float64) {
				t.Errorf("the claims are %v", c)
			}
			if _, ok := data["pin"]; ok {
				t.Error("a private field is readable")
			}
			for _, part := range strings.Split(token, ".") {
				raw, err := base64.RawURLEncoding.DecodeString(part)
				if err != nil {
					t.Fatal(err)
				}
				if strings.Contains(string(raw), "canary") {
					t.Error("a private value is readable")
				}
			}
			if me := ann.me(); me.Data["note"] != "mine" {
				t.Errorf("the note is %q", me.Data["note"])
			}
		})
	}
}

// Sessions that another nguard server has made are sessions here where nothing else has to know of them.
func TestD0_MadeElsewhere(t *testing.T) {
	s := open(t, tokens(t), bare)
	now := time.Now()
	for name, c := range map[string]claims{
		"0.2": elsewhere("ann", "user").with("data", nil),
		"0.3": elsewhere("ann", "user"),
		"0.4": elsewhere("ann", "user").with("role", "user").with("permissions", []string{"read"}).with("expires", now.UnixMilli()),
	} {
		token := signed(jwtHeader, c, shared)
		a := s.session(token)
		if a.status != http.StatusOK || a.session().User["id"] != "ann" || a.session().User["email"] != "ann@example.com" {
			t.Fatalf("%s: got %d: %s", name, a.status, a.body)
		}
		if note := a.session().Data["note"]; name != "0.2" && note != "from elsewhere" {
			t.Errorf("%s: the note is %q", name, note)
		}
		if _, ok := a.session().Data["unknown"]; ok {
			t.Errorf("%s: an undeclared value came in", name)
		}
		// The person is looked up, and the cookie becomes one of this server's.
		set, ok := a.set()
		if !ok || payload(t, set)["sealed"] == nil {
			t.Errorf("%s: the cookie stays %q", name, set)
		}
	}
	t.Run("whom the users table does not know", func(t *testing.T) {
		for _, id := range []string{"nobody", ""} {
			if a := s.session(signed(jwtHeader, elsewhere(id, "admin"), shared)); a.status != http.StatusUnauthorized {
				t.Errorf("%q got %d", id, a.status)
			}
		}
	})
	t.Run("no row", func(t *testing.T) {
		s := open(t, tokens(t))
		if a := s.session(signed(jwtHeader, elsewhere("ann", "user"), shared)); a.status != http.StatusUnauthorized {
			t.Errorf("got %d", a.status)
		}
	})
}

// never are tokens of a session that lives, in forms that none was ever issued in: 401 and cleared.
func never(t *testing.T, tries map[string]string) {
	t.Helper()
	s := open(t, tokens(t), bare)
	if a := s.session(signed(jwtHeader, elsewhere("ann", "user"), shared)); a.status != http.StatusOK {
		t.Fatalf("the right form got %d: %s", a.status, a.body)
	}
	for what, v := range tries {
		s.refused(what, s.session(v))
	}
}

func TestD1_NoneAndOtherAlgorithms(t *testing.T) {
	tries := map[string]string{}
	c := elsewhere("ann", "user")
	for _, alg := range []string{"none", "None", "NONE", "nOnE", "", "HS384", "HS512", "hs256", "RS256", "ES256", "EdDSA", "PS256", "HS256 "} {
		for _, name := range []string{"alg", "Alg"} {
			h := claims{name: alg, "typ": "JWT"}
			tries[fmt.Sprint(name, "=", alg, ", signed")] = signed(h, c, shared)
			tries[fmt.Sprint(name, "=", alg, ", unsigned")] = segment(h) + "." + segment(c) + "."
		}
	}
	never(t, tries)
}

func TestD2_KeyConfusion(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	es, err := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims(elsewhere("ann", "user"))).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	public, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(es, ".")
	never(t, map[string]string{
		"ES256": es, "ES256 behind the header of HS256": segment(jwtHeader) + "." + rest,
		"HMAC with the public key": signed(jwtHeader, elsewhere("ann", "user"), string(public)),
		"HMAC with no key":         signed(jwtHeader, elsewhere("ann", "user"), ""),
		"another secret":           signed(jwtHeader, elsewhere("ann", "user"), shared+"x"),
		"the secret from base64":   signed(jwtHeader, elsewhere("ann", "user"), func() string { b, _ := base64.RawURLEncoding.DecodeString(shared[:36]); return string(b) }()),
	})
}

func TestD3_KeysInTheHeader(t *testing.T) {
	fetched := make(chan string, 100)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { fetched <- r.URL.Path }))
	defer server.Close()
	tries := map[string]string{}
	for name, v := range map[string]any{
		"jwk": claims{"kty": "oct", "k": base64.RawURLEncoding.EncodeToString([]byte(shared))}, "jku": server.URL + "/jku",
		"x5u": server.URL + "/x5u", "x5c": []string{"AAAA"}, "x5t": "AAAA",
	} {
		tries[name] = signed(claims{"alg": "HS256", "typ": "JWT", name: v}, elsewhere("ann", "user"), shared)
	}
	never(t, tries)
	if len(fetched) > 0 {
		t.Errorf("something was fetched: %s", <-fetched)
	}
}

func TestD4_KeyIDs(t *testing.T) {
	tries := map[string]string{}
	for _, kid := range []any{"", "../../../../dev/null", "x' UNION SELECT 'key", strings.Repeat("k", 5<<10), 1, nil, []string{"a"}, shared} {
		tries[fmt.Sprintf("%.20v", kid)] = signed(claims{"alg": "HS256", "typ": "JWT", "kid": kid}, elsewhere("ann", "user"), shared)
	}
	tries["64 KiB"] = signed(claims{"alg": "HS256", "typ": "JWT", "kid": strings.Repeat("k", 64<<10)}, elsewhere("ann", "user"), shared)
	s := open(t, tokens(t), bare)
	if a := s.session(tries["64 KiB"]); a.status != http.StatusUnauthorized {
		t.Errorf("64 KiB got %d", a.status)
	}
	delete(tries, "64 KiB") // more than a header of cookies is looked at: nothing to clear
	never(t, tries)
}

func TestD5_Shape(t *testing.T) {
	token := signed(jwtHeader, elsewhere("ann", "user"), shared)
	p := strings.Split(token, ".")
	tries := map[string]string{
		"no signature": p[0] + "." + p[1], "empty signature": p[0] + "." + p[1] + ".", "one more segment": token + ".", "five segments": token + ".AAAA.AAAA",
		"dots": strings.Repeat(".", 10_000), "dots behind": token + strings.Repeat(".", 10_000), "dots inside": p[0] + strings.Repeat(".", 9000) + p[1] + "." + p[2],
		"space inside": p[0] + ". " + p[1] + "." + p[2], "padded": p[0] + "." + p[1] + "." + p[2] + "=", "no header": "." + p[1] + "." + p[2],
		"no claims": p[0] + ".." + p[2], "one segment": p[0], "two headers": p[0] + "." + token, "cut": token[:len(token)-1], "longer": token + "A",
		"header in another spelling": segment(`{"typ":"JWT","alg":"HS256"}`) + "." + p[1] + "." + p[2],
		"header with a space":        signed(`{"alg":"HS256", "typ":"JWT"}`, elsewhere("ann", "user"), shared),
		"no claims but null":         signed(jwtHeader, "null", shared), "an array": signed(jwtHeader, "[]", shared), "a string": signed(jwtHeader, `"x"`, shared),
		"no JSON": signed(jwtHeader, "x", shared), "a second document": signed(jwtHeader, string(marshal(elsewhere("ann", "user")))+"{}", shared),
		"deep": signed(jwtHeader, strings.Repeat(`{"a":`, 1500)+"1"+strings.Repeat("}", 1500), shared),
	}
	// The last character of a signature of 32 bytes has two spare bits.
	last := strings.IndexByte(alphabet, token[len(token)-1])
	for spare := 1; spare < 4; spare++ {
		tries[fmt.Sprint("spare bits ", spare)] = token[:len(token)-1] + string(alphabet[last^spare])
	}
	never(t, tries)
}

func marshal(v any) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return raw
}

func TestD6_Times(t *testing.T) {
	now := time.Now()
	c := elsewhere("ann", "user")
	raw := func(name, v string) string {
		text := string(marshal(c.with(name, nil)))
		return signed(jwtHeader, text[:len(text)-1]+fmt.Sprintf(`,%q:%s}`, name, v), shared)
	}
	tries := map[string]string{}
	for _, name := range []string{"exp", "iat"} {
		tries["no "+name] = signed(jwtHeader, c.with(name, nil), shared)
	}
	for _, name := range []string{"exp", "iat", "nbf"} {
		for _, v := range []string{
			`"` + fmt.Sprint(now.Add(time.Hour).Unix()) + `"`, fmt.Sprint(now.Unix()) + ".5", fmt.Sprint(now.UnixMilli()), "1e308", "1e9", "1E10",
			"-1", "0", "null", "true", "[]", "{}", "99999999999999999999", "-0", fmt.Sprint(now.Unix()) + ".0", fmt.Sprintf("%de0", now.Add(time.Hour).Unix()),
		} {
			tries[name+"="+v] = raw(name, v)
		}
	}
	tries["ten years"] = raw("exp", fmt.Sprint(now.AddDate(10, 0, 0).Unix()))
	never(t, tries)
	// What is over, or begins later, was issued: it is refused, and a newer cookie is not cleared with it.
	s := open(t, tokens(t), bare)
	for what, v := range map[string]string{
		"exp has passed": raw("exp", fmt.Sprint(now.Add(-time.Second).Unix())), "exp is long past": raw("exp", "1"),
		"iat in the future": raw("iat", fmt.Sprint(now.Add(10*time.Minute).Unix())), "nbf in the future": raw("nbf", fmt.Sprint(now.Add(10*time.Minute).Unix())),
	} {
		if a := s.session(v); a.status != http.StatusUnauthorized || len(a.cookies) != 0 {
			t.Errorf("%s: got %d, %v", what, a.status, a.cookies)
		}
	}
	for what, v := range map[string]string{
		"iat within the leeway": raw("iat", fmt.Sprint(now.Add(time.Minute).Unix())), "nbf within it": raw("nbf", fmt.Sprint(now.Add(time.Minute).Unix())),
	} {
		if a := s.session(v); a.status != http.StatusOK {
			t.Errorf("%s: got %d", what, a.status)
		}
	}
}

func TestD7_IssuerAndAudience(t *testing.T) {
	c := elsewhere("ann", "user")
	s := open(t, bare, tokens(t, func(c *jwtcodec.Config) { c.Issuer, c.Audience = "https://id.example", "shop" }))
	right := c.with("iss", "https://id.example").with("aud", "shop")
	if a := s.session(signed(jwtHeader, right, shared)); a.status != http.StatusOK {
		t.Fatalf("the right ones got %d", a.status)
	}
	ann := s.login("ann")
	if got := payload(t, ann.value()); got["iss"] != "https://id.example" || got["aud"] != "shop" {
		t.Errorf("a token made here has %v and %v", got["iss"], got["aud"])
	}
	ann.me()
	for what, c := range map[string]claims{
		"no aud": right.with("aud", nil), "no iss": right.with("iss", nil), "wrong aud": right.with("aud", "shop2"), "wrong iss": right.with("iss", "https://evil.example"),
		"array": right.with("aud", []string{"shop"}), "array of two": right.with("aud", []string{"shop", "x"}), "empty array": right.with("aud", []string{}),
		"number": right.with("aud", 1), "null": c.with("iss", "https://id.example").with("aud", json.RawMessage("null")), "empty": right.with("aud", ""),
		"case": right.with("aud", "SHOP"), "iss as an array": right.with("iss", []string{"https://id.example"}),
	} {
		s.refused(what, s.session(signed(jwtHeader, c, shared)))
	}
	never(t, map[string]string{ // where none is configured, a token with one is for somebody else
		"aud": signed(jwtHeader, c.with("aud", "shop"), shared), "iss": signed(jwtHeader, c.with("iss", "x"), shared),
		"typ": signed(claims{"alg": "HS256", "typ": "at+jwt"}, c, shared), "cty": signed(claims{"alg": "HS256", "typ": "JWT", "cty": "JWT"}, c, shared),
		"short sessionId": signed(jwtHeader, c.with("sessionId", "abc"), shared), "no sessionId": signed(jwtHeader, c.with("sessionId", nil), shared),
		"sessionId in capitals": signed(jwtHeader, c.with("sessionId", strings.Repeat("ABCDEF0123456789", 4)), shared),
		"user is no object":     signed(jwtHeader, c.with("user", "ann"), shared), "id is a number": signed(jwtHeader, c.with("user", claims{"id": 1}), shared),
	})
}

// What somebody with the secret writes into a token of this server is not believed: the sealed claim and
// the store are.
func TestD8_StoreWins(t *testing.T) {
	for name, options := range map[string][]option{"row": {tokens(t)}, "bare": {tokens(t), bare}} {
		t.Run(name, func(t *testing.T) {
			s := open(t, options...)
			ann, bob := s.login("ann"), s.login("bob")
			mine, his := payload(t, ann.value()), payload(t, bob.value())
			forge := func(c claims) answer { return s.session(signed(jwtHeader, c, shared)) }
			for what, c := range map[string]claims{
				"role":    mine.with("user", claims{"id": "ann", "role": "admin"}).with("data", claims{"role": "admin"}).with("role", "admin"),
				"id":      mine.with("user", claims{"id": "root", "role": "admin"}),
				"no user": mine.with("user", nil), "data": mine.with("data", claims{"note": "forged", "pin": "1"}),
			} {
				a := forge(c)
				if a.status != http.StatusOK || a.session().User["id"] != "ann" || a.session().Role != "user" || a.session().Data["note"] != "" {
					t.Errorf("%s: got %d: %s", what, a.status, a.body)
				}
			}
			for what, c := range map[string]claims{
				"another's sealed claim": mine.with("sealed", his["sealed"]), "another's sessionId": mine.with("sessionId", his["sessionId"]),
				"an empty one": mine.with("sealed", ""), "a number": mine.with("sealed", 1), "garbage": mine.with("sealed", "AAAA"), "null": mine.with("sealed", json.RawMessage("null")),
				"a sealed cookie": mine.with("sealed", open(t).login("ann").value()),
			} {
				s.refused(what, forge(c))
			}
			// Taken out of the token, the sealed claim is no session either.
			s.refused("the claim by itself", s.session(mine["sealed"].(string)))
			// Without it, it is a token from elsewhere: for a store with rows none of its own.
			if a := forge(mine.with("sealed", nil)); name == "row" && a.status != http.StatusUnauthorized {
				t.Errorf("without the sealed claim: got %d", a.status)
			}
			if name == "row" {
				before := ann.value()
				ann.ok(ann.do("POST", "/api/auth/logout", ""))
				if a := s.session(before); a.status != http.StatusUnauthorized {
					t.Errorf("revoked: got %d", a.status)
				}
			}
		})
	}
}

func TestD9_Oddities(t *testing.T) {
	c := elsewhere("ann", "user")
	text := string(marshal(c))
	tries := map[string]string{
		"zero signature":          segment(jwtHeader) + "." + segment(c) + "." + base64.RawURLEncoding.EncodeToString(make([]byte, 32)),
		"zero signature of ECDSA": segment(claims{"alg": "ES256", "typ": "JWT"}) + "." + segment(c) + "." + base64.RawURLEncoding.EncodeToString(make([]byte, 64)),
		"user twice":              signed(jwtHeader, text[:len(text)-1]+`,"user":{"id":"root"}}`, shared),
		"exp twice":               signed(jwtHeader, text[:len(text)-1]+fmt.Sprintf(`,"exp":%d}`, time.Now().Add(2*time.Hour).Unix()), shared),
		"escaped, twice":          signed(jwtHeader, text[:len(text)-1]+`,"us\u0065r":{"id":"root"}}`, shared),
		"id twice":                signed(jwtHeader, c.with("user", json.RawMessage(`{"id":"ann","id":"root"}`)), shared),
		"sealed twice":            signed(jwtHeader, text[:len(text)-1]+`,"sealed":"AAAA","sealed":"BBBB"}`, shared),
		"user in two cases":       signed(jwtHeader, text[:len(text)-1]+`,"User":{"id":"root"}}`, shared),
		"alg twice":               signed(`{"alg":"none","alg":"HS256","typ":"JWT"}`, c, shared),
		"unencoded payload":       segment(`{"alg":"HS256","typ":"JWT","b64":false,"crit":["b64"]}`) + "." + text + ".AAAA",
	}
	for name, v := range map[string]any{"crit": []string{"exp"}, "b64": false, "zip": "DEF", "enc": "A256GCM", "crit ": []string{}} {
		tries[name] = signed(claims{"alg": "HS256", "typ": "JWT", name: v}, c, shared)
	}
	never(t, tries)
	// Also where the claim that rules is given once, and what a front end reads is not.
	s := open(t, tokens(t))
	mine := payload(t, s.login("ann").value())
	for _, name := range []string{"exp", "iat"} {
		mine[name] = int64(mine[name].(float64))
	}
	own := string(marshal(mine))
	for _, twice := range []string{`"user":{"id":"root"}`, `"data":{}`, fmt.Sprintf(`"iat":%d`, mine["iat"]), `"sealed":` + string(marshal(mine["sealed"]))} {
		s.refused("own, and once more "+twice, s.session(signed(jwtHeader, own[:len(own)-1]+","+twice+"}", shared)))
	}
	s.refused("own, nested", s.session(signed(jwtHeader, mine.with("user", json.RawMessage(`{"id":"ann","x":[{"a":1,"a":2}]}`)), shared)))
	if a := s.session(signed(jwtHeader, mine, shared)); a.status != http.StatusOK {
		t.Errorf("signed again as it is: got %d", a.status)
	}
}
