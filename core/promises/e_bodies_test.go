package promises

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
	"github.com/nguard-go/nguard/policy"
)

// readers are the endpoints that read a body, each with a good one that has room for one more member,
// and whether the HTTP contract wants JSON sent under another type, or none, to be read.
var readers = []struct {
	path, good, member string
	lenient            bool
}{
	{"login", `{"id":"admin","password":"` + guardtest.Password + `"%s}`, "id", false},
	{"update", `{"theme":"dark"%s}`, "theme", true},
	{"update-role", `{"userId":"other","newRole":"moderator"%s}`, "newRole", true},
	{"profile", `{"name":"New Name"%s}`, "name", true},
	{"validate", `{"token":"none"%s}`, "token", true},
}

// bodies is a world with one more field, in which an admin sends bodies.
func bodies(t *testing.T) (*world, *browser) {
	w := newWorld(t, memory(t), func(c *nguard.Config) {
		c.Fields = append(fields(), &nguard.Field[int]{Name: "count", Write: policy.Self}, &nguard.Field[float64]{Name: "ratio", Write: policy.Self})
	})
	return w, w.loggedIn("admin")
}

// untouched fails when anything that the good bodies would change has changed.
func (w *world) untouched(b *browser, what string) {
	w.t.Helper()
	a := b.get("/api/auth/session").expect(200)
	other, err := w.guard.Sessions(b.w.t.Context(), "other")
	if err != nil {
		w.t.Fatal(err)
	}
	if a.at("session", "data", "theme") != "light" || a.at("session", "user", "name") != "Ada Admin" || a.at("session", "data", "count") != 0.0 || len(other) > 0 && other[0].User().Role != "user" {
		w.t.Fatalf("%s: something has changed: %s", what, a.raw)
	}
}

// refuses sends a body to each endpoint and wants this status, JSON, and no effect.
func refuses(t *testing.T, status int, what string, body func(good string) string, headers ...string) {
	t.Helper()
	w, b := bodies(t)
	for _, e := range readers {
		token := b.token()
		a := b.do("POST", "/api/auth/"+e.path, body(e.good), headers...)
		if a.status != status {
			t.Errorf("%s, %s: status %d, want %d: %.200s", e.path, what, a.status, status, a.raw)
		}
		if a.header.Get("Content-Type") != "application/json" || a.at("error") == nil {
			t.Errorf("%s, %s: answer %q %.100s", e.path, what, a.header.Get("Content-Type"), a.raw)
		}
		if b.token() != token {
			t.Errorf("%s, %s: another token", e.path, what)
		}
	}
	w.untouched(b, what)
}

func with(member string) func(string) string {
	return func(good string) string { return fmt.Sprintf(good, ","+member) }
}

func always(body string) func(string) string { return func(string) string { return body } }

func TestE_TheGoodBodiesAreGood(t *testing.T) {
	_, b := bodies(t)
	for _, e := range readers {
		b.post("/api/auth/"+e.path, fmt.Sprintf(e.good, "")).expect(200)
	}
}

func TestE1_RepeatedKeys(t *testing.T) {
	for _, e := range readers {
		w, b := bodies(t)
		for _, second := range []string{`"x"`, `"admin"`, `["admin"]`, `{}`, `"` + e.member + `"`} {
			escaped := fmt.Sprintf(`\u%04x%s`, e.member[0], e.member[1:])
			for _, key := range []string{e.member, escaped} {
				b.post("/api/auth/"+e.path, fmt.Sprintf(e.good, fmt.Sprintf(`,"%s":%s`, key, second))).expect(400)
			}
		}
		w.untouched(b, e.path)
	}
	_, b := bodies(t)
	for _, body := range []string{
		`{"data":{"theme":"dark"},"data":{"role":"admin"}}`, `{"data":{"theme":"dark","theme":"light"}}`, `{"user":{"role":"admin"},"user":{"name":"x"}}`,
		`{"theme":"dark","data":{"theme":"light"}}`, `{"role":"admin","data":{"role":"user"}}`, `{"user":{"role":"admin"},"role":"user"}`,
	} {
		b.post("/api/auth/update", body).expect(400)
	}
}

