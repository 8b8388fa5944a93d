package adaptertest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
)

// references are the rules of group G of the checklist: what a handle of a session leads to, and whom.
var references = []rule{
	{"G1 a foreign handle", "The handle of another person's session is as unknown as one that never was, and the session lives. The attempt is on record.", referenceForeign},
	{"G2 lists", "A list holds the caller's sessions, and nothing that opens one.", referenceLists},
	{"G3 a handle in a body", "Naming another session in a body changes nothing about whose session is validated, updated or refreshed.", referenceInBody},
	{"G6 no list", "A body that seems to choose what ends is refused; without one exactly the caller's other sessions end, and the current one goes on.", referenceNoList},
	{"G7 a forged cookie", "A value that proves nothing ends nothing.", referenceForged},
	{"G8 a handle is no token", "The public handle opens nothing, wherever a token would be looked for, and handles cannot be guessed from one another.", referenceNoToken},
}

// same fails the test when two answers can be told apart by anything but the date.
func same(t *testing.T, what string, a, b answer) {
	t.Helper()
	ha, hb := maps.Clone(a.header), maps.Clone(b.header)
	delete(ha, "Date")
	delete(hb, "Date")
	if a.status != b.status || string(a.raw) != string(b.raw) || fmt.Sprint(ha) != fmt.Sprint(hb) {
		t.Errorf("%s: answers differ:\n%d %v %s\n%d %v %s", what, a.status, ha, a.raw, b.status, hb, b.raw)
	}
}

func referenceForeign(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
		attacker, victim := w.loggedIn("user"), w.loggedIn("admin")
		theirs := handles(w, "admin")[0]
		unknown := "AAAAAAAAAAAAAAAAAAAAAA"
		unchanged(t, w, "foreign handles", func() {
			foreign := attacker.do("DELETE", "/api/auth/sessions/"+theirs, "").expect(404)
			never := attacker.do("DELETE", "/api/auth/sessions/"+unknown, "").expect(404)
			same(t, "foreign and unknown", foreign, never)
			// The right owner in the path is no way in either: who may not manage gets 403 whoever it is.
			a := attacker.do("DELETE", "/api/auth/users/admin/sessions/"+theirs, "").expect(403)
			b := attacker.do("DELETE", "/api/auth/users/nobody/sessions/"+unknown, "").expect(403)
			same(t, "known and unknown person", a, b)
			// For an admin a handle belongs to the person in the path, or is unknown.
			victim.do("DELETE", "/api/auth/users/user/sessions/"+theirs, "").expect(404)
		})
		victim.get("/who").expect(200)
		e := w.awaitEvent(nguard.EventForeignHandle, nguard.Denied)
		if e.Actor != "user" || e.Target != "user" {
			t.Errorf("record: %+v", e)
		}
		w.browser().do("DELETE", "/api/auth/sessions/"+theirs, "").expect(401)
		victim.get("/who").expect(200)
	})
}

// checkDeviceList compares a list with the handles expected and looks for what must not be in it.
func checkDeviceList(t *testing.T, a answer, want, tokens []string) {
	t.Helper()
	var list struct {
		Sessions []map[string]any `json:"sessions"`
	}
	if err := json.Unmarshal(a.raw, &list); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range list.Sessions {
		got = append(got, fmt.Sprint(s["id"]))
		if members := slices.Sorted(maps.Keys(s)); !slices.Equal(members, []string{"created", "current", "device", "expires", "id", "ip", "lastSeen"}) {
			t.Errorf("members of a list entry: %v", members)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("list holds %v, want %v", got, want)
	}
	for _, token := range tokens {
		if strings.Contains(string(a.raw), token) || strings.Contains(string(a.raw), token[:22]) {
			t.Errorf("a token, or a part of one, is in the list: %s", a.raw)
		}
	}
}

func referenceLists(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
		user, phone, admin := w.loggedIn("user"), w.loggedIn("user"), w.loggedIn("admin")
		phone.post("/api/auth/refresh", "").expect(200)
		for who, b := range map[string]*browser{"user": user, "admin": admin} {
			a := b.get("/api/auth/sessions").expect(200)
			checkDeviceList(t, a, handles(w, who), []string{user.token(), phone.token(), admin.token()})
		}
		a := admin.get("/api/auth/users/user/sessions").expect(200)
		checkDeviceList(t, a, handles(w, "user"), []string{user.token(), phone.token(), admin.token()})
		for _, other := range handles(w, "admin") {
			if strings.Contains(string(a.raw), other) {
				t.Errorf("the list of one person holds a session of another: %s", a.raw)
			}
		}
		for _, path := range []string{"/api/auth/users/admin/sessions", "/api/auth/users/other/sessions", "/api/auth/users/nobody/sessions", "/api/auth/users/user/sessions"} {
			user.get(path).expect(403)
		}
		admin.get("/api/auth/users/nobody/sessions").expect(404)
	})
}

