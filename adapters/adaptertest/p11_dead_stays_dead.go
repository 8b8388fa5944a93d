package adaptertest

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	nguard "github.com/nguard-go/nguard/core"
)

// The rules of promise P11: a dead session stays dead.
var deadStaysDead = []rule{
	{"P11 K3 a slow handler saves last", "A handler that began before its session ended, and saves after it, brings nothing back.", deadSlowHandler},
	{"P11 K4 bookkeeping against the end", "The bookkeeping of a read that began before the end writes nothing back.", deadTouch},
	{"P11 K4 traffic against a logout", "Once a logout is answered no request of that session passes, whatever readers, writers and sweeps are under way.", deadTraffic},
	{"P11 what has expired", "What has expired stays dead, swept or not, whatever clock comes after.", deadExpired},
	{"P11 an older cookie put back", "An older cookie that is put back after a newer login of the same browser opens nothing, and ends nothing.", deadOlderCookie},
	{"P11 B4 a logout survives a restart", "A token whose session has ended is refused here, by a second process, and by the next process on the same store.", deadRestart},
}

// ends are the ways in which a session ends while it is in use.
var ends = map[string]func(t *testing.T, w *world, b *browser, id string){
	"logout": func(_ *testing.T, _ *world, b *browser, _ string) { b.post("/api/auth/logout", "").expect(200) },
	"revoked": func(t *testing.T, w *world, _ *browser, id string) {
		if err := w.guard.Revoke(byJob, "user", id); err != nil {
			t.Error(err)
		}
	},
	"revoked everywhere": func(t *testing.T, w *world, _ *browser, _ string) {
		if err := w.guard.RevokeUser(byJob, "user"); err != nil {
			t.Error(err)
		}
	},
	"revoked by another process": func(t *testing.T, w *world, _ *browser, id string) {
		if err := another(t, w).guard.Revoke(byJob, "user", id); err != nil {
			t.Error(err)
		}
	},
	"disabled": func(t *testing.T, w *world, _ *browser, _ string) {
		if _, err := w.guard.ChangeUser(byJob, "user", func(u *nguard.User) error { u.Disabled = true; return nil }); err != nil {
			t.Error(err)
		}
	},
}

func deadSlowHandler(t *testing.T, k *kit) {
	saves := map[string]func(c Ctx) error{
		"session": func(c Ctx) error {
			_, err := c.From().Update(c.Context(), func(d *nguard.Draft) error { return visits.Set(d, 7) })
			return err
		},
		"user": func(c Ctx) error {
			_, err := c.From().Update(c.Context(), func(d *nguard.Draft) error { return theme.Set(d, "dark") })
			return err
		},
		"refresh": func(c Ctx) error {
			_, err := c.From().Refresh(c.Context())
			return err
		},
		"step-up": func(c Ctx) error {
			_, err := c.From().Reauthenticated(c.Context(), nguard.LoginOptions{})
			return err
		},
		"end others": func(c Ctx) error {
			_, err := c.From().EndOthers(c.Context())
			return err
		},
	}
	for how, end := range ends {
		if how == "revoked by another process" {
			continue // to a handler under way it is what "revoked" is
		}
		for what, save := range saves {
			t.Run(how+", then "+what, func(t *testing.T) {
				k.eachFrozen(t, func(t *testing.T, w *world, c *frozen) {
					entered, release := make(chan struct{}), make(chan struct{})
					base := w.pages(Route{Method: "POST", Path: "/slow", Handle: func(c Ctx) {
						close(entered)
						<-release
						if err := save(c); err != nil {
							c.Fail(err)
						}
					}})
					b := w.loggedIn("user")
					token := b.token()
					c.Advance(11 * time.Second)
					id := handleOf(b.get("/who").expect(200))
					slow := b.copyOf()
					done := make(chan answer, 1)
					go func() {
						a, err := slow.on(base).try("POST", "/slow", "")
						if err != nil {
							t.Error(err)
						}
						done <- a
					}()
					<-entered
					end(t, w, b, id)
					close(release)
					a := <-done
					// A change of the users table that was made stands; nothing else may have been done.
					if a.status != 401 && !(what == "user" && a.status == 200) && !(how != "logout" && what != "step-up" && what != "end others" && a.status == 200) {
						t.Errorf("the slow handler answered %d: %s", a.status, a.raw)
					}
					if cookie := given(w, a); cookie != "" && (how == "logout" || how == "revoked") {
						t.Errorf("the late answer hands out %q, and would take the place of a newer login's cookie", cookie)
					}
					for _, dead := range []string{token, given(w, a), slow.token()} {
						if dead != "" {
							w.show(dead, "GET", "/who").expect(401)
							w.show(dead, "POST", "/api/visits").expect(401)
						}
					}
					live, err := w.guard.Sessions(context.Background(), "user")
					if err != nil || len(live) != 0 {
						t.Errorf("%d live sessions, error %v", len(live), err)
					}
				})
			})
		}
	}
}