func TestE2_OtherSpellingsOfAKey(t *testing.T) {
	for _, e := range readers {
		w, b := bodies(t)
		upper, title := strings.ToUpper(e.member), strings.ToUpper(e.member[:1])+e.member[1:]
		for _, key := range []string{upper, title, strings.ReplaceAll(e.member, "s", "ſ"), strings.ReplaceAll(e.member, "k", "\u212a")} {
			if key == e.member {
				continue
			}
			// beside the real one: a folding reader would take it for a repetition
			b.post("/api/auth/"+e.path, fmt.Sprintf(e.good, `,"`+key+`":"admin"`)).expect(400)
		}
		w.untouched(b, e.path)
	}
	w, b := bodies(t)
	user := w.loggedIn("user")
	for _, body := range []string{
		`{"ROLE":"admin"}`, `{"Role":"admin"}`, `{"roLe":"admin"}`, `{"data":{"ROLE":"admin"}}`, `{"user":{"Role":"admin"}}`, `{"Permissions":["*"]}`, `{"permiſſions":["*"]}`, `{"data":{"permi\u017fsions":["*"]}}`,
		`{"THEME":"dark"}`, `{"user":{"Name":"x"}}`, `{"ISADMIN":true}`, `{"isadmin":true}`, `{"Roles":["admin"]}`, `{"issuperadmin":true}`, `{"user":{"ISADMIN":true}}`, `{"user":{"ID":"admin"}}`,
		`{"User":{"name":"x"},"theme":"dark"}`, `{"DATA":{"role":"admin"},"theme":"dark"}`, `{"u\u017fer":{"role":"admin"},"theme":"dark"}`, `{"uſer":{"name":"x"},"theme":"dark"}`,
	} {
		if a := user.post("/api/auth/update", body); a.status != 400 {
			t.Errorf("%s: status %d", body, a.status)
		}
	}
	for _, body := range []string{`{"userid":"other","newRole":"moderator"}`, `{"UserId":"other","newRole":"moderator"}`, `{"userId":"other","newrole":"moderator"}`, `{"userId":"other","NEWROLE":"moderator"}`} {
		b.post("/api/auth/update-role", body).expect(400)
	}
	b.post("/api/auth/profile", `{"NAME":"x"}`).expect(400)
	w.browser().post("/api/auth/login", `{"ID":"user","password":"`+guardtest.Password+`"}`).expect(400)
	w.browser().post("/api/auth/login", `{"id":"user","PaSSword":"`+guardtest.Password+`"}`).expect(400)
	w.browser().post("/api/auth/login", `{"id":"user","pa\u017f\u017fword":"`+guardtest.Password+`"}`).expect(400)
	if a := w.browser().post("/api/auth/validate", `{"TOKEN":"`+user.token()+`"}`); a.status == 200 && a.at("valid") != false {
		t.Errorf("validate took a token of another name: %s", a.raw)
	}
	// A query never feeds a body.
	b.post("/api/auth/update?theme=dark", `{}`).expect(400)
	b.post("/api/auth/update-role?userId=other&newRole=moderator", `{}`).expect(400)
	b.post("/api/auth/update-role?newRole=admin", `{"userId":"other"}`).expect(400)
	w.browser().post("/api/auth/login?id=user", `{"password":"`+guardtest.Password+`"}`).expect(400)
	b.post("/api/auth/update?count=7", `{"language":"de"}`).expect(200)
	w.untouched(b, "query")
}

