package adaptertest

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
)

var contractRefusals = []rule{
	{"contract 3: status codes and bodies of update", "Whatever update refuses, it answers with the status of the table and a body in which error and message say the same.", contractStatusOfUpdate},
	{"contract 4: no refusal is taken for a success", "No client takes a refusal for a change that was made, whatever it asks for, in which form and method.", contractNoFalseSuccess},
}

// localMerge is what a client of generation B does with an answer to update: whether it takes a refusal for a
// success, and the change for made.
func localMerge(a answer) bool {
	if !strings.Contains(a.header.Get("Content-Type"), "application/json") {
		return true
	}
	var body map[string]any
	if err := json.Unmarshal(a.raw, &body); err != nil {
		return true
	}
	_, session := body["session"].(map[string]any)
	return a.status < 300 && !session
}

func contractStatusOfUpdate(t *testing.T, k *kit) {
	w, store := k.tallied(t, func(c *nguard.Config) {
		c.Hooks.BeforeUpdate = func(_ context.Context, u nguard.Update) error {
			if u.Changes[0].To == "canary" {
				panic("canary: relation people does not exist")
			}
			return nil
		}
	})
	b := w.loggedIn("user")
	a := b.post("/api/auth/update", `{"theme":"dark"}`).expect(200)
	if a.at("success") != true || a.at("message") == nil || len(a.cookies()) != 1 || a.cookies()[0].Value != b.token() {
		t.Errorf("update: %s, %q", a.raw, a.header["Set-Cookie"])
	}
	for body, status := range map[string]int{
		`{`: 400, `[]`: 400, `{}`: 400, `{"x":1}`: 400, `{"user":{}}`: 400, `{"data":{}}`: 400, `{"theme":"pink"}`: 400, `{"theme":7}`: 400, `{"role":"admin"}`: 403, `{"permissions":["posts:edit"]}`: 403,
		`{"user":{"id":"admin"}}`: 403, `{"visits":9}`: 403, `{"theme":"dark","x":"` + strings.Repeat("x", 10<<10) + `"}`: 413, `{"user":{"name":"canary"}}`: 500,
	} {
		a := b.post("/api/auth/update", body).failed(status)
		if a.at("success") != false || a.at("session") != nil || strings.Contains(string(a.raw), "canary") {
			t.Errorf("update %.40s: %s", body, a.raw)
		}
	}
	if a := w.browser().post("/api/auth/update", `{"theme":"dark"}`).failed(401); a.at("success") != false {
		t.Errorf("update without a session: %s", a.raw)
	}
	limited := k.newWorld(t, func(c *nguard.Config) { c.Limits.Update = refusing{} }).loggedIn("user")
	if a := limited.post("/api/auth/update", `{"theme":"dark"}`).failed(429); a.at("success") != false || a.header.Get("Retry-After") != "2" {
		t.Errorf("update at the limit: %s, Retry-After %q", a.raw, a.header.Get("Retry-After"))
	}
	store.down.Store(true)
	if a := b.post("/api/auth/update", `{"theme":"dark"}`).failed(503); a.at("success") != false {
		t.Errorf("update in an outage: %s", a.raw)
	}
	if a := b.get("/api/auth/validate").failed(503); a.at("valid") != false {
		t.Errorf("validate in an outage: %s", a.raw)
	}
}

func contractNoFalseSuccess(t *testing.T, k *kit) {
	w, store := k.tallied(t, func(c *nguard.Config) {
		c.LoginPage = "/login" // sends pages away, never a call of an endpoint
		c.Limits.Update = &every{n: 3}
	})
	b := w.loggedIn("user")
	const path = "/api/auth/update"
	for _, accept := range []string{"Accept:", "Accept: application/json", "Accept: text/html", "Accept: application/problem+json", "Accept: text/plain"} {
		for _, c := range []struct {
			method, path, body string
			lines              []string
		}{
			{"POST", path, `{"role":"admin"}`, nil}, {"POST", path, `{"role":"admin"`, nil}, {"POST", path, "", nil}, {"POST", path, strings.Repeat("x", 20<<10), nil}, {"POST", path, `{"role":"admin"}`, []string{"Sec-Fetch-Site: cross-site"}},
			{"POST", path, `{"role":"admin"}`, []string{"Content-Type: text/html"}}, {"POST", path, `{"role":"admin"}`, []string{"Content-Encoding: gzip"}}, {"PUT", path, `{"role":"admin"}`, nil}, {"GET", path, "", nil},
			{"POST", path + "/", `{"role":"admin"}`, nil}, {"POST", path + ".json", `{"role":"admin"}`, nil}, {"POST", "/api/auth/Update", `{"role":"admin"}`, nil}, {"POST", path, `{"theme":"dark"}`, []string{`If-Match: "x.1"`}},
			{"POST", path, `{"role":"admin"}`, []string{"Sec-Fetch-Dest: iframe"}},
		} {
			for _, who := range []*browser{b, w.browser()} {
				for range 3 { // every third meets the limit
					if a := who.do(c.method, c.path, c.body, append([]string{accept}, c.lines...)...); localMerge(a) || a.status < 400 {
						t.Errorf("%s %s %.30s, %s: status %d, Content-Type %q, %.80s", c.method, c.path, c.body, accept, a.status, a.header.Get("Content-Type"), a.raw)
					}
				}
			}
		}
		store.down.Store(true)
		if a := b.do("POST", path, `{"role":"admin"}`, accept); localMerge(a) || a.status != 503 {
			t.Errorf("in an outage, %s: status %d, %s", accept, a.status, a.raw)
		}
		store.down.Store(false)
	}
	if a := b.post(path, `{"theme":"dark"}`); localMerge(a) && a.status == 200 {
		t.Errorf("a success without a session: %s", a.raw)
	}
}
