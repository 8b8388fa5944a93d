package adaptertest

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// The rules of checklist B about tokens that are shown again.
var replays = []rule{
	{"B1 replay after the grace", "A replaced token that is shown after its grace ends its session, and no other of the person, and the theft is recorded.", replayAfterGrace},
	{"B2 replay within the grace", "A replaced token works until its grace is over, gets the one live successor, and is no theft.", replayWithinGrace},
	{"B3 older generation and sibling", "An older generation, and a sibling that no row ever led to, end the family even while every grace is open.", replayOlder},
	{"B5 replay after revocation", "Whatever ends all sessions of a person, no token of theirs works afterwards, whether it was seen before or not, on any process.", replayAfterRevocation},
}

func replayAfterGrace(t *testing.T, k *kit) {
	k.eachFrozen(t, func(t *testing.T, w *world, c *frozen) {
		b, first, second := rotated(t, w, c)
		phone, stranger := w.loggedIn("user"), w.loggedIn("other")
		id := handleOf(b.get("/who").expect(200))
		c.Advance(11 * time.Second)
		w.show(first, "POST", "/api/visits").expect(401)
		b.get("/who").expect(401)
		w.show(second, "POST", "/api/auth/refresh").expect(401)
		phone.get("/who").expect(200) // one family, not the person's other devices
		stranger.get("/who").expect(200)
		e := w.awaitEvent(nguard.EventTokenReuse, nguard.Denied)
		if e.Session != id || e.Target != "user" || e.Path != "/api/visits" || e.IP == "" {
			t.Errorf("record: %+v", e)
		}
	})
}

func replayWithinGrace(t *testing.T, k *kit) {
	k.eachFrozen(t, func(t *testing.T, w *world, c *frozen) {
		b, first, second := rotated(t, w, c)
		w.show(first, "GET", "/who").expect(200) // the reply of the refresh was lost, in another tab
		b.get("/who").expect(200)
		for range 10 {
			c.Advance(time.Second)
			if a := w.show(first, "POST", "/api/auth/refresh").expect(200); !w.sameToken(given(w, a), second) {
				t.Fatalf("a second tab got %q, want the one live successor", given(w, a))
			}
		}
		c.Advance(time.Hour / 2)
		b.get("/who").expect(200)
		for _, e := range w.back.read() {
			if e.Name == nguard.EventTokenReuse {
				t.Errorf("a theft was recorded: %+v", e)
			}
		}
	})
}

func replayOlder(t *testing.T, k *kit) {
	for _, sibling := range []bool{false, true} {
		t.Run(fmt.Sprintf("sibling %v", sibling), func(t *testing.T) {
			k.eachFrozen(t, func(t *testing.T, w *world, c *frozen) {
				b, first, _ := rotated(t, w, c)
				b.get("/who").expect(200)
				c.Advance(11 * time.Second)
				b.post("/api/auth/refresh", "").expect(200)
				shown := first
				if sibling {
					w.back.notSealed(t, "nobody can make a sibling of a token, as cookies are sealed")
					locator, secret := parts(t, first)
					mac := hmac.New(sha256.New, secret)
					mac.Write([]byte("nguard next"))
					mac.Write(make([]byte, 16)) // another salt
					shown = forge(first, locator, mac.Sum(nil))
				}
				w.show(shown, "GET", "/who").expect(401)
				b.get("/who").expect(401)
				w.awaitEvent(nguard.EventTokenReuse, nguard.Denied)
			})
		})
	}
}

func replayAfterRevocation(t *testing.T, k *kit) {
	for what, revoke := range map[string]func(w *world, b, admin *browser) error{
		"password change": func(w *world, b, _ *browser) error {
			b.w.loggedIn("user").do("DELETE", "/api/auth/sessions", "").expect(200) // what it calls: EndOthers
			return nil
		},
		"password change by a job": func(w *world, _, _ *browser) error { return w.guard.RevokeUser(byJob, "user") },
		"disable": func(w *world, _, _ *browser) error {
			_, err := w.guard.ChangeUser(byJob, "user", func(u *nguard.User) error { u.Disabled = true; return nil })
			return err
		},
		"delete": func(w *world, _, _ *browser) error {
			w.back.remove("user")
			return w.guard.RevokeUser(byJob, "user")
		},
		"revoke all by an admin": func(_ *world, _, admin *browser) error {
			admin.do("DELETE", "/api/auth/users/user/sessions", "").expect(200)
			return nil
		},
	} {
		t.Run(what, func(t *testing.T) {
			k.eachFrozen(t, func(t *testing.T, w *world, c *frozen) {
				second := another(t, w)
				var tokens []string
				for range 3 {
					tokens = append(tokens, w.loggedIn("user").token())
				}
				_, first, successor := rotated(t, w, c)
				tokens = append(tokens, first, successor)
				admin := w.loggedIn("admin")
				if err := revoke(w, w.browser().hold(tokens[0]), admin); err != nil {
					t.Fatal(err)
				}
				for i, token := range tokens {
					for _, at := range []*world{w, second} {
						at.show(token, "GET", "/who").expect(401)
						if code := at.show(token, "POST", "/api/visits").status; code != 401 {
							t.Errorf("token %d: status %d", i, code)
						}
					}
				}
				admin.get("/who").expect(200)
			})
		})
	}
}