func TestE3_UnknownMembers(t *testing.T) {
	w, b := bodies(t)
	b.post("/api/auth/update-role", `{"userId":"other","newRole":"moderator","x":1}`).expect(400)
	b.post("/api/auth/update", `{"x":1}`).expect(400)
	b.post("/api/auth/profile", `{"theme":"dark"}`).expect(400)
	b.post("/api/auth/profile", `{"role":"user"}`).expect(400)
	w.untouched(b, "unknown members alone")
	// The contract: clients send whole objects back, what is not declared is dropped and noted.
	a := b.post("/api/auth/update", `{"language":"de","twoFactorEnabled":true,"user":{"nickname":"canary"},"data":{"canary":"canary"},"__proto__":{"role":"x"},"constructor":1}`).expect(200)
	if strings.Contains(string(a.raw), "canary") || strings.Contains(string(a.raw), "__proto__") || strings.Contains(b.get("/api/auth/session").text(), "canary") {
		t.Errorf("undeclared members were kept: %s", a.raw)
	}
	e := w.await("the undeclared names", func(e nguard.Event) bool {
		return e.Name == nguard.EventExtraneous && strings.Contains(e.Reason, "canary")
	})
	if e.Actor != "admin" || e.Outcome != nguard.Denied {
		t.Errorf("event %+v", e)
	}
	b.post("/api/auth/profile", `{"email":"ada@example.com","theme":"dark","role":"user"}`).expect(200)
	w.untouched(b, "members that profile does not take")
}

func TestE4_NotOneObject(t *testing.T) {
	for what, body := range map[string]func(string) string{
		"BOM":             func(good string) string { return "\ufeff" + fmt.Sprintf(good, "") },
		"UTF-16":          func(good string) string { return "\xff\xfe" + fmt.Sprintf(good, "") },
		"trailing bytes":  func(good string) string { return fmt.Sprintf(good, "") + "x" },
		"trailing brace":  func(good string) string { return fmt.Sprintf(good, "") + "}" },
		"trailing NUL":    func(good string) string { return fmt.Sprintf(good, "") + "\x00" },
		"second document": func(good string) string { return fmt.Sprintf(good, "") + "\n" + fmt.Sprintf(good, "") },
		"null":            always("null"), "array": always("[]"), "string": always(`"x"`), "number": always("1"), "true": always("true"),
		"array of it":     func(good string) string { return "[" + fmt.Sprintf(good, "") + "]" },
		"JSON text of it": func(good string) string { return fmt.Sprintf("%q", fmt.Sprintf(good, "")) },
		"comment":         with(`/* x */"x":1`), "trailing comma": func(good string) string { return strings.Replace(fmt.Sprintf(good, ""), "}", ",}", 1) },
		"single quotes": always(`{'theme':'dark'}`), "NaN": with(`"x":NaN`), "XSSI prefix": func(good string) string { return ")]}'\n" + fmt.Sprintf(good, "") },
		"only white space": always(" \n\t "), "unclosed": func(good string) string { return strings.TrimSuffix(fmt.Sprintf(good, ""), "}") },
		"vertical tab":   func(good string) string { return "\v" + fmt.Sprintf(good, "") },
		"no-break space": func(good string) string { return "\u00a0" + fmt.Sprintf(good, "") },
	} {
		refuses(t, 400, what, body)
	}
}

func TestE5_Nesting(t *testing.T) {
	deep := func(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }
	lists := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	// The documented depth is 5: the body itself is the first of them.
	_, b := bodies(t)
	b.post("/api/auth/update", `{"language":"de","x":`+deep(4)+`}`).expect(200)
	for what, value := range map[string]string{"one too deep": deep(5), "lists": lists(5), "2000 levels": lists(2000), "5000 unclosed": strings.Repeat("[", 5000)} {
		refuses(t, 400, what, with(`"x":`+value))
	}
	for _, n := range []int{10_000, 1_000_000} {
		refuses(t, 413, fmt.Sprint(n), with(`"x":`+lists(n)))
	}
}

