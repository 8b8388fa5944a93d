package adaptertest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
	"github.com/nguard-go/nguard/core/guardtest"
	"github.com/nguard-go/nguard/policy"
)

var contractUpdate = []rule{
	{"contract 8: both forms of update", "A nested update, a flat one and a mixed one, as JSON or as the text that old clients call it, make the same change.", contractBothForms},
	{"contract 8: the merge is one level deep", "What an update does not name stays, and arrays and nested objects are replaced as a whole.", contractMerge},
	{"contract 8: protected members", "Role, permissions, user ID and what nguard keeps of a session do not change by update, in any of the three places.", contractProtected},
	{"contract 8: what is equal is no change", "An application may send back all that it holds: what equals the present value is no change, and is not refused.", contractNoChange},
	{"contract 8: which changes replace the token", "Refresh, login and a change of authority replace the token, and other changes repeat it.", contractNewTokens},
}

func contractBothForms(t *testing.T, k *kit) {
	for what, body := range map[string]string{
		"nested": `{"user":{"name":"Nova"},"data":{"theme":"dark","language":"tr"}}`, "flat": `{"theme":"dark","language":"tr","user":{"name":"Nova"}}`, "mixed": `{"theme":"dark","data":{"language":"tr"},"user":{"name":"Nova"}}`,
		"with unknown keys": `{"theme":"dark","notifications":true,"twoFactorEnabled":false,"data":{"language":"tr","x":1},"user":{"name":"Nova","avatar":"y"}}`,
		"both alike":        `{"theme":"dark","data":{"theme":"dark","language":"tr"},"user":{"name":"Nova"}}`,
	} {
		for _, line := range []string{asJSON, textPlain, "Content-Type:"} {
			w := k.newWorld(t)
			b := w.loggedIn("user")
			a := b.do("POST", "/api/auth/update", body, line).expect(200)
			s := a.storedSession("user", "user")
			if a.at("session", "data", "theme") != "dark" || a.at("session", "data", "language") != "tr" || a.at("session", "user", "name") != "Nova" || a.at("session", "user", "email") != "user@example.com" {
				t.Errorf("%s: %s", what, a.raw)
			}
			if stored := b.get("/api/auth/session").storedSession("user", "user"); !reflect.DeepEqual(stored["data"], s["data"]) || !reflect.DeepEqual(stored["user"], s["user"]) {
				t.Errorf("%s: answered %v, stored %v", what, s, stored)
			}
			if len(a.cookies()) != 1 || a.cookies()[0].Value != b.token() {
				t.Errorf("%s: Set-Cookie %q", what, a.header["Set-Cookie"])
			}
		}
	}
}

