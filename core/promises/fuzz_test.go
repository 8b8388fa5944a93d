package promises

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/nguard-go/nguard/adapters/adaptertest"
	"github.com/nguard-go/nguard/adapters/httpguard"
	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
)

// FuzzApply sends any body as a plain user to each endpoint that reads one. Whatever it says, nobody's
// authority, ID or undeclared value changes, and the answer is JSON of exactly the type that clients
// look for (promises P8 and P10).
func FuzzApply(f *testing.F) {
	users := guardtest.NewUsers(adaptertest.People()...)
	g := guardtest.New(f, nguard.Config{Roles: model(f), Fields: fields(), Users: users})
	handler := httpguard.Sessions(g)(httpguard.Endpoints(g)(http.NotFoundHandler()))
	cookie := guardtest.SignedIn(f, g, "user", httptest.NewRequest("GET", "/", nil)).Header.Get("Cookie")
	before := map[string]nguard.User{}
	for _, p := range adaptertest.People() {
		before[p.ID] = p
	}
	paths := []string{"update", "profile", "update-role", "login", "validate"}
	types := []string{"application/json", "", "text/plain", "application/json; charset=utf-8"}
	for _, body := range []string{
		`{"theme":"dark"}`, `{"data":{"theme":"dark","draft":"x"}}`, `{"user":{"name":"N","email":"e@x.y"}}`, `{"name":"N"}`, `{}`, `[]`, ``, `null`,
		`{"role":"admin"}`, `{"user":{"role":"admin"}}`, `{"data":{"role":"admin"}}`, `{"Role":"admin"}`, `{"ro\u006ce":"admin"}`, `{"theme":"dark","role":"admin"}`,
		`{"permissions":["posts:edit"]}`, `{"user":{"permissions":["*"]}}`, `{"data":{"permissions":[]}}`, `{"user":{"id":"admin"}}`, `{"user.id":"admin"}`, `{"data":{"user.id":"admin"}}`,
		`{"user":{"id":"user"}}`, `{"disabled":true}`, `{"user":{"disabled":true,"Data":{"x":1}}}`, `{"visits":9}`, `{"secret":"s"}`, `{"undeclared":1,"theme":"light"}`,
		`{"userId":"user","newRole":"admin"}`, `{"userId":"admin","newRole":"user"}`, `{"userId":"user","permissions":["posts:edit"]}`, `{"token":"x"}`,
		`{"id":"admin","password":"wrong","remember":true}`, `{"theme":"dark","theme":"light"}`, `{"theme":{"$ne":1}}`, `{"__proto__":{"role":"admin"}}`, `{"user":{"__proto__":{"role":"admin"}}}`,
		`{"rol` + "\u212a" + `":1}`, "\ufeff{}", `{"user":{"user":{"role":"admin"}}}`, `{"data":{"data":{"role":"admin"}}}`, `{"language":"tr"} {}`, `{"draft":"` + strings.Repeat("x", 11<<10) + `"}`,
	} {
		for i := range paths {
			f.Add([]byte(body), byte(i))
		}
	}
	statuses := map[int]bool{200: true, 400: true, 401: true, 403: true, 404: true, 409: true, 413: true, 415: true}
	f.Fuzz(func(t *testing.T, body []byte, choice byte) {
		path, kind := paths[int(choice)%len(paths)], types[int(choice)/len(paths)%len(types)]
		r := httptest.NewRequest("POST", "/api/auth/"+path, strings.NewReader(string(body)))
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		if kind != "" {
			r.Header.Set("Content-Type", kind)
		}
		if path != "login" { // and nobody is signed in where somebody signs in
			r.Header.Set("Cookie", cookie)
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)

		if !statuses[w.Code] {
			t.Fatalf("%s: status %d: %s", path, w.Code, w.Body)
		}
		if got := w.Header().Values("Content-Type"); len(got) != 1 || got[0] != "application/json" {
			t.Fatalf("%s: content type %q", path, got)
		}
		var answer map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			t.Fatalf("%s: %v: %q", path, err, w.Body)
		}
		if w.Code != 200 {
			for _, name := range []string{"error", "message", "code"} {
				if s, ok := answer[name].(string); !ok || s == "" {
					t.Fatalf("%s: %d without %q: %s", path, w.Code, name, w.Body)
				}
			}
		}
		if w.Code == 200 && (path == "login" || path == "update-role") {
			t.Fatalf("%s: a wrong password, or a plain user: %s", path, w.Body)
		}
		for id, was := range before {
			now, err := users.User(context.Background(), id)
			if err != nil {
				t.Fatal(err)
			}
			if now.ID != was.ID || now.Role != was.Role || now.Disabled != was.Disabled || len(now.Permissions) > 0 {
				t.Fatalf("%s: %q made %+v", path, body, now)
			}
			if id != "user" && !reflect.DeepEqual(now, was) {
				t.Fatalf("%s: %q changed somebody else: %+v", path, body, now)
			}
			for name, v := range now.Data {
				if s, _ := v.(string); !(name == "theme" && (s == "light" || s == "dark") || name == "language" && (s == "en" || s == "tr" || s == "de")) {
					t.Fatalf("%s: %q stored %s: %v", path, body, name, v)
				}
			}
		}
		list, err := g.Sessions(context.Background(), "user")
		if err != nil || len(list) != 1 {
			t.Fatalf("%d sessions, %v", len(list), err)
		}
		s := list[0]
		if visits.Get(s) != 0 || secret.Get(s) != "" || s.UserID() != "user" || s.User().Role != "user" || len(s.User().Permissions) > 0 {
			t.Fatalf("%s: %q changed the session: %+v", path, body, s.User())
		}
		raw, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var shown struct{ Data map[string]any }
		if err := json.Unmarshal(raw, &shown); err != nil {
			t.Fatal(err)
		}
		for name := range shown.Data {
			switch name {
			case "theme", "language", "draft", "visits", "role", "permissions":
			default:
				t.Fatalf("%s: %q stored the undeclared %q", path, body, name)
			}
		}
	})
}