func TestE6_BodiesOverTheLimit(t *testing.T) {
	w, b := bodies(t)
	me := w.by(b.token())
	pad := func(n int) string { return `{"language":"de"` + strings.Repeat(" ", n-17) + "}" }
	b.post("/api/auth/update", pad(10<<10)).expect(200)
	for _, e := range readers {
		b.post("/api/auth/"+e.path, pad(10<<10+1)).expect(413)
		b.post("/api/auth/"+e.path, strings.Repeat("x", 1<<20)).expect(413)
		// without a length
		chunked := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", 10<<10+1, pad(10<<10+1))
		w.sends(strings.TrimSuffix(w.written("POST", "/api/auth/"+e.path, "", sameOrigin, asJSON, me, "Transfer-Encoding: chunked"), "\r\n") + "\r\n" + chunked).expect(413)
		// a length that promises more than comes: the answer does not wait for it
		w.sends(w.written("POST", "/api/auth/"+e.path, "", sameOrigin, asJSON, me, "Content-Length: 1073741824")).expect(413)
		// nor does a client that asks before sending get to send
		w.sends(w.written("POST", "/api/auth/"+e.path, "", sameOrigin, asJSON, me, "Content-Length: 1073741824", "Expect: 100-continue")).expect(413)
	}
	// Reading stops at the limit: a body without end is answered while it is still being sent.
	c := dialWire(t, w.addr())
	go func() {
		_, err := io.WriteString(c.conn, w.written("POST", "/api/auth/update", "", sameOrigin, asJSON, me, "Transfer-Encoding: chunked"))
		for i := 0; err == nil && i < 1<<20; i++ {
			_, err = io.WriteString(c.conn, "400\r\n"+strings.Repeat(" ", 1<<10)+"\r\n")
		}
	}()
	c.read("POST").expect(413)
	if !closedWithin(c.conn, 5*time.Second) {
		t.Error("an endless body is read on")
	}
	w.untouched(b, "too large")
}

func TestE6_AFalseLengthChangesNothing(t *testing.T) {
	w, b := bodies(t)
	me := w.by(b.token())
	// shorter than the body: what is cut is no JSON
	w.sends(w.written("POST", "/api/auth/update", "", sameOrigin, asJSON, me, "Content-Length: 9", "Connection: close") + `{"theme":"dark"}`).expect(400)
	// longer, and the client gives up
	c := dialWire(t, w.addr())
	if _, err := io.WriteString(c.conn, w.written("POST", "/api/auth/update", "", sameOrigin, asJSON, me, "Content-Length: 40")+`{"theme":"dark"}`); err != nil {
		t.Fatal(err)
	}
	if err := c.conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if r, err := c.tryRead("POST"); err == nil && r.status != 400 {
		t.Errorf("a body cut short: status %d", r.status)
	}
	// chunks cut short, chunks that are none
	for _, body := range []string{"10\r\n{\"theme\":\"dark\"}", "zz\r\n{\"theme\":\"dark\"}\r\n0\r\n\r\n", "-1\r\nx\r\n0\r\n\r\n", "ffffffffffffffffff\r\nx"} {
		c := dialWire(t, w.addr())
		_, _ = io.WriteString(c.conn, w.written("POST", "/api/auth/update", "", sameOrigin, asJSON, me, "Transfer-Encoding: chunked")+body)
		_ = c.conn.(*net.TCPConn).CloseWrite()
		if r, err := c.tryRead("POST"); err == nil && r.status != 400 {
			t.Errorf("chunks %q: status %d", body, r.status)
		}
	}
	w.untouched(b, "false length")
}

func TestE7_Numbers(t *testing.T) {
	for _, n := range []string{"1e400", "-1e400", "01", "+1", "1.", ".5", "0x10", "1_000", "Infinity", strings.Repeat("9", 65), "- 1"} {
		refuses(t, 400, n, with(`"x":`+n))
	}
	w, b := bodies(t)
	for _, n := range []string{"12345678901234567890", "1.0", "1.5", "1e2", "-0.0", "9223372036854775808", `"1"`, "true", "null", "[1]", "{}"} {
		b.post("/api/auth/update", `{"count":`+n+`}`).expect(400)
	}
	for _, n := range []string{`"1"`, "1e309", "null", "true"} {
		b.post("/api/auth/update", `{"ratio":`+n+`}`).expect(400)
	}
	w.untouched(b, "numbers")
	b.post("/api/auth/update", `{"count":9223372036854775807}`).expect(200)
	if a := b.get("/api/auth/session"); !strings.Contains(string(a.raw), `"count":9223372036854775807`) {
		t.Errorf("a large whole number was rounded: %s", a.raw)
	}
}