func contractMerge(t *testing.T, k *kit) {
	w := k.newWorld(t, func(c *nguard.Config) {
		c.Fields = append(fields(), &nguard.Field[map[string]int]{Name: "prefs", Write: policy.Self}, &nguard.Field[[]string]{Name: "tags", Write: policy.Self, Scope: nguard.InUser},
			&nguard.Field[map[string]string]{Name: "user.address", Write: policy.Self, Scope: nguard.InUser})
	})
	b := w.loggedIn("user")
	b.post("/api/auth/update", `{"data":{"prefs":{"a":1,"b":2},"tags":["x","y"],"theme":"dark"},"user":{"address":{"city":"Izmir","street":"1"}}}`).expect(200)
	a := b.post("/api/auth/update", `{"data":{"prefs":{"c":3},"tags":["z"]},"user":{"address":{"city":"Bonn"}}}`).expect(200)
	for path, want := range map[string]any{
		"data prefs": map[string]any{"c": 3.0}, "data tags": []any{"z"}, "data theme": "dark", "user address": map[string]any{"city": "Bonn"}, "user email": "user@example.com", "user name": "Uma User",
	} {
		if got := a.at(append([]string{"session"}, strings.Fields(path)...)...); !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
	a = b.post("/api/auth/update", `{"data":{"tags":[],"prefs":{}}}`).expect(200)
	if got := a.at("session", "data", "tags"); !reflect.DeepEqual(got, []any{}) {
		t.Errorf("tags is %v", got)
	}
}

func contractProtected(t *testing.T, k *kit) {
	w := k.newWorld(t)
	b := w.loggedIn("user")
	before := b.get("/api/auth/session").storedSession("user", "user")
	id := w.handle("user")
	places := []string{`{%s}`, `{"user":{%s}}`, `{"data":{%s}}`}
	for _, place := range places {
		for _, member := range []string{`"role":"admin"`, `"role":"moderator"`, `"permissions":["posts:edit"]`, `"permissions":["*"]`} {
			b.post("/api/auth/update", fmt.Sprintf(place, member)).failed(403)
			b.post("/api/auth/update", fmt.Sprintf(strings.Replace(place, "%s", `%s,"x":1`, 1), member)).failed(403)
		}
		for _, member := range []string{`"roles":["admin"]`, `"isAdmin":true`, `"isSuperAdmin":true`, `"isAdmin":1`, `"sessionId":"x"`, `"iat":1`, `"exp":99999999999`, `"expires":99999999999999`, `"version":9`, `"created":1`, `"level":9`, `"authAt":1`, `"secret":"x"`} {
			a := b.post("/api/auth/update", fmt.Sprintf(place, member))
			if a.status != 400 && a.status != 403 {
				t.Errorf("%s in %s: status %d, %s", member, place, a.status, a.raw)
			}
		}
	}
	for _, body := range []string{`{"user":{"id":"admin"}}`, `{"user":{"id":"admin","name":"Nova"}}`, `{"user":{"id":""}}`, `{"user":{"id":7}}`, `{"user":{"id":null}}`} {
		if a := b.post("/api/auth/update", body); a.status != 403 && a.status != 400 {
			t.Errorf("%s: status %d", body, a.status)
		}
	}
	// Beside a change that is allowed: refused as a whole, or dropped.
	b.post("/api/auth/update", `{"theme":"dark","role":"admin"}`).failed(403)
	after := b.get("/api/auth/session").storedSession("user", "user")
	before["expires"] = after["expires"] // the idle end moves with use
	if !reflect.DeepEqual(before, after) || w.handle("user") != id {
		t.Errorf("before %v, after %v", before, after)
	}
	end := w.devices("user")[0].Expires()
	a := b.post("/api/auth/update", `{"theme":"dark","isAdmin":true,"expires":99999999999999,"sessionId":"x","data":{"isSuperAdmin":true,"roles":["admin"],"exp":1}}`).expect(200)
	for _, name := range []string{"isAdmin", "isSuperAdmin", "roles", "sessionId", "exp\""} {
		if strings.Contains(string(a.raw), name) {
			t.Errorf("%s was kept: %s", name, a.raw)
		}
	}
	if got := w.devices("user")[0]; got.Expires().After(end.Add(time.Minute)) || got.ID() != id {
		t.Errorf("the end moved from %v to %v", end, got.Expires())
	}
	b.get("/admin").expect(403)
}

func contractNoChange(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
		for _, id := range []string{"user", "mod", "admin"} {
			b := w.loggedIn(id)
			b.post("/api/auth/update", `{"theme":"dark","draft":"mine"}`).expect(200)
			b.post("/api/visits", "").expect(200)
			s, _ := b.get("/api/auth/session").at("session").(map[string]any)
			version := b.get("/api/auth/session").header.Get(nguard.VersionHeader)
			for _, body := range []any{
				map[string]any{"user": s["user"], "data": s["data"]}, s, map[string]any{"user": s["user"]}, map[string]any{"data": s["data"]},
				s["user"], s["data"], map[string]any{"role": s["role"], "permissions": s["permissions"]},
			} {
				raw, err := json.Marshal(body)
				if err != nil {
					t.Fatal(err)
				}
				a := b.post("/api/auth/update", string(raw))
				if a.status != 200 {
					t.Errorf("%s sends back %s: status %d, %s", id, raw, a.status, a.raw)
					continue
				}
				a.storedSession(id, s["role"].(string))
				if got := a.header.Get(nguard.VersionHeader); got != version || len(a.cookies()) != 1 {
					t.Errorf("%s: no change, but version %s, before %s; Set-Cookie %q", id, got, version, a.header["Set-Cookie"])
				}
			}
			// With one member changed the rest is still no change.
			s["user"].(map[string]any)["name"] = "Nova " + id
			raw, _ := json.Marshal(map[string]any{"user": s["user"], "data": s["data"]})
			if a := b.post("/api/auth/update", string(raw)).expect(200); a.at("session", "user", "name") != "Nova "+id {
				t.Errorf("%s: %s", id, a.raw)
			}
		}
		for _, e := range w.back.read() {
			if e.Name == nguard.EventAuthzFail {
				t.Errorf("refused: %+v", e)
			}
		}
	})
}

func contractNewTokens(t *testing.T, k *kit) {
	w := k.newWorld(t)
	b := w.loggedIn("admin2")
	w.clock.Advance(nguard.Grace + time.Second)
	for _, c := range []struct {
		path, body string
		replaced   bool
	}{
		{"update", `{"theme":"dark"}`, false}, {"update", `{"theme":"dark"}`, false}, {"profile", `{"name":"x"}`, false}, {"refresh", "", true},
		{"update-role", `{"userId":"admin2","permissions":["posts:edit"]}`, true}, {"update-role", `{"userId":"admin2","newRole":"admin"}`, false}, {"update", `{"role":"moderator"}`, true}, {"login", attempt("admin2", guardtest.Password), true},
	} {
		before := b.token()
		a := b.post("/api/auth/"+c.path, c.body).expect(200)
		if set := a.cookies(); len(set) != 1 || set[0].Value != b.token() || w.sameToken(b.token(), before) == c.replaced {
			t.Errorf("%s %s: Set-Cookie %q, replaced %v, want %v", c.path, c.body, a.header["Set-Cookie"], !w.sameToken(b.token(), before), c.replaced)
		}
		if s := b.get("/api/auth/session").expect(200); c.path != "refresh" && s.at("session", "data", "theme") != a.at("session", "data", "theme") && a.at("session") != nil {
			t.Errorf("%s %s answers %s, stored is %s", c.path, c.body, a.raw, s.raw)
		}
		w.clock.Advance(nguard.Grace + time.Second)
	}
}
