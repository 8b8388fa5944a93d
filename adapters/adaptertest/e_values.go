package adaptertest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nguard-go/nguard/core/guardtest"
)

// bodyValues are the rules E7 and E10 to E14 of the checklist: the values in a body, and what a body says that it is.
var bodyValues = []rule{
	{"E7 numbers", "A number is one that JSON has and the field can hold exactly, and none is rounded.", bodyNumbers},
	{"E10 wide bodies", "Members, elements and texts are counted, and what is too many is refused at once.", bodyWide},
	{"E11 broken text", "Text is valid UTF-8 without NUL, and no control character makes one name into another.", bodyBrokenText},
	{"E12 other types", "A value of another type is refused, wherever it stands.", bodyOtherTypes},
	{"E13 media types", "Only JSON that says so is read, or says that it is text or nothing where the contract wants that.", bodyMediaTypes},
	{"E14 empty bodies", "An empty body is no object.", bodyEmpty},
}

func bodyNumbers(t *testing.T, k *kit) {
	w, b := k.bodies(t)
	for _, n := range []string{"1e400", "-1e400", "01", "+1", "1.", ".5", "0x10", "1_000", "Infinity", strings.Repeat("9", 65), "- 1"} {
		b.refuses(t, 400, n, with(`"x":`+n))
	}
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

func bodyWide(t *testing.T, k *kit) {
	_, b := k.bodies(t)
	keys := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,"k%d":1`, i)
		}
		return b.String()[1:]
	}
	list := func(n int) string { return `"x":[1` + strings.Repeat(",1", n-1) + "]" }
	b.post("/api/auth/update", `{"language":"de",`+keys(49)+`}`).expect(200)
	b.post("/api/auth/update", `{"language":"de",`+list(100)+`}`).expect(200)
	b.post("/api/auth/update", `{"draft":"`+strings.Repeat("é", 1000)+`"}`).expect(200)
	b.refuses(t, 400, "51 keys and more", with(keys(51)))
	b.refuses(t, 400, "51 keys inside", with(`"x":{`+keys(51)+`}`))
	b.refuses(t, 400, "101 elements", with(list(101)))
	b.refuses(t, 400, "1001 characters", with(`"x":"`+strings.Repeat("a", 1001)+`"`))
	b.refuses(t, 400, "a key of 1001 characters", with(`"`+strings.Repeat("a", 1001)+`":1`))
	start := time.Now()
	b.refuses(t, 413, "10^5 keys", with(keys(100_000)))
	b.refuses(t, 413, "10^6 elements", with(list(1_000_000)))
	b.refuses(t, 413, "3 MiB string", with(`"x":"`+strings.Repeat("a", 3<<20)+`"`))
	b.refusesEarly(t, 413, "10 MiB string", with(`"x":"`+strings.Repeat("a", 10<<20)+`"`))
	// Keys whose hashes collide in some maps, repeated many times within the limit of size.
	b.refuses(t, 400, "as many keys as fit", with(`"x":{`+keys(900)+`}`))
	if d := time.Since(start); d > 20*time.Second {
		t.Errorf("wide bodies took %v", d)
	}
}

func bodyBrokenText(t *testing.T, k *kit) {
	w, b := k.bodies(t)
	for what, text := range map[string]string{
		"invalid UTF-8": "a\xffb", "overlong": "\xc0\xaf", "cut sequence": "\xe2\x82", "encoded surrogate": "\xed\xa0\x80", "beyond Unicode": "\xf4\x90\x80\x80",
		"lone high surrogate": `\ud800`, "lone low surrogate": `\udc00`, "swapped surrogates": `\udc00\ud800`, "high before text": `\ud83dx`,
		"NUL": `a\u0000b`, "raw control": "a\x01b", "raw newline": "a\nb", "bad escape": `\x41`, "short escape": `\u00`,
	} {
		b.refuses(t, 400, what+" in a value", with(`"x":"`+text+`"`))
		b.refuses(t, 400, what+" in a key", with(`"x`+text+`":1`))
	}
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

func bodyOtherTypes(t *testing.T, k *kit) {
	w, b := k.bodies(t)
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

func bodyMediaTypes(t *testing.T, k *kit) {
	_, b := k.bodies(t)
	form, multipart := "Content-Type: application/x-www-form-urlencoded", "Content-Type: multipart/form-data; boundary=x"
	for _, line := range []string{
		form, "Content-Type: application/jsonp", "Content-Type: application/javascript", "Content-Type: text/html", "Content-Type: application/xml",
		"Content-Type: application/json; charset=utf-16", "Content-Type: application/json; charset=iso-8859-1", "Content-Type: text/plain; charset=utf-7", "Content-Type: application/json-seq",
		"Content-Type: application/problem+json", "Content-Type: application/merge-patch+json", "Content-Type: application/json, text/plain", "Content-Type: x/application/json", "Content-Type: application",
		"Content-Type: application/json; charset=utf-8; charset=utf-16", "Content-Type: text/json", "Content-Type: */*", "Content-Type: ;",
	} {
		b.refuses(t, 415, line, func(good string) string { return fmt.Sprintf(good, "") }, line)
	}
	b.refuses(t, 415, "a form", always("--x\r\nContent-Disposition: form-data; name=\"theme\"\r\n\r\ndark\r\n--x--\r\n"), multipart)
	b.refusesEarly(t, 415, "a form that is none", func(good string) string { return fmt.Sprintf(good, "") }, multipart)
	b.refuses(t, 415, "two lines", func(good string) string { return fmt.Sprintf(good, "") }, asJSON, form)
	b.refuses(t, 415, "two equal lines", func(good string) string { return fmt.Sprintf(good, "") }, asJSON, asJSON)
	for _, e := range readers {
		for _, line := range []string{"Content-Type:", "Content-Type: text/plain", "Content-Type: text/plain;charset=UTF-8", `Content-Type: text/plain; charset="utf-8"`} {
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
			b.do("POST", "/api/auth/"+e.path, fmt.Sprintf(e.good, ""), line).expect(200)
		}
	}
}

func bodyEmpty(t *testing.T, k *kit) {
	w, b := k.bodies(t)
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