func TestE8_CompressedBodies(t *testing.T) {
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	if _, err := z.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	for _, coding := range []string{"gzip", "deflate", "br", "zstd", "compress", "x-gzip", "gzip, br", "identity", "GZIP", "unknown"} {
		refuses(t, 415, coding, func(good string) string { return fmt.Sprintf(good, "") }, "Content-Encoding: "+coding)
	}
	refuses(t, 413, "a bomb", always(zipped.String()+strings.Repeat(" ", 10<<10)))
	refuses(t, 415, "a bomb that says so", always(zipped.String()), "Content-Encoding: gzip")
	refuses(t, 400, "a bomb that does not say so", always(zipped.String()[:1000]))
}

// The time a body may take is the server's to bound: nguard never wraps it. An application sets
// http.Server.ReadTimeout, as the package documentation of httpguard says.
func TestE9_ABodyThatTricklesIsCutOffAndHoldsUpNobody(t *testing.T) {
	w, b := bodies(t)
	s := w.serve(w.handler(), func(s *httptest.Server) { s.Config.ReadTimeout = 300 * time.Millisecond })
	addr, me := s.Listener.Addr().String(), w.by(b.token())
	stop := make(chan struct{})
	defer close(stop)
	var slow []*wire
	for range 20 {
		c := dialWire(t, addr)
		slow = append(slow, c)
		if _, err := io.WriteString(c.conn, w.written("POST", "/api/auth/update", "", sameOrigin, asJSON, me, "Content-Length: 1000")); err != nil {
			t.Fatal(err)
		}
		go func() {
			tick := time.NewTicker(20 * time.Millisecond)
			defer tick.Stop()
			for _, char := range `{"theme":"dark"` + strings.Repeat(" ", 984) + "}" {
				select {
				case <-stop:
					return
				case <-tick.C:
				}
				if _, err := io.WriteString(c.conn, string(char)); err != nil {
					return
				}
			}
		}()
	}
	dialWire(t, addr).ask(w.written("GET", "/who", "", me)).expect(200)
	for _, c := range slow {
		if r, err := c.tryRead("POST"); err == nil && (r.status != 400 || r.header.Get("Content-Type") != "application/json") {
			t.Errorf("a body that trickles: %s%s", r.head, r.body)
		}
		if !closedWithin(c.conn, 5*time.Second) {
			t.Error("a body that trickles keeps its connection")
		}
	}
	w.untouched(b, "trickle")
}

