package adaptertest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// referencePaths is the rule G4 of the checklist.
var referencePaths = []rule{
	{"G4 paths", "Nothing but the exact path, without parameters, ends or shows a session.", referenceSpelled},
	{"G4 the empty question mark", "A question mark with nothing behind it is no parameter.", referenceQuestionMark},
}

// rawRequest sends a request line that no client library would let pass, with the browser's cookie.
func rawRequest(b *browser, method, target string, lines ...string) answer {
	b.w.t.Helper()
	host := strings.TrimPrefix(b.base, "http://")
	conn, err := net.DialTimeout("tcp", host, 5*time.Second)
	if err != nil {
		b.w.t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		b.w.t.Fatal(err)
	}
	var q strings.Builder
	fmt.Fprintf(&q, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nSec-Fetch-Site: same-origin\r\nContent-Length: 0\r\n", method, target, host)
	if token := b.token(); token != "" {
		fmt.Fprintf(&q, "Cookie: %s=%s\r\n", b.w.guard.CookieName(), token)
	}
	for _, line := range lines {
		q.WriteString(line + "\r\n")
	}
	if _, err := io.WriteString(conn, q.String()+"\r\n"); err != nil {
		b.w.t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		b.w.t.Fatalf("%s %s: %v", method, target, err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		b.w.t.Fatal(err)
	}
	return answer{t: b.w.t, what: method + " " + target, status: resp.StatusCode, header: resp.Header, raw: raw}
}

func referenceSpelled(t *testing.T, k *kit) {
	k.each(t, func(t *testing.T, w *world) {
		user, phone := w.loggedIn("user"), w.loggedIn("user")
		admin := w.loggedIn("admin")
		other := handles(w, "user")[0]
		if rawRequest(phone, "GET", "/api/auth/sessions").expect(200).at("sessions") == nil {
			t.Fatal("the raw request does not reach the endpoint")
		}
		targets := []string{
			"/api/auth/sessions?userId=admin", "/api/auth/sessions?userId=user&userId=admin", "/api/auth/sessions?id=" + other, "/api/auth/sessions?x",
			"/api/auth/sessions/", "/api/auth/sessions/*", "/api/auth/sessions/%2a", "/api/auth/sessions/%2e%2e", "/api/auth/sessions/..", "/api/auth/sessions/.",
			"/api/auth/sessions/../sessions", "/api/auth/sessions/%2e%2e/sessions", "/api/auth/./sessions", "/api/auth//sessions", "/api/auth/%2fsessions",
			"/api/auth/sessions%2f" + other + "/", "/api/auth/sessions/" + other + "/", "/api/auth/sessions/" + other + "/..", "/api/auth/sessions//" + other,
			"/api/auth/sessions/" + other + "?userId=admin", "/api/auth/sessions/" + other + "," + other, "/api/auth/sessions/" + other[:21], "/api/auth/sessions/" + other + "A",
			"/api/auth/sessions/" + other + "%00", "/api/auth/sessions/" + other + "%20", "/api/auth/sessions/" + other + ";x=1", "/api/auth/sessions/" + other + ".json",
			"/api/auth/sessions/%00", "/api/auth/sessions%00", "/api/auth/sessions;x=1", "/api/auth/sessions.css", "/api/auth/validate.css", "/api/auth/session/x",
			"/api/auth/SESSIONS", "/api/auth/Sessions/" + other, "/api/AUTH/sessions", "/API/auth/sessions", "/api/auth/sessions/" + other + "%2f..%2f" + other,
			"/api/auth/users/user/sessions?all=true", "/api/auth/users//sessions", "/api/auth/users/sessions", "/api/auth/users/*/sessions", "/api/auth/users/user/sessions/",
			"/api/auth/users/user/sessions/*", "/api/auth/users/../users/user/sessions", "/api/auth/users/user%2f..%2fadmin/sessions", "/api/auth/users/user;admin/sessions",
		}
		for _, target := range targets {
			for _, method := range []string{"GET", "DELETE"} {
				for who, b := range map[string]*browser{"user": user, "admin": admin} {
					a := rawRequest(b, method, target)
					denied := who == "user" && a.status == 403 && strings.Contains(target, "/users/")
					wrongMethod := method == "GET" && a.status == 405 && a.header.Get("Allow") == "DELETE"
					if a.status != 400 && a.status != 404 && !denied && !wrongMethod {
						t.Errorf("%s %s as %s: %d %s, want 400 or 404", method, target, who, a.status, a.raw)
					}
					if strings.HasPrefix(target, "/api/auth/") && a.header.Get("Content-Type") != "application/json" {
						t.Errorf("%s %s: type %q", method, target, a.header.Get("Content-Type"))
					}
				}
			}
		}
		for _, b := range []*browser{user, phone, admin} {
			b.get("/who").expect(200)
		}
		// Another spelling of the same path is the same path, with the same decision.
		rawRequest(user, "DELETE", "/api/auth/%73essions/"+other).expect(200)
		phone.get("/who").expect(401)
		rawRequest(w.browser(), "GET", "/api/auth/%73essions").expect(401)
	})
}

func referenceQuestionMark(t *testing.T, k *kit) {
	w := k.newWorld(t)
	rawRequest(w.loggedIn("user"), "GET", "/api/auth/sessions?").expect(200)
}
