package promises

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/nguard-go/nguard/adapters/httpguard"
	nguard "github.com/nguard-go/nguard/core"
)

// held is a request whose body is not sent yet: its session has been judged, and what it wants is still to
// come.
type held struct {
	t    testing.TB
	body *io.PipeWriter
	done chan answer
}

// holdOpen sends the head of a request and the first byte of its body, and returns when the server has judged
// the session.
func (b *browser) holdOpen(path string, judged <-chan struct{}) *held {
	b.w.t.Helper()
	r, w := io.Pipe()
	req, err := http.NewRequest("POST", b.base+path, r)
	if err != nil {
		b.w.t.Fatal(err)
	}
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	req.Header.Set("Origin", b.base)
	req.Header.Set("Content-Type", "application/json")
	h := &held{b.w.t, w, make(chan answer, 1)}
	go func() {
		resp, err := b.client.Do(req)
		if err != nil {
			h.done <- answer{t: b.w.t, what: path + ": " + err.Error()}
			return
		}
		defer resp.Body.Close()
		raw, _ := io.ReadAll(resp.Body)
		h.done <- answer{t: b.w.t, what: "held POST " + path, status: resp.StatusCode, header: resp.Header, raw: raw}
	}()
	if _, err := io.WriteString(w, "{"); err != nil {
		b.w.t.Fatal(err)
	}
	<-judged
	return h
}

// send sends the rest of the body.
func (h *held) send(rest string) answer {
	h.t.Helper()
	if _, err := io.WriteString(h.body, rest); err != nil {
		h.t.Fatal(err)
	}
	if err := h.body.Close(); err != nil {
		h.t.Fatal(err)
	}
	return <-h.done
}

// TestK6_HeldRequestHasNoOldAuthority: who holds a request open over their own demotion, revocation, logout
// or expulsion acts on what is true when the rest of it comes (promises P3 and P11).
func TestK6_HeldRequestHasNoOldAuthority(t *testing.T) {
	for _, loss := range []struct {
		name string
		lose func(w *world, admin2 *browser)
		self int // what a change of one's own is answered
	}{
		{"demoted", func(w *world, _ *browser) {
			w.loggedIn("admin").post("/api/auth/update-role", `{"userId":"admin2","newRole":"user"}`).expect(200)
		}, 403},
		{"revoked", func(w *world, _ *browser) {
			w.loggedIn("admin").do("DELETE", "/api/auth/users/admin2/sessions", "").expect(200)
		}, 401},
		{"disabled", func(w *world, _ *browser) {
			ctx := nguard.WithActor(context.Background(), "job")
			if _, err := w.guard.ChangeUser(ctx, "admin2", func(u *nguard.User) error { u.Role, u.Disabled = "user", true; return nil }); err != nil {
				w.t.Fatal(err)
			}
		}, 401},
		{"logged out", func(_ *world, admin2 *browser) { admin2.copyOf().post("/api/auth/logout", "").expect(200) }, 401},
	} {
		t.Run(loss.name, func(t *testing.T) {
			judged := make(chan struct{}, 100)
			each(t, func(t *testing.T, w *world) {
				w.server.Config.Handler = announcing(w.guard, judged)
				for _, c := range []struct {
					path, rest, id string
					want           int
				}{
					{"/api/auth/update-role", `"userId":"other","newRole":"admin"}`, "other", loss.self},
					{"/api/auth/update", `"role":"admin","theme":"dark"}`, "admin2", loss.self},
					{"/api/auth/update", `"user":{"email":"thief@example.com"}}`, "admin2", loss.self},
				} {
					w.back.put(nguard.User{ID: "admin2", Email: "admin2@example.com", Role: "admin"})
					if err := w.guard.UserChanged(nguard.WithActor(context.Background(), "test"), "admin2"); err != nil {
						t.Fatal(err)
					}
					admin2 := w.loggedIn("admin2")
					drain(judged)
					h := admin2.holdOpen(c.path, judged)
					loss.lose(w, admin2)
					before, err := w.back.users.User(t.Context(), c.id)
					if err != nil {
						t.Fatal(err)
					}
					a := h.send(c.rest)
					if strings.Contains(c.rest, "email") && loss.name == "demoted" {
						a.expect(200) // one's own e-mail address needs no authority
						continue
					}
					a.expect(c.want)
					if after, err := w.back.users.User(t.Context(), c.id); err != nil || fmt.Sprint(after) != fmt.Sprint(before) {
						t.Errorf("%s %s: the users table has changed from %v to %v (%v)", c.path, c.rest, before, after, err)
					}
				}
			})
		})
	}
}

func drain(c chan struct{}) {
	for {
		select {
		case <-c:
		default:
			return
		}
	}
}

// announcing is the application, which says of each request that its session has been judged.
func announcing(g *nguard.Guard, judged chan<- struct{}) http.Handler {
	inner := httpguard.Endpoints(g)(http.NotFoundHandler())
	return httpguard.Sessions(g)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		judged <- struct{}{}
		inner.ServeHTTP(w, r)
	}))
}