func TestE10_WideBodies(t *testing.T) {
	keys := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,"k%d":1`, i)
		}
		return b.String()[1:]
	}
	list := func(n int) string { return `"x":[1` + strings.Repeat(",1", n-1) + "]" }
	_, b := bodies(t)
	b.post("/api/auth/update", `{"language":"de",`+keys(49)+`}`).expect(200)
	b.post("/api/auth/update", `{"language":"de",`+list(100)+`}`).expect(200)
	b.post("/api/auth/update", `{"draft":"`+strings.Repeat("é", 1000)+`"}`).expect(200)
	refuses(t, 400, "51 keys and more", with(keys(51)))
	refuses(t, 400, "51 keys inside", with(`"x":{`+keys(51)+`}`))
	refuses(t, 400, "101 elements", with(list(101)))
	refuses(t, 400, "1001 characters", with(`"x":"`+strings.Repeat("a", 1001)+`"`))
	refuses(t, 400, "a key of 1001 characters", with(`"`+strings.Repeat("a", 1001)+`":1`))
	start := time.Now()
	refuses(t, 413, "10^5 keys", with(keys(100_000)))
	refuses(t, 413, "10^6 elements", with(list(1_000_000)))
	refuses(t, 413, "10 MiB string", with(`"x":"`+strings.Repeat("a", 10<<20)+`"`))
	// Keys whose hashes collide in some maps, repeated many times within the limit of size.
	refuses(t, 400, "as many keys as fit", with(`"x":{`+keys(900)+`}`))
	if d := time.Since(start); d > 20*time.Second {
		t.Errorf("wide bodies took %v", d)
	}
}

func TestE11_BrokenText(t *testing.T) {
	for what, text := range map[string]string{
		"invalid UTF-8": "a\xffb", "overlong": "\xc0\xaf", "cut sequence": "\xe2\x82", "encoded surrogate": "\xed\xa0\x80", "beyond Unicode": "\xf4\x90\x80\x80",
		"lone high surrogate": `\ud800`, "lone low surrogate": `\udc00`, "swapped surrogates": `\udc00\ud800`, "high before text": `\ud83dx`,
		"NUL": `a\u0000b`, "raw control": "a\x01b", "raw newline": "a\nb", "bad escape": `\x41`, "short escape": `\u00`,
	} {
		refuses(t, 400, what+" in a value", with(`"x":"`+text+`"`))
		refuses(t, 400, what+" in a key", with(`"x`+text+`":1`))
	}
	w, b := bodies(t)
	for _, char := range []string{`\u0000`, `\u0001`, `\u001b`, `\u007f`, `\u0085`, `\n`, `\u202e`, `\ufeff`, `\u200b`, `\ufffd`} {
		for what, a := range map[string]answer{
			"role":       b.post("/api/auth/update-role", `{"userId":"other","newRole":"moderator`+char+`"}`),
			"role first": b.post("/api/auth/update-role", `{"userId":"other","newRole":"`+char+`admin"}`),
			"user id":    b.post("/api/auth/update-role", `{"userId":"other`+char+`","newRole":"moderator"}`),
			"own id":     b.post("/api/auth/update-role", `{"userId":"`+char+`admin","newRole":"user"}`),
			"login":      w.browser().post("/api/auth/login", `{"id":"user`+char+`","password":"`+guardtest.Password+`"}`),
			"password":   w.browser().post("/api/auth/login", `{"id":"user","password":"`+guardtest.Password+char+`"}`),
			"permission": b.post("/api/auth/update-role", `{"userId":"other","permissions":["posts:edit`+char+`"]}`),
		} {
			want := map[string]int{"role": 400, "role first": 400, "user id": 404, "own id": 404, "login": 401, "password": 401, "permission": 400}[what]
			if char == `\u0000` {
				want = 400
			}
			if a.status != want {
				t.Errorf("%s with %s: status %d, want %d: %s", what, char, a.status, want, a.raw)
			}
		}
	}
	w.untouched(b, "control characters")
}

func TestE12_OtherTypes(t *testing.T) {
	w, b := bodies(t)
	for _, v := range []string{`["admin"]`, `{"admin":true}`, `1`, `true`, `null`, `[]`, `{}`, `[["admin"]]`} {
		for _, body := range []string{`{"userId":"other","newRole":` + v + `}`, `{"userId":` + v + `,"newRole":"moderator"}`} {
			b.post("/api/auth/update-role", body).expect(400)
		}
		for _, body := range []string{`{"role":` + v + `}`, `{"data":{"role":` + v + `}}`, `{"user":{"role":` + v + `}}`, `{"theme":` + v + `}`, `{"user":{"name":` + v + `}}`} {
			b.post("/api/auth/update", body).expect(400)
		}
		b.post("/api/auth/profile", `{"name":`+v+`}`).expect(400)
		if v != "null" {
			b.post("/api/auth/validate", `{"token":`+v+`}`).expect(400)
		}
		for _, body := range []string{`{"id":` + v + `,"password":"` + guardtest.Password + `"}`, `{"id":"user","password":` + v + `}`} {
			w.browser().post("/api/auth/login", body).expect(400)
		}
		if v != "true" {
			w.browser().post("/api/auth/login", `{"id":"user","password":"`+guardtest.Password+`","remember":`+v+`}`).expect(400)
		}
	}
	for _, v := range []string{`"admin"`, `{"0":"posts:edit"}`, `1`, `null`, `[1]`, `[null]`, `[["posts:edit"]]`, `[{}]`, `["posts:edit",true]`, `[""]`} {
		b.post("/api/auth/update-role", `{"userId":"other","permissions":`+v+`}`).expect(400)
		b.post("/api/auth/update", `{"permissions":`+v+`}`).expect(400)
	}
	for _, v := range []string{`"x"`, `[]`, `1`, `null`, `true`} {
		b.post("/api/auth/update", `{"user":`+v+`,"theme":"dark"}`).expect(400)
		b.post("/api/auth/update", `{"data":`+v+`,"theme":"dark"}`).expect(400)
	}
	w.untouched(b, "types")
}

func TestE13_MediaTypes(t *testing.T) {
	form := "Content-Type: application/x-www-form-urlencoded"
	for _, line := range []string{
		form, "Content-Type: multipart/form-data; boundary=x", "Content-Type: application/jsonp", "Content-Type: application/javascript", "Content-Type: text/html", "Content-Type: application/xml",
		"Content-Type: application/json; charset=utf-16", "Content-Type: application/json; charset=iso-8859-1", "Content-Type: text/plain; charset=utf-7", "Content-Type: application/json-seq",
		"Content-Type: application/problem+json", "Content-Type: application/merge-patch+json", "Content-Type: application/json, text/plain", "Content-Type: x/application/json", "Content-Type: application",
		"Content-Type: application/json; charset=utf-8; charset=utf-16", "Content-Type: text/json", "Content-Type: */*", "Content-Type: ;",
	} {
		refuses(t, 415, line, func(good string) string { return fmt.Sprintf(good, "") }, line)
	}
	refuses(t, 415, "two lines", func(good string) string { return fmt.Sprintf(good, "") }, asJSON, form)
	refuses(t, 415, "two equal lines", func(good string) string { return fmt.Sprintf(good, "") }, asJSON, asJSON)
	for _, e := range readers {
		for _, line := range []string{"Content-Type:", "Content-Type: text/plain", "Content-Type: text/plain;charset=UTF-8", `Content-Type: text/plain; charset="utf-8"`} {
			_, b := bodies(t)
			a := b.do("POST", "/api/auth/"+e.path, fmt.Sprintf(e.good, ""), line)
			if want := map[bool]int{true: 200, false: 415}[e.lenient]; a.status != want {
				t.Errorf("%s, %q: status %d, want %d", e.path, line, a.status, want)
			}
			if e.lenient { // the same strict JSON, never a form
				for _, body := range []string{"theme=dark&name=x", fmt.Sprintf(e.good, "") + "x", fmt.Sprintf(e.good, `,"x":1,"x":2`)} {
					if a := b.do("POST", "/api/auth/"+e.path, body, line); a.status != 400 {
						t.Errorf("%s, %q, %s: status %d", e.path, line, body, a.status)
					}
				}
			}
		}
		for _, line := range []string{"Content-Type: application/json; charset=utf-8", "Content-Type: application/json;charset=UTF-8", "Content-Type: Application/JSON", `Content-Type: application/json; charset="utf-8"`, "Content-Type: application/json;"} {
			_, b := bodies(t)
			b.do("POST", "/api/auth/"+e.path, fmt.Sprintf(e.good, ""), line).expect(200)
		}
	}
}

func TestE14_EmptyBodies(t *testing.T) {
	w, b := bodies(t)
	for _, e := range readers {
		for _, line := range []string{"Content-Length: 0", "Transfer-Encoding: chunked"} {
			raw := w.written("POST", "/api/auth/"+e.path, "", sameOrigin, asJSON, w.by(b.token()), line)
			if strings.HasPrefix(line, "Transfer") {
				raw += "0\r\n\r\n"
			}
			w.sends(raw).expect(400)
		}
		w.sends(w.written("POST", "/api/auth/"+e.path, "", sameOrigin, asJSON, w.by(b.token()))).expect(400)
	}
	w.untouched(b, "empty")
}
