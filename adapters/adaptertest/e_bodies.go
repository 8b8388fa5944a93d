package adaptertest

import (
	"fmt"
	"strings"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
)

// bodyForms are the rules E1 to E5 of the checklist: a body is one JSON object, read strictly.
var bodyForms = []rule{
	{"E good bodies", "The bodies that these rules spoil are good as they are.", bodyGood},
	{"E1 repeated keys", "A member that is there twice, at one level or in two places, is refused.", bodyRepeatedKeys},
	{"E2 spellings of a key", "A member has one spelling, and a query never feeds a body.", bodySpellings},
	{"E3 unknown members", "Members that nobody declared are refused, or dropped and noted where the contract has clients send whole objects back.", bodyUnknown},
	{"E4 not one object", "What is not exactly one JSON object is refused.", bodyNotOneObject},
	{"E5 nesting", "A body is nested five deep at most.", bodyNesting},
}

func bodyGood(t *testing.T, k *kit) {
	_, b := k.bodies(t)
	for _, e := range readers {
		b.post("/api/auth/"+e.path, fmt.Sprintf(e.good, "")).expect(200)
	}
}

func bodyRepeatedKeys(t *testing.T, k *kit) {
	for _, e := range readers {
		w, b := k.bodies(t)
		for _, second := range []string{`"x"`, `"admin"`, `["admin"]`, `{}`, `"` + e.member + `"`} {
			escaped := fmt.Sprintf(`\u%04x%s`, e.member[0], e.member[1:])
			for _, key := range []string{e.member, escaped} {
				b.post("/api/auth/"+e.path, fmt.Sprintf(e.good, fmt.Sprintf(`,"%s":%s`, key, second))).expect(400)
			}
		}
		w.untouched(b, e.path)
	}
	_, b := k.bodies(t)
	for _, body := range []string{
		`{"data":{"theme":"dark"},"data":{"role":"admin"}}`, `{"data":{"theme":"dark","theme":"light"}}`, `{"user":{"role":"admin"},"user":{"name":"x"}}`,
		`{"theme":"dark","data":{"theme":"light"}}`, `{"role":"admin","data":{"role":"user"}}`, `{"user":{"role":"admin"},"role":"user"}`,
	} {
		b.post("/api/auth/update", body).expect(400)
	}
}

func bodySpellings(t *testing.T, k *kit) {
	for _, e := range readers {
		w, b := k.bodies(t)
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
	w, b := k.bodies(t)
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

func bodyUnknown(t *testing.T, k *kit) {
	w, b := k.bodies(t)
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

func bodyNotOneObject(t *testing.T, k *kit) {
	_, b := k.bodies(t)
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
		b.refuses(t, 400, what, body)
	}
}

func bodyNesting(t *testing.T, k *kit) {
	_, b := k.bodies(t)
	deep := func(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }
	lists := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	// The documented depth is 5: the body itself is the first of them.
	b.post("/api/auth/update", `{"language":"de","x":`+deep(4)+`}`).expect(200)
	for what, value := range map[string]string{"one too deep": deep(5), "lists": lists(5), "2000 levels": lists(2000), "5000 unclosed": strings.Repeat("[", 5000)} {
		b.refuses(t, 400, what, with(`"x":`+value))
	}
	for _, n := range []int{10_000, 1_000_000} {
		b.refuses(t, 413, fmt.Sprint(n), with(`"x":`+lists(n)))
	}
}
