package adaptertest

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	nguard "github.com/nguard-go/nguard/core"
)

var heldRequests = []rule{
	{"K6 a held request has no old authority", "Who holds a request open over their own demotion, revocation, logout or expulsion acts on what is true when the rest of it comes (promises P3 and P11).", heldOldAuthority},
}

// holder is the world's own application behind a middleware that says of each request that its session has
// been judged, and lets it pass when it is told to.
type holder struct {
	*world
	arrived, pass chan struct{}
}

func holderOf(w *world) *holder {
	w.t.Helper()
	at := *w
	h := &holder{&at, make(chan struct{}), make(chan struct{})}
	app := w.app()
	over := w.t.Context().Done() // a case that has failed lets go of what it holds
	app.Middleware = func(Ctx) {
		select {
		case h.arrived <- struct{}{}:
		case <-over:
		}
		select {
		case <-h.pass:
		case <-over:
		}
	}
	at.server = w.serve(app)
	return h
}

// hold sends a request, and returns when its session has been judged and what it wants is still to come:
// send lets that come, and returns the answer. Where handlers run before the body is there, it is the body
// that is held back, after its first byte. A framework that reads the whole body first asks for it, by 100
// Continue, before the request arrives: there it is the middleware that stands.
func (h *holder) hold(token, path, body string) (send func() reply) {
	h.t.Helper()
	c := dialWire(h.t, h.addr())
	write := func(s string) {
		h.t.Helper()
		if _, err := io.WriteString(c.conn, s); err != nil {
			h.t.Fatal(err)
		}
	}
	write(strings.TrimSuffix(h.written("POST", path, body, h.by(token), sameOrigin, asJSON, "Expect: 100-continue"), body))
	continued := make(chan error, 1)
	go func() {
		r, err := c.tryRead("POST")
		if err == nil && r.status != 100 {
			err = fmt.Errorf("status %d, want 100: %s", r.status, r.body)
		}
		continued <- err
	}()
	wanted := func(err error) {
		h.t.Helper()
		if err != nil {
			h.t.Fatalf("%s: no call for the body: %v", path, err)
		}
	}
	select {
	case <-h.arrived:
		h.pass <- struct{}{}
		wanted(<-continued)
		write(body[:1])
		return func() reply { write(body[1:]); return c.read("POST") }
	case err := <-continued:
		wanted(err)
		write(body)
		<-h.arrived
		return func() reply { h.pass <- struct{}{}; return c.read("POST") }
	}
}

func heldOldAuthority(t *testing.T, k *kit) {
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
			k.each(t, func(t *testing.T, w *world) {
				at := holderOf(w)
				for _, c := range []struct {
					path, body, id string
					want           int
				}{
					{"/api/auth/update-role", `{"userId":"other","newRole":"admin"}`, "other", loss.self},
					{"/api/auth/update", `{"role":"admin","theme":"dark"}`, "admin2", loss.self},
					{"/api/auth/update", `{"user":{"email":"thief@example.com"}}`, "admin2", loss.self},
				} {
					w.back.put(nguard.User{ID: "admin2", Email: "admin2@example.com", Role: "admin"})
					if err := w.guard.UserChanged(nguard.WithActor(context.Background(), "test"), "admin2"); err != nil {
						t.Fatal(err)
					}
					admin2 := w.loggedIn("admin2")
					send := at.hold(admin2.token(), c.path, c.body)
					loss.lose(w, admin2)
					before, err := w.back.users.User(t.Context(), c.id)
					if err != nil {
						t.Fatal(err)
					}
					a := send()
					if strings.Contains(c.body, "email") && loss.name == "demoted" {
						a.expect(200) // one's own e-mail address needs no authority
						continue
					}
					a.expect(c.want)
					if after, err := w.back.users.User(t.Context(), c.id); err != nil || fmt.Sprint(after) != fmt.Sprint(before) {
						t.Errorf("%s %s: the users table has changed from %v to %v (%v)", c.path, c.body, before, after, err)
					}
				}
			})
		})
	}
}