func referenceInBody(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
		user, admin := w.loggedIn("user"), w.loggedIn("admin")
		theirs := handles(w, "admin")[0]
		if a := user.post("/api/auth/validate", `{"token":"`+theirs+`"}`).expect(200); a.at("valid") != false || a.at("session") != nil {
			t.Errorf("validate of a handle: %s", a.raw)
		}
		unchanged(t, w, "handles in bodies", func() {
			for _, body := range []string{`{"id":"` + theirs + `"}`, `{"sessionId":"` + theirs + `"}`, `{"session":"` + theirs + `"}`, `{"data":{"session":"` + theirs + `"}}`} {
				user.post("/api/auth/update", body).expect(400)
			}
			user.do("POST", "/api/auth/update", `{"data":{"theme":"dark"}}`, `If-Match: "`+theirs+`.1"`).expect(409)
		})
		before := admin.token()
		a := user.post("/api/auth/update", `{"data":{"draft":"mine"},"sessionId":"`+theirs+`","id":"`+theirs+`"}`).expect(200)
		if a.at("session", "user", "id") != "user" {
			t.Errorf("update: %s", a.raw)
		}
		user.do("POST", "/api/auth/refresh?session="+theirs, `{"session":"`+theirs+`"}`).expect(200)
		if admin.get("/api/auth/session").expect(200).at("session", "data", "draft") != "" || admin.token() != before {
			t.Error("the other session has changed")
		}
	})
}

func referenceNoList(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
		user, phone, tablet, other := w.loggedIn("user"), w.loggedIn("user"), w.loggedIn("user"), w.loggedIn("other")
		ids := handles(w, "user")
		many := strings.Repeat(`"`+ids[0]+`",`, 300) + `"x"`
		unchanged(t, w, "lists", func() {
			for body, status := range map[string]int{
				`{"ids":["*"]}`: 400, `["*"]`: 400, `*`: 400, `{"ids":["` + ids[0] + `","` + handles(w, "other")[0] + `"]}`: 400, `{"except":[]}`: 400,
				`{"all":true}`: 400, `{}`: 400, `[]`: 400, `["` + ids[0] + `"]`: 400, `[` + many + `]`: 400, strings.Repeat(" ", 11<<10): 413,
			} {
				user.do("DELETE", "/api/auth/sessions", body).expect(status)
				user.do("DELETE", "/api/auth/sessions/"+ids[1], body).expect(status)
			}
		})
		for _, b := range []*browser{user, phone, tablet, other} {
			b.get("/who").expect(200)
		}
		old := user.token()
		user.do("DELETE", "/api/auth/sessions", "").expect(200)
		if user.get("/who").expect(200).text() != "user" || w.sameToken(user.token(), old) {
			t.Error("the current session has no new token")
		}
		phone.get("/who").expect(401)
		tablet.get("/who").expect(401)
		other.get("/who").expect(200)
		if n := len(handles(w, "user")); n != 1 {
			t.Errorf("%d sessions are left", n)
		}
	})
}

func flip(c byte) string {
	if c == 'B' {
		return "C"
	}
	return "B"
}

func referenceForged(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
		user := w.loggedIn("user")
		token, id := user.token(), handles(w, "user")[0]
		unchanged(t, w, "forged values", func() {
			for _, forged := range []string{id, token[:71], token + "A", token[:71] + flip(token[71]), flip(token[0]) + token[1:], token[:40] + flip(token[40]) + token[41:], "user", id + token[22:], strings.Repeat("A", 72)} {
				for _, path := range []string{"/api/auth/logout", "/api/auth/refresh"} {
					a := w.browser().hold(forged).post(path, "")
					if path == "/api/auth/refresh" {
						a.expect(401)
					} else {
						a.expect(200)
					}
				}
				w.browser().hold(forged).do("DELETE", "/api/auth/sessions/"+id, "").expect(401)
				w.browser().hold(forged).do("DELETE", "/api/auth/sessions", "").expect(401)
			}
		})
		user.get("/who").expect(200)
	})
}

func referenceNoToken(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
		user := w.loggedIn("user")
		id := handles(w, "user")[0]
		w.browser().hold(id).get("/who").expect(401)
		w.browser().hold(id).get("/api/auth/session").expect(401)
		b := w.browser()
		for _, h := range []string{"Authorization: Bearer " + id, "X-Session-Id: " + id, "Cookie: nguard-session=" + id, "Cookie: " + w.guard.CookieName() + "=" + id} {
			b.do("GET", "/who", "", h).expect(401)
		}
		// The longest part of the token that a handle could be a part of, and the other way round.
		if token := user.token(); strings.Contains(token, id) || strings.Contains(id, token[:8]) {
			t.Error("handle and token share text")
		}
		seen := map[string]bool{}
		for range 20 {
			w.loggedIn("other")
		}
		for _, id := range handles(w, "other") {
			if len(id) != 22 || seen[id] || seen[id[:4]] || seen[id[18:]] {
				t.Errorf("handle %q: of another length, or shares its beginning or end with another", id)
			}
			seen[id], seen[id[:4]], seen[id[18:]] = true, true, true
		}
	})
}
