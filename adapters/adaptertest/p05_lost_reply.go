package adaptertest

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// The rules of promise P5 about answers that do not arrive.
var lostReplies = []rule{
	{"P5 a lost reply", "A browser whose answer with the new token was lost goes on with the old one, and gets the one successor again.", lostReply},
	{"P5 a lost reply of a busy request", "In each way in which one request both rotates and writes, its lost reply strands nobody.", lostReplyBusy},
}

func lostReply(t *testing.T, k *kit) {
	k.eachFrozen(t, func(t *testing.T, w *world, c *frozen) {
		b, first, second := rotated(t, w, c)
		id := handleOf(w.show(first, "GET", "/who").expect(200))
		for _, method := range []string{"GET", "POST", "GET"} {
			c.Advance(30 * time.Minute)
			path := map[string]string{"GET": "/who", "POST": "/api/visits"}[method]
			a := w.show(first, method, path).expect(200)
			if !w.sameToken(given(w, a), second) {
				t.Fatalf("%s with the predecessor after a lost reply: got cookie %q, want the one successor", method, given(w, a))
			}
			if handleOf(a) != id {
				t.Error("rotation changed the public ID")
			}
		}
		// A refresh that shows the predecessor is satisfied by the successor that exists.
		if a := w.show(first, "POST", "/api/auth/refresh").expect(200); !w.sameToken(given(w, a), second) {
			t.Errorf("refresh with the predecessor gave %q, want the one successor", given(w, a))
		}
		b.get("/who").expect(200)
	})
}

func lostReplyBusy(t *testing.T, k *kit) {
	ways := map[string]func(w *world, b *browser) answer{
		"counter":   func(_ *world, b *browser) answer { return b.post("/api/visits", "") },
		"field":     func(_ *world, b *browser) answer { return b.post("/api/auth/update", `{"draft":"x"}`) },
		"user":      func(_ *world, b *browser) answer { return b.post("/api/auth/update", `{"theme":"dark"}`) },
		"both":      func(_ *world, b *browser) answer { return b.post("/api/auth/update", `{"language":"de","draft":"y"}`) },
		"refresh":   func(_ *world, b *browser) answer { return b.post("/api/auth/refresh", "") },
		"no change": func(_ *world, b *browser) answer { return b.post("/public", "") },
		"changed meanwhile": func(w *world, b *browser) answer {
			_, err := w.guard.ChangeUser(nguard.WithActor(context.Background(), "job"), "user", func(u *nguard.User) error {
				u.Name += "!"
				return nil
			})
			if err != nil {
				w.t.Fatal(err)
			}
			return b.post("/api/visits", "")
		},
		"conflict": func(w *world, b *browser) answer {
			id := handleOf(b.get("/who"))
			var runs atomic.Int32
			base := w.pages(Route{Method: "POST", Path: "/again", Handle: func(c Ctx) {
				_, err := c.From().Update(c.Context(), func(d *nguard.Draft) error {
					if runs.Add(1) == 1 {
						_, err := w.guard.Update(nguard.WithActor(context.Background(), "job"), "user", id, func(d *nguard.Draft) error {
							if w.back.sealed != nil { // its own values a job cannot change
								return theme.Set(d, "dark")
							}
							return visits.Modify(d, func(n int) int { return n + 10 })
						})
						if err != nil {
							return err
						}
					}
					return visits.Modify(d, func(n int) int { return n + 1 })
				})
				if err != nil {
					c.Fail(err)
				}
			}})
			a := b.on(base).post("/again", "")
			if runs.Load() < 2 {
				w.t.Error("no conflict took place")
			}
			return a
		},
	}
	for what, send := range ways {
		t.Run(what, func(t *testing.T) {
			k.eachFrozen(t, func(t *testing.T, w *world, c *frozen) {
				b := w.loggedIn("user")
				first := b.token()
				for range 3 {
					c.Advance(25 * time.Minute)
					b.get("/who").expect(200)
				}
				a := send(w, b).expect(200)
				second := given(w, a)
				if w.sameToken(second, first) || second == "" {
					t.Fatalf("no rotation: %q", a.header["Set-Cookie"])
				}
				c.Advance(25 * time.Minute) // the reply was lost; the browser still holds the first
				if got := given(w, w.show(first, "GET", "/who").expect(200)); !w.sameToken(got, second) {
					t.Errorf("the predecessor gave %q, want the successor", got)
				}
				w.show(second, "GET", "/who").expect(200)
				c.Advance(9 * time.Second)
				w.show(first, "GET", "/who").expect(200)
				c.Advance(2 * time.Second)
				w.show(first, "GET", "/who").expect(401)
			})
		})
	}
}