func deadTouch(t *testing.T, k *kit) {
	var s *spy
	for how, end := range ends {
		t.Run(how, func(t *testing.T) {
			k.eachFrozen(t, func(t *testing.T, w *world, c *frozen) {
				b := w.loggedIn("user")
				id := handleOf(b.get("/who"))
				c.Advance(2 * time.Minute) // the idle clock is due
				reader := b.copyOf()
				entered, release := s.hold()
				done := make(chan answer, 1)
				go func() {
					a, err := reader.try("GET", "/who", "")
					if err != nil {
						t.Error(err)
					}
					done <- a
				}()
				<-entered
				end(t, w, b, id)
				close(release)
				// Where the row is gone the touch finds nothing; where the epoch moved, this read was before it.
				if a := <-done; a.status != 401 && (how == "logout" || a.status != 200) {
					t.Errorf("the reader answered %d", a.status)
				}
				reader.get("/who").expect(401)
				if _, err := w.guard.Sweep(context.Background()); err != nil {
					t.Error(err)
				}
				reader.get("/who").expect(401)
			}, watched(&s))
		})
	}
}

func deadTraffic(t *testing.T, k *kit) {
	k.eachFrozen(t, func(t *testing.T, w *world, c *frozen) {
		for range 4 {
			b := w.loggedIn("user")
			readers := b.copyOf()
			var over atomic.Bool
			var served atomic.Int64
			stop := make(chan struct{})
			var wg sync.WaitGroup
			for i := range 4 {
				wg.Go(func() {
					for {
						select {
						case <-stop:
							return
						default:
						}
						c.Advance(time.Second)
						late := over.Load()
						method, path := "GET", "/who"
						if i == 0 {
							method, path = "POST", "/api/visits"
						}
						a, err := readers.try(method, path, "")
						if err != nil {
							t.Error(err)
							return
						}
						if a.status == 200 {
							if served.Add(1); late {
								t.Errorf("%s %s passed after the logout was answered", method, path)
							}
						}
						if i == 3 {
							if _, err := w.guard.Sweep(context.Background()); err != nil {
								t.Error(err)
							}
						}
						if late {
							return
						}
					}
				})
			}
			for served.Load() < 8 && !t.Failed() {
				b.get("/public").expect(200)
			}
			b.post("/api/auth/logout", "").expect(200)
			over.Store(true)
			wg.Wait()
			close(stop)
			readers.get("/who").expect(401)
		}
	})
}

func deadExpired(t *testing.T, k *kit) {
	k.eachFrozen(t, func(t *testing.T, w *world, c *frozen) {
		for _, swept := range []bool{false, true} {
			b := w.loggedIn("user")
			token := b.token()
			c.Advance(2 * time.Hour)
			if swept {
				if _, err := w.guard.Sweep(context.Background()); err != nil { // one in the background may have been faster
					t.Fatal(err)
				}
			}
			w.show(token, "POST", "/api/visits").expect(401)
			c.Advance(-2 * time.Hour)
			w.show(token, "GET", "/who").expect(401)
			w.show(token, "POST", "/api/visits").expect(401)
		}
	})
}

func deadOlderCookie(t *testing.T, k *kit) {
	k.eachFrozen(t, func(t *testing.T, w *world, c *frozen) {
		b := w.loggedIn("user")
		old := b.token()
		b.post("/api/auth/logout", "").expect(200)
		b.login("user")
		newer := b.token()
		a := b.hold(old).get("/who").expect(401)
		silent(t, a) // a slow 401 must not delete a newer login's cookie
		b.hold(newer).get("/who").expect(200)
	})
}

func deadRestart(t *testing.T, k *kit) {
	for how, end := range ends {
		t.Run(how, func(t *testing.T) {
			k.each(t, func(t *testing.T, w *world) {
				b := w.loggedIn("user")
				token, id := b.token(), handleOf(b.get("/who"))
				survivor := w.loggedIn("other")
				second := another(t, w)
				second.show(token, "GET", "/who").expect(200)
				end(t, w, b, id)
				for _, at := range []*world{w, second} {
					at.show(token, "GET", "/who").expect(401)
					at.show(token, "POST", "/api/visits").expect(401)
					at.show(token, "POST", "/api/auth/refresh").expect(401)
				}
				w.server.Close()
				ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
				defer cancel()
				if err := w.guard.Shutdown(ctx); err != nil {
					t.Error(err)
				}
				third := another(t, w)
				third.show(token, "GET", "/who").expect(401)
				third.show(token, "POST", "/api/visits").expect(401)
				third.show(survivor.token(), "GET", "/who").expect(200)
				if how == "disabled" {
					if _, err := third.guard.ChangeUser(byJob, "user", func(u *nguard.User) error { u.Disabled = false; return nil }); err != nil {
						t.Fatal(err)
					}
				}
				third.loggedIn("user").get("/who").expect(200)
				third.show(token, "GET", "/who").expect(401)
			})
		})
	}
}
